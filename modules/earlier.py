"""What a user did before the events that models see: how often and when, by item. Plain Python.

A request holds the last `features.max_history` + 1 events one by one. Of the events before, as far
back as `features.repeat_history` goes, it holds each item's number of events and the times of the
first and the last, of the `features.repeat_items` items with the most events. Training and serving
make it here, of the same events.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from modules import config


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


def span(events: int, options: config.Features) -> slice:
    """Which of a history's events, the oldest first, are earlier ones that count."""
    return slice(max(0, events - options.repeat_history), max(0, events - options.max_history - 1))


def of(events: Iterable[tuple[str, int]], most: int) -> Earlier:
    """Counts events.

    Args:
      events: item and time of each, the oldest first.
      most: items that are kept.
    """
    found: dict[str, list[int]] = {}
    for item, time in events:
        known = found.setdefault(item, [0, time, time])
        known[0] += 1
        known[2] = time
    ordered = sorted(found.items(), key=lambda pair: (-pair[1][0], -pair[1][2], pair[0]))[:most]
    if not ordered:
        return Earlier()
    counts, first, last = zip(*(numbers for _, numbers in ordered))
    return Earlier(tuple(item for item, _ in ordered), counts, first, last)
