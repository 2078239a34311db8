"""What the components of the second stage leave behind in a run of a tiny shop, made by hand."""

from __future__ import annotations

import pathlib
import shutil
from typing import Any

import pyarrow
import pyarrow.parquet

from modules import release
from tests import small_release
from tests.pipeline.report import small_artifacts

WEIGHTS = {
    "log_recall_rank": -1.204,
    "ease": 0.61,
    "log_popularity": 0.3,
    "co_occurrence_last_1": 0.15,
    "co_occurrence_last_5": -0.02,
}

HISTORY = [
    {
        "epoch": n,
        "loss": 4.0 - value,
        "val_loss": 4.1 - value,
        "metrics": {"NDCG@10": value},
        "learning_rate": 0.001,
        "seconds": 5.0,
        "positions_per_second": 1234.0,
    }
    for n, value in enumerate((0.12, 0.155, 0.15), start=1)
]


def evaluation(blessed: bool = True) -> dict[str, Any]:
    """two_stage.json; on test two stages are .140, the linear ranker .124, recall .117."""
    rules = [
        {"name": "sound/lost", "passed": True, "reason": "0 lost candidates."},
        {
            "name": "recall",
            "passed": blessed,
            "reason": "NDCG@10 of two stages is 0.1500, recall's 0.1300.",
        },
        {"name": "last_blessed", "passed": None, "reason": "There is no earlier blessed release."},
    ]
    return {
        "ks": [10, 50],
        "primary": "NDCG@10",
        "splits": {"valid": _split(0.130, 0.150, 0.140), "test": _split(0.117, 0.140, 0.124)},
        "blessing": {
            "blessed": blessed,
            "decided_on": "valid",
            "rules": rules,
            "reasons": [] if blessed else ["NDCG@10 of two stages is 0.0900, recall's 0.1300."],
        },
        "linear": {"features": list(WEIGHTS), "weights": list(WEIGHTS.values()), "lists": 521},
        "last_blessed": {"reason": "There is no earlier blessed release."},
    }


def _split(recall: float, two_stage: float, linear: float) -> dict[str, Any]:
    names = [f"{m}@{k}" for k in (10, 50) for m in ("HR", "NDCG", "MRR", "Recall")]

    def system(value: float) -> dict[str, Any]:
        return {n: {"value": value * (2 if n[0] in "HR" else 1), "se": 0.0071} for n in names}

    def lift(low: float, high: float, other: float) -> dict[str, Any]:
        return {"difference": two_stage - other, "low": low, "high": high, "significant": low > 0}

    groups = {
        "F": (273, 0.012, 0.034),
        "M": (660, -0.005, 0.05),
        small_artifacts.NASTY: (10, -0.1, 0.15),
    }
    return {
        "users": 943,
        "requests": 943,
        "ceiling": {"value": 0.553, "se": 0.0162},
        "metrics": {
            "two_stage": system(two_stage),
            "recall": system(recall),
            "linear": system(linear),
        },
        "lift": {
            n: {"recall": lift(0.012, 0.034, recall), "linear": lift(-0.003, 0.035, linear)}
            for n in names
        },
        "slices": {
            "user_gender": {
                group: {
                    "users": n,
                    "requests": n,
                    "recall": system(recall),
                    "two_stage": system(two_stage),
                    "lift": {name: {"recall": lift(low, high, recall)} for name in names},
                }
                for group, (n, low, high) in groups.items()
            }
        },
        "calibration": {
            "bins": [
                {"predicted": 0.0004, "observed": 0.0, "count": 60_000},
                {"predicted": 0.004, "observed": 0.0041, "count": 60_000},
                {"predicted": 0.03, "observed": 0.034, "count": 60_000},
            ],
            "ece": 0.00151,
            "objectives": {
                "liked": {"bins": [{"predicted": 0.5, "observed": 0.75, "count": 400}], "ece": 0.25}
            },
        },
        "importance": {
            "context": {
                "drop": {"NDCG@10": {"value": 0.001, "low": -0.002, "high": 0.004}},
                "requests": 500,
            },
            "recall_score": {
                "drop": {"NDCG@10": {"value": 0.031, "low": 0.02, "high": 0.042}},
                "requests": 500,
            },
        },
        "missing_inputs": 0,
        "faults": {"not_finite": 0, "lost": 0, "constant": 0},
    }


def write_requests(folder: pathlib.Path) -> None:
    """User a's held-out item rises from place 12 to 1, user b's falls from 2 to 11."""
    before = [f"x{n}" for n in range(1, 12)]
    rows = [
        _row("a", "i3", [*before, "i3"], ["i3", *before[::-1]], 12, 1.0),
        _row("b", "i3", ["x1", "i3", *before[1:]], [*before[1:], "i3", "x1"], 2, 11.0),
    ]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "two-stage-test.parquet")


def _row(
    user: str, target: str, recall: list[str], two_stage: list[str], before: int, after: float
) -> dict[str, Any]:
    return {
        "user_id": user,
        "timestamp": small_artifacts.START,
        "target": target,
        "candidates": 12,
        "recall_items": recall,
        "two_stage_items": two_stage,
        "recall_rank": before,
        "two_stage_rank": after,
        "linear_rank": 3.0,
    }


def push(serving: pathlib.Path, folder: pathlib.Path) -> release.Manifest:
    """Puts a release of both models in force."""
    return small_release.push(
        serving, small_release.pair(folder), small_release.facts(), copy=shutil.copytree
    )
