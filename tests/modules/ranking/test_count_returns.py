"""How users come back to items, counted by hand."""

from __future__ import annotations

import math

import apache_beam as beam
from apache_beam.testing import util

from modules.ranking import count_returns

# Items with their times; row 0 is of no catalogue.
HISTORIES = [
    (b"a", [(1, 100, ()), (2, 100, ()), (1, 100, ()), (1, 163, ()), (0, 200, ()), (0, 300, ())]),
    (b"b", [(1, 50, ()), (2, 60, ()), (2, 61, ())]),
    (b"c", []),
]


def test_users_returns_repeats_and_intervals() -> None:
    expected = [
        # user a came back at once and after 63 seconds, user b did not
        (1, (2.0, 1.0, 2.0, float(round(math.log(64) * 1024)))),
        (2, (2.0, 1.0, 1.0, float(round(math.log(2) * 1024)))),
    ]
    with beam.Pipeline() as pipeline:
        found = pipeline | beam.Create(HISTORIES) | count_returns.CountReturns() | beam.Map(sorted)
        util.assert_that(found, util.equal_to([expected]))


def test_no_history() -> None:
    with beam.Pipeline() as pipeline:
        found = pipeline | beam.Create(HISTORIES[2:]) | count_returns.CountReturns()
        util.assert_that(found, util.equal_to([[]]))
