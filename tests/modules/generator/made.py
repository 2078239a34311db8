"""A generated part, for tests: users with their events, and the oracle's requests of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from modules.generator import activity, draws, oracle, shape, tables

SMALL = {"events": 6000, "users": 400, "items": 800, "categories": 8}


@dataclasses.dataclass(frozen=True)
class Part:
    known: tables.Tables
    visits: activity.Visits
    items: np.ndarray[Any, Any]

    @property
    def users(self) -> np.ndarray[Any, Any]:
        """The place of each event's user, int64 [N]."""
        return np.repeat(np.arange(self.visits.counts.size), self.visits.counts)

    @property
    def numbers(self) -> np.ndarray[Any, Any]:
        """The number of each event among its user's, from 0: int64 [N]."""
        return np.arange(self.items.size) - np.repeat(self.visits.firsts, self.visits.counts)

    def requests(self, every: int) -> Iterator[tuple[oracle.Request, int]]:
        """What was known before each event of every N-th user, and the item that was taken."""
        for one in range(0, self.visits.counts.size, every):
            first, group = self.visits.firsts[one], int(tables.age_group(self.visits.ages[one]))
            for at in range(first, first + self.visits.counts[one]):
                gap = int(self.visits.times[at] - self.visits.times[at - 1])
                time = int(self.visits.times[at])
                yield oracle.Request(group, self.items[first:at], time, gap), int(self.items[at])


def part(**changes: Any) -> Part:
    of = shape.Shape(**{**SMALL, **changes})
    known = tables.Tables(of)
    rng = tables.generator(of.seed, tables.Stream.USERS, 0)
    visits = activity.visits(of, 0, rng)
    return Part(known, visits, draws.items(known, visits, rng))


def is_near(found: float, expected: float, number: int, sigmas: float = 5.0) -> bool:
    """Whether a share of `number` trials is what its probability is, for any seed (1 in 10**6)."""
    return abs(found - expected) <= sigmas * np.sqrt(expected * (1 - expected) / number)
