"""What each component is told of the configuration: all that it reads, and nothing else."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import pytest

from pipeline import configuration
from pipeline import dag
from pipeline import runs
from tests.e2e import small_shop


def told(shop: pathlib.Path, run: runs.Run, overrides: Sequence[str] = ()) -> dict[str, str]:
    """The parameters of every component, by its id."""
    pipeline = dag.create(configuration.load(str(shop), overrides), run)
    return {c.id: str(sorted(getattr(c, "exec_properties", {}).items())) for c in pipeline.components}


@pytest.mark.parametrize(
    ("override", "changed"),
    [
        ("split.min_events=4", {"InteractionsExampleGen", "Indexer", "RecallEvaluator"}),
        ("data.duplicate_events=drop", {"InteractionsExampleGen"}),
        ("features.timezone=Europe/Berlin", {"Transform", "Trainer"}),
        ("features.crosses=[{features: [user_age, item_group]}]", set()),
        ("training.epochs=9", {"Trainer"}),
        ("model.dropout=0.5", {"Trainer"}),
        ("index.min_recall=0.5", {"Indexer"}),
        ("evaluation.primary=HR@10", {"RecallEvaluator"}),
        ("data.users.columns.age={kind: numeric, default: 30}", {
            "InteractionsExampleGen", "Transform", "Trainer", "Indexer", "RecallEvaluator"}),
    ],
)
def test_a_change_reaches_only_those_that_read_it(
    tmp_path: pathlib.Path, override: str, changed: set[str]
) -> None:
    shop, run = small_shop.write(tmp_path), runs.Run(tmp_path / "runs", "small-shop")
    before, after = told(shop, run), told(shop, run, [override])
    assert {name for name in before if before[name] != after[name]} == changed
