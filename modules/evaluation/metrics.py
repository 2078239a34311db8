"""Ranking metrics from ranks, their errors, and what the lists do to the catalogue. NumPy only.

A rank is the 1-based place of a held-out item, a target, in the request's list, or 0. A request has
T targets: one, or all items of a basket. A target is hit at depth k if 0 < rank <= k; hits are n.

  HR@k = [n > 0]   Recall@k = n / T   MRR@k = 1 / the best rank that is hit, or 0
  NDCG@k = sum over hits of 1 / log2(rank + 1)  /  sum over i = 1..min(T, k) of 1 / log2(i + 1)

(Järvelin and Kekäläinen, 2002, for NDCG, with the ideal list's in the denominator. With T = 1 that
is 1, and Recall is the hit rate.)
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import typing as npt

METRICS = ("HR", "NDCG", "MRR", "Recall")


def names(ks: Sequence[int]) -> tuple[str, ...]:
    """`HR@10`, `NDCG@10`, ...: the order of the columns of `values`."""
    return tuple(f"{metric}@{k}" for k in ks for metric in METRICS)


def values(
    ranks: npt.ArrayLike, ks: Sequence[int], targets: npt.ArrayLike = 1
) -> npt.NDArray[np.float64]:
    """Metrics of single requests.

    Args:
      ranks: [..., T], 1-based, 0 for an absent target and as padding; not whole where a target
          shares its place with others.
      ks: depths.
      targets: int [...], the number of targets of each request, at least 1.

    Returns:
      float64 [..., len(names(ks))].
    """
    ranks, targets = np.asarray(ranks), np.asarray(targets)
    if ranks.size and ranks.min() < 0:
        raise ValueError(
            f"ranks: found {ranks.min()}, expected 1-based places, or 0 for an absent target."
        )
    place = np.maximum(ranks, 1)
    gain, reciprocal = 1.0 / np.log2(place + 1.0), 1.0 / place
    columns = []
    for k in ks:
        hit = (ranks > 0) & (ranks <= k)
        found = hit.sum(axis=-1)
        columns += [
            (found > 0).astype(np.float64),
            (hit * gain).sum(axis=-1) / _ideal(np.minimum(targets, k)),
            (hit * reciprocal).max(axis=-1, initial=0.0),
            found / targets,
        ]
    return np.stack(columns, axis=-1)


def _ideal(hits: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float64]:
    """The DCG of lists that begin with this many hits, int [...]: float64 [...]."""
    gains = 1.0 / np.log2(np.arange(hits.max(initial=0)) + 2.0)
    found: npt.NDArray[np.float64] = np.concatenate([[0.0], np.cumsum(gains)])[hits]
    return found


def padded(
    ranks: Sequence[Sequence[Sequence[float]]],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Ranks of requests, [requests][systems][targets of the request], as arrays for `values`.

    Returns:
      (ranks float64 [requests, systems, most targets], padded with 0; number of targets, int64
      [requests, 1]).
    """
    numbers = np.array([[len(request[0])] for request in ranks], np.int64)
    array = np.zeros((len(ranks), len(ranks[0]), numbers.max()))
    for row, request in zip(array, ranks):
        row[:, : len(request[0])] = request
    return array, numbers


def mean_and_error(
    counts: float,
    users: float,
    sums: npt.NDArray[np.float64],
    squares: npt.NDArray[np.float64],
    crossed: npt.NDArray[np.float64],
    count_squares: float,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean over requests and its standard error, with the users as clusters.

    A user's requests are no independent samples, so the error is that of a ratio of sums over users
    (Cochran, Sampling Techniques, 1977, eq. 6.13). With one request a user it is the usual s /
    sqrt(n).

    Args:
      counts: number of requests, sum over users of n_u.
      users: number of users, U.
      sums: [...], sum over users of S_u, the user's sum of a metric.
      squares: [...], sum of S_u ** 2.
      crossed: [...], sum of S_u * n_u.
      count_squares: sum of n_u ** 2.

    Returns:
      (mean [...], standard error [...]); the error of a single user is NaN.
    """
    if not counts:
        return np.full_like(sums, np.nan), np.full_like(sums, np.nan)
    mean = sums / counts
    residual = np.maximum(squares - 2 * mean * crossed + mean**2 * count_squares, 0.0)
    if users < 2:
        return mean, np.full_like(mean, np.nan)
    return mean, np.sqrt(residual * users / (users - 1)) / counts


def bootstrap_weights(user_id: bytes, replicates: int, seed: int) -> npt.NDArray[np.int64]:
    """How often a user is drawn in each replicate of a Poisson bootstrap: int64 [replicates].

    Independent Poisson(1) weights stand for sampling with replacement (Chamandy et al., Estimating
    Uncertainty for Massive Data Streams, 2012). They depend on the user and the seed alone, so
    workers need no common state, the result does not depend on the order, and systems compared on
    the same users are compared in pairs.
    """
    digest = hashlib.blake2b(user_id, digest_size=8, salt=seed.to_bytes(8, "little")).digest()
    return np.random.default_rng(int.from_bytes(digest, "little")).poisson(1.0, replicates)


def interval(
    totals: npt.NDArray[np.floating[Any]],
    counts: npt.NDArray[np.floating[Any]],
    confidence: float = 0.95,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Percentile interval of a bootstrapped mean.

    Args:
      totals: float [replicates, ...], weighted sums of the differences.
      counts: float [replicates], weighted numbers of requests.
      confidence: share of replicates inside.

    Returns:
      (low [...], high [...]).
    """
    drawn = counts > 0
    if not drawn.any():
        return np.full(totals.shape[1:], np.nan), np.full(totals.shape[1:], np.nan)
    means = totals[drawn] / counts[drawn].reshape(-1, *[1] * (totals.ndim - 1))
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    return low, high


def coverage(exposure: npt.NDArray[np.integer[Any]]) -> float:
    """Share of the catalogue shown to anybody (Ge et al., Beyond Accuracy, 2010, catalog coverage).

    Args:
      exposure: int [N], in how many lists each item of the catalogue stands.
    """
    return float(np.mean(exposure > 0)) if exposure.size else float("nan")


def gini(exposure: npt.NDArray[np.integer[Any]]) -> float:
    """Inequality of exposure, 0 (all alike) to 1 - 1/N (one has all) (Fleder and Hosanagar, 2009).

    G = sum_i (2 i - N - 1) x_i / (N sum_i x_i), x in ascending order, i from 1.

    Args:
      exposure: int [N], in how many lists each item of the catalogue stands.
    """
    number, total = exposure.size, exposure.sum()
    if not total:
        return float("nan")
    weights = 2 * np.arange(1, number + 1) - number - 1
    return float(weights @ np.sort(exposure).astype(np.float64) / (number * total))


def average_popularity(
    exposure: npt.NDArray[np.integer[Any]], popularity: npt.NDArray[np.integer[Any]]
) -> float:
    """ARP, mean training events of a recommended item (Abdollahpouri et al., 2019, eq. 9).

    Args:
      exposure: int [N], in how many lists each item stands.
      popularity: int [N], events of each item that the models could learn from.
    """
    total = exposure.sum()
    return float(exposure @ popularity / total) if total else float("nan")


def average_percentile(
    exposure: npt.NDArray[np.integer[Any]], popularity: npt.NDArray[np.integer[Any]]
) -> float:
    """Mean popularity percentile of a recommended item: 0.5 if drawn evenly, 1 for the top hits.

    An item's percentile is the share of the catalogue that is less popular, ties counted half.

    Args:
      exposure: int [N], in how many lists each item stands.
      popularity: int [N], events of each item that the models could learn from.
    """
    total = exposure.sum()
    if not total:
        return float("nan")
    ordered = np.sort(popularity)
    below = np.searchsorted(ordered, popularity, side="left")
    upto = np.searchsorted(ordered, popularity, side="right")
    return float(exposure @ ((below + upto) / 2 / popularity.size) / total)


def popularity_histogram(
    exposure: npt.NDArray[np.integer[Any]],
    popularity: npt.NDArray[np.integer[Any]],
    parts: int = 10,
) -> list[tuple[float, float, float, float]]:
    """How events and recommendations spread over equal parts of the catalogue, most popular first.

    Args:
      exposure: int [N], in how many lists each item stands, the most popular item first.
      popularity: int [N], events of each item, descending.
      parts: of the catalogue.

    Returns:
      (from, to, share of the events, share of the exposure); from and to are shares of the items.
    """
    cuts = np.linspace(0, exposure.size, min(parts, exposure.size) + 1).round().astype(int)
    events, places = max(popularity.sum(), 1), max(exposure.sum(), 1)
    return [
        (
            start / exposure.size,
            stop / exposure.size,
            float(popularity[start:stop].sum() / events),
            float(exposure[start:stop].sum() / places),
        )
        for start, stop in itertools.pairwise(cuts)
    ]
