"""A run's folder with examples and, if asked for, a pushed model, as other commands find it."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2 as pb

from modules import config, strict
from pipeline import runs
from tests import examples

NAME = "shop"


def configuration(**sections: object) -> config.Config:
    """A configuration of `examples.data()`; sections replace the defaults."""
    return strict.read(
        config.Config, {"name": NAME, "data": strict.to_plain(examples.data()), **sections}
    )


def make(
    root: pathlib.Path, rows: Mapping[str, list], outputs: Mapping[tuple[str, str], pathlib.Path]
) -> runs.Run:
    """Writes the examples and ML Metadata.

    Args:
      root: the folder that holds runs.
      rows: of all splits.
      outputs: further artifacts by (component, key).
    """
    run = runs.Run(root, NAME)
    folder = run.artifacts / "InteractionsExampleGen" / "examples" / "1"
    examples.write(folder, rows)
    settings = pb.ConnectionConfig()
    settings.sqlite.filename_uri = str(run.metadata)
    settings.sqlite.connection_mode = pb.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    store = mlmd.MetadataStore(settings)
    pipeline_run = pb.Context(
        type_id=store.put_context_type(pb.ContextType(name="pipeline_run")), name="now"
    )
    node = store.put_context_type(pb.ContextType(name="node"))
    artifact = store.put_artifact_type(pb.ArtifactType(name="Artifact"))
    (pipeline_run.id,) = store.put_contexts([pipeline_run])
    for (component, key), path in {
        ("InteractionsExampleGen", "examples"): folder,
        **outputs,
    }.items():
        execution = pb.Execution(
            type_id=store.put_execution_type(pb.ExecutionType(name=component)),
            last_known_state=pb.Execution.COMPLETE,
        )
        made = pb.Event(
            type=pb.Event.OUTPUT, path=pb.Event.Path(steps=[pb.Event.Path.Step(key=key)])
        )
        store.put_execution(
            execution,
            [(pb.Artifact(type_id=artifact, uri=str(path)), made)],
            [pipeline_run, pb.Context(type_id=node, name=f"{NAME}.{component}")],
        )
    return run
