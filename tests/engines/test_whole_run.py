"""The whole pipeline with its Beam steps on an engine, against the one that ran in one process."""

from __future__ import annotations

import math
import pathlib
import re

import numpy as np
import pytest
import tensorflow as tf
from pyarrow import parquet

from modules import release
from pipeline import run_files, runs
from pipeline.report import sources, statistics
from tests.engines import processes


@pytest.fixture(scope="session")
def direct(shop: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> runs.Run:
    return _run(shop, tmp_path_factory.mktemp("direct"), [])


@pytest.fixture(scope="session")
def portable(
    shop: pathlib.Path, engine: processes.Engine, tmp_path_factory: pytest.TempPathFactory
) -> runs.Run:
    return _run(shop, tmp_path_factory.mktemp("portable"), engine.options)


def _run(shop: pathlib.Path, root: pathlib.Path, options: list[str]) -> runs.Run:
    done = processes.recsys("run", "--config", str(shop), "--root", str(root), *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return runs.Run(root, "small-shop")


def _splits(run: runs.Run) -> list[str]:
    folder = sources.of(run).artifact(sources.EXAMPLE_GEN, "examples").path
    return sorted(path.name.removeprefix("Split-") for path in folder.glob("Split-*"))


def _examples(run: runs.Run, split: str) -> list[bytes]:
    """Sorted; which worker wrote what, and in which order, is the engine's choice."""
    read = map(tf.train.Example.FromString, run_files.serialized_examples(run, split))
    return sorted(example.SerializeToString(deterministic=True) for example in read)


def test_examples_are_equal_as_sets(direct: runs.Run, portable: runs.Run) -> None:
    splits = _splits(direct)
    assert {"train", "valid", "test", "catalogue"} <= set(splits) and _splits(portable) == splits
    for split in splits:
        assert _examples(portable, split) == _examples(direct, split), split
    assert len(_examples(direct, "catalogue")) == 60


def _counts(top: list[tuple[str, int]]) -> list[int]:
    """Of values that are equally frequent, any comes first and any is the last that is listed."""
    return sorted(count for _, count in top)


def test_statistics_are_equal(direct: runs.Run, portable: runs.Run) -> None:
    expected, found = (
        statistics.tables(str(sources.of(run).artifact(sources.STATISTICS_GEN, "statistics").path))
        for run in (direct, portable)
    )
    assert expected["train"]["examples"] > 0 and found.keys() == expected.keys()
    for split, table in expected.items():
        assert found[split]["examples"] == table["examples"]
        assert found[split]["features"].keys() == table["features"].keys()
        for name, feature in table["features"].items():
            other = found[split]["features"][name]
            assert other.keys() == feature.keys()
            for key, value in feature.items():
                if key == "top":
                    assert _counts(other[key]) == _counts(value), (split, name)
                elif key == "type":
                    assert other[key] == value, (split, name)
                elif key not in ("histogram", "median"):  # sketches, which depend on the order
                    assert other[key] == pytest.approx(value, rel=1e-6), (split, name, key)


def test_counts_are_equal(direct: runs.Run, portable: runs.Run) -> None:
    expected, found = (
        sources.of(run).artifact(sources.INTERACTION_STATISTICS, "statistics").path
        for run in (direct, portable)
    )
    files = sorted(path.relative_to(expected) for path in expected.rglob("*.parquet"))
    assert files
    for file in files:
        ours, theirs = (parquet.read_table(folder / file) for folder in (expected, found))
        assert theirs.schema == ours.schema, file
        for name in ours.column_names:
            np.testing.assert_allclose(
                np.asarray(theirs[name]),
                np.asarray(ours[name]),
                rtol=1e-4,
                atol=1e-5,
                err_msg=f"{file} {name}",
            )


def test_models_are_alike_within_the_noise(direct: runs.Run, portable: runs.Run) -> None:
    for read in (sources.Artifacts.tested, sources.Artifacts.two_stage_tested):
        expected, found = (read(sources.of(run)) for run in (direct, portable))
        assert found["users"] == expected["users"] > 0
        assert found["metrics"].keys() == expected["metrics"].keys()
        for system, metrics in expected["metrics"].items():
            ours, theirs = metrics["NDCG@10"], found["metrics"][system]["NDCG@10"]
            noise = math.hypot(ours["se"], theirs["se"])
            assert abs(ours["value"] - theirs["value"]) <= 3 * noise, system


def test_a_release_was_pushed(portable: runs.Run) -> None:
    pushed = release.in_force(portable.serving)
    assert pushed.rank is not None
    for folder in (pushed.recall, pushed.rank):
        assert (folder / "saved_model.pb").is_file()


def test_nothing_of_the_probe_is_left(portable: runs.Run) -> None:
    assert not list(portable.artifacts.glob(".probe-*"))


def test_an_unchanged_run_reuses_everything(
    shop: pathlib.Path, portable: runs.Run, engine: processes.Engine
) -> None:
    root = str(portable.folder.parent)
    done = processes.recsys("run", "--config", str(shop), "--root", root, *engine.options)
    assert done.returncode == 0, done.stderr
    reused = re.findall(r"\] (\w+)\n +unchanged, reused", done.stdout)
    assert {"Transform", "Candidates", "TwoStageEvaluator", "Pusher"} <= set(reused)
