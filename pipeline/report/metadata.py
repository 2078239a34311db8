"""What ML Metadata knows about a run's newest execution, as plain values.

Needs no TFX and no TensorFlow.
"""

from __future__ import annotations

import collections
import dataclasses
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal
from urllib import parse

import ml_metadata as mlmd
from ml_metadata import errors
from ml_metadata.proto import metadata_store_pb2 as pb

from pipeline import metadata_file, moved

State = Literal["executed", "cached", "failed", "running"]
Value = int | float | str
_STATES: dict[int, State] = {
    pb.Execution.COMPLETE: "executed",
    pb.Execution.CACHED: "cached",
    pb.Execution.FAILED: "failed",
    pb.Execution.CANCELED: "failed",
}
_OUTPUT = (pb.Event.OUTPUT, pb.Event.DECLARED_OUTPUT, pb.Event.INTERNAL_OUTPUT)


@dataclasses.dataclass(frozen=True)
class Artifact:
    """What a component reads or makes.

    `key` is its name at the component, like `transform_graph`.
    """

    id: int
    type_name: str
    key: str
    uri: str
    properties: dict[str, Value]

    @property
    def path(self) -> pathlib.Path:
        return pathlib.Path(
            parse.urlparse(self.uri).path if self.uri.startswith("file:") else self.uri
        )


@dataclasses.dataclass(frozen=True)
class Execution:
    """A component in one pipeline run.

    Attributes:
      component: the node's id, like `Trainer`.
      started: Unix seconds.
      seconds: how long it ran; of a cached execution, how long the one ran that it stands for.
      made_by: id of the execution that really ran (another one only if cached).
    """

    id: int
    component: str
    state: State
    started: float
    seconds: float
    made_by: int
    properties: dict[str, Value]
    inputs: tuple[Artifact, ...]
    outputs: tuple[Artifact, ...]


@dataclasses.dataclass(frozen=True)
class PipelineRun:
    """The executions of one pipeline run, in the order in which they started."""

    name: str
    executions: tuple[Execution, ...]

    def execution(self, component: str) -> Execution | None:
        return next((e for e in self.executions if e.component == component), None)

    def output(self, component: str, key: str) -> Artifact | None:
        """What the component made under that key in this run or, unchanged, in an earlier one."""
        execution = self.execution(component)
        if execution is None or execution.state not in ("executed", "cached"):
            return None
        return next((a for a in execution.outputs if a.key == key), None)

    @property
    def started(self) -> float:
        """Unix seconds."""
        return min(e.started for e in self.executions)

    @property
    def failed(self) -> Execution | None:
        return next((e for e in self.executions if e.state == "failed"), None)


def newest(database: pathlib.Path) -> PipelineRun | None:
    """Reads the newest pipeline run from ML Metadata's SQLite file.

    Where the file's folder was moved or copied, artifacts have their present places.

    Returns:
      The run, or None where the file does not exist or no component has started yet.

    Raises:
      metadata_file.Unreadable: the file cannot be used.
    """
    if not metadata_file.check(database):
        return None
    try:
        return _newest(database)
    except (errors.StatusError, RuntimeError) as error:
        raise metadata_file.damaged(database, str(error)) from error
    except (LookupError, ValueError) as error:  # a damage that SQLite does not see
        raise metadata_file.damaged(database, f"its rows do not fit together: {error!r}") from error


def upstream(database: pathlib.Path, artifact_ids: Iterable[int]) -> Iterator[Execution]:
    """The executions that made artifacts, and those that made what these read: nearest first.

    Args:
      database: ML Metadata's SQLite file.
      artifact_ids: of any pipeline runs.

    Raises:
      metadata_file.Unreadable: the file cannot be used.
    """
    if not metadata_file.check(database):
        return
    store, wanted, known = _opened(database), list(artifact_ids), set[int]()
    while wanted:
        makers: dict[int, int] = {}  # the first one of each artifact: others reused it
        for event in store.get_events_by_artifact_ids(wanted):
            if event.type in _OUTPUT:
                first = makers.get(event.artifact_id, event.execution_id)
                makers[event.artifact_id] = min(first, event.execution_id)
        ids = sorted(set(makers.values()) - known)
        known.update(ids)
        links = _Links(store, ids, database.parent)
        executions = sorted(store.get_executions_by_id(ids), key=lambda e: e.id) if ids else []
        found = list(_executions(store, executions, links))
        yield from found
        wanted = [artifact.id for execution in found for artifact in execution.inputs]


def _opened(database: pathlib.Path) -> mlmd.MetadataStore:
    settings = pb.ConnectionConfig()
    settings.sqlite.filename_uri = str(database)
    settings.sqlite.connection_mode = pb.SqliteMetadataSourceConfig.READONLY
    return mlmd.MetadataStore(settings)


def _newest(database: pathlib.Path) -> PipelineRun | None:
    store = _opened(database)
    runs = store.get_contexts_by_type("pipeline_run")
    if not runs:
        return None
    run = max(runs, key=lambda context: context.id)
    executions = sorted(store.get_executions_by_context(run.id), key=lambda e: e.id)
    links = _Links(store, [e.id for e in executions], database.parent)
    found = tuple(_executions(store, executions, links))
    return PipelineRun(run.name, found) if found else None


def _executions(
    store: mlmd.MetadataStore, executions: Sequence[pb.Execution], links: _Links
) -> Iterable[Execution]:
    for found in executions:
        outputs = links.artifacts(found.id, outputs=True)
        cached = found.last_known_state == pb.Execution.CACHED
        original = _original(store, outputs) if cached else None
        yield Execution(
            id=found.id,
            component=_component(store, found),
            state=_STATES.get(found.last_known_state, "running"),
            started=found.create_time_since_epoch / 1000,
            seconds=_seconds(original or found),
            made_by=(original or found).id,
            properties=_properties(found),
            inputs=links.artifacts(found.id, outputs=False),
            outputs=outputs,
        )


class _Links:
    """The artifacts of executions, fetched at once, below the run's present folder."""

    def __init__(
        self, store: mlmd.MetadataStore, execution_ids: list[int], folder: pathlib.Path
    ) -> None:
        self._events: dict[int, list[pb.Event]] = collections.defaultdict(list)
        for event in store.get_events_by_execution_ids(execution_ids):
            self._events[event.execution_id].append(event)
        ids = sorted({e.artifact_id for events in self._events.values() for e in events})
        self._artifacts = {a.id: a for a in store.get_artifacts_by_id(ids)}
        self._folder = folder
        self._old_places = moved.old_places((a.uri for a in self._artifacts.values()), folder)

    def artifacts(self, execution_id: int, *, outputs: bool) -> tuple[Artifact, ...]:
        found = [
            (event, self._artifacts[event.artifact_id])
            for event in self._events[execution_id]
            if (event.type in _OUTPUT) == outputs
        ]
        return tuple(
            Artifact(
                id=a.id,
                type_name=a.type,
                key=_key(event),
                uri=self._rebased(a.uri),
                properties={
                    name: self._rebased(value) if isinstance(value, str) else value
                    for name, value in _properties(a).items()
                },
            )
            for event, a in sorted(found, key=lambda pair: pair[1].id)
        )

    def _rebased(self, text: str) -> str:
        return moved.rebased(text, self._old_places, self._folder)


def _original(store: mlmd.MetadataStore, outputs: Sequence[Artifact]) -> pb.Execution | None:
    """The first execution that put the artifacts out."""
    events = store.get_events_by_artifact_ids([a.id for a in outputs]) if outputs else []
    makers = {e.execution_id for e in events if e.type in _OUTPUT}
    return store.get_executions_by_id([min(makers)])[0] if makers else None


def _component(store: mlmd.MetadataStore, execution: pb.Execution) -> str:
    """The node's id: TFX names the context of a node `<pipeline>.<node>`."""
    names = [c.name for c in store.get_contexts_by_execution(execution.id) if c.type == "node"]
    name: str = names[0].rpartition(".")[2] if names else execution.type.rpartition(".")[2]
    return name


def _seconds(execution: pb.Execution) -> float:
    seconds: float = (
        execution.last_update_time_since_epoch - execution.create_time_since_epoch
    ) / 1000
    return seconds


def _key(event: pb.Event) -> str:
    return next((step.key for step in event.path.steps if step.WhichOneof("value") == "key"), "")


def _properties(node: pb.Artifact | pb.Execution) -> dict[str, Value]:
    """Typed and custom properties together; structured values (Struct, proto) are left out."""
    found: dict[str, Value] = {}
    for name, value in (*node.properties.items(), *node.custom_properties.items()):
        kind = value.WhichOneof("value")
        if kind in ("int_value", "double_value", "string_value"):
            found[name] = getattr(value, kind)
    return found
