"""What is done together in a session, and EASE's similarity, against NumPy."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from modules import ranking_config
from modules.ranking import sparse_table, statistic_features, statistics
from tests import close

ITEMS = 30
ROWS = ITEMS + 2
_NOT_KEPT = 7.0  # of each row of the table of sessions
SETTINGS = ranking_config.Statistics(session_seconds=60, session_events=4)


def _statistics(
    similarity: statistics.Neighbours | None,
) -> tuple[statistics.Statistics, np.ndarray]:
    random = np.random.default_rng(1)
    together = random.integers(0, 3, (ROWS, ROWS)).astype(float)
    together[[0, -1]] = together[:, [0, -1]] = 0
    rows, columns = np.nonzero(together)
    table = sparse_table.SparseTable.of(rows, columns, together[rows, columns], ROWS)
    popularity = random.integers(0, 20, ROWS).astype(np.float32)
    popularity[[0, -1]] = 0
    return statistics.Statistics(
        popularity=popularity,
        daily=sparse_table.SparseTable.of([1], [0], [3], 3),
        first_day=0,
        co_occurrence=table,
        sessions=table,
        session_totals=(together.sum(axis=1) + _NOT_KEPT).astype(np.float32),
        similarity=similarity,
        categories={},
        feedback={},
        events=int(popularity.sum()),
        users=3,
        first_timestamp=0,
        last_timestamp=9,
    ), together


def _features(
    found: statistics.Statistics,
    history: list[int],
    times: list[int],
    now: int,
    candidates: list[int],
) -> dict[str, np.ndarray]:
    features = statistic_features.StatisticFeatures(found, SETTINGS)
    as_row = lambda values: tf.constant([values], tf.int64)
    values = features(
        as_row(history), as_row(times), tf.constant([now], tf.int64), as_row(candidates)
    )
    return dict(zip(features.names, values.numpy()[0].T))


def test_together_is_counted_over_the_session_that_goes_on() -> None:
    found, together = _statistics(None)
    history, times = [0, 9, 5, 7, 5, 3, 8], [0, 10, 100, 101, 102, 140, 160]
    candidates = [1, 2, 8, 30]
    made = _features(found, history, times, 165, candidates)
    session = [3, 8]  # of the last 4 events, those at most 60 s ago
    counts = sum(together[item][candidates] for item in session)
    close.assert_close(made["together"], np.log1p(counts), roundings=close.FUNCTIONS)
    drawn = sum(together[item][candidates] / (5 + together[item].sum() + 7) for item in session)
    chance = (found.popularity[candidates] + 1) / found.events + 1e-4
    close.assert_close(
        made["together_lift"],
        np.log(drawn + 1e-3) - np.log(chance),
        roundings=close.FUNCTIONS,
        scale=-np.log(1e-3),  # the largest logarithm
    )


def test_without_a_session_there_is_no_lift() -> None:
    found, _ = _statistics(None)
    made = _features(found, [5, 3], [10, 20], 5_000, [1, 2])
    assert made["together"].tolist() == made["together_lift"].tolist() == [0, 0]


def test_similarity_adds_the_kept_weights_of_each_item_once() -> None:
    weights = np.random.default_rng(2).normal(size=(ROWS, ROWS)).astype(np.float32)
    kept = statistics.Neighbours.of(weights, 9)
    found, _ = _statistics(kept)
    strongest = np.zeros_like(weights)
    for row in range(ROWS):
        best = sorted(range(ROWS), key=lambda column: -abs(weights[row, column]))[:9]
        assert sorted(kept.items[row]) == sorted(best)
        strongest[row, best] = weights[row, best]
    history = [0, 4, 9, 4, 11, 12, 13, 14, 15, 16, 17, 18, 19]
    made = _features(found, history, list(range(13)), 20, [1, 4, 30])
    everything = sorted({*history} - {0})
    terms = 10 * strongest[everything][:, [1, 4, 30]]
    close.assert_close(
        made["similarity"], terms.sum(0), roundings=close.FUNCTIONS, scale=np.abs(terms).max()
    )
    last = [19, 18, 17, 16, 15, 14, 13, 12, 11, 4]  # the last ten items, each once
    terms = 10 * strongest[last][:, [1, 4, 30]]
    close.assert_close(
        made["similarity_last_10"],
        terms.sum(0),
        roundings=close.FUNCTIONS,
        scale=np.abs(terms).max(),
    )


def test_large_catalogues_have_no_similarity() -> None:
    found, _ = _statistics(None)
    names = statistic_features.names(found, SETTINGS)
    assert "similarity" not in names and "together_lift" in names
