"""All training events as arrays, and what they tell before training begins."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np
from numpy import typing as npt

from modules import ties


@dataclasses.dataclass(frozen=True)
class Events:
    """The events of all training windows, one window after the other.

    Attributes:
      items: rows of the catalogue, int32 [n].
      windows: number of each event's window, int32 [n].
      targets: whether each is a target, bool [n]; an event is that in one window alone.
      tied: whether each has the time of the event before it, bool [n].
    """

    items: npt.NDArray[np.int32]
    windows: npt.NDArray[np.int32]
    targets: npt.NDArray[np.bool_]
    tied: npt.NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        windows: Iterable[
            tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]
        ],
    ) -> Events:
        """From (items, targets, tied) of each window."""
        found = list(windows)
        items, targets, tied = zip(*found) if found else ((), (), ())
        return cls(
            np.concatenate([np.zeros(0, np.int32), *(rows.astype(np.int32) for rows in items)]),
            np.repeat(np.arange(len(found), dtype=np.int32), list(map(len, items))),
            np.concatenate([np.zeros(0, bool), *targets]),
            np.concatenate([np.zeros(0, bool), *tied]),
        )


def ties_say_nothing(events: Events) -> bool:
    """Whether the order of events of one time is as a lot would make it.

    Of two items that users had one right after the other at one time, one comes first as often as
    the other. Then every order is as good as that of the file, and a model that sees another one in
    each epoch learns more. Otherwise the order is one that also requests have, and shuffling hides
    what it says: what was done first, or only (see `ties.are_sorted`) how the file was sorted.
    """
    pair = events.tied[1:] & events.targets[1:] & (events.windows[1:] == events.windows[:-1])
    pair &= events.items[1:] != events.items[:-1]
    first, second = (
        events.items[:-1][pair].astype(np.int64),
        events.items[1:][pair].astype(np.int64),
    )
    ascends = first < second
    smaller, larger = np.minimum(first, second), np.maximum(first, second)
    _, number, cases = np.unique(
        smaller * (int(larger.max(initial=0)) + 1) + larger, return_inverse=True, return_counts=True
    )
    ascending = np.bincount(number, ascends, minlength=len(cases)).astype(np.int64)
    cases, ascending = cases[cases > 1], ascending[cases > 1]
    same_way = np.maximum(ascending, cases - ascending)
    by_lot = sum(ties.by_lot(int(n)) * int((cases == n).sum()) for n in np.unique(cases))
    return not ties.no_lot(int(cases.sum()), int(same_way.sum()), by_lot)
