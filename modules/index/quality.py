"""Measures an index on real queries.

It measures recall against exact search, width, NaN and latency, and gives the trade-off curve.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy import typing as npt

from modules import graphs
from modules.index import body, exact, parameters, recall_module

BATCH_SIZES = (1, 32)  # that latency is measured at
# depths of the trade-off curve, as shares of the derived one
EFFORTS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
DEEPEST = 64.0  # effort that is tried when less is not enough
MARGIN = 0.003  # two builds of one ScaNN index differ by so much recall
_CHUNK = 32  # queries searched at a time
_TOLERANCE = 1e-5  # of a score, relative to the largest: below it two items are equally good

Search = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


@dataclasses.dataclass(frozen=True)
class Measured:
    """What was found for a set of queries."""

    recall: float  # share of the possible min(k, items left) found, 1 for an exact search
    # queries with fewer items than possible, with one twice, or with an excluded one
    narrow_rows: int
    nan_rows: int  # queries with a NaN score


@dataclasses.dataclass(frozen=True)
class Point:
    """One depth of the trade-off curve."""

    effort: float
    recall: float
    milliseconds: float  # median, batch 1
    parameters: dict[str, Any]


class Truth:
    """Exact search, the reference."""

    def __init__(
        self,
        vectors: npt.NDArray[np.float32],
        queries: npt.NDArray[np.float32],
        k: int,
        excluded: npt.NDArray[np.int32] | None = None,
    ) -> None:
        """Finds the score that an item must reach to be among the best `k` of each query.

        Args:
          vectors: float32 [N, D].
          queries: float32 [Q, D].
          k: the depth.
          excluded: int32 [Q, any] positions, NO_POSITION as padding.
        """
        self._vectors, self._queries = vectors, queries
        self._excluded = [
            set() if excluded is None else set(row[row >= 0].tolist())
            for row in (np.empty((len(queries), 0), np.int32) if excluded is None else excluded)
        ]
        self._k = k
        self._possible = np.array([min(k, len(vectors) - len(out)) for out in self._excluded])
        self._worst = np.concatenate(
            [self._worst_scores(start) for start in range(0, len(queries), _CHUNK)]
        )

    def judge(self, positions: npt.NDArray[np.int32], scores: npt.NDArray[np.float32]) -> Measured:
        """Compares what an index found, positions int32 [Q, k] and scores float32 [Q, k].

        An item counts when its own dot product reaches that of the k-th best item, so equally good
        items are equal.
        """
        hits, narrow = 0, 0
        for row, (found, possible) in enumerate(zip(positions, self._possible)):
            real = {int(p) for p in found if p >= 0} - self._excluded[row]
            given = np.count_nonzero(found >= 0)
            narrow += given != possible or len(real) != given
            own = self._vectors[sorted(real)] @ self._queries[row]
            hits += int(np.count_nonzero(own >= self._worst[row]))
        possible = int(self._possible.sum())
        return Measured(
            recall=hits / possible if possible else 1.0,
            narrow_rows=narrow,
            nan_rows=int(np.isnan(scores).any(axis=1).sum()),
        )

    def _worst_scores(self, start: int) -> npt.NDArray[np.float32]:
        """Score of the last possible item of each query of a chunk, less the tolerance: [chunk]."""
        scores = self._queries[start : start + _CHUNK] @ self._vectors.T
        result = np.empty(len(scores), np.float32)
        for row, own in enumerate(scores):
            slack = _TOLERANCE * float(np.abs(own).max())
            own[list(self._excluded[start + row])] = -np.inf
            possible = self._possible[start + row]
            result[row] = (
                np.partition(own, len(own) - possible)[len(own) - possible] - slack
                if possible
                else np.inf
            )
        return result


def found(
    search: Callable[..., tuple[tf.Tensor, tf.Tensor]], *arguments: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Runs `search` over rows in chunks; returns positions [Q, k] and scores [Q, k]."""
    parts = [
        search(*(tf.constant(a[start : start + _CHUNK]) for a in arguments))
        for start in range(0, len(arguments[0]), _CHUNK)
    ]
    return np.concatenate([p.numpy() for p, _ in parts]), np.concatenate(
        [s.numpy() for _, s in parts]
    )


def milliseconds(
    search: Search, queries: npt.NDArray[np.float32], batch: int, *, repeats: int = 30
) -> float:
    """The median time of a call with `batch` queries float32 [Q, D]; the first two do not count."""
    times = []
    for turn in range(repeats + 2):
        inputs = tf.constant(
            np.take(queries, range(turn * batch, (turn + 1) * batch), axis=0, mode="wrap")
        )
        start = time.perf_counter()
        search(inputs)[1].numpy()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times[2:])


def searcher(index: body.Body, k: int, settings: parameters.Parameters | None = None) -> Search:
    """The compiled search of width k."""
    compiled: Search = graphs.function(
        lambda queries: index.search(queries, k, settings),
        input_signature=[tf.TensorSpec([None, index.dimension], tf.float32)],
    )
    return compiled


def curve(
    index: body.Body, queries: npt.NDArray[np.float32], truth: Truth, k: int, target: float
) -> list[Point]:
    """Recall and latency at depths around the index's own, and deeper until `target` is reached.

    Exact search has one point only.
    """
    if isinstance(index, exact.Exact):
        return [_point(index, queries, truth, k, 1.0)]
    points = [_point(index, queries, truth, k, effort) for effort in EFFORTS]
    while points[-1].recall < target and points[-1].effort < DEEPEST:
        points.append(_point(index, queries, truth, k, 2 * points[-1].effort))
    return points


def _point(
    index: body.Body, queries: npt.NDArray[np.float32], truth: Truth, k: int, effort: float
) -> Point:
    settings = index.settings.deepened(effort)
    search = searcher(index, k, settings)
    return Point(
        effort=effort,
        recall=truth.judge(*found(search, queries)).recall,
        milliseconds=milliseconds(search, queries, 1, repeats=15),
        parameters=dataclasses.asdict(settings),
    )


def tuned(index: body.Body, points: Sequence[Point], target: float) -> parameters.Parameters:
    """The index's own depth, or the least greater to reach the target recall, else the deepest."""
    deeper = [p for p in points if p.effort >= 1]
    enough = [p for p in deeper if p.recall >= target]
    found: parameters.Parameters = index.settings.deepened((enough or deeper[-1:])[0].effort)
    return found


def latencies(
    index: body.Body, vectors: npt.NDArray[np.float32], queries: npt.NDArray[np.float32], k: int
) -> dict[str, dict[str, float]]:
    """Median milliseconds of the index and of exact search, by batch size."""
    reference = (
        index if isinstance(index, exact.Exact) else exact.Exact(vectors, parameters.Exact())
    )
    return {
        name: {str(batch): milliseconds(searcher(one, k), queries, batch) for batch in BATCH_SIZES}
        for name, one in (("index", index), ("exact", reference))
    }


def served(retrieval: recall_module.Retrieval) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    """Compiled path of a request behind the query tower: queries, excluded positions -> k best."""
    compiled: Callable[..., tuple[tf.Tensor, tf.Tensor]] = graphs.function(
        retrieval.retrieve,
        input_signature=[
            tf.TensorSpec([None, retrieval.index.dimension], tf.float32),
            tf.TensorSpec([None, None], tf.int32),
        ],
    )
    return compiled
