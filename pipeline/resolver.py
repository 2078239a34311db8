"""Finds the model the new one has to match: the last blessed model other than the new one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2
from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.input_resolution.strategies import latest_blessed_model_strategy
from tfx.types import standard_artifacts

from pipeline.components import two_stage_evaluator

_NODE_CONTEXT = "node"  # type of the contexts in which TFX keeps the executions of a component


def node(pipeline: str, component_id: str) -> str:
    """What `LastOtherBlessedModel` calls a component."""
    return f"{pipeline}.{component_id}"


class LastOtherBlessedModel(latest_blessed_model_strategy.LatestBlessedModelStrategy):
    """TFX's LatestBlessedModelStrategy among the models of one component, without the candidate.

    TFX's own would hand a blessed candidate to its own Evaluator when a pipeline runs again with
    nothing changed: a new input, so Evaluator and Pusher would run again and push the same model a
    second time. And of a pipeline with several kinds of models it would hand out whichever was
    blessed last.

    A rank model counts as blessed only if the recall model that it was judged with is blessed, too:
    of other pairs no release was made.
    """

    def __init__(self, producer: str) -> None:
        """Chooses among the models of one component.

        Args:
          producer: `node` of the component whose models these are; its newest is the candidate.
        """
        self._producer = producer

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]] | None:
        earlier = self._earlier(store)
        others = {
            key: [
                a
                for a in _of_whole_releases(artifacts)
                if a.id in earlier or not isinstance(a, standard_artifacts.Model)
            ]
            for key, artifacts in input_dict.items()
        }
        found: dict[str, list[types.Artifact]] | None = super().resolve_artifacts(store, others)
        return found

    def _earlier(self, store: mlmd.MetadataStore) -> set[int]:
        """Ids of the producer's outputs, less those of its newest finished or cached execution."""
        context = store.get_context_by_type_and_name(_NODE_CONTEXT, self._producer)
        done = (metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.CACHED)
        executions = store.get_executions_by_context(context.id) if context else []
        outputs: dict[int, set[int]] = {
            e.id: set() for e in executions if e.last_known_state in done
        }
        for event in store.get_events_by_execution_ids(list(outputs)) if outputs else []:
            if event.type == metadata_store_pb2.Event.OUTPUT:
                outputs[event.execution_id].add(event.artifact_id)
        return set().union(*outputs.values()) - outputs[max(outputs)] if outputs else set()


def _of_whole_releases(artifacts: Sequence[types.Artifact]) -> Iterator[types.Artifact]:
    """Leaves out blessings of a rank model whose recall model no blessing names as blessed."""
    blessed = {
        a.get_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY)
        for a in artifacts
        if a.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY)
        == constants.BLESSED_VALUE
    }
    for artifact in artifacts:
        recall = artifact.get_string_custom_property(two_stage_evaluator.RECALL_PROPERTY)
        if not recall or recall in blessed:
            yield artifact
