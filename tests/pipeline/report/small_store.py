"""ML Metadata of a run, as TFX's local runner writes it."""

from __future__ import annotations

import contextlib
import pathlib
import sqlite3
from collections.abc import Mapping, Sequence

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2 as pb

Properties = Mapping[str, int | float | str]


class Store:
    """Writes executions and artifacts into ML Metadata's SQLite file."""

    def __init__(
        self,
        database: pathlib.Path,
        pipeline: str,
        outputs: Mapping[str, Mapping[str, str]],
        properties: Mapping[str, Properties],
    ) -> None:
        """Opens the store for a pipeline of these components.

        Args:
          database: the file.
          pipeline: its name.
          outputs: component -> output key -> type; a component reads the first output of the one
              before.
          properties: component -> custom properties of its artifacts.
        """
        settings = pb.ConnectionConfig()
        settings.sqlite.filename_uri = str(database)
        settings.sqlite.connection_mode = pb.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        self._store = mlmd.MetadataStore(settings)
        self._pipeline, self._outputs, self._properties = pipeline, outputs, properties
        # and whether it really ran, by execution
        self._components: dict[int, tuple[str, bool]] = {}

    def pipeline_run(
        self,
        name: str,
        components: Sequence[str],
        failed: str,
        folders: Mapping[tuple[str, str], pathlib.Path],
    ) -> dict[str, list[tuple[str, int]]]:
        """Executions one after the other; returns (key, artifact id) by component."""
        made: dict[str, list[tuple[str, int]]] = {}
        before: list[tuple[str, int]] = []
        for component in components:
            if component == failed:
                self._execute(name, component, pb.Execution.FAILED, before, [])
                break
            outputs = [
                (key, self._artifact(component, key, kind, folders[component, key]))
                for key, kind in self._outputs[component].items()
            ]
            self._execute(name, component, pb.Execution.COMPLETE, before, outputs)
            made[component] = before = outputs
        return made

    def reused(self, name: str, made: Mapping[str, list[tuple[str, int]]]) -> None:
        """A later run that takes everything from the cache."""
        before: list[tuple[str, int]] = []
        for component, outputs in made.items():
            self._execute(name, component, pb.Execution.CACHED, before, outputs)
            before = outputs

    def _artifact(self, component: str, key: str, kind: str, folder: pathlib.Path) -> int:
        type_id = self._store.put_artifact_type(pb.ArtifactType(name=kind))
        artifact = pb.Artifact(type_id=type_id, uri=str(folder), state=pb.Artifact.LIVE)
        for name, value in self._properties.get(component, {}).items():
            field = {int: "int_value", float: "double_value", str: "string_value"}[type(value)]
            setattr(artifact.custom_properties[name], field, value)
        return self._store.put_artifacts([artifact])[0]

    def _execute(
        self,
        run_name: str,
        component: str,
        state: int,
        inputs: Sequence[tuple[str, int]],
        outputs: Sequence[tuple[str, int]],
    ) -> None:
        type_id = self._store.put_execution_type(pb.ExecutionType(name=f"some.module.{component}"))
        execution = pb.Execution(type_id=type_id, last_known_state=state)
        execution.custom_properties["source_digest"].string_value = "0123456789abcdef" * 4
        events = [
            pb.Event(
                type=kind,
                artifact_id=artifact_id,
                path=pb.Event.Path(
                    steps=[pb.Event.Path.Step(key=key), pb.Event.Path.Step(index=0)]
                ),
            )
            for kind, links in ((pb.Event.INPUT, inputs), (pb.Event.OUTPUT, outputs))
            for key, artifact_id in links
        ]
        contexts = [
            self._context("pipeline_run", run_name),
            self._context("node", f"{self._pipeline}.{component}"),
        ]
        artifacts = (
            {a.id: a for a in self._store.get_artifacts_by_id([e.artifact_id for e in events])}
            if events
            else {}
        )
        execution_id, _, _ = self._store.put_execution(
            execution, [(artifacts[e.artifact_id], e) for e in events], contexts
        )
        self._components[execution_id] = component, state != pb.Execution.CACHED

    def set_times(
        self, database: pathlib.Path, start: float, seconds_of: Mapping[str, float]
    ) -> None:
        """Puts the executions one after the other; the store itself only knows the time of writing.

        Args:
          database: the same file.
          start: of the first, Unix seconds.
          seconds_of: how long each component takes if it is not cached.
        """
        clock = start
        with contextlib.closing(sqlite3.connect(database)) as connection, connection:
            for execution_id, (component, ran) in self._components.items():
                seconds = seconds_of[component] if ran else 0.05
                connection.execute(
                    "UPDATE Execution SET create_time_since_epoch = ?, "
                    "last_update_time_since_epoch = ? WHERE id = ?",
                    (round(1000 * clock), round(1000 * (clock + seconds)), execution_id),
                )
                clock += seconds

    def _context(self, kind: str, name: str) -> pb.Context:
        found = self._store.get_context_by_type_and_name(kind, name) if self._has(kind) else None
        if found:
            return found
        type_id = self._store.put_context_type(pb.ContextType(name=kind))
        return pb.Context(type_id=type_id, name=name)

    def _has(self, kind: str) -> bool:
        return kind in [t.name for t in self._store.get_context_types()]
