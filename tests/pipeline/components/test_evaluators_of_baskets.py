"""Both evaluators where requests ask for whole baskets and items may repeat, by hand.

Everybody takes a, then b, then a; then b and d at one time, which validate; then a, d and c, which
test. e and f are of the catalogue alone. Recall answers d, a, e, b, and the rank model turns it
round.
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
import tensorflow_model_analysis as tfma
from tfx.types import standard_artifacts

from modules import strict
from pipeline.components import evaluator, two_stage_evaluator
from tests import examples, fake_rank, fake_recall

ITEMS, ANSWER, USERS = list("abcdef"), list("daeb"), 4
DATA = dataclasses.replace(examples.data(), repeats="allow")
SECOND, THIRD, FOURTH = 1 / math.log2(3), 1 / 2, 1 / math.log2(5)  # gains of places


def _request(user: str, history: str, times: list[int], targets: str) -> dict[str, Any]:
    seen = sorted(set(history))
    return {
        **examples.sequence([*history, targets[0]], times, user_id=user, seen_item_id=seen),
        "target_item_id": list(targets),
        "repeats_allowed": 1,
        "candidate_item_id": ANSWER,
        "recall_score": [4.0, 3.0, 2.0, 1.0],
        "target_place": [ANSWER.index(item) if item in ANSWER else -1 for item in targets],
        "target_source": [0 if item in ANSWER else -1 for item in targets],
        "positive_added": [0] * len(targets),
        "part": 0,
    }


class World:
    """Examples, which are of Candidates too, models, and what the evaluators say of them."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        users = [f"user{n}" for n in range(USERS)]
        rows = {
            "train": [examples.sequence(list("aba"), [1, 2, 3], user_id=user) for user in users],
            "valid": [_request(user, "aba", [1, 2, 3, 4], "bd") for user in users],
            "test": [_request(user, "ababd", [1, 2, 3, 4, 4, 5], "adc") for user in users],
            "catalogue": [examples.item(item) for item in ITEMS],
        }
        self.examples = standard_artifacts.Examples()
        self.examples.uri, self.examples.split_names = str(folder / "in"), json.dumps(list(rows))
        examples.write_counted(self.examples.uri, rows)

    def recall(self) -> standard_artifacts.Model:
        scores = [-float([*ANSWER, "c", "f"].index(item)) for item in ITEMS]
        model = self._model("recall")
        fake_recall.save(
            f"{model.uri}/Format-Serving",
            DATA,
            ITEMS,
            np.tile(scores, (len(ITEMS) + 1, 1)).astype(np.float32),
            k=len(ANSWER),
        )
        return model

    def rank(self) -> standard_artifacts.Model:
        model = self._model("rank")
        fake_rank.save(pathlib.Path(model.uri) / "Format-Serving", DATA, {}, weight=-1.0)
        return model

    def _model(self, name: str) -> standard_artifacts.Model:
        model = standard_artifacts.Model()
        model.uri = str(self.folder / name)
        return model

    def run(self, executor: Any, inputs: dict[str, Any]) -> pathlib.Path:
        """The folder of the evaluation."""
        evaluation, blessing = (
            standard_artifacts.ModelEvaluation(),
            standard_artifacts.ModelBlessing(),
        )
        evaluation.uri = str(self.folder / f"{executor.__module__}-evaluation")
        blessing.uri = str(self.folder / f"{executor.__module__}-blessing")
        sections = {
            "data": strict.to_plain(DATA),
            "split": {"unit": "basket"},
            "ranking": {},
            "features": {"max_history": 5},
            "index": {"k": len(ANSWER)},
            "evaluation": {
                "ks": [2, 4],
                "primary": "Recall@2",
                "thresholds": {"Recall@2": {"min": 0.4}},
                "slices": ["target_repeats"],
                "slice_floors": {"target_repeats": {"Recall@4": 0.9}},
                "min_slice_users": 1,
            },
        }
        executor().Do(
            {"examples": [self.examples], **inputs},
            {"evaluation": [evaluation], "blessing": [blessing]},
            {"config": json.dumps(sections), "source_digest": ""},
        )
        return pathlib.Path(evaluation.uri)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def recall_folder(world: World) -> pathlib.Path:
    return world.run(evaluator.Executor, {"model": [world.recall()]})


@pytest.fixture(scope="module")
def recall_report(recall_folder: pathlib.Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((recall_folder / evaluator.EVALUATION_FILE).read_text())
    return found


@pytest.fixture(scope="module")
def both_folder(world: World) -> pathlib.Path:
    models = {"model": [world.rank()], "recall_model": [world.recall()]}
    return world.run(two_stage_evaluator.Executor, {"candidates": [world.examples], **models})


@pytest.fixture(scope="module")
def both_report(both_folder: pathlib.Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (both_folder / two_stage_evaluator.EVALUATION_FILE).read_text()
    )
    return found


def _values(split: dict[str, Any], system: str = "recall") -> dict[str, float]:
    return {name: found["value"] for name, found in split["metrics"][system].items()}


def test_metrics_are_those_of_sets(recall_report: dict[str, Any]) -> None:
    """B and d are at places 4 and 1; a, d and c at 2 and 1 and nowhere."""
    valid, test = recall_report["splits"]["valid"], recall_report["splits"]["test"]
    assert (valid["requests"], valid["targets"]) == (USERS, 2 * USERS)
    assert _values(valid) == pytest.approx(
        {
            "HR@2": 1,
            "NDCG@2": 1 / (1 + SECOND),
            "MRR@2": 1,
            "Recall@2": 1 / 2,
            "HR@4": 1,
            "NDCG@4": (1 + FOURTH) / (1 + SECOND),
            "MRR@4": 1,
            "Recall@4": 1,
        }
    )
    assert (test["requests"], test["targets"]) == (USERS, 3 * USERS)
    assert _values(test) == pytest.approx(
        {
            "HR@2": 1,
            "NDCG@2": 1,
            "MRR@2": 1,
            "Recall@2": 2 / 3,
            "HR@4": 1,
            "MRR@4": 1,
            "Recall@4": 2 / 3,
            "NDCG@4": (1 + SECOND) / (1 + SECOND + THIRD),
        }
    )


def test_kinds_are_apart_and_lists_say_what_they_repeat(recall_report: dict[str, Any]) -> None:
    valid, test = (recall_report["splits"][split] for split in ("valid", "test"))
    repeated, new = valid["by_kind"]["repeated"], valid["by_kind"]["new"]  # b, and d
    assert _values(repeated)["HR@2"] == 0
    assert _values(repeated)["NDCG@4"] == pytest.approx(FOURTH)
    assert _values(new)["NDCG@2"] == 1 and new["requests"] == USERS
    assert _values(test["by_kind"]["repeated"])["NDCG@2"] == 1  # a and d
    assert _values(test["by_kind"]["new"])["HR@4"] == 0  # c
    # of d, a, e, b the user knows a and b, and later d
    assert valid["repeat_share"] == {
        "targets": 2 * USERS,
        "taken": 1 / 2,
        "lists": {"recall": {"2": 1 / 2, "4": 1 / 2}},
    }
    assert test["repeat_share"]["taken"] == pytest.approx(2 / 3)
    assert test["repeat_share"]["lists"] == {"recall": {"2": 1, "4": 3 / 4}}


def test_baselines_know_all_of_an_earlier_basket(recall_report: dict[str, Any]) -> None:
    """Before the test a and b were taken twice, d once, the others never: d is the third."""
    repeated = recall_report["splits"]["test"]["by_kind"]["repeated"]
    assert _values(repeated, "popularity")["Recall@4"] == 1
    assert _values(repeated, "popularity")["NDCG@4"] in (
        pytest.approx((1 + THIRD) / (1 + SECOND)),
        pytest.approx((SECOND + THIRD) / (1 + SECOND)),
    )


def test_recall_of_baskets_decides(recall_report: dict[str, Any]) -> None:
    rules = {rule["name"]: rule for rule in recall_report["blessing"]["rules"]}
    assert rules["Recall@2/min"]["passed"] is True
    assert "sound/seen" not in rules and rules["sound/missing"]["passed"] is True


def test_rows_hold_all_targets(recall_folder: pathlib.Path) -> None:
    row, *_ = pq.read_table(recall_folder / "requests-test.parquet").to_pylist()
    assert (row["targets"], row["rank_recall"]) == (["a", "d", "c"], [2, 1, 0])
    assert row["items"] == ANSWER and row["slice_target_repeats"] == "new|repeated"


def test_tfma_reads_the_results(recall_folder: pathlib.Path) -> None:
    result = tfma.load_eval_result(str(recall_folder / evaluator.TFMA_FOLDER))
    values = {tuple(sorted(key)): metrics[""][""] for key, metrics in result.slicing_metrics}
    assert values[(("split", "test"),)]["Recall@2"]["doubleValue"] == pytest.approx(2 / 3, abs=1e-6)


def test_two_stages(both_report: dict[str, Any]) -> None:
    """b, e, a, d: the targets of validation are at places 1 and 4, of test at 3, 4 and nowhere."""
    valid, test = both_report["splits"]["valid"], both_report["splits"]["test"]
    found = _values(valid, "two_stage")
    assert (found["Recall@2"], found["MRR@2"], found["Recall@4"]) == (1 / 2, 1, 1)
    assert test["ceiling"]["value"] == pytest.approx(2 / 3)
    assert _values(test, "two_stage")["MRR@4"] == pytest.approx(1 / 3)
    lift = valid["by_kind"]["repeated"]["lift"]["NDCG@4"]["recall"]  # b: first, and fourth
    assert lift["difference"] == pytest.approx(1 - FOURTH) and lift["significant"]
    assert valid["repeat_share"]["lists"]["two_stage"] == {"2": 1 / 2, "4": 1 / 2}
    assert test["repeat_share"]["lists"]["two_stage"] == {"2": 1 / 2, "4": 3 / 4}
    assert set(test["repeat_share"]["lists"]) == {"two_stage", "recall", "linear"}


def test_floors_importance_and_calibration_of_baskets(both_report: dict[str, Any]) -> None:
    rules = {rule["name"]: rule for rule in both_report["blessing"]["rules"]}
    assert rules["slice/target_repeats/repeated/Recall@4"]["passed"] is True
    valid = both_report["splits"]["valid"]
    assert set(valid["importance"]["recall_score"]["drop"]) == {"Recall@2"}
    taken = sum(b["count"] * b["observed"] for b in valid["calibration"]["bins"])
    assert taken == pytest.approx(2 * USERS)


def test_rows_of_both_stages_hold_all_targets(both_folder: pathlib.Path) -> None:
    row, *_ = pq.read_table(both_folder / "two-stage-test.parquet").to_pylist()
    assert row["targets"] == ["a", "d", "c"]
    assert (row["recall_rank"], row["two_stage_rank"]) == ([2, 1, 0], [3, 4, 0])
    assert row["repeated"] == [True, True, False]
    assert row["repeated_above"] == [1, 2, 0]  # b; b and a
