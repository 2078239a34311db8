"""The resolver on a metadata store in memory, with two kinds of models that are both blessed."""

from __future__ import annotations

from typing import Any

import ml_metadata as mlmd
import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx.types import standard_artifacts

from pipeline import resolver

COMPLETE, FAILED = metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.FAILED


class Store:
    """Executions of components with one output each."""

    def __init__(self) -> None:
        connection = metadata_store_pb2.ConnectionConfig()
        connection.fake_database.SetInParent()
        self.mlmd = mlmd.MetadataStore(connection)
        self._types = [
            self.mlmd.put_context_type(metadata_store_pb2.ContextType(name="node")),
            self.mlmd.put_execution_type(metadata_store_pb2.ExecutionType(name="component")),
            self.mlmd.put_artifact_type(metadata_store_pb2.ArtifactType(name="Model")),
        ]
        self._contexts: dict[str, Any] = {}
        self.inputs: dict[str, list[Any]] = {"model": [], "blessing": []}

    def add(
        self,
        component: str,
        *,
        blessed: bool,
        state: Any = COMPLETE,
        recall: standard_artifacts.Model | None = None,
    ) -> standard_artifacts.Model:
        """`recall`: the model that the new one was judged with."""
        context_type, execution_type, artifact_type = self._types
        if component not in self._contexts:
            self._contexts[component] = metadata_store_pb2.Context(
                type_id=context_type, name=resolver.node("shop", component)
            )
        artifact = metadata_store_pb2.Artifact(type_id=artifact_type)
        event = metadata_store_pb2.Event(type=metadata_store_pb2.Event.OUTPUT)
        execution = metadata_store_pb2.Execution(type_id=execution_type, last_known_state=state)
        _, (artifact_id,), (context_id,) = self.mlmd.put_execution(
            execution, [(artifact, event)], [self._contexts[component]]
        )
        self._contexts[component].id = context_id
        model, blessing = standard_artifacts.Model(), standard_artifacts.ModelBlessing()
        model.id, model.uri = artifact_id, f"/artifacts/{component}/{artifact_id}"
        if recall:
            blessing.set_string_custom_property("recall_model", recall.uri)
        self.inputs["model"].append(model)
        self.judge(model, blessed, blessing)
        return model

    def judge(
        self,
        model: standard_artifacts.Model,
        blessed: bool,
        blessing: standard_artifacts.ModelBlessing | None = None,
    ) -> None:
        """Adds a blessing of the model or a refusal."""
        blessing = blessing or standard_artifacts.ModelBlessing()
        blessing.set_string_custom_property("current_model", model.uri)
        blessing.set_int_custom_property("current_model_id", model.id)
        blessing.set_int_custom_property("blessed", int(blessed))
        self.inputs["blessing"].append(blessing)

    def resolve(self, component: str) -> list[int]:
        strategy = resolver.LastOtherBlessedModel(resolver.node("shop", component))
        found = strategy.resolve_artifacts(self.mlmd, {k: list(v) for k, v in self.inputs.items()})
        assert found is not None
        assert [b.get_int_custom_property("current_model_id") for b in found["blessing"]] == [
            m.id for m in found["model"]
        ]
        return [m.id for m in found["model"]]


@pytest.fixture
def store() -> Store:
    return Store()


def test_the_last_blessed_model_of_the_component_before_its_newest(store):
    store.add("Ranker", blessed=True)
    second = store.add("Ranker", blessed=True)
    store.add("Ranker", blessed=False)
    store.add("Ranker", blessed=True)  # the candidate, of a run that changed nothing
    store.add("Indexer", blessed=True)
    store.add("Indexer", blessed=True)
    assert store.resolve("Ranker") == [second.id]


def test_models_of_another_component_are_none_of_its_own(store):
    store.add("Indexer", blessed=True)
    store.add("Ranker", blessed=True)
    store.add("Indexer", blessed=True)
    assert store.resolve("Ranker") == []


def test_a_failed_execution_is_not_the_newest(store):
    store.add("Ranker", blessed=True)
    store.add("Ranker", blessed=True)
    store.add("Ranker", blessed=False, state=FAILED)
    assert store.resolve("Ranker") == [store.inputs["model"][0].id]


def test_a_component_that_has_not_run(store):
    store.add("Indexer", blessed=True)
    assert store.resolve("Ranker") == []


def test_a_pair_whose_recall_model_was_refused_was_never_released(store):
    good = store.add("Indexer", blessed=True)
    released = store.add("Ranker", blessed=True, recall=good)
    bad = store.add("Indexer", blessed=False)
    better = store.add("Ranker", blessed=True, recall=bad)
    store.add("Ranker", blessed=True, recall=store.add("Indexer", blessed=True))  # the candidates
    assert store.resolve("Ranker") == [released.id]
    store.judge(bad, True)  # with other thresholds
    assert store.resolve("Ranker") == [better.id]
    store.judge(bad, False)  # later, with the old ones; it has been released meanwhile
    assert store.resolve("Ranker") == [better.id]


def test_no_pair_was_ever_released(store):
    store.add("Ranker", blessed=True, recall=store.add("Indexer", blessed=False))
    store.add("Ranker", blessed=True, recall=store.add("Indexer", blessed=True))
    assert store.resolve("Ranker") == []
