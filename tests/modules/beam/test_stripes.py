"""Pairs of items by hand and against loops."""

from __future__ import annotations

import collections
from collections.abc import Iterable

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.testing import util

from modules.beam import stripes

A, B, C = 0, 1, 2
_PART = 7  # events that are looked at at once: pairs cross the bounds


def _added(parts: Iterable[stripes.Pairs]) -> dict[int, dict[int, int]]:
    """By item; what parts of the events have is added up here."""
    found: dict[int, dict[int, int]] = {}
    for pairs in parts:
        for item, (items, weights) in stripes.rows(pairs):
            row = found.setdefault(item, {})
            for other, weight in zip(items.tolist(), weights.tolist()):
                row[other] = row.get(other, 0) + weight
    return found


def _following(histories: list[list[int]], distance: int) -> dict[int, dict[int, int]]:
    given = stripes.Histories.of(histories)
    return _added(stripes.following(given, distance, *part) for part in given.parts(_PART))


def _together(
    histories: list[list[int]], times: list[list[int]], seconds: int, distance: int
) -> dict[int, dict[int, int]]:
    every = np.array([time for of_user in times for time in of_user], np.int64)
    given = stripes.Histories.of(histories)
    return _added(
        stripes.together(given, every, seconds, distance, *part) for part in given.parts(_PART)
    )


@pytest.mark.parametrize(
    ("distance", "expected"), [(1, 1), (2, 2), (3, 6), (4, 12), (5, 60), (6, 60)]
)
def test_unit(distance: int, expected: int) -> None:
    assert stripes.unit(distance) == expected


def test_who_follows_whom() -> None:
    """In a b c a, b follows a at 1, c at 2; a follows b at 2, c at 1; a follows itself at 3.

    In sixtieths.
    """
    found = _following([[A, B, C, A]], 5)
    assert found == {A: {B: 60, C: 30, A: 20}, B: {C: 60, A: 30}, C: {A: 60}}


def test_users_are_added_up_and_apart() -> None:
    assert _following([[A, B], [], [A, B], [B]], 2) == {A: {B: 4}}


def test_nothing_counts_beyond_the_distance() -> None:
    assert _following([list(range(7))], 5)[0] == {1: 60, 2: 30, 3: 20, 4: 15, 5: 12}


def test_what_never_counts_takes_its_place() -> None:
    assert _following([[A, -1, B], [-1, -1]], 2) == {A: {B: 1}}


@pytest.mark.parametrize("histories", [[], [[]], [[A]], [[-1]]])
def test_without_any_pair(histories: list[list[int]]) -> None:
    assert _following(histories, 5) == {}
    assert _together(histories, histories, 60, 5) == {}


def test_together_counts_both_ways_within_seconds_and_events() -> None:
    """A at 0, b and a at 60, c at 61: a-b twice, b-c, a-c once; not the first a with c."""
    found = _together([[A, B, A, C]], [[0, 60, 60, 61]], 60, 20)
    assert found == {A: {B: 2, C: 1}, B: {A: 2, C: 1}, C: {A: 1, B: 1}}
    found = _together([[A, B, A, C]], [[0, 60, 60, 61]], 60, 1)
    assert found == {A: {B: 2, C: 1}, B: {A: 2}, C: {A: 1}}


def test_against_loops() -> None:
    """Histories of repeated, unlisted and simultaneous items."""
    random = np.random.default_rng(1)
    lengths = random.integers(0, 40, 30)
    histories = [(random.integers(-1, 15, n)).tolist() for n in lengths]
    times = [np.cumsum(random.integers(0, 40, n)).tolist() for n in lengths]
    follows: dict[int, dict[int, int]] = collections.defaultdict(collections.Counter)
    beside: dict[int, dict[int, int]] = collections.defaultdict(collections.Counter)
    for items, moments in zip(histories, times):
        for first, item in enumerate(items):
            for n, other in enumerate(items[first + 1 : first + 7], start=1):
                if min(item, other) < 0:
                    continue
                if n <= 3:
                    follows[item][other] += 6 // n
                if item != other and moments[first + n] - moments[first] <= 50:
                    beside[item][other] += 1
                    beside[other][item] += 1
    assert _following(histories, 3) == follows
    assert _together(histories, times, 50, 6) == beside


def test_stripes_of_an_item_are_added_up_in_any_number() -> None:
    """40 workers' (j, 1) for j and j + 1 below 41: the ends once, all between twice."""
    one = np.ones(2, np.int64)
    with beam.Pipeline() as pipeline:
        found = (
            pipeline
            | beam.Create([(7, (np.array([j, j + 1], np.int64), one)) for j in range(40)])
            | beam.CombinePerKey(stripes.Sum())
            | beam.MapTuple(lambda item, stripe: (item, *map(np.ndarray.tolist, stripe)))
        )
        expected = (7, list(range(41)), [1, *[2] * 39, 1])
        util.assert_that(found, util.equal_to([expected]))


def test_nothing_to_add_up() -> None:
    items, weights = stripes.Sum().extract_output(stripes.Sum().create_accumulator())
    assert items.tolist() == weights.tolist() == []
