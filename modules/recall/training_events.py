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


@dataclasses.dataclass(frozen=True)
class Ties:
    """How items stand that a user had one right after the other at one time.

    Attributes:
      cases: of pairs of items that several users had so.
      same_way: those that stand as most of their pair do.
      same_way_by_lot: how many that would be if a lot had decided each.
    """

    cases: int
    same_way: int
    same_way_by_lot: float

    @classmethod
    def of(cls, events: Events) -> Ties:
        """Counts; an event counts in the window alone that targets it."""
        pair = events.tied[1:] & events.targets[1:] & (events.windows[1:] == events.windows[:-1])
        pair &= events.items[1:] != events.items[:-1]
        first, second = (
            items[pair].astype(np.int64) for items in (events.items[:-1], events.items[1:])
        )
        larger = np.maximum(first, second)
        _, number, cases = np.unique(
            np.minimum(first, second) * (int(larger.max(initial=0)) + 1) + larger,
            return_inverse=True,
            return_counts=True,
        )
        ascending = np.bincount(number, first < second, minlength=len(cases)).astype(np.int64)
        cases, ascending = cases[cases > 1], ascending[cases > 1]
        by_lot = sum(ties.by_lot(int(n)) * int((cases == n).sum()) for n in np.unique(cases))
        return cls(
            int(cases.sum()), int(np.maximum(ascending, cases - ascending).sum()), float(by_lot)
        )

    @property
    def say_nothing(self) -> bool:
        """Whether their order is as a lot would make it.

        Then every order is as good as that of the file, and a model that sees another one in each
        epoch learns more. Otherwise the order is one that also requests have, and shuffling hides
        what it says: what was done first, or only (see `ties.are_sorted`) how the file was sorted.
        """
        return not ties.no_lot(self.cases, self.same_way, self.same_way_by_lot)

    def __str__(self) -> str:
        if not self.cases:
            return "no two items follow each other at one time for several users"
        return (
            f"two items of one time stand the same way round in {self.same_way / self.cases:.1%} "
            f"of {self.cases:,} cases, by lot it would be {self.same_way_by_lot / self.cases:.1%}"
        )
