"""Full-ranking metrics on the validation split while training: fast.

Where repeats are excluded, so are the items that a user has seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import typing as npt


def ranks(
    scores: npt.NDArray[np.floating[Any]],
    targets: npt.NDArray[np.integer[Any]],
    excluded: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float64]:
    """1-based place of each target among the items that may be served.

    A target that may not be served has the place infinity, a miss at every depth. The other targets
    of a request take places like any item.
    Items that score the same share their places: the target gets the mean one, so neither the order
    of ids nor a model that scores everything alike can look good. A score that is not a number
    counts as the lowest.

    Args:
      scores: float [users, items].
      targets: int [users], the held-out item; or [users, targets], padded with -1.
      excluded: bool [users, items], what may not be served.

    Returns:
      float, of the shape of `targets`; NaN for padding.
    """
    scores = np.where(np.isnan(scores), -np.inf, scores)
    if targets.ndim == 1:
        return _ranks_of_one(scores, targets, excluded)
    places = np.full(targets.shape, np.nan)
    for column in range(targets.shape[1]):
        rows = np.flatnonzero(targets[:, column] >= 0)
        places[rows, column] = _ranks_of_one(scores[rows], targets[rows, column], excluded[rows])
    return places


def _ranks_of_one(
    scores: npt.NDArray[np.floating[Any]],
    targets: npt.NDArray[np.integer[Any]],
    excluded: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float64]:
    """`ranks` of one target a user, int [users], by scores that are numbers."""
    own = np.take_along_axis(scores, targets[:, np.newaxis], axis=1)
    above = np.sum((scores > own) & ~excluded, axis=1)
    ties = np.sum((scores == own) & ~excluded, axis=1) - 1  # without the target itself
    served = ~np.take_along_axis(excluded, targets[:, np.newaxis], axis=1)[:, 0]
    return np.where(served, 1.0 + above + ties / 2.0, np.inf)


def metric(name: str, places: npt.NDArray[np.float64]) -> float:
    """Mean over users of one metric of the places of their T targets.

      HR@k: whether one of them is among the first k      Recall@k: the share that is
      MRR@k: 1 / place of the first of them, if among the first k
      NDCG@k: the sum of 1 / log2(1 + place) over those among the first k, divided by what it is for
          the places 1 to min(T, k) (Järvelin and Kekäläinen, 2002)

    Args:
      name: like `NDCG@10`.
      places: float [users], 1-based ranks, infinity for a miss; or [users, targets], padded with
          NaN, at least one of each user.
    """
    kind, depth = name.split("@")
    k, places = int(depth), places.reshape(len(places), -1)
    hits = places <= k
    number = np.sum(~np.isnan(places), axis=1)
    if kind == "HR":
        found = hits.any(axis=1).astype(np.float64)
    elif kind == "Recall":
        found = hits.sum(axis=1) / number
    elif kind == "MRR":
        found = np.where(hits, 1.0 / places, 0.0).max(axis=1)
    else:
        ideal = np.cumsum(math.log(2) / np.log1p(np.arange(1, k + 1)))
        gains = np.where(hits, math.log(2) / np.log1p(places), 0.0).sum(axis=1)
        found = gains / ideal[np.minimum(number, k) - 1]
    return float(np.mean(found))


def names(depths: Sequence[int], *more: str) -> list[str]:
    """HR, NDCG and MRR at the depths, and what else is named."""
    found = [f"{kind}@{depth}" for kind in ("HR", "NDCG", "MRR") for depth in depths]
    return list(dict.fromkeys([*found, *more]))
