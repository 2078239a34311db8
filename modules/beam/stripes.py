"""Counts pairs of items in users' histories.

A worker adds up whole rows ("stripes", Lin and Dyer, Data-Intensive Text Processing, 2010, section
3.2) of many users before anything is shuffled: one element a row instead of one a pair; or cells
of blocks of rows (sparse_counts.py).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence

import apache_beam as beam
import numpy as np
from numpy import typing as npt

from modules.beam import sparse_counts

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

    def parts(self, events: int = 65_536) -> Iterator[tuple[int, int]]:
        """First and last place (excluded) of parts of at most so many events, for the functions.

        However long a history, what is counted at once is bounded.
        """
        for start in range(0, len(self.items), events):
            yield start, min(start + events, len(self.items))

    def apart(self, distance: int, start: int, stop: int) -> npt.NDArray[np.int64]:
        """Places, from start to before stop, whose event and the one so much later make a pair."""
        first = slice(start, max(start, min(stop, len(self.items) - distance)))
        then = slice(first.start + distance, first.stop + distance)
        counts = (self.users[first] == self.users[then]) & (self.items[first] >= 0)
        counts &= self.items[then] >= 0
        return start + np.flatnonzero(counts)


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Pairs of items, as often as they occur.

    Attributes:
      first: numbers of the items, int64 [n].
      then: of the other ones, int64 [n].
      weights: int64 [n]; None where each weighs 1.
    """

    first: npt.NDArray[np.int64]
    then: npt.NDArray[np.int64]
    weights: npt.NDArray[np.int64] | None = None

    def summed(self, width: int) -> sparse_counts.Cells:
        """The sum of each pair, with items below the width."""
        keys = self.first * width + self.then
        if self.weights is None:
            return sparse_counts.Cells.counted(keys)
        return sparse_counts.Cells.of(keys, self.weights[:, np.newaxis])


def following(histories: Histories, distance: int, start: int, stop: int) -> Pairs:
    """Who follows whom: (i, j) weighs 1/n where j is the n-th event after i.

    Args:
      histories: of users.
      distance: largest n.
      start: place of the first event that counts as i.
      stop: place after the last one.

    Returns:
      Weights in multiples of 1 / unit(distance).
    """
    weights = [unit(distance) // n for n in range(1, distance + 1)]
    places = [histories.apart(n, start, stop) for n in range(1, distance + 1)]
    return Pairs(
        histories.items[np.concatenate(places)],
        histories.items[np.concatenate([first + n for n, first in enumerate(places, start=1)])],
        np.repeat(np.array(weights, np.int64), [len(first) for first in places]),
    )


def together(
    histories: Histories,
    times: npt.NDArray[np.int64],
    seconds: int,
    distance: int,
    start: int,
    stop: int,
) -> Pairs:
    """What a user does close in time: (i, j) and (j, i), of the weight 1 each.

    Args:
      histories: of users.
      times: of the events, int64 [E], of a user none before the last; in seconds.
      seconds: between the events of a pair, at most.
      distance: events that a pair lies apart, at most.
      start: place of the first event that counts as the earlier one of a pair.
      stop: place after the last one.

    Returns:
      Nothing of an item with itself.
    """
    items, found = histories.items, []
    for n in range(1, distance + 1):
        first = histories.apart(n, start, stop)
        close = times[first + n] - times[first] <= seconds
        close &= items[first + n] != items[first]
        found.append((items[first[close]], items[first[close] + n]))
    one, other = (np.concatenate(side) for side in zip(*found))
    return Pairs(np.concatenate([one, other]), np.concatenate([other, one]))


def rows(pairs: Pairs) -> Iterator[tuple[int, Stripe]]:
    """A stripe of each item that has any."""
    width = int(max(pairs.first.max(initial=0), pairs.then.max(initial=0))) + 1
    summed = pairs.summed(width)
    items, columns = np.divmod(summed.keys, width)
    starts = np.flatnonzero(np.diff(items, prepend=-1))
    for item, start, stop in zip(items[starts].tolist(), starts, [*starts[1:], len(items)]):
        yield item, (columns[start:stop], summed.values[start:stop, 0])


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
