"""Draws the items of visits: event by event, for all users of a part at once."""

from __future__ import annotations

import numpy as np
from numpy import typing as npt

from modules.generator import activity, oracle, tables

Ints = npt.NDArray[np.int64]
_TRIES = (
    30  # draws of an item that the user had already, after which all probabilities are computed
)


def items(known: tables.Tables, visits: activity.Visits, rng: np.random.Generator) -> Ints:
    """The item of each event, int64 [N], in the order of `visits.times`."""
    return _Draws(known, visits, rng).run()


def by_popularity(known: tables.Tables, times: Ints, rng: np.random.Generator) -> Ints:
    """Items, int64 [N], by popularity alone and whether they were taken before or not."""
    categories = rng.integers(known.shape.categories, size=times.size)
    found = _of_categories(known, categories, times, rng)
    is_hot = rng.random(times.size) < known.shape.hot_item
    return np.where(is_hot, known.shape.items + oracle.HOT_ITEM, found)


class _Draws:
    """The users of a part while their events are drawn.

    The definition is that of `oracle.probabilities`; a draw of what the user had is drawn again,
    which is the same as leaving it out and dividing by the rest.
    """

    def __init__(
        self, known: tables.Tables, visits: activity.Visits, rng: np.random.Generator
    ) -> None:
        self._known, self._visits, self._rng = known, visits, rng
        self._ages = tables.age_group(visits.ages)
        self._items = np.zeros(visits.times.size, np.int64)
        self._had: set[int] = set()  # user of the part * items + item

    def run(self) -> Ints:
        counts = self._visits.counts
        order = np.argsort(-counts, kind="stable")
        active = np.searchsorted(-counts[order], -np.arange(counts.max()), side="left")
        for number, users in enumerate(active.tolist()):
            self._step(order[:users], number)
        return self._items

    def _step(self, users: Ints, number: int) -> None:
        """Draws the events with this number, from 0, of the given users, int64 [A]."""
        of = self._known.shape
        at = self._visits.firsts[users] + number
        chances = self._rng.random((2, users.size))
        is_hot = chances[0] < of.hot_item
        repeats = ~is_hot & (chances[1] < of.repeats) & (number > 0)
        is_new = ~is_hot & ~repeats
        found = np.full(users.size, of.items + oracle.HOT_ITEM)
        found[repeats] = self._earlier(users[repeats], number)
        found[is_new] = self._unseen(users[is_new], at[is_new], number)
        self._items[at] = found
        self._had.update((users * of.items + found).tolist())

    def _earlier(self, users: Ints, number: int) -> Ints:
        """An item of one of each user's events, each event as likely."""
        drawn = self._rng.integers(max(number, 1), size=users.size)  # no users where it is 0
        return self._items[self._visits.firsts[users] + drawn]

    def _unseen(self, users: Ints, at: Ints, number: int) -> Ints:
        """An item that the user had not, for each user."""
        found = np.zeros(users.size, np.int64)
        pending = np.arange(users.size)
        for _ in range(_TRIES):
            if not pending.size:
                return found
            drawn = self._draw(users[pending], at[pending], number)
            keys = (users[pending] * self._known.shape.items + drawn).tolist()
            fresh = np.fromiter((key not in self._had for key in keys), bool, len(keys))
            found[pending[fresh]] = drawn[fresh]
            pending = pending[~fresh]
        for one in pending.tolist():
            found[one] = self._by_probabilities(users[one], at[one], number)
        return found

    def _draw(self, users: Ints, at: Ints, number: int) -> Ints:
        """An item for each user, had before or not."""
        known, times = self._known, self._visits.times
        before = self._items[at - 1]  # of no meaning for a first event
        gaps = times[at] - times[at - 1]
        chances = self._rng.random((2, users.size))
        reasons = _pick(_CUMULATIVE_REASONS[tables.regime(number, gaps)], chances[0])
        rows = np.select(
            [reasons == tables.Reason.PROFILE, reasons == tables.Reason.HOUR],
            [self._ages[users], tables.AGES + tables.part_of_day(times[at])],
            tables.AGES + tables.PARTS + known.category(before),
        )
        categories = _pick(known.cumulative_rows[rows], chances[1])
        habit = reasons == tables.Reason.HABIT
        categories[habit] = known.category(self._earlier(users[habit], number))
        found = _of_categories(known, categories, times[at], self._rng)
        follow = reasons == tables.Reason.FOLLOW
        steps = known.steps[_pick(_CUMULATIVE_FOLLOWING, chances[1, follow])]
        found[follow] = (before[follow] + steps) % known.shape.items
        return found

    def _by_probabilities(self, user: int, at: int, number: int) -> int:
        """The same as drawing again until it is new."""
        times = self._visits.times
        request = oracle.Request(
            int(self._ages[user]),
            self._items[at - number : at],
            int(times[at]),
            int(times[at] - times[at - 1]),
        )
        cumulative = np.cumsum(oracle.explored(self._known, request))
        drawn = self._rng.random() * cumulative[-1]
        return int(np.searchsorted(cumulative, drawn, side="right"))


_CUMULATIVE_REASONS = np.cumsum(tables.REASONS, axis=1)
_CUMULATIVE_FOLLOWING = np.cumsum(tables.FOLLOWING)


def _of_categories(
    known: tables.Tables, categories: Ints, times: Ints, rng: np.random.Generator
) -> Ints:
    """An item of each category, int64 [N], by what is popular at all or on that day."""
    chances = rng.random((2, categories.size))
    ranks = np.searchsorted(known.cumulative, chances[0], side="right")
    of_day = chances[1] < known.shape.drift
    levels = np.where(of_day, known.trend_levels(ranks, categories, tables.day(times)), ranks)
    found: Ints = levels * known.shape.categories + categories
    return found


def _pick(cumulative: npt.NDArray[np.float64], chances: npt.NDArray[np.float64]) -> Ints:
    """Places in running sums, [N, places] or [places], by numbers from 0 to 1: int64 [N]."""
    return np.asarray((cumulative[..., :-1] <= chances[:, np.newaxis]).sum(axis=-1), np.int64)
