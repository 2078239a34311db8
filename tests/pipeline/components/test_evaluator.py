"""The Evaluator and TFX's own Pusher after it: good models are pushed, broken or worse ones not."""

from __future__ import annotations

import json
import math
import pathlib
import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow_model_analysis as tfma
from tfx.components.pusher import executor as pusher_executor
from tfx.dsl.input_resolution.strategies import latest_blessed_model_strategy
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from modules import config, strict
from modules.evaluation import ranking
from pipeline.components import evaluator
from tests import examples, fake_recall, held_out

ITEMS = [f"item{n}" for n in range(60)]
USERS, LENGTH, MAX_HISTORY, K = 70, 14, 5, 20
SLICES = (
    "user_gender",
    "user_hobbies",
    "user_age",
    "context_device",
    "history_length",
    "target_popularity",
)


Evaluated = tuple[
    dict[str, Any], standard_artifacts.ModelEvaluation, standard_artifacts.ModelBlessing
]


class World:
    """Examples of users walking a circle of items, and what becomes of models evaluated on them."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        walks = fake_recall.walks(USERS, len(ITEMS), LENGTH)
        self.histories = {f"user{u}": [ITEMS[n] for n in walk] for u, walk in enumerate(walks)}
        profiles = {
            f"user{u}": {
                "user_gender": "FM"[u % 2],
                "user_age": 20.0 + u,
                "user_hobbies": ["chess", "golf"][: u % 3],
            }
            for u in range(USERS)
        }
        examples.write_counted(
            folder / "examples", held_out.splits(self.histories, ITEMS, MAX_HISTORY, profiles)
        )
        self.examples = standard_artifacts.Examples()
        self.examples.uri = str(folder / "examples")
        self.examples.split_names = json.dumps(["train", "valid", "test", "catalogue"])
        self._ids = 0

    def model(
        self,
        scores: np.ndarray,
        data: config.Data | None = None,
        split: str = '{"method": "leave_one_out", "min_events": 3}',
    ) -> standard_artifacts.Model:
        self._ids += 1
        artifact = standard_artifacts.Model()
        artifact.uri, artifact.id = str(self.folder / f"model{self._ids}"), self._ids
        fake_recall.save(
            pathlib.Path(artifact.uri) / "Format-Serving",
            data or examples.data(),
            ITEMS,
            scores,
            k=K,
        )
        artifact.set_string_custom_property("split", split)
        return artifact

    def evaluate(
        self,
        model: standard_artifacts.Model,
        baseline: standard_artifacts.Model | None = None,
        slices: tuple[str, ...] = (),
        thresholds: dict[str, Any] | None = None,
    ) -> Evaluated:
        evaluation, blessing = (
            standard_artifacts.ModelEvaluation(),
            standard_artifacts.ModelBlessing(),
        )
        evaluation.uri = str(self.folder / f"evaluation{model.id}-{baseline.id if baseline else 0}")
        blessing.uri = str(self.folder / f"blessing{model.id}-{baseline.id if baseline else 0}")
        sections = {
            "data": strict.to_plain(examples.data()),
            "split": {},
            "ranking": {"enabled": True},
            "features": {"max_history": MAX_HISTORY},
            "evaluation": {
                "ks": [5, K],
                "slices": list(slices),
                "primary": "NDCG@5",
                "thresholds": thresholds or {},
            },
        }
        evaluator.Executor().Do(
            {
                "examples": [self.examples],
                "model": [model],
                "baseline_model": [baseline] if baseline else [],
            },
            {"evaluation": [evaluation], "blessing": [blessing]},
            {"config": json.dumps(sections), "source_digest": ""},
        )
        found = json.loads((pathlib.Path(evaluation.uri) / evaluator.EVALUATION_FILE).read_text())
        return found, evaluation, blessing

    def push(
        self, model: standard_artifacts.Model, blessing: standard_artifacts.ModelBlessing
    ) -> list[str]:
        """Runs TFX's Pusher and returns the versions in the serving folder."""
        serving = self.folder / f"serving-{pathlib.Path(blessing.uri).name}"
        pushed = standard_artifacts.PushedModel()
        pushed.uri = str(self.folder / f"pushed-{pathlib.Path(blessing.uri).name}")
        destination = pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=str(serving))
        )
        pusher_executor.Executor().Do(
            {"model": [model], "model_blessing": [blessing]},
            {"pushed_model": [pushed]},
            {"push_destination": proto_utils.proto_to_json(destination)},
        )
        return [path.name for path in serving.iterdir()] if serving.exists() else []


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def good(world: World) -> standard_artifacts.Model:
    return world.model(fake_recall.cycle(len(ITEMS)))


@pytest.fixture(scope="module")
def evaluated(world: World, good: standard_artifacts.Model) -> Evaluated:
    return world.evaluate(
        good, slices=SLICES, thresholds={"NDCG@5": {"min": 0.3, "beats": ["popularity"]}}
    )


def test_a_good_model_is_blessed_and_pushed(
    world: World, good: standard_artifacts.Model, evaluated: Evaluated
) -> None:
    report, _, blessing = evaluated
    assert report["blessing"]["blessed"], report["blessing"]["reasons"]
    assert blessing.get_int_custom_property("blessed") == 1
    assert blessing.get_int_custom_property("current_model_id") == good.id
    assert blessing.get_string_custom_property("current_model") == good.uri
    assert (pathlib.Path(blessing.uri) / "BLESSED").exists()
    (version,) = world.push(good, blessing)
    assert version.isdecimal()
    resolved = latest_blessed_model_strategy.LatestBlessedModelStrategy()._resolve(
        {"m": [good], "b": [blessing]}, "m", "b"
    )
    assert resolved["m"] == [good]


def test_metrics_are_those_of_the_model_by_hand(world: World, evaluated: Evaluated) -> None:
    """The model knows the circle: a target d steps past the last event ranks d, less seen ones."""
    report, _, _ = evaluated
    for split, cut in (("valid", -2), ("test", -1)):
        gains = []
        for items in world.histories.values():
            history, target = items[:cut], items[cut]
            last = ITEMS.index(history[-1])
            unseen = [
                ITEMS[(last + d) % 60]
                for d in range(1, 61)
                if ITEMS[(last + d) % 60] not in history
            ]
            rank = unseen.index(target) + 1
            gains.append(1 / math.log2(rank + 1) if rank <= 5 else 0.0)
        found = report["splits"][split]["metrics"]["recall"]["NDCG@5"]
        assert found["value"] == pytest.approx(np.mean(gains))
        assert found["se"] == pytest.approx(np.std(gains, ddof=1) / math.sqrt(USERS))


def test_metrics_are_those_of_the_judge(
    world: World, evaluated: Evaluated, tmp_path: pathlib.Path
) -> None:
    """The per-request file, as predictions, through ../shared/judge where the checkout has it."""
    judge = pathlib.Path(__file__).resolve().parents[4] / "shared/judge/evaluate.py"
    if not judge.exists():
        pytest.skip("no ../shared/judge beside this checkout")
    report, evaluation, _ = evaluated
    for name, cut in (("train", slice(0, -2)), ("valid", slice(-2, -1)), ("test", slice(-1, None))):
        (tmp_path / f"{name}.tsv").write_text(
            "".join(
                f"{user}\t{item}\t0\n"
                for user, items in world.histories.items()
                for item in items[cut]
            )
        )
    for split in ("valid", "test"):
        rows = pq.read_table(pathlib.Path(evaluation.uri) / f"requests-{split}.parquet").to_pylist()
        lists = tmp_path / "predictions.tsv"
        lists.write_text("".join(f"{r['user_id']}\t{' '.join(r['items'])}\n" for r in rows))
        judged = json.loads(
            subprocess.run(
                [
                    sys.executable,
                    str(judge),
                    str(tmp_path),
                    str(lists),
                    "--on",
                    split,
                    "--ks",
                    f"5,{K}",
                    "--json",
                ],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        own = report["splits"][split]["metrics"]["recall"]
        for metric in (f"{m}@{k}" for m in ("HR", "NDCG", "MRR") for k in (5, K)):
            assert own[metric]["value"] == pytest.approx(judged[metric], abs=1e-12)
            assert own[metric]["se"] == pytest.approx(judged["se"][metric], abs=1e-12)
        assert judged["seen_in_lists"] == 0


def test_slices_are_means_of_their_requests(evaluated: Evaluated) -> None:
    report, evaluation, _ = evaluated
    rows = pq.read_table(pathlib.Path(evaluation.uri) / "requests-valid.parquet").to_pylist()
    found = report["splits"]["valid"]["slices"]
    assert set(found) == set(SLICES)
    women = [row["rank_recall"] for row in rows if row["slice_user_gender"] == "F"]
    assert found["user_gender"]["F"]["users"] == len(women) == USERS // 2
    assert found["user_gender"]["F"]["HR@5"]["value"] == pytest.approx(
        np.mean([0 < r <= 5 for r in women])
    )
    assert set(found["user_hobbies"]) == {"chess", "golf", "(missing)"}
    assert (
        sum(v["users"] for v in found["user_age"].values()) == USERS and len(found["user_age"]) == 4
    )
    assert set(found["history_length"]) == {"10-19"}


def test_tfma_reads_the_results(evaluated: Evaluated) -> None:
    report, evaluation, _ = evaluated
    result = tfma.load_eval_result(str(pathlib.Path(evaluation.uri) / evaluator.TFMA_FOLDER))
    values = {tuple(sorted(key)): metrics[""][""] for key, metrics in result.slicing_metrics}
    for split in ("valid", "test"):
        assert values[(("split", split),)]["NDCG@5"]["doubleValue"] == pytest.approx(
            report["splits"][split]["metrics"]["recall"]["NDCG@5"]["value"], abs=1e-6
        )
    assert values[("split", "test"), ("user_gender", "M")]["HR@5"]["doubleValue"] == pytest.approx(
        report["splits"]["test"]["slices"]["user_gender"]["M"]["HR@5"]["value"], abs=1e-6
    )


def _nan() -> np.ndarray:
    return np.full((len(ITEMS) + 1, len(ITEMS)), np.nan)


def _one_list() -> np.ndarray:
    return np.tile(np.random.default_rng(1).permutation(len(ITEMS)), (len(ITEMS) + 1, 1))


@pytest.mark.parametrize(
    "scores,rule",
    [(_nan(), "sound/not_finite"), (_one_list(), "sound/personal")],
    ids=["nan", "one-list"],
)
def test_a_broken_model_is_neither_blessed_nor_pushed(
    world: World, scores: np.ndarray, rule: str
) -> None:
    model = world.model(scores)
    report, _, blessing = world.evaluate(model)
    assert not report["blessing"]["blessed"]
    failed = {r["name"] for r in report["blessing"]["rules"] if r["passed"] is False}
    assert rule in failed and len(report["blessing"]["reasons"]) == len(failed)
    assert blessing.get_int_custom_property("blessed") == 0
    assert (pathlib.Path(blessing.uri) / "NOT_BLESSED").exists()
    assert world.push(model, blessing) == []


def test_a_worse_model_than_the_last_blessed_is_not_pushed(
    world: World, good: standard_artifacts.Model
) -> None:
    """It is sound and passes all thresholds, but looks one item further than it should."""
    worse = world.model(np.roll(fake_recall.cycle(len(ITEMS)), 3, axis=1))
    report, _, blessing = world.evaluate(worse, baseline=good, thresholds={"NDCG@5": {"min": 0.0}})
    failed = [r["name"] for r in report["blessing"]["rules"] if r["passed"] is False]
    assert failed == ["last_blessed"]
    paired = report["splits"]["valid"]["paired"][ranking.LAST_BLESSED]["NDCG@5"]
    assert paired["low"] <= paired["difference"] <= paired["high"] < 0
    assert blessing.get_int_custom_property("baseline_model_id") == good.id
    assert world.push(worse, blessing) == []


def _age_as_text() -> config.Data:
    plain = strict.to_plain(examples.data())
    plain["users"]["columns"]["age"] = {"kind": "categorical"}
    return strict.read(config.Data, plain)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"data": _age_as_text()}, "another kind, so nothing was compared: user_age"),
        (
            {"split": '{"method": "temporal", "valid_from": 9}'},
            "split.method was temporal and is leave_one_out",
        ),
    ],
    ids=["input-type", "split"],
)
def test_a_last_blessed_model_that_cannot_be_compared_is_not(
    world: World, good: standard_artifacts.Model, changed: dict[str, Any], reason: str
) -> None:
    last = world.model(fake_recall.cycle(len(ITEMS)), **changed)
    report, _, _ = world.evaluate(good, baseline=last)
    (rule,) = [r for r in report["blessing"]["rules"] if r["name"] == "last_blessed"]
    assert rule["passed"] is None and reason in rule["reason"]
    assert ranking.LAST_BLESSED not in report["splits"]["valid"]["metrics"]
