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
        self._types = [self.mlmd.put_context_type(metadata_store_pb2.ContextType(name="node")),
                       self.mlmd.put_execution_type(metadata_store_pb2.ExecutionType(name="component")),
                       self.mlmd.put_artifact_type(metadata_store_pb2.ArtifactType(name="Model"))]
        self._contexts: dict[str, Any] = {}
        self.inputs: dict[str, list[Any]] = {"model": [], "blessing": []}

    def add(self, component: str, *, blessed: bool, state: Any = COMPLETE) -> standard_artifacts.Model:
        context_type, execution_type, artifact_type = self._types
        if component not in self._contexts:
            self._contexts[component] = metadata_store_pb2.Context(
                type_id=context_type, name=resolver.node("shop", component))
        artifact = metadata_store_pb2.Artifact(type_id=artifact_type)
        event = metadata_store_pb2.Event(type=metadata_store_pb2.Event.OUTPUT)
        execution = metadata_store_pb2.Execution(type_id=execution_type, last_known_state=state)
        _, (artifact_id,), (context_id,) = self.mlmd.put_execution(
            execution, [(artifact, event)], [self._contexts[component]])
        self._contexts[component].id = context_id
        model, blessing = standard_artifacts.Model(), standard_artifacts.ModelBlessing()
        model.id = artifact_id
        blessing.set_int_custom_property("current_model_id", artifact_id)
        blessing.set_int_custom_property("blessed", int(blessed))
        self.inputs["model"].append(model)
        self.inputs["blessing"].append(blessing)
        return model

    def resolve(self, component: str) -> list[int]:
        strategy = resolver.LastOtherBlessedModel(resolver.node("shop", component))
        found = strategy.resolve_artifacts(self.mlmd, {k: list(v) for k, v in self.inputs.items()})
        assert found is not None
        assert [b.get_int_custom_property("current_model_id") for b in found["blessing"]] == [
            m.id for m in found["model"]]
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
