"""TwoStageEvaluator on users who walk round a circle of items: one release wins, others lose."""

from __future__ import annotations

import json
import math
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from tfx.types import standard_artifacts

from modules import strict
from pipeline.components import two_stage_evaluator
from tests import examples, fake_rank, fake_recall, held_out

ITEMS = [f"item{n}" for n in range(30)]
USERS, LENGTH, MAX_HISTORY, K = 40, 9, 5, 12
SPLITS = ("valid", "test")
NAN, PADDING = float("nan"), float(np.finfo(np.float32).min)

Evaluated = tuple[
    dict[str, Any], standard_artifacts.ModelEvaluation, standard_artifacts.ModelBlessing
]


def _ahead(history: Sequence[str]) -> list[str]:
    """The unseen items of the circle from the last event on, at most K."""
    last = ITEMS.index(history[-1])
    circle = [ITEMS[(last + step) % len(ITEMS)] for step in range(1, len(ITEMS) + 1)]
    return [item for item in circle if item not in history][:K]


class World:
    """Histories, their examples, and what becomes of pairs of models evaluated on them."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder, self._ids = folder, 0
        walks = fake_recall.walks(USERS, len(ITEMS), LENGTH)
        self.histories = {f"user{u}": [ITEMS[n] for n in walk] for u, walk in enumerate(walks)}
        profiles = {f"user{u}": {"user_gender": "FM"[u % 2]} for u in range(USERS)}
        self.rows = held_out.splits(self.histories, ITEMS, MAX_HISTORY, profiles)
        for split in SPLITS:
            for n, row in enumerate(self.rows[split]):
                row["event_rating"] = [3.0] * (len(row["event_item_id"]) - 1) + [3.0 + n % 2]
        self.examples = self._examples("examples", self.rows)

    def _examples(
        self, name: str, rows: dict[str, list[dict[str, Any]]]
    ) -> standard_artifacts.Examples:
        artifact = standard_artifacts.Examples()
        artifact.uri, artifact.split_names = str(self.folder / name), json.dumps(list(rows))
        examples.write_counted(artifact.uri, rows)
        return artifact

    def candidates(
        self, name: str, *, backwards: bool, none_for: str = ""
    ) -> standard_artifacts.Examples:
        """Recall's lists: the items ahead, or the same ones with the farthest first."""
        return self._examples(
            name,
            {
                split: [
                    self._with_candidates(row, split, backwards, none_for)
                    for row in self.rows[split]
                ]
                for split in SPLITS
            },
        )

    def _with_candidates(
        self, row: dict[str, Any], split: str, backwards: bool, none_for: str
    ) -> dict[str, Any]:
        user, target = row["user_id"], row["event_item_id"][-1]
        found = [] if user == none_for else _ahead(self.known(user, split))
        found = found[::-1] if backwards else found
        return {
            **row,
            "candidate_item_id": found,
            "recall_score": [float(-n) for n in range(len(found))],
            "target_place": found.index(target) if target in found else -1,
            "target_source": _source(user) if target in found else -1,
            "positive_added": 0,
            "part": 0,
        }

    def known(self, user: str, split: str) -> list[str]:
        return self.histories[user][: -2 if split == "valid" else -1]

    def rank(
        self, weight: float, bonus: dict[str, float] | None = None, objectives: Sequence[str] = ()
    ) -> standard_artifacts.Model:
        model = self._model("rank")
        fake_rank.save(
            pathlib.Path(model.uri) / "Format-Serving",
            examples.data(),
            bonus or {},
            weight=weight,
            objectives=objectives,
        )
        return model

    def recall(self) -> standard_artifacts.Model:
        model = self._model("recall")
        fake_recall.save(
            pathlib.Path(model.uri) / "Format-Serving",
            examples.data(),
            ITEMS,
            fake_recall.cycle(len(ITEMS)),
            k=K,
        )
        return model

    def _model(self, name: str) -> standard_artifacts.Model:
        self._ids += 1
        model = standard_artifacts.Model()
        model.uri, model.id = str(self.folder / f"{name}{self._ids}"), self._ids
        return model

    def evaluate(
        self,
        candidates: standard_artifacts.Examples,
        rank: standard_artifacts.Model,
        recall: standard_artifacts.Model,
        *,
        last: tuple[Any, Any] | None = None,
        ranking: dict[str, Any] | None = None,
    ) -> Evaluated:
        evaluation, blessing = (
            standard_artifacts.ModelEvaluation(),
            standard_artifacts.ModelBlessing(),
        )
        evaluation.uri = str(self.folder / f"evaluation{rank.id}")
        blessing.uri = str(self.folder / f"blessing{rank.id}")
        sections = {
            "data": strict.to_plain(examples.data()),
            "split": {},
            "ranking": ranking or {},
            "features": {"max_history": MAX_HISTORY},
            "index": {"k": K},
            "evaluation": {
                "ks": [5, K],
                "slices": ["user_gender"],
                "primary": "NDCG@5",
                "thresholds": {"NDCG@5": {"min": 0}},
            },
        }
        two_stage_evaluator.Executor().Do(
            {
                "candidates": [candidates],
                "examples": [self.examples],
                "model": [rank],
                "recall_model": [recall],
                "baseline_model": [last[0]] if last else [],
                "baseline_blessing": [last[1]] if last else [],
            },
            {"evaluation": [evaluation], "blessing": [blessing]},
            {"config": json.dumps(sections), "source_digest": ""},
        )
        report = json.loads((pathlib.Path(evaluation.uri) / "two_stage.json").read_text())
        return report, evaluation, blessing


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def recall(world: World) -> standard_artifacts.Model:
    return world.recall()


@pytest.fixture(scope="module")
def good(world: World) -> standard_artifacts.Model:
    """Turns recall's order round."""
    return world.rank(-1.0, objectives=["liked"])


@pytest.fixture(scope="module")
def evaluated(
    world: World, good: standard_artifacts.Model, recall: standard_artifacts.Model
) -> Evaluated:
    """Recall puts the farthest item first, so the rank model, which turns its order round, wins."""
    candidates = world.candidates("backwards", backwards=True, none_for="user0")
    return world.evaluate(
        candidates,
        good,
        recall,
        ranking={"objectives": {"liked": {"column": "rating", "at_least": 4}}},
    )


def _ranks(world: World, split: str, *, none_for: str = "") -> np.ndarray:
    """Of the targets among the items ahead."""
    result = []
    for user, items in world.histories.items():
        known = world.known(user, split)
        found = [] if user == none_for else _ahead(known)
        target = items[len(known)]
        result.append(found.index(target) + 1 if target in found else 0)
    return np.array(result)


def _source(user: str) -> int:
    """Of users with odd numbers the target is a candidate by co-occurrence."""
    return (0, 2)[int(user.removeprefix("user")) % 2]


def _ndcg(ranks: np.ndarray, k: int) -> float:
    return float(np.mean([1 / math.log2(r + 1) if 0 < r <= k else 0.0 for r in ranks]))


def test_metrics_and_lift_by_hand(world: World, evaluated: Evaluated) -> None:
    report, _, _ = evaluated
    for split in SPLITS:
        found = report["splits"][split]
        two_stage = _ranks(world, split, none_for="user0")
        recall = np.where(two_stage > 0, K + 1 - two_stage, 0)
        hit = two_stage > 0
        assert 0.5 < hit.mean() < 1  # recall misses some
        assert found["ceiling"]["value"] == pytest.approx(hit.mean())
        for name, number in (("index", 0), ("co_occurrence", 2)):
            own = hit & np.array([_source(user) == number for user in world.histories])
            assert found["sources"][name] == {
                "found": own.sum(),
                "first": {str(k): (own & (two_stage <= k)).sum() for k in (5, K)},
            }
        assert found["ceiling"]["se"] == pytest.approx(np.std(hit, ddof=1) / math.sqrt(USERS))
        for k in (5, K):
            for system, ranks in (("two_stage", two_stage), ("recall", recall)):
                assert found["metrics"][system][f"NDCG@{k}"]["value"] == pytest.approx(
                    _ndcg(ranks, k)
                )
        lift = found["lift"]["NDCG@5"]["recall"]
        assert lift["difference"] == pytest.approx(_ndcg(two_stage, 5) - _ndcg(recall, 5))
        assert 0 < lift["low"] < lift["difference"] < lift["high"] and lift["significant"]
        assert found["lift"][f"HR@{K}"]["recall"] == {
            "difference": 0,
            "low": 0,
            "high": 0,
            "significant": False,
        }


def test_a_release_that_wins_is_blessed_with_its_recall_model(
    evaluated: Evaluated, good: standard_artifacts.Model, recall: standard_artifacts.Model
) -> None:
    report, _, blessing = evaluated
    assert report["blessing"]["blessed"], report["blessing"]["reasons"]
    assert report["last_blessed"] == {
        "reason": "There is no earlier blessed release to compare with."
    }
    assert (pathlib.Path(blessing.uri) / "BLESSED").exists()
    assert blessing.get_int_custom_property("current_model_id") == good.id
    assert blessing.get_string_custom_property("recall_model") == recall.uri


def test_the_linear_ranker_learns_the_circle(evaluated: Evaluated) -> None:
    """Its counts say what follows what, whichever order recall gives."""
    report, _, _ = evaluated
    assert report["linear"]["features"][1] == "ease" and len(report["linear"]["weights"]) == 5
    valid, test = (report["splits"][split]["metrics"] for split in SPLITS)
    assert report["linear"]["lists"] == round(report["splits"]["valid"]["ceiling"]["value"] * USERS)
    for metrics in (valid, test):
        assert metrics["linear"]["NDCG@5"]["value"] > metrics["recall"]["NDCG@5"]["value"] + 0.2


def test_slices_are_those_of_their_requests(world: World, evaluated: Evaluated) -> None:
    women = _ranks(world, "valid", none_for="user0")[::2]
    found = evaluated[0]["splits"]["valid"]["slices"]["user_gender"]["F"]
    assert found["users"] == len(women) == USERS // 2
    assert found["two_stage"]["NDCG@5"]["value"] == pytest.approx(_ndcg(women, 5))
    recall = _ndcg(np.where(women > 0, K + 1 - women, 0), 5)
    assert found["lift"]["NDCG@5"]["recall"]["difference"] == pytest.approx(
        _ndcg(women, 5) - recall
    )


def test_calibration_counts_all_pairs(world: World, evaluated: Evaluated) -> None:
    """Each list's probabilities sum to 1, so their mean is 1 / K; a liked target was 3/4 likely."""
    found = evaluated[0]["splits"]["test"]["calibration"]
    hit = _ranks(world, "test", none_for="user0") > 0
    pairs = (USERS - 1) * K
    assert sum(b["count"] for b in found["bins"]) == pairs
    assert sum(b["count"] * b["predicted"] for b in found["bins"]) == pytest.approx(
        USERS - 1, rel=1e-5
    )
    assert sum(b["count"] * b["observed"] for b in found["bins"]) == pytest.approx(hit.sum())
    liked = np.mean(np.arange(USERS)[hit] % 2)
    (only,) = found["objectives"]["liked"]["bins"]
    assert only == {"predicted": 0.75, "observed": pytest.approx(liked), "count": hit.sum()}
    assert found["objectives"]["liked"]["ece"] == pytest.approx(abs(0.75 - liked))


def test_importance_is_that_of_the_groups_the_score_is_made_of(evaluated: Evaluated) -> None:
    found = evaluated[0]["splits"]["valid"]["importance"]
    assert set(found) == {"recall_score", "item"}
    drop = found["recall_score"]["drop"]["NDCG@5"]
    assert 0 < drop["low"] < drop["value"] < drop["high"]
    assert found["item"]["drop"]["NDCG@5"] == {"value": 0, "low": 0, "high": 0}
    assert found["item"]["requests"] == USERS


def test_one_row_a_request(world: World, evaluated: Evaluated) -> None:
    report, evaluation, _ = evaluated
    folder = pathlib.Path(evaluation.uri)
    rows = {r["user_id"]: r for r in pq.read_table(folder / "two-stage-test.parquet").to_pylist()}
    assert sorted(path.name for path in folder.iterdir()) == [
        "two-stage-test.parquet",
        "two-stage-valid.parquet",
        "two_stage.json",
    ]
    assert len(rows) == USERS
    ahead = _ahead(world.histories["user1"][:-1])
    assert (
        rows["user1"]["two_stage_items"] == ahead and rows["user1"]["recall_items"] == ahead[::-1]
    )
    assert rows["user1"]["target"] == world.histories["user1"][-1]
    assert rows["user1"]["slice_user_gender"] == "M"
    assert [rows[user]["two_stage_rank"] for user in world.histories] == _ranks(
        world, "test", none_for="user0"
    ).tolist()
    empty = rows["user0"]
    assert (empty["candidates"], empty["recall_rank"], empty["linear_rank"]) == (0, 0, 0)
    assert report["splits"]["test"]["faults"] == {"not_finite": 0, "lost": 0, "constant": 0}


def test_a_worse_release_than_recall_and_than_the_last_is_not_blessed(
    world: World, evaluated: Evaluated, recall: standard_artifacts.Model
) -> None:
    """Now recall is right, as is the last release, whose own recall model finds its candidates."""
    last_rank, (_, _, blessing) = world.rank(1.0), evaluated
    candidates = world.candidates("forwards", backwards=False)
    report, _, refused = world.evaluate(
        candidates, world.rank(-1.0), recall, last=(last_rank, blessing)
    )
    failed = [r["name"] for r in report["blessing"]["rules"] if r["passed"] is False]
    assert failed == ["recall", "last_blessed", "baselines"]
    assert report["last_blessed"] == {"rank": last_rank.uri, "recall": recall.uri}
    assert (pathlib.Path(refused.uri) / "NOT_BLESSED").exists()
    for split in SPLITS:
        metrics = report["splits"][split]["metrics"]
        assert metrics["last_blessed"]["NDCG@5"]["value"] == pytest.approx(
            _ndcg(_ranks(world, split), 5)
        )


def test_faults_and_an_earlier_release_of_another_split(
    world: World,
    evaluated: Evaluated,
    good: standard_artifacts.Model,
    recall: standard_artifacts.Model,
) -> None:
    candidates = world.candidates("faulty", backwards=True)
    shown = sum(
        item == "item3" for user in world.histories for item in _ahead(world.known(user, "valid"))
    )
    earlier = standard_artifacts.ModelBlessing()
    earlier.set_string_custom_property("recall_model", recall.uri)
    earlier.set_string_custom_property("split", '{"method": "temporal", "valid_from": 9}')
    faulty = world.rank(-1.0, {"item3": NAN, "item4": PADDING})
    report, _, _ = world.evaluate(candidates, faulty, recall, last=(good, earlier))
    rules = {r["name"]: r for r in report["blessing"]["rules"]}
    assert rules["sound/not_finite"]["passed"] is False and rules["sound/lost"]["passed"] is False
    assert report["splits"]["valid"]["faults"]["not_finite"] == shown > 0
    assert rules["last_blessed"]["passed"] is None
    assert "split.method was temporal and is leave_one_out" in rules["last_blessed"]["reason"]
