"""The probability of each item of being next, from the very distribution that items are drawn from.

Who ranks by it has the best expected NDCG, HR and MRR that any ranking can have.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy import typing as npt

from modules.evaluation import metrics
from modules.generator import tables

HOT_ITEM = -1  # the hot item is the last one: the least popular of its category otherwise


class Request(NamedTuple):
    """What is known before an event.

    Attributes:
      age_group: of the user.
      items: int64 [n], of the events before, oldest first.
      time: Unix seconds of the request.
      gap: seconds since the last event; of no meaning without one.
    """

    age_group: int
    items: npt.NDArray[np.int64]
    time: int
    gap: int


def probabilities(known: tables.Tables, request: Request) -> npt.NDArray[np.float64]:
    """The probability of each item of being next: float64 [items]."""
    of, number = known.shape, len(request.items)
    found = explored(known, request)
    if number:
        had = np.bincount(request.items, minlength=of.items) / number
        found = of.repeats * had + (1 - of.repeats) * found
    found *= 1 - of.hot_item
    found[HOT_ITEM] += of.hot_item
    return found


def explored(known: tables.Tables, request: Request) -> npt.NDArray[np.float64]:
    """The same of an event that takes an item that the user had not: float64 [items]."""
    of, number = known.shape, len(request.items)
    weights = tables.REASONS[tables.regime(number, request.gap)]
    rows = known.rows
    part = tables.part_of_day(request.time)
    category = weights[tables.Reason.PROFILE] * rows[request.age_group]
    category = category + weights[tables.Reason.HOUR] * rows[tables.AGES + part]
    if number:
        last = request.items[-1]
        had = np.bincount(known.category(request.items), minlength=of.categories) / number
        category = category + weights[tables.Reason.HABIT] * had
        following = rows[tables.AGES + tables.PARTS + known.category(last)]
        category = category + weights[tables.Reason.NEXT] * following
    of_day = known.popularity[known.trend_ranks(tables.day(request.time))]
    found: npt.NDArray[np.float64] = (
        category * (of.drift * of_day + (1 - of.drift) * known.popularity[:, np.newaxis])
    ).ravel()
    if number:
        follow = weights[tables.Reason.FOLLOW]
        found[(last + known.steps) % of.items] += follow * tables.FOLLOWING
        found[request.items] = 0.0
    found /= found.sum()
    return found


def best(
    found: npt.NDArray[np.float64], excluded: npt.NDArray[np.int64], length: int
) -> npt.NDArray[np.int64]:
    """The most probable items, best first, without those that an evaluator leaves out.

    Args:
      found: float64 [items], probabilities.
      excluded: int64 [any], items that are left out.
      length: of the list, at most.

    Returns:
      int64 [length, or fewer]; of equals the lower number first.
    """
    ordering = -found
    ordering[excluded] = np.inf
    length = min(length, found.size - np.unique(excluded).size)
    chosen = np.argpartition(ordering, length - 1)[:length]
    order: npt.NDArray[np.int64] = chosen[np.lexsort((chosen, ordering[chosen]))]
    return order


def attainable(
    found: npt.NDArray[np.float64], ranked: npt.NDArray[np.int64], ks: Sequence[int]
) -> npt.NDArray[np.float64]:
    """Expected metrics of a list: the sum over its places of probability x value at that place.

    Args:
      found: float64 [items], probabilities; what the list lacks counts as missed.
      ranked: int64 [length], items, best first.
      ks: depths.

    Returns:
      float64 [len(metrics.names(ks))].
    """
    expected: npt.NDArray[np.float64] = found[ranked] @ _values(ranked.size, tuple(ks))
    return expected


@functools.cache
def _values(length: int, ks: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Metrics of a hit at each place: float64 [length, len(metrics.names(ks))]."""
    return metrics.values(np.arange(1, length + 1)[:, np.newaxis], ks)
