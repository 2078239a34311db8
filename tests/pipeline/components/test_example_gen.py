"""InteractionsExampleGen in a TFX pipeline: the artifact, the cache and what a failure leaves."""

from __future__ import annotations

import json
import math
import pathlib
from typing import Any

import ml_metadata
import pytest
import tensorflow as tf
from ml_metadata.proto import metadata_store_pb2
from tfx import v1 as tfx
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from modules import config, ranking_config, strict
from modules.beam import check, errors
from pipeline import runners
from pipeline.components import example_gen
from tests import tables


def _run(folder: pathlib.Path, data: config.Data, **others: Any) -> None:
    sections = {
        "data": data,
        "split": config.Split(),
        "features": config.Features(max_history=10),
        **others,
    }
    component = example_gen.InteractionsExampleGen(
        config=json.dumps(strict.to_plain(sections)),
        input_fingerprint=example_gen.input_fingerprint(data),
        source_digest="1",
    )
    metadata = tfx.orchestration.metadata.sqlite_metadata_connection_config(_database(folder))
    tfx.orchestration.LocalDagRunner().run(
        tfx.dsl.Pipeline(
            pipeline_name="shop",
            pipeline_root=str(folder / "root"),
            components=[component],
            enable_cache=True,
            metadata_connection_config=metadata,
            beam_pipeline_args=runners.beam_args(config.Runner()),
        )
    )


def _database(folder: pathlib.Path) -> str:
    return str(folder / "metadata.sqlite")


def _store(folder: pathlib.Path) -> ml_metadata.MetadataStore:
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = _database(folder)
    return ml_metadata.MetadataStore(connection)


def _states(folder: pathlib.Path) -> list[int]:
    return [execution.last_known_state for execution in _store(folder).get_executions()]


def _read(artifact: Any, split: str) -> list[tf.train.Example]:
    paths = sorted(pathlib.Path(artifact.uri, f"Split-{split}").glob("data_tfrecord-*.gz"))
    records = tf.data.TFRecordDataset([str(path) for path in paths], compression_type="GZIP")
    return [tf.train.Example.FromString(record.numpy()) for record in records]


def test_the_artifact_the_cache_and_a_failure(tmp_path: pathlib.Path) -> None:
    execution = metadata_store_pb2.Execution
    _run(tmp_path, tables.write(tmp_path))
    (stored,) = _store(tmp_path).get_artifacts_by_type("Examples")
    artifact = artifact_utils.deserialize_artifact(_store(tmp_path).get_artifact_types()[0], stored)
    _check_artifact(artifact)

    _run(tmp_path, tables.write(tmp_path))  # nothing changed
    assert _states(tmp_path) == [execution.COMPLETE, execution.CACHED]

    bad = tables.write(tmp_path, users=tables.USERS + "u1\t9\tM\n")
    with pytest.raises(errors.DataError, match=r"shop.user, line 4: user 'u1' again") as refused:
        _run(tmp_path, bad)
    with pytest.raises(errors.DataError) as checked:
        check.check(bad, config.Split())
    assert str(refused.value) == str(checked.value)
    assert _states(tmp_path) == [execution.COMPLETE, execution.CACHED, execution.FAILED]
    live = [
        a
        for a in _store(tmp_path).get_artifacts_by_type("Examples")
        if a.state == metadata_store_pb2.Artifact.LIVE
    ]
    assert [a.uri for a in live] == [stored.uri]  # nothing half-written is there to be used
    assert [str(path) for path in (tmp_path / "root").glob("*/examples/*")] == [stored.uri]

    ranking = {"enabled": True, "hold_out": {"share": 0.5}}
    # put right, but with ranking: runs, no cache
    _run(tmp_path, tables.write(tmp_path), ranking=ranking)
    assert _states(tmp_path)[3:] == [execution.COMPLETE]
    newest = max(_store(tmp_path).get_artifacts_by_type("Examples"), key=lambda found: found.id)
    artifact = artifact_utils.deserialize_artifact(_store(tmp_path).get_artifact_types()[0], newest)
    splits = artifact_utils.decode_split_names(artifact.split_names)
    # u2's second event is a request
    assert {split: len(_read(artifact, split)) for split in splits} == {
        "train": 2,
        "valid": 2,
        "test": 2,
        "recall_0": 2,
        "rank_0": 1,
        "catalogue": 3,
    }


def test_only_an_enabled_ranking_holds_anything_out() -> None:
    assert example_gen.hold_out({}) is None
    assert example_gen.hold_out({"ranking": {"enabled": False, "hold_out": {}}}) is None
    held = example_gen.hold_out({"ranking": {"enabled": True, "hold_out": {"folds": 3}}})
    assert held == ranking_config.HoldOut(folds=3)


def _check_artifact(artifact: Any) -> None:
    splits = artifact_utils.decode_split_names(artifact.split_names)
    assert splits == ["train", "valid", "test", "catalogue"]
    assert examples_utils.get_payload_format(artifact) == example_gen_pb2.FORMAT_TF_EXAMPLE
    assert {split: len(_read(artifact, split)) for split in splits} == {
        "train": 2,
        "valid": 2,
        "test": 2,
        "catalogue": 3,
    }
    found = {
        example.features.feature["user_id"].bytes_list.value[0]: example
        for example in _read(artifact, "test")
    }
    feature = found[b"u1"].features.feature
    assert list(feature["event_item_id"].bytes_list.value) == [b"a", b"b", b"c"]
    assert list(feature["event_timestamp"].int64_list.value) == [100, 200, 300]
    assert list(feature["event_rating"].float_list.value) == pytest.approx(
        [5.0, 4.0, math.nan], nan_ok=True
    )
    assert list(feature["window_start"].int64_list.value) == [0]
    summary = json.loads(pathlib.Path(artifact.uri, "summary.json").read_text())
    assert summary["targets"] == {"train": 3, "valid": 2, "test": 2}
