"""The published table is of the trials that were done, wherever that was."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from benchmarks import ablation
from modules import features
from pipeline import configuration
from pipeline.ablation import command, rows, table, trials
from pipeline.ablation import plan as plan_lib
from tests.pipeline.ablation import made_trials

CONFIG = "movielens-100k"
ROWS = (
    "existing recommender",
    "+ time features",
    "+ real-time context",  # the same as the next, whose trial is its own
    "full system",
    "without the second stage",
)


def _ranks(wanted: trials.Trial) -> np.ndarray:
    rng = np.random.default_rng([wanted.seed, len(wanted.name)])
    return rng.integers(1, 40, made_trials.USERS)


def _valid(wanted: trials.Trial) -> float:
    return 0.2 if "training.learning_rate=0.002" in wanted.overrides else 0.1


def test_trials_of_two_machines_give_the_table_of_one(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials.Workspace, "run_trial", made_trials.runner(_ranks, _valid))
    monkeypatch.setattr(ablation, "FOLDER", tmp_path / "kept")
    for number, seed in enumerate((1, 2)):
        root = tmp_path / str(number)
        # the second machine needs the first seed's choice of a grid
        command.main("plan", CONFIG, (), root, only=ROWS, seeds=sorted({1, seed}))
        ablation.gather(str(root), CONFIG, (1, 2))
    one = rows.of(*_of(tmp_path / "1"))
    text = "\n".join(ablation.page([tmp_path / "kept" / f"{CONFIG}.parquet"], (1, 2)))
    reader = plan_lib.read("plan", CONFIG, ())
    assert "\n".join(list(table.markdown(one, reader, (1, 2)))[1:]) in text
    assert "Chosen on validation: training.learning_rate 0.002." in text
    assert "Not trained yet: existing recommender, small, + Pre-LayerNorm, " in text
    assert "Standard errors" in text and text.count("\n| ") == 1 + len(ROWS)


def _of(root: pathlib.Path) -> tuple:
    reader = plan_lib.read("plan", CONFIG, ())
    cfg = configuration.load(CONFIG, ())
    space, primary = trials.Workspace(cfg, root), cfg.evaluation.primary
    names = [name for name in reader.check() if name in ROWS]
    choices = {"existing recommender": {"training.learning_rate": 0.002}}
    return reader, space, names, (1, 2), choices, primary


def test_users_with_several_requests_are_refused(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials.Workspace, "run_trial", made_trials.runner(_ranks, _valid))
    monkeypatch.setattr(ablation, "FOLDER", tmp_path / "kept")
    command.main("plan", CONFIG, (), tmp_path, only=["full system"], seeds=(1,))
    (file,) = tmp_path.glob(f"*/trials/*/{features.SPLIT_TEST}.parquet")
    read = ablation.pq.read_table(file)
    ablation.pq.write_table(ablation.pa.concat_tables([read, read]), file)
    with pytest.raises(SystemExit, match="full system: has users with several requests"):
        ablation.gather(str(tmp_path), CONFIG, (1,))
    assert not (tmp_path / "kept").exists()
