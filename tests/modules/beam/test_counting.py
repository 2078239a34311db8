"""Histories, stripes and combiners by hand."""

from __future__ import annotations

import apache_beam as beam
import pytest
from apache_beam.testing import util

from modules.beam import counting


@pytest.mark.parametrize(("start", "expected"), [(0, [0, 1, 2, 3]), (1, [2, 3]), (7, [2, 3])])
def test_a_later_window_has_no_targets_in_its_first_two_places(
    start: int, expected: list[int]
) -> None:
    example = {"window_start": [start], "event_item_id": [b"a", b"b", b"c", b"d"]}
    assert list(counting.target_places(example)) == expected


def test_windows_of_a_user_are_put_in_order_of_their_places() -> None:
    with beam.Pipeline() as pipeline:
        found = (
            pipeline
            | beam.Create(
                [("u", [(2, "c"), (10, "z")]), ("v", [(0, "x")]), ("u", [(0, "b"), (1, "a")])]
            )
            | counting.InOrder()
        )
        util.assert_that(found, util.equal_to([("u", ["b", "a", "c", "z"]), ("v", ["x"])]))


@pytest.mark.parametrize(
    ("distance", "expected"), [(1, 1), (2, 2), (3, 6), (4, 12), (5, 60), (6, 60)]
)
def test_unit(distance: int, expected: int) -> None:
    assert counting.unit(distance) == expected


def test_stripes_by_hand() -> None:
    """In a b c a, b follows a at 1, c at 2; a follows b at 2, c at 1; a follows itself at 3.

    In sixtieths.
    """
    found = dict(counting.stripes([["a", "b", "c", "a"]], 5))
    assert found == {"a": {"b": 60, "c": 30, "a": 20}, "b": {"c": 60, "a": 30}, "c": {"a": 60}}


def test_stripes_of_several_users_are_summed_and_end_with_the_user() -> None:
    assert dict(counting.stripes([["a", "b"], ["a", "b"], ["b"]], 2)) == {"a": {"b": 4}}


def test_nothing_counts_beyond_the_distance() -> None:
    (_, first), *_ = counting.stripes([list(range(7))], 5)
    assert first == {1: 60, 2: 30, 3: 20, 4: 15, 5: 12}
