"""A tiny data set with every kind of feature, with candidates, and a rank model trained on it."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import numpy as np
import pytest

from modules import features, lineage, strict
from modules.beam import sparse_counts
from modules.ranking import export, layout, shards, sparse_table, trainer
from modules.ranking import model as model_lib
from modules.ranking import statistics as statistics_lib
from modules.recall import trainer as recall_trainer
from tests import examples
from tests import transformed as transformed_lib

MADE_OF = lineage.Lineage("t", "c", "r")


def settings(
    model: dict[str, Any] | None = None,
    training: dict[str, Any] | None = None,
    crosses: list[dict[str, Any]] | None = None,
) -> model_lib.Settings:
    """A small model of all groups, two epochs, two objectives; arguments replace single values."""
    if crosses is None:
        crosses = [
            {"features": ["user_age", "item_tags"]},
            {"features": ["context_device", "item_price"], "buckets": 5},
            {"features": ["event_action_type", "user_hobbies"]},
        ]
    return strict.read(
        model_lib.Settings,
        {
            "data": strict.to_plain(examples.data()),
            "index": {"k": 6},
            "features": {"max_history": transformed_lib.MAX_HISTORY, "crosses": crosses},
            "ranking": {
                "model": {
                    "dim": 8,
                    "history": 3,
                    "hidden": [16],
                    "dropout": 0.0,
                    "feature_dropout": 0.0,
                    "attention_vector": True,
                    **(model or {}),
                },
                "training": {"epochs": 2, "batch_requests": 3, **(training or {})},
                "objectives": {
                    "bought": {"column": "action", "values": ["buy"]},
                    "liked": {"column": "rating", "at_least": 4},
                },
            },
        },
    )


@dataclasses.dataclass(frozen=True)
class Ranked:
    """The data set, with the examples of Candidates in `folder`."""

    transformed: transformed_lib.Transformed
    folder: pathlib.Path
    rows: dict[str, list[dict[str, Any]]]

    def prepare(self, settings: model_lib.Settings) -> trainer.Prepared:
        return trainer.prepare(settings=settings, **self._arguments())

    def train(
        self,
        settings: model_lib.Settings,
        checkpoints: pathlib.Path,
        watchers: tuple[Any, ...] = (),
    ) -> trainer.Trained:
        return trainer.train(
            settings=settings,
            checkpoint_folder=str(checkpoints),
            watchers=watchers,
            **self._arguments(),
        )

    def _arguments(self) -> dict[str, Any]:
        statistics = statistics_of(self.transformed)
        return {
            "transform": self.transformed.output,
            "vectors": vectors(),
            "train_files": [str(self.folder / "Split-train" / "*")],
            "valid_files": [str(self.folder / "Split-valid" / "*")],
            "catalogue_files": [self.transformed.files["catalogue"]],
            "statistics": {0: statistics, trainer.FINAL: statistics},
        }


def vectors() -> dict[bytes, np.ndarray]:
    """Of all items, float32 [4]."""
    rng = np.random.default_rng(3)
    return {name.encode(): rng.normal(size=4).astype(np.float32) for name in transformed_lib.ITEMS}


def statistics_of(transformed: transformed_lib.Transformed) -> statistics_lib.Statistics:
    """Made up, of the right shape."""
    rng, size = np.random.default_rng(5), len(transformed_lib.ITEMS) + 2
    brands = len(recall_trainer.vocabulary(transformed.output, "item_brand")) + 1
    popularity = np.array([0, *rng.integers(0, 9, size - 2), 0], np.float32)
    first_day, rows = 10**9 // 86_400, np.arange(1, size - 1)
    return statistics_lib.Statistics(
        popularity=popularity,
        daily=sparse_table.SparseTable.of(rows, np.zeros_like(rows), popularity[1:-1], 2),
        first_day=first_day,
        co_occurrence=sparse_table.SparseTable.of(rows[:-1], rows[1:], np.ones(size - 3), size),
        sessions=sparse_table.SparseTable.of(rows[1:], rows[:-1], np.ones(size - 3), size),
        session_totals=np.ones(size, np.float32),
        similarity=statistics_lib.Neighbours.of(rng.normal(size=(size, size)), 3),
        categories={
            "item_brand": statistics_lib.Categories(
                np.concatenate([[-1], rng.integers(0, brands, size - 2), [-1]])[
                    :, np.newaxis
                ].astype(np.int32),
                np.full(brands, 1 / brands, np.float32),
            )
        },
        feedback={
            "event_rating": statistics_lib.Feedback(
                np.full(size, 3.5, np.float32) + np.arange(size, dtype=np.float32) / 10, 3.5, 1.0
            )
        },
        events=50,
        users=8,
        first_timestamp=10**9,
        last_timestamp=10**9 + 86_400,
    )


def write_statistics(folder: str, transformed: transformed_lib.Transformed) -> None:
    """Tables as InteractionStatistics writes them, made up: chains of items, one brand for all."""
    made = statistics_of(transformed)
    size, rows = len(made.popularity), np.arange(1, len(made.popularity) - 1)
    ones = np.ones((len(rows), 1), np.int64)
    counted = {
        layout.POPULARITY: sparse_counts.Cells(rows, made.popularity[1:-1, np.newaxis]),
        layout.DAILY: sparse_counts.Cells(layout.day_keys(rows, np.full_like(rows, 10**9)), ones),
        layout.FEEDBACK: sparse_counts.Cells(rows, np.repeat(ones * 3.5, 2, axis=1)),
        layout.FOLLOWING: sparse_counts.Cells(rows[:-1] * size + rows[1:], ones[1:]),
        layout.TOGETHER: sparse_counts.Cells(rows[1:] * size + rows[:-1], ones[1:]),
        layout.TOGETHER_TOTALS: sparse_counts.Cells(rows, ones),
        layout.categories_table(0): sparse_counts.Cells(rows * layout.CATEGORIES_WIDTH, ones),
    }
    columns = {table: layout.columns(table, cells, size) for table, cells in counted.items()} | {
        layout.SIMILARITY: layout.similarity_columns(made.similarity)
    }
    files = [shards.write_block(folder, table, 0, found) for table, found in columns.items()]
    span = layout.Span(made.users, made.first_timestamp, made.last_timestamp)
    sizes = {name: len(found.share) for name, found in made.categories.items()}
    facts = layout.manifest(span, size, sizes, list(made.feedback), 99, files)
    shards.write_manifest(folder, facts)


def candidate_row(
    row: dict[str, Any], rng: np.random.Generator, *, missed: bool = False, added: bool = False
) -> dict[str, Any]:
    """An example of Candidates: five items new to the user, and the target unless it was missed."""
    target, known = row["event_item_id"][-1], set(row["event_item_id"])
    items = list(rng.permutation([i for i in transformed_lib.ITEMS if i not in known]))[:5]
    if not missed:
        items.insert(len(items) if added else int(rng.integers(len(items))), target)
    scores = sorted(rng.normal(size=len(items)).tolist(), reverse=True)
    return {
        **row,
        features.CANDIDATE_ITEM_ID: [str(i) for i in items],
        features.RECALL_SCORE: scores,
        features.TARGET_PLACE: -1 if missed else items.index(target),
        features.POSITIVE_ADDED: int(added),
        features.PART: 0,
    }


def with_candidates(transformed: transformed_lib.Transformed, folder: pathlib.Path) -> Ranked:
    """Writes the candidates: recall missed one request per split; one training target is added."""
    rng = np.random.default_rng(1)
    rows = {
        "train": [
            candidate_row(row, rng, missed=n == 0, added=n == 1)
            for n, row in enumerate(transformed.raw["train"])
        ],
        "valid": [
            candidate_row(row, rng, missed=n == 2) for n, row in enumerate(transformed.raw["valid"])
        ],
    }
    examples.write(folder, rows)
    return Ranked(transformed, folder, rows)


@pytest.fixture(scope="session")
def transformed(tmp_path_factory: pytest.TempPathFactory) -> transformed_lib.Transformed:
    """The data set, transformed."""
    return transformed_lib.made(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def ranked(
    transformed: transformed_lib.Transformed, tmp_path_factory: pytest.TempPathFactory
) -> Ranked:
    """The data set with candidates."""
    return with_candidates(transformed, tmp_path_factory.mktemp("candidates"))


@pytest.fixture(scope="session")
def prepared(ranked: Ranked) -> trainer.Prepared:
    """What a model of all groups learns from."""
    return ranked.prepare(settings())


@pytest.fixture(scope="session")
def trained(ranked: Ranked, tmp_path_factory: pytest.TempPathFactory) -> trainer.Trained:
    """A model of all groups."""
    return ranked.train(
        settings(training={"learning_rate": 0.02}), tmp_path_factory.mktemp("trained")
    )


@pytest.fixture(scope="session")
def exported(trained: trainer.Trained, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Its SavedModel's folder."""
    folder = str(tmp_path_factory.mktemp("exported") / "model")
    export.save(trained, folder, MADE_OF)
    return folder
