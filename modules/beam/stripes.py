"""Counts pairs of items in users' histories: a sparse table a worker, a row of it an element.

A worker adds up whole rows ("stripes", Lin and Dyer, Data-Intensive Text Processing, 2010, section
3.2) of many users before anything is shuffled: one element a row instead of one a pair.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence

import apache_beam as beam
import numpy as np
from numpy import typing as npt
from scipy import sparse

# Items that stand beside one, int64 [m], ascending, and the weight of each, int64 [m].
Stripe = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]

_MOST_APART = 16  # stripes of an item that wait to be added up


def unit(distance: int) -> int:
    """The least whole number that 1, 2, and so on up to `distance` all divide.

    Weights 1/1 to 1/distance are whole multiples of its inverse: sums then need no order.
    """
    return math.lcm(*range(1, distance + 1))


@dataclasses.dataclass(frozen=True)
class Histories:
    """Histories one behind the other.

    Attributes:
      items: numbers of the items, int64 [E]; below 0 for one that takes its place but never counts.
      users: numbers of the users, [E]; what is of one user stands together.
    """

    items: npt.NDArray[np.int64]
    users: npt.NDArray[np.int64]

    @classmethod
    def of(cls, histories: Iterable[Sequence[int]]) -> Histories:
        """Puts together each user's items, the oldest first."""
        given = [np.asarray(items, np.int64) for items in histories]
        lengths = np.array([len(items) for items in given], np.int64)
        users = np.repeat(np.arange(len(given)), lengths)
        return cls(np.concatenate([np.zeros(0, np.int64), *given]), users)

    def apart(self, distance: int) -> npt.NDArray[np.bool_]:
        """Whether each event but the last few and the one so much later make a pair that counts."""
        first, then = slice(0, max(len(self.items) - distance, 0)), slice(distance, None)
        counts = (self.users[first] == self.users[then]) & (self.items[first] >= 0)
        counts &= self.items[then] >= 0
        found: npt.NDArray[np.bool_] = counts
        return found


def following(histories: Histories, distance: int) -> sparse.csr_array:
    """Who follows whom: the weight of (i, j) grows by 1/n where j is the n-th after i.

    Args:
      histories: of users.
      distance: largest n.

    Returns:
      Weights in multiples of 1 / unit(distance), int64 [N, N], N above the largest number.
    """
    return _sum(
        _table(histories, n, histories.apart(n), unit(distance) // n)
        for n in range(1, distance + 1)
    )


def together(
    histories: Histories, times: npt.NDArray[np.int64], seconds: int, distance: int
) -> sparse.csr_array:
    """What a user does close in time: the weight of (i, j) and of (j, i) grows by 1 a pair.

    Args:
      histories: of users.
      times: of the events, int64 [E], of a user none before the last; in seconds.
      seconds: between the events of a pair, at most.
      distance: events that a pair lies apart, at most.

    Returns:
      Weights, int64 [N, N], as `following`; nothing of an item with itself.
    """
    tables = []
    for n in range(1, distance + 1):
        pairs = histories.apart(n)
        pairs &= times[n:] - times[: len(pairs)] <= seconds
        pairs &= histories.items[n:] != histories.items[: len(pairs)]
        tables.append(_table(histories, n, pairs, 1))
    one_way = _sum(tables)
    return sparse.csr_array(one_way + one_way.T)


def rows(table: sparse.csr_array) -> Iterator[tuple[int, Stripe]]:
    """The rows of a table that have anything."""
    table.sort_indices()
    items = np.flatnonzero(np.diff(table.indptr))
    for item, start, stop in zip(items.tolist(), table.indptr[items], table.indptr[items + 1]):
        yield item, (table.indices[start:stop].astype(np.int64), table.data[start:stop])


class Sum(beam.CombineFn):
    """Adds stripes of one item."""

    def create_accumulator(self) -> list[Stripe]:
        return []

    def add_input(self, accumulator: list[Stripe], element: Stripe) -> list[Stripe]:
        accumulator.append(element)
        return accumulator if len(accumulator) < _MOST_APART else [_added(accumulator)]

    def merge_accumulators(self, accumulators: Iterable[list[Stripe]]) -> list[Stripe]:
        return [_added([stripe for accumulator in accumulators for stripe in accumulator])]

    def compact(self, accumulator: list[Stripe]) -> list[Stripe]:
        return [_added(accumulator)]

    def extract_output(self, accumulator: list[Stripe]) -> Stripe:
        return _added(accumulator)


def _added(stripes: Sequence[Stripe]) -> Stripe:
    if len(stripes) == 1:
        return stripes[0]
    none = np.zeros(0, np.int64)
    items = np.concatenate([none, *(items for items, _ in stripes)])
    weights = np.concatenate([none, *(weights for _, weights in stripes)])
    order = np.argsort(items)
    items, weights = items[order], weights[order]
    first = np.flatnonzero(np.diff(items, prepend=-1))
    return items[first], np.add.reduceat(weights, first) if first.size else none


def _table(
    histories: Histories, distance: int, pairs: npt.NDArray[np.bool_], weight: int
) -> sparse.csr_array:
    """The weight for each pair of events so far apart."""
    first = histories.items[: len(pairs)][pairs]
    then = histories.items[distance:][pairs]
    size = int(histories.items.max(initial=0)) + 1
    weights = np.full(len(first), weight, np.int64)
    return sparse.coo_array((weights, (first, then)), shape=(size, size)).tocsr()


def _sum(tables: Iterable[sparse.csr_array]) -> sparse.csr_array:
    first, *others = tables
    for table in others:
        first = first + table
    return first
