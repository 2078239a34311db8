"""`recsys releases` and `recsys rollback`: what they print, and what a run says at its end."""

from __future__ import annotations

import dataclasses
import json
import pathlib

import pytest

from modules import release
from pipeline import release_writer, releases, runs
from tests import held_out, small_release
from tests.pipeline import fake_run

CFG = fake_run.configuration()


def _push(
    run: runs.Run,
    folder: pathlib.Path,
    value: float,
    *,
    rank: bool = True,
    artifacts: dict[str, str] | None = None,
) -> int:
    models = small_release.pair(folder)
    facts = small_release.facts(value)
    if not rank:
        models.pop("rank")
        alone = {split: {"recall": found["recall"]} for split, found in facts.metrics.items()}
        facts = dataclasses.replace(facts, metrics=alone)
    made = {key: release.Made(uri, 1) for key, uri in (artifacts or {}).items()}
    return small_release.push(
        run.serving, models, dataclasses.replace(facts, artifacts=made)
    ).release


@pytest.fixture
def run(tmp_path: pathlib.Path) -> runs.Run:
    return runs.Run(tmp_path, fake_run.NAME)


@pytest.fixture
def three(run: runs.Run, tmp_path: pathlib.Path) -> list[int]:
    """The first is of recall alone, the second damaged, the third in force."""
    made = [
        _push(run, tmp_path / "a", 0.1, rank=False),
        _push(run, tmp_path / "b", 0.2),
        _push(run, tmp_path / "c", 0.3),
    ]
    (run.serving / "rank" / str(made[1]) / "saved_model.pb").unlink()
    return made


def test_the_table(
    three: list[int], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    releases.show(CFG, tmp_path)
    title, head, *rows = capsys.readouterr().out.splitlines()
    assert title == "NDCG@10 of recall alone and of two stages, on validation and test:"
    assert head.split("  ")[1] == "release"
    cells = [row.split() for row in rows]
    assert [row[0] for row in cells] == [str(n) for n in reversed(three)]
    assert cells[0][2:9] == ["in", "force", "0.3000", "0.4000", "0.5000", "0.6000", cells[0][8]]
    assert len(cells[0][8]) == 16
    assert "saved_model.pb: is missing." in rows[1]
    assert cells[2][2:6] == ["0.1000", "0.2000", "-", "-"]


def test_json(three: list[int], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    releases.show(CFG, tmp_path, as_json=True)
    newest, damaged, first = json.loads(capsys.readouterr().out)
    assert (newest["release"], newest["in_force"], newest["problem"]) == (three[2], True, "")
    assert newest["metrics"]["test"]["two_stage"] == {"NDCG@10": pytest.approx(0.6)}
    assert newest["lineage"] == dataclasses.asdict(small_release.LINEAGE)
    assert damaged["problem"] and not damaged["in_force"]
    assert first["models"] == ["recall"]


def test_a_manifest_that_cannot_be_read_is_listed_as_such(
    three: list[int], run: runs.Run, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run.serving / "releases" / f"{three[2]}.json").write_text("")
    releases.show(CFG, tmp_path)
    assert (
        f"{three[2]}.json: cannot be read as a manifest" in capsys.readouterr().out.splitlines()[2]
    )


def test_no_releases_yet(
    run: runs.Run, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert releases.show(CFG, tmp_path) == []
    assert capsys.readouterr().out == (
        f"{run.serving}: there are no releases yet. `recsys run` makes one of "
        "models that are blessed.\n"
    )
    small_release.model(run.serving / "recall" / "7", "older")
    releases.show(CFG, tmp_path)
    assert f"pushed without a manifest: {run.serving}/recall/7" in capsys.readouterr().out


def test_none_in_force(
    three: list[int], run: runs.Run, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run.serving / "models.config").write_text("nonsense")
    releases.show(CFG, tmp_path)
    assert (
        "None of them is in force. `recsys rollback ID` puts one in force."
        in capsys.readouterr().out
    )


def test_rollback_says_what_was_and_what_is_in_force(
    three: list[int], run: runs.Run, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(release.ReleaseError, match="is missing"):
        releases.rollback(CFG, tmp_path)  # the one before is damaged
    releases.rollback(CFG, tmp_path, three[0])
    assert capsys.readouterr().out == (
        f"In force before: {three[2]}\nIn force now:    {three[0]} (recall alone)\n"
    )
    assert release.in_force(run.serving).id == three[0]
    releases.rollback(CFG, tmp_path, three[2])
    releases.rollback(CFG, tmp_path, three[2])
    assert capsys.readouterr().out == (
        f"In force before: {three[0]}\nIn force now:    {three[2]} (recall and rank)\n"
        f"Release {three[2]} is in force already.\n"
    )


def test_a_run_says_when_its_models_are_not_in_force(tmp_path: pathlib.Path) -> None:
    """The newest run's models are those of the second release; the others are of other runs."""
    indexed, ranked = tmp_path / "indexed", tmp_path / "ranked"
    rows = held_out.splits({"anna": ["a", "b", "c"]}, ["a", "b", "c"], 2)
    run = fake_run.make(
        tmp_path, rows, {("Indexer", "model"): indexed, ("RankTrainer", "model"): ranked}
    )
    assert releases.remark(run) == (
        "no release is in force, and this run's models are in no release. "
        "`recsys run --no-cache` releases them."
    )
    first = _push(
        run, tmp_path / "a", 0.1, artifacts={"recall_model": str(indexed), "rank_model": "/other"}
    )
    own = _push(
        run,
        tmp_path / "b",
        0.1,
        artifacts={"recall_model": str(indexed), "rank_model": str(ranked)},
    )
    assert releases.remark(run) == ""
    release_writer.switch(run.serving)
    assert releases.remark(run) == (
        f"release {first} is in force, not that of this run's models, which is "
        f"{own}. `recsys rollback {own}` puts it in force."
    )
