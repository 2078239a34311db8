"""What a user did before the events that models see: how often and when, by item. Plain Python.

A request holds the last `features.max_history` + 1 events one by one. Of the events before, as far
back as `features.repeat_history` goes, it holds each item's number of events and the times of the
first and the last, of the `features.repeat_items` items with the most events. Training and serving
make it here, of the same events.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from modules import features


class Lengths(Protocol):
    """What counts of a history; see `config.Features`."""

    @property
    def max_history(self) -> int: ...

    @property
    def repeat_history(self) -> int: ...

    @property
    def repeat_items(self) -> int: ...


@dataclasses.dataclass(frozen=True)
class Earlier:
    """Items by number of events, the most first, then by the time of the last, the latest first.

    Attributes:
      items: each once.
      counts: events of each.
      first: time of the first of them, Unix seconds; or its number where events have no times.
      last: of the last.
    """

    items: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    first: tuple[int, ...] = ()
    last: tuple[int, ...] = ()


def span(events: int, options: Lengths) -> slice:
    """Which of a history's events, the oldest first, are earlier ones that count."""
    return slice(max(0, events - options.repeat_history), max(0, events - options.max_history - 1))


def of(items: Sequence[str], times: Sequence[int], most: int | None = None) -> Earlier:
    """Counts events.

    Args:
      items: of each, the oldest first.
      times: of each.
      most: items that are kept; None: all.
    """
    counts, last = collections.Counter(items), dict(zip(items, times))
    first = dict(zip(reversed(items), reversed(times)))
    kept = _most_first(counts, last)[:most]
    return Earlier(
        tuple(kept), *(tuple(map(values.__getitem__, kept)) for values in (counts, first, last))
    )


def by_item(items: Sequence[str], times: Sequence[int]) -> dict[str, tuple[int, int]]:
    """(events, time of the last of them) by item, of events as in `of`; in any order."""
    counts = collections.Counter(items)
    return {item: (counts[item], last) for item, last in zip(items, times)}


def in_order(found: Mapping[str, tuple[int, int]]) -> list[str]:
    """The items of `by_item` in the order of `Earlier`."""
    counts, last = ({item: pair[n] for item, pair in found.items()} for n in range(2))
    return _most_first(counts, last)


def _most_first(counts: Mapping[str, int], last: Mapping[str, int]) -> list[str]:
    kept = sorted(counts)  # then by time, then by number: sorting keeps the order of equal ones
    kept.sort(key=last.__getitem__, reverse=True)
    kept.sort(key=counts.__getitem__, reverse=True)
    return kept


def of_history(
    items: Sequence[str], times: Sequence[int] | None, options: Lengths
) -> dict[str, list[Any]]:
    """The raw features `earlier_*` of a request.

    Args:
      items: of the events before it, the oldest first.
      times: of the same events; None where events have none. Then they are numbers from the
          window's start, those before it below 0.
      options: what counts.
    """
    counted = span(len(items), options)
    numbers = range(counted.start - counted.stop, 0) if times is None else times[counted]
    found = of(items[counted], numbers, options.repeat_items)
    return {
        features.EARLIER_ITEM_ID: list(found.items),
        features.EARLIER_COUNT: list(found.counts),
        features.EARLIER_FIRST: list(found.first),
        features.EARLIER_LAST: list(found.last),
    }
