"""Additional candidates, against plain Python: sums over the newest events, and who is left out."""

from __future__ import annotations

import collections

import numpy as np
import pytest
import tensorflow as tf

from modules import config
from modules.index import additional, body, sets
from modules.ranking import sparse_table, statistics

ITEMS = 40
NOTHING = body.NO_POSITION
_FOLLOWERS = sparse_table.SparseTable.of(np.array([1]), np.array([2]), np.array([9.0]), 4)


def _weights(seed: int = 0) -> np.ndarray:
    """Float [ITEMS, ITEMS], a fifth of it above 0, some below; no two sums are equal."""
    generator = np.random.default_rng(seed)
    weights = generator.random((ITEMS, ITEMS)) + 0.01
    weights[generator.random(weights.shape) < 0.8] = 0
    weights[generator.random(weights.shape) < 0.1] = -1
    return weights


def _table(weights: np.ndarray, *, events: int = 5, number: int = 6) -> additional.Table:
    cells = np.nonzero(weights)
    return additional.Table.of("ease", cells, weights[cells], ITEMS, events=events, number=number)


def _expected(
    weights: np.ndarray, history: list[int], taken: list[int], events: int, number: int
) -> list[int]:
    sums: dict[int, float] = collections.Counter()
    for item in history[-events:]:
        for other in range(ITEMS):
            if item != NOTHING and weights[item, other] > 0:
                sums[other] += weights[item, other]
    best = sorted((other for other in sums if other not in taken), key=lambda o: -sums[o])[:number]
    return best + [NOTHING] * (number - len(best))


def _padded(rows: list[list[int]]) -> tf.Tensor:
    width = max(map(len, rows), default=0)
    return tf.constant(
        [row + [NOTHING] * (width - len(row)) for row in rows], tf.int32, shape=[len(rows), width]
    )


def _find(
    table: additional.Table, histories: list[list[int]], taken: list[list[int]]
) -> list[list[int]]:
    lengths = tf.constant(list(map(len, histories)))
    source = additional.Source(table)
    found = source.find(_padded(histories), lengths, sets.in_order(_padded(taken)))
    assert found.dtype == tf.int32
    return found.numpy().tolist()


HISTORIES = [
    [1, 2, 3],
    [],
    [7],
    [4, 4, 4],
    [NOTHING, 5, NOTHING],
    [NOTHING],
    list(range(30)),
    [39, 0, 39, 0, 39, 0, 8],
]


@pytest.mark.parametrize("events", [1, 5, 50])
@pytest.mark.parametrize("number", [1, 6, ITEMS + 5])
def test_the_newest_events_neighbours_by_the_sum_of_their_weights(events: int, number: int) -> None:
    weights, taken = _weights(), [[2, 9], [], list(range(ITEMS)), [NOTHING, 3], [], [1], [0], [5]]
    found = _find(_table(weights, events=events, number=number), HISTORIES, taken)
    assert found == [
        _expected(weights, history, gone, events, number) for history, gone in zip(HISTORIES, taken)
    ]


def test_a_row_keeps_its_strongest_neighbours() -> None:
    weights = np.zeros((300, 300))
    weights[0, 1:] = np.random.default_rng(0).permutation(299) + 1
    cells = np.nonzero(weights)
    table = additional.Table.of("ease", cells, weights[cells], 300, events=1, number=9)
    assert table.neighbours.shape == (300, additional._KEPT)
    assert table.weights[0].tolist() == list(range(299, 299 - additional._KEPT, -1))
    assert (table.neighbours[1:] == NOTHING).all() and not table.weights[1:].any()


def test_an_empty_table_finds_nothing() -> None:
    assert _find(_table(np.zeros((ITEMS, ITEMS))), [[1, 2]], [[]]) == [[NOTHING] * 6]


def test_statistics_become_tables_by_position() -> None:
    """Rows 1 to 3 are a, b and c; the index holds c, x and a: b stands in no list."""
    counted = sparse_table.SparseTable.of(
        np.array([1, 1, 3, 2]), np.array([2, 3, 1, 3]), np.array([9.0, 2.0, 4.0, 1.0]), 5
    )
    weights = np.zeros((5, 5))
    weights[1, 3], weights[1, 2], weights[3, 1] = 0.5, 0.9, -0.5
    followers, similar = additional.tables(
        counted,
        statistics.Neighbours.of(weights, 3),
        [b"a", b"b", b"c"],
        [b"c", b"x", b"a"],
        config.Additional(co_occurrence=7, ease=2),
    )
    assert (followers.source, followers.number) == ("co_occurrence", 7)
    assert (similar.source, similar.number) == ("ease", 2)
    assert followers.neighbours.tolist() == [[2], [NOTHING], [0]]
    assert followers.weights.tolist() == [[4.0], [0.0], [2.0]]
    assert similar.neighbours.tolist() == [[NOTHING], [NOTHING], [0]]
    assert similar.weights.tolist() == [[0.0], [0.0], [0.5]]


def test_none_are_declared_by_default() -> None:
    similar = statistics.Neighbours.of(np.ones((4, 4)), 2)
    assert additional.tables(_FOLLOWERS, similar, *[[b"a", b"b"]] * 2, config.Additional()) == []


def test_a_catalogue_too_large_for_ease_has_the_other_source() -> None:
    settings = config.Additional(co_occurrence=3, ease=3)
    assert len(additional.tables(_FOLLOWERS, None, *[[b"a", b"b"]] * 2, settings)) == 1
