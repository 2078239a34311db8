"""Trials that were not trained: folders as `pipeline.ablation.trial` leaves them."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from modules.evaluation import metrics
from pipeline.ablation import trial, trials

USERS = 60
KS = (10, 50, 200)


def epoch(number: int, value: float) -> dict[str, Any]:
    """An entry of a history file."""
    return {
        "epoch": number,
        "loss": 5.0 - value,
        "val_loss": 4.0 - value,
        "metrics": {"NDCG@10": value, "HR@10": 2 * value, "HR@200": 0.8},
        "learning_rate": 0.001,
        "seconds": 3.0,
        "positions_per_second": 1000.0,
        "gradient_norm": 1.5,
    }


def write(folder: pathlib.Path, ranks: np.ndarray[Any, Any], valid: float = 0.1) -> None:
    """Fills a trial's folder with the results that ranks [users] of the held-out items give."""
    values = metrics.values(ranks[:, None], KS)
    table = pa.table(
        {
            trial.USER_ID: [f"u{n}" for n in range(len(ranks))],
            **{name: values[:, n] for n, name in enumerate(metrics.names(KS))},
        }
    )
    for split in trial.SPLITS:
        pq.write_table(table, folder / f"{split}.parquet")
    means = dict(zip(metrics.names(KS), values.mean(axis=0).tolist()))
    result = trial.Result(
        requests={"valid": "v", "test": "t"},
        means={"valid": {**means, "NDCG@10": valid}, "test": means},
        components={"Transform": 10.0, "Trainer": 60.0, "RankTrainer": 30.0},
        parameters=1234,
        epochs=2,
        exported=2,
        positions_per_second=1000.0,
        history=[epoch(1, 0.1), epoch(2, 0.2)],
        rank_history=[],
    )
    trial.write_json(folder / trial.RESULT_FILE, dataclasses.asdict(result))


def runner(
    ranks_of: Callable[[trials.Trial], np.ndarray[Any, Any] | str],
    valid_of: Callable[[trials.Trial], float] = lambda wanted: 0.1,
    ran: list[tuple[str, int]] | None = None,
) -> Callable[..., bool]:
    """Stands for `Workspace.run_trial`: ranks of the test's items, or the reason of a failure."""

    def run_trial(
        space: trials.Workspace,
        wanted: trials.Trial,
        config: str,
        watch: Callable[[str], None],
        *,
        verbose: bool,
    ) -> bool:
        assert not verbose
        watch("epoch 1")
        if ran is not None:
            ran.append((wanted.name, wanted.seed))
        folder = space.folder_of(wanted)
        folder.mkdir(parents=True)
        found = ranks_of(wanted)
        if isinstance(found, str):
            (folder / trial.FAILED_FILE).write_text(found, encoding="utf-8")
            return False
        write(folder, found, valid_of(wanted))
        return True

    return run_trial
