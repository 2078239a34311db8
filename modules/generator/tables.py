"""What the seed decides for all users and items: who likes what, when, and what follows what.

An item is taken for one of five reasons. By profile, hour, what follows the last category, or
habit, a category is taken, and of it an item by popularity; or an item that follows the last one:

  profile  a row of the table age group x category
  hour     a row of the table part of the day x category
  next     one of three categories that follow that of the last event
  habit    the category of one of the user's events, each as likely (a Polya urn: tastes differ)
  follow   one of three items that follow the last one

How often which, `REASONS` says: what follows counts within a session alone. Reasons depend on
nothing that a model could not see, so the probability of each item is known (oracle.py).
"""

from __future__ import annotations

import enum
import math
from typing import TypeVar

import numpy as np
from numpy import typing as npt

from modules.generator import shape

START = 1_767_225_600  # Unix seconds of the first day's beginning, 2026-01-01 UTC
DAY, HOUR = 86_400, 3_600  # seconds
SESSION_GAP = 1_800  # seconds between two events from which on a session is a new one
AGES, YOUNGEST, AGE_YEARS = 5, 18, 12  # groups of ages: how many, and their width in years
PARTS = 6  # of a day
FOLLOWING = np.array([0.6, 0.3, 0.1])  # probabilities of the three that follow
_CONTRAST = 1.5  # standard deviation of the logits of a row

# Of an event without events before, the first of a session, and one within: probability of each
# reason, in the order of `Reason`.
REASONS = np.array([[0.7, 0.3, 0, 0, 0], [0.4, 0.2, 0, 0.4, 0], [0.2, 0.1, 0.3, 0.2, 0.2]])


Times = TypeVar("Times", int, npt.NDArray[np.int64])


class Reason(enum.IntEnum):
    """Why an item is taken; see above."""

    PROFILE, HOUR, NEXT, HABIT, FOLLOW = range(5)


class Stream(enum.IntEnum):
    """Independent streams of random numbers."""

    TABLES, USERS, HOT_USER, ITEMS = range(4)


def generator(seed: int, stream: Stream, part: int = 0) -> np.random.Generator:
    """Random numbers of a part; they depend on these numbers alone."""
    sequence = np.random.SeedSequence(seed, spawn_key=(stream, part))
    return np.random.Generator(np.random.Philox(sequence))


class Tables:
    """C categories of J items (levels); item `level * C + category`.

    Attributes:
      shape: what is generated.
      popularity: float64 [J], the share of each rank in a category, rank ** -zipf.
      cumulative: float64 [J], its running sum.
      rows: float64 [AGES + PARTS + C, C], probabilities of the categories for an age group, then
          for a part of the day, then after a category.
      cumulative_rows: float64 [AGES + PARTS + C, C].
      steps: int64 [3], how far behind an item those that follow it stand.
    """

    def __init__(self, of: shape.Shape) -> None:
        rng = generator(of.seed, Stream.TABLES)
        self.shape = of
        ranked = np.arange(1, of.levels + 1, dtype=np.float64) ** -of.zipf
        self.popularity = ranked / ranked.sum()
        self.cumulative = _running(self.popularity)
        likes = np.exp(_CONTRAST * rng.standard_normal((AGES + PARTS, of.categories)))
        after = np.zeros((of.categories, of.categories))
        for row in after:
            chosen = rng.choice(of.categories, len(FOLLOWING), replace=of.categories < 3)
            np.add.at(row, chosen, FOLLOWING)
        self.rows = np.concatenate([likes / likes.sum(axis=1, keepdims=True), after])
        self.cumulative_rows = _running(self.rows)
        self.steps = rng.choice(np.arange(1, of.items), len(FOLLOWING), replace=False)
        self._phases = rng.integers(of.levels, size=of.categories)
        self._stride = next(
            n for n in range(int(of.levels * 0.618) or 1, 2**62) if math.gcd(n, of.levels) == 1
        )
        self._back = pow(self._stride, -1, of.levels)

    def category(self, item: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Categories of items, of the same shape."""
        return item % self.shape.categories

    def trend_levels(
        self,
        rank: npt.NDArray[np.int64],
        category: npt.NDArray[np.int64],
        day: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.int64]:
        """Levels of the items that have a rank among those of the day, from 0; of any one shape.

        Each day another item of a category is new and stands first; those of the days before are
        one rank further down.
        """
        return (day + self._phases[category] - rank) * self._stride % self.shape.levels

    def trend_ranks(self, day: int) -> npt.NDArray[np.int64]:
        """The inverse of `trend_levels` for a day, all levels and categories: int64 [J, C]."""
        levels = np.arange(self.shape.levels)[:, np.newaxis]
        return (day + self._phases[np.newaxis, :] - levels * self._back) % self.shape.levels


def age_group(age: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Groups of ages in years, from 0."""
    return (age - YOUNGEST) // AGE_YEARS


def part_of_day(time: Times) -> Times:
    """Parts of the day, from 0, of Unix seconds."""
    return time % DAY // (DAY // PARTS)


def day(time: Times) -> Times:
    """Days since the first, of Unix seconds."""
    return (time - START) // DAY


def regime(numbers: npt.ArrayLike, gaps: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Rows of `REASONS`, by the number of events before and the seconds since the last one."""
    within = np.where(np.asarray(gaps) < SESSION_GAP, 2, 1)
    return np.where(np.asarray(numbers) == 0, 0, within)


def _running(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Running sums along the last axis, which end at 1 whatever was rounded."""
    sums = np.cumsum(shares, axis=-1)
    sums[..., -1] = 1.0
    return sums
