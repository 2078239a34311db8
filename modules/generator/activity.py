"""Who there is, and when each user comes: sessions, within a day's curve. Items play no part."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy import typing as npt

from modules.generator import shape, tables

COUNTRIES = ("DE", "FR", "IT", "PL", "SE")  # means nothing
_OLDEST = tables.YOUNGEST + tables.AGES * tables.AGE_YEARS
_LATEST_START = 0.8  # share of the days after which no user comes for the first time
_SESSION_SECONDS = 90.0  # between two events of a session, on average
_QUIET = 0.8  # how much less there is at midnight than on average
_HOURS = np.linspace(0.0, 1.0, 97)  # of a day
_BUSY = _HOURS - _QUIET * np.sin(2 * np.pi * _HOURS) / (2 * np.pi)  # share of events before


@dataclasses.dataclass(frozen=True)
class Visits:
    """Users of a part, U of them with N events, by user and by time.

    Attributes:
      users: int64 [U], their numbers.
      ages: int64 [U], in years.
      countries: int64 [U].
      counts: int64 [U], events.
      firsts: int64 [U], where a user's events begin.
      times: int64 [N], Unix seconds, strictly increasing for each user.
    """

    users: npt.NDArray[np.int64]
    ages: npt.NDArray[np.int64]
    countries: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    firsts: npt.NDArray[np.int64]
    times: npt.NDArray[np.int64]


def visits(of: shape.Shape, part: int, rng: np.random.Generator) -> Visits:
    """Draws a part of the users: every `user_parts`-th, so that all parts are alike."""
    users = np.arange(part, of.users, of.user_parts)
    counts = np.array([of.events_before(u + 1) - of.events_before(u) for u in users.tolist()])
    ages, countries = profiles(users.size, rng)
    times = _times(of, counts, rng)
    return Visits(users, ages, countries, counts, np.cumsum(counts) - counts, times)


def profiles(
    users: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Ages and countries, int64 [users] each."""
    return rng.integers(tables.YOUNGEST, _OLDEST, users), rng.integers(len(COUNTRIES), size=users)


def moments(days: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Seconds since the first day, on given days, by the curve of a day."""
    of_day = np.interp(rng.random(days.size), _BUSY, _HOURS)
    return np.asarray((np.floor(days) + of_day) * tables.DAY, np.float64)


def _times(
    of: shape.Shape, counts: npt.NDArray[np.int64], rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Unix seconds of the events of users with these numbers of them, int64 [N]."""
    user = np.repeat(np.arange(counts.size), counts)
    place = np.arange(user.size) - np.repeat(np.cumsum(counts) - counts, counts)
    opens = (place == 0) | (rng.random(user.size) < 1 / of.session_events)
    session = np.cumsum(opens) - 1
    first_day = rng.random(counts.size) * _LATEST_START * of.days
    joined = first_day[user[opens]]
    begins = moments(joined + rng.random(joined.size) * (of.days - joined), rng)
    passed = np.cumsum(1 + rng.exponential(_SESSION_SECONDS, user.size))
    seconds = (begins[session] + passed - passed[opens][session]).astype(np.int64)
    seconds = seconds[np.lexsort((seconds, user))]
    # later than the one before, if only by a second: the order of a user's events is known
    earliest = np.maximum.accumulate(user * 2**40 + seconds - place)
    times: npt.NDArray[np.int64] = tables.START + earliest - user * 2**40 + place
    return times
