"""A run's folder that was moved or copied: its artifacts are those that came along."""

from __future__ import annotations

import pathlib
import shutil
import sqlite3

import pytest

from pipeline import moved, run_files, runs
from pipeline import run as pipeline_run
from pipeline.report import metadata, released, sources
from tests.pipeline.report import small_run


def _moved(tmp_path: pathlib.Path, *, ranking: bool = True) -> tuple[runs.Run, runs.Run]:
    """The run as it was, and where it is now."""
    old = small_run.make(tmp_path / "old", ranking=ranking)
    shutil.move(tmp_path / "old", tmp_path / "new")
    return old, runs.Run(tmp_path / "new", small_run.NAME)


def _paths(run: runs.Run) -> list[str]:
    """All paths of the newest run's artifacts, and what is recorded of them."""
    found = metadata.newest(run.metadata)
    assert found is not None
    artifacts = [a for e in found.executions for a in (*e.inputs, *e.outputs)]
    return [a.uri for a in artifacts] + [
        value
        for a in artifacts
        for value in a.properties.values()
        if isinstance(value, str) and value.startswith("/")
    ]


@pytest.mark.parametrize(
    ("uris", "expected"),
    [
        (["/old/shop/artifacts/Trainer/model/9"], ("/old/shop",)),
        (["/a/artifacts/Trainer/model/9", "/b/artifacts/Trainer/model/9"], ("/a", "/b")),
        (["/old/shop/artifacts/Trainer/model/10"], ()),  # no such execution here
        (["/old/shop/artefacts/Trainer/model/9"], ()),
        (["gs://bucket/artifacts/Trainer/model/9"], ()),
        (["artifacts/Trainer/model/9", "Trainer", "", "/"], ()),
    ],
)
def test_old_places(tmp_path: pathlib.Path, uris: list[str], expected: tuple[str, ...]) -> None:
    (tmp_path / "artifacts/Trainer/model/9").mkdir(parents=True)
    assert moved.old_places(uris, tmp_path) == expected


def test_a_run_that_was_not_moved(tmp_path: pathlib.Path) -> None:
    run = small_run.make(tmp_path)
    (tmp_path / "another-name").symlink_to(run.folder)
    for folder in (run.folder, tmp_path / "another-name"):
        uri = f"{folder}/artifacts/Trainer/model/1"
        assert moved.old_places([uri], run.folder) == ()
    before = run.metadata.read_bytes()
    assert moved.settle(run) == () and run.metadata.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/old/shop/serving/recall/5", "/new/serving/recall/5"),
        ("/old/shop", "/new"),
        ("/old/shop-2/serving", "/old/shop-2/serving"),
        ("/very/old/shop/serving", "/very/old/shop/serving"),
        ("recall", "recall"),
        ("", ""),
    ],
)
def test_rebased(text: str, expected: str) -> None:
    assert moved.rebased(text, ["/old/shop"], pathlib.Path("/new")) == expected


def test_artifacts_are_found_where_they_are_now(tmp_path: pathlib.Path) -> None:
    _, run = _moved(tmp_path)
    assert run_files.indexed_model(run) == run.artifacts / "Indexer/model/1/Format-Serving"
    assert run_files.rank_model(run) == run.artifacts / "RankTrainer/model/1/Format-Serving"
    assert len(list(run_files.serialized_examples(run, "test"))) == 2
    assert sources.of(run).evaluation()["primary"]
    pushed = released.by(sources.of(run))
    assert pushed is not None and pushed.startswith(f"{run.serving}/recall/")
    assert all(path.startswith(f"{run.folder}/") for path in _paths(run))


def test_a_copy_reads_its_own_files(tmp_path: pathlib.Path) -> None:
    old = small_run.make(tmp_path / "old")
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    copy = runs.Run(tmp_path / "new", small_run.NAME)
    for run in (old, copy):
        assert run_files.indexed_model(run) == run.artifacts / "Indexer/model/1/Format-Serving"


def test_artifacts_that_did_not_come_along(tmp_path: pathlib.Path) -> None:
    old, run = _moved(tmp_path)
    shutil.move(run.artifacts, tmp_path / "elsewhere")
    with pytest.raises(
        sources.NotMade,
        match=rf"Indexer made {old.artifacts}/Indexer/model/1, which is no longer there\. If the "
        rf"run was moved or copied to {run.folder}, bring its folder artifacts along; else `recsys",
    ):
        run_files.indexed_model(run)


def test_a_run_settles_where_it_is(tmp_path: pathlib.Path) -> None:
    old, run = _moved(tmp_path)
    expected = _paths(run)
    assert moved.settle(run) == (str(old.folder),)
    connection = sqlite3.connect(run.metadata)
    uris = [row[0] for row in connection.execute("SELECT uri FROM Artifact")]
    texts = [
        row[0]
        for row in connection.execute("SELECT string_value FROM ArtifactProperty")
        if (row[0] or "").startswith("/")
    ]
    connection.close()
    assert uris and texts
    assert all(text.startswith(f"{run.folder}/") for text in (*uris, *texts))
    assert _paths(run) == expected
    assert moved.settle(run) == ()  # once


def test_a_run_says_that_it_settled_and_repoints_the_release(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, run = _moved(tmp_path)
    pipeline_run._prepare(run)
    said = capsys.readouterr().out
    assert said.startswith(f"{run.folder}: was moved or copied from {old.folder}; metadata.sqlite")
    assert said.count("\n") == 1
    pointer = (run.serving / "models.config").read_text(encoding="utf-8")
    assert f'base_path: "{run.serving}/recall"' in pointer and str(old.folder) not in pointer
    pipeline_run._prepare(run)
    assert capsys.readouterr().out == ""
