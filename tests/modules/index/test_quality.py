"""What the gate measures, by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from modules import config
from modules.index import bodies, gate, parameters, quality

# Four items on a line; the query 1 prefers 3, 2, 1, 0 and the query -1 the reverse.
LINE = np.array([[0.0], [1.0], [2.0], [3.0]], np.float32)
QUERIES = np.array([[1.0], [-1.0]], np.float32)
GOOD = quality.Measured(recall=1.0, narrow_rows=0, nan_rows=0)


def judged(
    positions: list[list[int]],
    excluded: np.ndarray | None = None,
    k: int = 2,
    scores: float = 0.0,
    vectors: np.ndarray = LINE,
) -> quality.Measured:
    array = np.array(positions, np.int32)
    return quality.Truth(vectors, QUERIES, k, excluded).judge(
        array, np.full(array.shape, scores, np.float32)
    )


def test_recall_counts_what_exact_search_would_find() -> None:
    assert judged([[3, 2], [1, 0]]) == GOOD
    assert judged([[3, 1], [1, 0]]) == quality.Measured(recall=0.75, narrow_rows=0, nan_rows=0)


def test_equally_good_items_are_equal() -> None:
    assert (
        judged([[3, 1], [0, 1]], vectors=np.array([[0.0], [0.0], [0.0], [3.0]], np.float32)) == GOOD
    )


def test_missing_repeated_and_excluded_items_are_narrow() -> None:
    assert judged([[3, -1], [0, 1]]) == quality.Measured(recall=0.75, narrow_rows=1, nan_rows=0)
    assert judged([[3, 3], [0, 1]]) == quality.Measured(recall=0.75, narrow_rows=1, nan_rows=0)
    excluded = np.array([[3, -1], [-1, -1]], np.int32)
    assert judged([[2, 1], [0, 1]], excluded) == GOOD
    assert judged([[3, 2], [0, 1]], excluded) == quality.Measured(
        recall=0.75, narrow_rows=1, nan_rows=0
    )


def test_a_short_catalogue_can_be_complete() -> None:
    excluded = np.array([[0, 1, 2, 3], [1, 2, 3, -1]], np.int32)
    assert judged([[-1, -1], [0, -1]], excluded) == GOOD
    assert judged([[3, 2, 1, 0, -1], [0, 1, 2, 3, -1]], k=5) == GOOD


def test_nan_scores_are_counted() -> None:
    assert judged([[3, 2], [0, 1]], scores=np.nan).nan_rows == 2


def test_found_runs_in_chunks_of_rows() -> None:
    queries = np.arange(70, dtype=np.float32).reshape(70, 1)
    positions, scores = quality.found(lambda q: (tf.cast(q, tf.int32), 2 * q), queries)
    assert positions[:, 0].tolist() == list(range(70))
    assert scores[:, 0].tolist() == list(range(0, 140, 2))


@pytest.mark.parametrize(
    "recalls, effort", [((0.9, 1.0, 1.0), 1.0), ((0.9, 0.98, 1.0), 2.0), ((0.5, 0.6, 0.7), 2.0)]
)
def test_the_depth_is_the_least_that_is_enough_but_never_less_than_derived(
    recalls: tuple[float, ...], effort: float
) -> None:
    index = bodies.build(np.ones((16, 2), np.float32), parameters.Ivf(partitions=1, probes=1))
    index.settings = parameters.Ivf(partitions=64, probes=4)
    points = [
        quality.Point(effort=e, recall=r, milliseconds=1.0, parameters={})
        for e, r in zip((0.5, 1.0, 2.0), recalls)
    ]
    assert quality.tuned(index, points, 0.99) == parameters.Ivf(
        partitions=64, probes=int(4 * effort)
    )


def test_the_curve_goes_deeper_until_the_target_is_reached() -> None:
    # no clusters: the worst case
    vectors = np.random.default_rng(0).normal(size=(800, 8)).astype(np.float32)
    queries = vectors[:16]
    index = bodies.build(vectors, parameters.Ivf(partitions=80, probes=1))
    points = quality.curve(index, queries, quality.Truth(vectors, queries, 10), 10, 1.0)
    assert [p.recall for p in points] == sorted(p.recall for p in points)
    assert points[-1].effort > max(quality.EFFORTS)
    assert points[-1].recall == 1.0 > points[-2].recall


def report(**changes) -> gate.Report:
    base = gate.Report(
        items=100,
        dimension=8,
        k=10,
        queries=50,
        settings=parameters.Exact(),
        search=GOOD,
        served=GOOD,
        milliseconds={},
        curve=(),
    )
    return dataclasses.replace(base, **changes)


def test_the_gate_lets_a_good_index_through() -> None:
    gate.check(report(search=dataclasses.replace(GOOD, recall=0.99)), config.Index(min_recall=0.99))


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"search": dataclasses.replace(GOOD, recall=0.98)},
            r"search: recall@10 is 0\.9800, at least 0\.99 expected",
        ),
        (
            {"served": dataclasses.replace(GOOD, recall=0.5)},
            r"with exclusions: recall@10 is 0\.5000",
        ),
        ({"served": dataclasses.replace(GOOD, narrow_rows=3)}, r"3 of 50 queries did not get"),
        ({"search": dataclasses.replace(GOOD, nan_rows=2)}, r"2 of 50 queries got NaN"),
        ({"search": dataclasses.replace(GOOD, recall=float("nan"))}, r"recall@10 is nan"),
    ],
)
def test_the_gate_refuses_with_the_numbers(changes, message: str) -> None:
    with pytest.raises(gate.IndexGateError, match=message):
        gate.check(report(**changes), config.Index(min_recall=0.99))


def test_the_remedy_fits_the_configuration() -> None:
    bad = report(
        search=dataclasses.replace(GOOD, recall=0.1),
        settings=parameters.Ivf(partitions=9, probes=1),
    )
    with pytest.raises(
        gate.IndexGateError, match=r"Raise index\.reorder and index\.leaves_to_search"
    ):
        gate.check(bad, config.Index(leaves_to_search=1))
    with pytest.raises(gate.IndexGateError, match=r"Set index\.body: exact"):
        gate.check(bad, config.Index())
