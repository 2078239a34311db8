"""Spherical k-means with a bound on cluster size, in NumPy; makes the ivf index's partitions."""

from __future__ import annotations

import numpy as np
from numpy import typing as npt

_CHUNK = 16_384  # rows compared with all centres at a time, which bounds the memory
_SAMPLE_PER_CLUSTER = 128  # rows that the centres are trained on


def directions(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """float32 [N, D] scaled to length 1; the zero vector stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def cluster(
    vectors: npt.NDArray[np.float32], clusters: int, *, iterations: int = 8, seed: int = 1
) -> npt.NDArray[np.int64]:
    """Assigns each vector to the centre of the nearest direction.

    This is spherical k-means (Dhillon & Modha 2001).

    Directions rather than points, because with a dot product the long vectors are near to nothing
    and would end in clusters of their own, which no query's probes reach.

    Args:
      vectors: float32 [N, D].
      clusters: how many, at most N.
      iterations: of Lloyd's algorithm, on a sample.
      seed: of the sample and the first centres.

    Returns:
      int64 [N], cluster numbers below `clusters`; some may be unused.
    """
    random = np.random.default_rng(seed)
    points = directions(vectors)
    size = min(len(points), clusters * _SAMPLE_PER_CLUSTER)
    sample = points[np.sort(random.choice(len(points), size, replace=False))]
    centres = sample[random.choice(size, clusters, replace=False)]
    for _ in range(iterations):
        labels = _nearest(sample, centres)
        sums, counts = sums_by_label(sample, labels, clusters)
        empty = counts == 0
        sums[empty] = sample[random.choice(size, int(empty.sum()))]
        centres = directions(sums)
    return _nearest(points, centres)


def bounded(
    vectors: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], capacity: int
) -> list[npt.NDArray[np.int64]]:
    """Members of each cluster; those above `capacity` are halved along their widest direction.

    Returns:
      Arrays of row numbers, none empty, none longer than `capacity`; each row occurs once.
    """
    order = np.argsort(labels, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    done: list[npt.NDArray[np.int64]] = []
    while members:
        rows = members.pop()
        if len(rows) <= capacity:
            done.append(rows)
        else:
            members.extend(_halves(vectors, rows))
    return done


def _halves(
    vectors: npt.NDArray[np.float32], rows: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Cuts at the median of the first principal component, so that both halves are of one size."""
    centred = vectors[rows] - vectors[rows].mean(axis=0)
    axis = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    order = rows[np.argsort(centred @ axis, kind="stable")]
    return order[: len(rows) // 2], order[len(rows) // 2 :]


def sums_by_label(
    vectors: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], count: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """The sum [count, D] and the number [count] of the vectors of each label."""
    order = np.argsort(labels, kind="stable")
    counts = np.bincount(labels, minlength=count)
    used = counts > 0
    sums = np.zeros((count, vectors.shape[1]), vectors.dtype)
    sums[used] = np.add.reduceat(vectors[order], (np.cumsum(counts) - counts)[used])
    return sums, counts


def _nearest(
    points: npt.NDArray[np.float32], centres: npt.NDArray[np.float32]
) -> npt.NDArray[np.int64]:
    """The centre with the highest dot product, int64 [N]."""
    return np.concatenate(
        [
            np.argmax(points[start : start + _CHUNK] @ centres.T, axis=1)
            for start in range(0, len(points), _CHUNK)
        ]
    )
