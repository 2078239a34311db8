"""Histories by hand."""

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
