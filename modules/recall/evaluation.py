"""Full-ranking metrics on the validation split while training: fast, seen items excluded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import typing as npt


def ranks(
    scores: npt.NDArray[np.floating[Any]],
    targets: npt.NDArray[np.integer[Any]],
    seen: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float64]:
    """1-based place of each target among the items that the user has not seen.

    A target that the user has seen is never served: its place is infinity, a miss at every depth.
    Items that score the same share their places: the target gets the mean one, so neither the order
    of ids nor a model that scores everything alike can look good. A score that is not a number
    counts as the lowest.

    Args:
      scores: float [users, items].
      targets: int [users], the held-out item.
      seen: bool [users, items].

    Returns:
      float [users].
    """
    scores = np.where(np.isnan(scores), -np.inf, scores)
    own = np.take_along_axis(scores, targets[:, np.newaxis], axis=1)
    above = np.sum((scores > own) & ~seen, axis=1)
    ties = np.sum((scores == own) & ~seen, axis=1) - 1  # without the target itself
    served = ~np.take_along_axis(seen, targets[:, np.newaxis], axis=1)[:, 0]
    return np.where(served, 1.0 + above + ties / 2.0, np.inf)


def metric(name: str, places: npt.NDArray[np.float64]) -> float:
    """Mean over users, one relevant item each: HR@k, NDCG@k = 1 / log2(1 + rank), MRR@k = 1 / rank.

    Args:
      name: like `NDCG@10`.
      places: float [users], 1-based ranks, infinity for a miss.
    """
    kind, depth = name.split("@")
    gains = {
        "HR": np.ones_like(places),
        "NDCG": math.log(2) / np.log1p(places),
        "MRR": 1.0 / places,
    }[kind]
    return float(np.mean(np.where(places <= int(depth), gains, 0.0)))


def names(depths: Sequence[int], *more: str) -> list[str]:
    """HR, NDCG and MRR at the depths, and what else is named."""
    found = [f"{kind}@{depth}" for kind in ("HR", "NDCG", "MRR") for depth in depths]
    return list(dict.fromkeys([*found, *more]))
