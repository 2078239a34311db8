"""Both evaluators where items may repeat, on users of one and the same history, by hand.

Everybody has a, b, a, c, a; then b, which validates, and c, which tests. d is of the catalogue
alone. Both models put b, a, c in this order.
"""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from tfx.types import standard_artifacts

from modules import strict
from modules.evaluation import personal_steps
from pipeline.components import evaluator, two_stage_evaluator
from tests import examples, fake_rank, fake_recall, held_out

HISTORY, ITEMS, K = ["a", "b", "a", "c", "a", "b", "c"], ["a", "b", "c", "d"], 3
DATA = dataclasses.replace(examples.data(), repeats="allow")
SYSTEMS = ("personal_frequency", "personal_recency", "gp_topfreq")
FIRST, SECOND, THIRD = 1.0, 1 / math.log2(3), 1 / math.log2(4)  # NDCG of the target's place
SETTINGS = {
    "personal_recency": {
        "baskets": None,
        "decay": 1.0,
        "leaves_out_present": False,
        "users": 4,
        # the last a, from a, b, a, c: by all it is the first, by the last one c comes before
        "NDCG@10": [
            {
                "baskets": baskets,
                "decay": decay,
                "value": pytest.approx(SECOND) if baskets == 1 else 1.0,
            }
            for baskets, decay in personal_steps.WAYS
        ],
    }
}


class World:
    """Examples with candidates, and a folder for what is made of them."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        rows = held_out.splits({f"user{n}": HISTORY for n in range(4)}, ITEMS, max_history=3)
        for split in ("valid", "test"):
            for row in rows[split]:
                row |= {
                    "candidate_item_id": ["b", "a", "c"],
                    "recall_score": [3.0, 2.0, 1.0],
                    "target_place": "bac".index(row["event_item_id"][-1]),
                    "target_source": 0,
                    "positive_added": 0,
                    "part": 0,
                }
        self.examples = standard_artifacts.Examples()
        self.examples.uri, self.examples.split_names = str(folder / "in"), json.dumps(list(rows))
        examples.write_counted(self.examples.uri, rows)

    def recall(self) -> standard_artifacts.Model:
        model = standard_artifacts.Model()
        model.uri = str(self.folder / "recall")
        scores = np.tile([2.0, 3.0, 1.0, 0.0], (5, 1)).astype(np.float32)
        fake_recall.save(f"{model.uri}/Format-Serving", DATA, ITEMS, scores, k=K)
        return model

    def rank(self) -> standard_artifacts.Model:
        model = standard_artifacts.Model()
        model.uri = str(self.folder / "rank")
        fake_rank.save(pathlib.Path(model.uri) / "Format-Serving", DATA, {}, weight=1.0)
        return model

    def run(self, executor: Any, inputs: dict[str, Any], name: str) -> dict[str, Any]:
        stage = name.partition(".")[0]
        evaluation, blessing = (
            standard_artifacts.ModelEvaluation(),
            standard_artifacts.ModelBlessing(),
        )
        evaluation.uri = str(self.folder / f"{stage}-evaluation")
        blessing.uri = str(self.folder / f"{stage}-blessing")
        sections = {
            "data": strict.to_plain(DATA),
            "split": {},
            "ranking": {},
            "features": {"max_history": 3},
            "index": {"k": K},
            "evaluation": {
                "ks": [1, K],
                "primary": "NDCG@3",
                "thresholds": {"NDCG@3": {"beats": ["personal_frequency", "co_occurrence"]}},
            },
        }
        executor().Do(
            {"examples": [self.examples], **inputs},
            {"evaluation": [evaluation], "blessing": [blessing]},
            {"config": json.dumps(sections), "source_digest": ""},
        )
        found: dict[str, Any] = json.loads((pathlib.Path(evaluation.uri) / name).read_text())
        assert not list(pathlib.Path(evaluation.uri).glob("settings*"))
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


def _ndcg(report: dict[str, Any], split: str) -> dict[str, float]:
    return {
        system: found["NDCG@3"]["value"]
        for system, found in report["splits"][split]["metrics"].items()
    }


def test_recall(world: World) -> None:
    """Frequency before b: a 3, c 1, later than b 1. Before c: a 3, b 2, c 1.

    Co-occurrence, of a user: C[a] = a 5/4, b 1, c 4/3; C[b] = a 4/3, c 1/2; C[c] = a 1. The window
    before b ends with b, a, c, a: a 4.83, c 3.17, b 2.
    """
    report = world.run(evaluator.Executor, {"model": [world.recall()]}, evaluator.EVALUATION_FILE)
    assert report["settings"] == SETTINGS
    valid, test = (_ndcg(report, split) for split in ("valid", "test"))
    systems = ["recall", "popularity", "co_occurrence", "ease", *SYSTEMS]
    assert list(valid) == systems
    assert valid["recall"] == FIRST and test["recall"] == pytest.approx(THIRD)
    for system in (*SYSTEMS, "co_occurrence"):
        assert valid[system] == pytest.approx(THIRD), system
    for system in (*SYSTEMS, "popularity"):
        assert test[system] == pytest.approx(THIRD), system  # a, b, c, nothing left out
    rules = {rule["name"]: rule for rule in report["blessing"]["rules"]}
    assert rules["NDCG@3/beats/personal_frequency"]["passed"] is True
    assert "Recall@3 is 1.0000, co-occurrence's 1.0000" in rules["source/co_occurrence"]["reason"]


def test_two_stages(world: World) -> None:
    """b, a, c by both stages: the first in validation, the third in test."""
    report = world.run(
        two_stage_evaluator.Executor,
        {
            "candidates": [world.examples],
            "model": [world.rank()],
            "recall_model": [world.recall()],
        },
        two_stage_evaluator.EVALUATION_FILE,
    )
    assert report["settings"] == SETTINGS
    assert report["linear"]["features"][-4:] == [
        "log_own_events",
        "log_baskets_since",
        "recent_share",
        "present",
    ]
    valid, test = (_ndcg(report, split) for split in ("valid", "test"))
    systems = ["two_stage", "recall", "linear", "popularity", "co_occurrence", "ease", *SYSTEMS]
    assert list(valid) == systems
    for system in (*SYSTEMS, "co_occurrence"):
        assert valid[system] == pytest.approx(THIRD), system
        lift = report["splits"]["valid"]["lift"]["NDCG@3"][system]
        assert lift["difference"] == pytest.approx(FIRST - THIRD)
        assert lift["significant"]
    for system in SYSTEMS:
        assert test[system] == pytest.approx(THIRD), system
        assert report["splits"]["test"]["lift"]["NDCG@3"][system]["difference"] == pytest.approx(0)
    rows = pq.read_table(world.folder / "two_stage-evaluation" / "two-stage-test.parquet")
    assert rows.column("repeated").to_pylist() == [True] * 4
    assert rows.column("gp_topfreq_rank").to_pylist() == [3.0] * 4
    rules = {rule["name"]: rule for rule in report["blessing"]["rules"]}
    assert rules["baselines"]["passed"] is True
    assert "personal-frequency 0.5000" in rules["baselines"]["reason"]
