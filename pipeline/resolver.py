"""Finds the model that the new one has to match: the last blessed model other than the new one itself."""

from __future__ import annotations

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2
from tfx import types
from tfx.dsl.input_resolution.strategies import latest_blessed_model_strategy


class LastOtherBlessedModel(latest_blessed_model_strategy.LatestBlessedModelStrategy):
    """TFX's LatestBlessedModelStrategy, without the candidate.

    TFX's own would hand a blessed candidate to its own Evaluator when a pipeline runs again with nothing
    changed: a new input, so Evaluator and Pusher would run again and push the same model a second time.
    """

    def __init__(self, producer: str) -> None:
        """Args: producer: type (module and class) of the component whose newest output is the candidate."""
        self._producer = producer

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]] | None:
        candidates = self._candidates(store)
        others = {
            key: [a for a in artifacts if a.id not in candidates] for key, artifacts in input_dict.items()
        }
        return super().resolve_artifacts(store, others)

    def _candidates(self, store: mlmd.MetadataStore) -> set[int]:
        """Ids of what the producer's newest finished or cached execution put out."""
        done = (metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.CACHED)
        executions = [e for e in store.get_executions_by_type(self._producer) if e.last_known_state in done]
        if not executions:
            return set()
        newest = max(executions, key=lambda e: e.id)
        events = store.get_events_by_execution_ids([newest.id])
        return {e.artifact_id for e in events if e.type == metadata_store_pb2.Event.OUTPUT}
