"""`recsys ablate` without training: what is run, in which order, and what is shown."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import numpy as np
import pytest

from modules import strict
from pipeline.ablation import command, plan, trial, trials
from tests.pipeline.ablation import made_trials

CONFIG = "movielens-100k"
PLAN = """
title: A <small> plan
variants:
  old:
    note: As it was.
    set: {model.layers: 1}
    grid: {training.learning_rate: [0.001, 0.004]}
  new: {on: old, unset: [model.layers]}
  bad: {on: new, set: {model.heads: 1}}
  all: {against: old, note: All of it.}
"""


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "my.yaml"
    path.write_text(PLAN, encoding="utf-8")
    return path


def _ranks(wanted: trials.Trial) -> np.ndarray[Any, Any] | str:
    """Ranks by variant: `new` puts the items of all users one place higher."""
    if wanted.name == "bad":
        return "Trainer failed: the loss has to be finite."
    ranks = np.arange(made_trials.USERS) % 12 + 2
    return ranks - (wanted.name != "old")


def _valid(wanted: trials.Trial) -> float:
    return 0.2 if "training.learning_rate=0.004" in wanted.overrides else 0.1


def _run(file: pathlib.Path, root: pathlib.Path, **options: Any) -> Any:
    return command.main(str(file), CONFIG, (), root, **{"seeds": (1, 2), **options})


def test_grids_come_first_and_what_is_done_is_not_run_again(
    file: pathlib.Path,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ran: list[tuple[str, int]] = []
    made = made_trials.runner(_ranks, _valid, ran)
    monkeypatch.setattr(trials.Workspace, "run_trial", made)
    only = {"only": ("old", "new", "all")}
    _run(file, tmp_path, **only)
    assert ran == [
        ("old", 1),
        ("old", 1),
        ("new", 1),
        ("all", 1),
        ("old", 2),
        ("new", 2),
        ("all", 2),
    ]
    printed = capsys.readouterr().out
    assert "old: training.learning_rate 0.004 is the best on validation (NDCG@10 0.2000)" in printed
    assert re.search(r"\[7/7\] all, seed 2: NDCG@10 on validation 0.1000, .* left", printed)
    ran.clear()
    _run(file, tmp_path, **only)
    assert ran == [] and "done before" in capsys.readouterr().out


def test_the_table_has_means_changes_and_their_intervals(
    file: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials.Workspace, "run_trial", made_trials.runner(_ranks, _valid))
    old, new, full = _run(file, tmp_path, only=("old", "new", "all"))
    ranks = np.arange(made_trials.USERS) % 12 + 2
    gain = np.where(ranks <= 10, 1 / np.log2(ranks + 1), 0)
    better = np.where(ranks - 1 <= 10, 1 / np.log2(ranks), 0)
    assert old.test["NDCG@10"] == pytest.approx(gain.mean())
    assert old.chosen == {"training.learning_rate": 0.004} and old.differences == {}
    assert new.differences["NDCG@10"].mean == pytest.approx((better - gain).mean())
    assert new.differences["NDCG@10"].is_significant
    assert full.compared_with == "old" and new.training_seconds == 90 and new.seconds == 100
    written = (tmp_path / "movielens-100k-ablation" / "my.md").read_text(encoding="utf-8")
    assert "| new | 0." in written and "| **+0.0" in written
    assert "- old: As it was. Chosen on validation: training.learning_rate 0.004." in written
    assert f"recsys ablate my --config {CONFIG} --seeds 1 2" in written
    page = (tmp_path / "movielens-100k-ablation" / "my.html").read_text(encoding="utf-8")
    assert "A &lt;small&gt; plan" in page and "no change" in page and "gradient norm" in page


def test_a_variant_that_fails_is_shown_and_the_others_go_on(
    file: pathlib.Path,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(trials.Workspace, "run_trial", made_trials.runner(_ranks, _valid))
    with pytest.raises(command.Failed, match=r"failed: bad; the table says why"):
        _run(file, tmp_path, seeds=(1,))
    printed = capsys.readouterr().out
    assert "bad, seed 1: FAILED after" in printed and "all, seed 1: NDCG@10" in printed
    written = (tmp_path / "movielens-100k-ablation" / "my.md").read_text(encoding="utf-8")
    assert "| bad | Trainer failed: the loss has to be finite. |" in written


def test_nothing_is_built_on_a_grid_of_which_all_points_failed(
    file: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[str, int]] = []
    fails = made_trials.runner(lambda wanted: "broken" if wanted.name == "old" else _ranks(wanted))
    monkeypatch.setattr(trials.Workspace, "run_trial", fails)
    with pytest.raises(command.Failed, match=r"failed: old, new;"):
        _run(file, tmp_path, only=("old", "new", "all"))
    assert ran == []
    written = (tmp_path / "movielens-100k-ablation" / "my.md").read_text(encoding="utf-8")
    assert "| new | Nothing could be chosen for old, on which it builds. |" in written


def test_variants_that_ranked_other_events_are_not_compared(
    file: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials.Workspace, "run_trial", made_trials.runner(_ranks, _valid))
    _run(file, tmp_path, only=("old", "new"), seeds=(1,))
    folder = next((tmp_path / "movielens-100k-ablation" / "trials").glob("new-1-*"))
    result = folder / trial.RESULT_FILE
    result.write_text(result.read_text().replace('"test": "t"', '"test": "other"'))
    _, new = _run(file, tmp_path, only=("old", "new"), seeds=(1,))
    assert new.compared_with is None and new.differences == {}


def test_what_cannot_be_is_refused_before_the_first_training(
    file: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[str, int]] = []
    monkeypatch.setattr(trials.Workspace, "run_trial", made_trials.runner(_ranks, ran=ran))
    with pytest.raises(strict.ConfigError, match=r"--seeds: found 1 1, expected each once"):
        _run(file, tmp_path, seeds=(1, 1))
    with pytest.raises(strict.ConfigError, match=r"--rows: there is no variant 'olt'.*'old'"):
        _run(file, tmp_path, only=("olt",))
    (tmp_path / "movielens-100k-ablation" / "trials").mkdir(parents=True)
    data = tmp_path / "movielens-100k-ablation" / "trials" / "data.json"
    data.write_text('{"fingerprint": "other"}', encoding="utf-8")
    with pytest.raises(trials.OtherData, match=r"trials: holds trials of other data"):
        _run(file, tmp_path)
    assert ran == []


def test_list_says_what_it_would_run(
    file: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(file, tmp_path, list_only=True) == []
    printed = capsys.readouterr().out
    assert "new   (on old)" in printed and "9 trials of 4 variants." in printed
    assert not (tmp_path / "movielens-100k-ablation").exists()


def test_a_trial_that_is_killed_says_so(tmp_path: pathlib.Path, monkeypatch: Any) -> None:
    """The process itself, which here ends at once as its configuration is gone."""
    file = tmp_path / "my.yaml"
    file.write_text("variants: {a: {set: {model.layers: 1}}}", encoding="utf-8")
    reader = plan.read(str(file), CONFIG, ())
    space = trials.Workspace(reader.load("a", {}), tmp_path)
    wanted = space.of(reader, "a", {}, 1)
    assert not space.run_trial(wanted, "gone.yaml", lambda line: None)
    assert "gone.yaml: no such file" in (space.failure(wanted) or "")
    assert space.result(wanted) is None
