"""What each component is told of the configuration: all that it reads, and nothing else."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import pytest

from pipeline import configuration, dag, runs
from tests.e2e import small_shop

TRAINERS = ("Trainer", "HoldOutTrainer_0")
INDEXERS = ("Indexer", "HoldOutIndexer_0")
EVALUATORS = ("RecallEvaluator", "TwoStageEvaluator")


def told(shop: pathlib.Path, run: runs.Run, overrides: Sequence[str] = ()) -> dict[str, str]:
    """The parameters of every component, by its id."""
    pipeline = dag.create(configuration.load(str(shop), overrides), run)
    return {
        c.id: str(sorted(getattr(c, "exec_properties", {}).items())) for c in pipeline.components
    }


@pytest.mark.parametrize(
    ("override", "changed"),
    [
        ("split.min_events=4", {"InteractionsExampleGen", *INDEXERS, *EVALUATORS, "Pusher"}),
        ("data.duplicate_events=drop", {"InteractionsExampleGen"}),
        (
            "features.timezone=Europe/Berlin",
            {"Transform", *TRAINERS, "RankTrainer", "ServingCatalogue", "Pusher"},
        ),
        ("features.crosses=[{features: [user_age, item_group]}]", {"RankTrainer", "Pusher"}),
        ("training.epochs=9", {*TRAINERS, "Pusher"}),
        ("training.early_stopping.patience=3", {*TRAINERS, "Pusher"}),
        ("model.dropout=0.5", {*TRAINERS, "Pusher"}),
        ("index.min_recall=0.5", {*INDEXERS, "Pusher"}),
        ("index.max_exclusions=7", {*INDEXERS, "ServingCatalogue", "Pusher"}),
        ("evaluation.primary=HR@10", set(EVALUATORS)),
        (
            "ranking.hold_out.requests=3",
            {"InteractionsExampleGen", "InteractionStatistics", "Candidates", "Pusher"},
        ),
        ("ranking.statistics.distance=3", {"InteractionStatistics", "RankTrainer", "Pusher"}),
        ("ranking.model.dim=4", {"RankTrainer", "Pusher"}),
        ("ranking.training.epochs=3", {"RankTrainer", "Pusher"}),
        (
            "data.users.columns.age={kind: numeric, default: 30}",
            {
                "InteractionsExampleGen",
                "Transform",
                *TRAINERS,
                *INDEXERS,
                *EVALUATORS,
                "InteractionStatistics",
                "Candidates",
                "RankTrainer",
                "ServingCatalogue",
                "Pusher",
            },
        ),
    ],
)
def test_a_change_reaches_only_those_that_read_it(
    tmp_path: pathlib.Path, override: str, changed: set[str]
) -> None:
    shop, run = small_shop.write(tmp_path), runs.Run(tmp_path / "runs", "small-shop")
    before, after = told(shop, run), told(shop, run, [override])
    assert {name for name in before if before[name] != after[name]} == changed


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("ranking.hold_out.method=none", []),
        ("ranking.hold_out.method=temporal", [0]),
        (
            "ranking={hold_out: {method: cross_fit, folds: 3}, model: {item_vectors: false}}",
            [0, 1, 2],
        ),
    ],
)
def test_a_hold_out_recall_model_for_each_part(
    tmp_path: pathlib.Path, override: str, parts: list[int]
) -> None:
    shop, run = small_shop.write(tmp_path), runs.Run(tmp_path / "runs", "small-shop")
    ids = told(shop, run, [override])
    for kind in ("HoldOutTrainer", "HoldOutIndexer"):
        assert [name for name in ids if name.startswith(kind)] == [
            f"{kind}_{part}" for part in parts
        ]


def test_without_ranking_a_release_is_made_of_recall(tmp_path: pathlib.Path) -> None:
    shop, run = small_shop.write(tmp_path), runs.Run(tmp_path / "runs", "small-shop")
    assert set(told(shop, run, ["ranking.enabled=false"])) == {
        "InteractionsExampleGen",
        "StatisticsGen",
        "ImportSchemaGen",
        "DataValidator",
        "Transform",
        "Trainer",
        "Indexer",
        "LastBlessedModel",
        "RecallEvaluator",
        "ServingCatalogue",
        "Pusher",
    }


@pytest.mark.parametrize("ranking", [True, False])
def test_a_release_names_the_code_that_made_its_models(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, ranking: bool
) -> None:
    monkeypatch.setattr(dag.source_digest, "of", lambda *modules: " ".join(modules))
    shop, run = small_shop.write(tmp_path), runs.Run(tmp_path / "runs", "small-shop")
    pusher = told(shop, run, [f"ranking.enabled={str(ranking).lower()}"])["Pusher"]
    for module in (dag.PREPROCESSING, dag.RECALL_TRAINER, "pipeline.components.indexer"):
        assert module in pusher
    assert ("pipeline.components.rank_trainer" in pusher) == ranking
