"""What is known of a column, in words."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline import column_text

TIMES = {
    "min": 1700000000,
    "lower_quartile": 1,
    "median": 1,
    "upper_quartile": 1,
    "max": 1720000000,
}


def _column(**known: Any) -> dict[str, Any]:
    return {
        "role": "feature",
        "kind": "categorical",
        "rows": 100,
        "refused": 0,
        "missing": 0,
        "missing_texts": {},
        "distinct": 3,
        "distinct_is_exact": True,
        "examples": [],
        "cells": ["text"],
        **known,
    }


def test_times_are_told_in_their_zone_with_its_difference_from_utc() -> None:
    """From winter time to summer time."""
    assert column_text.span(TIMES, "Europe/Berlin") == (
        "2023-11-14 23:13:20 +01:00 to 2024-07-03 11:46:40 +02:00 (Europe/Berlin)"
    )
    assert column_text.span(TIMES, "UTC") == "2023-11-14 22:13:20 to 2024-07-03 09:46:40 UTC"


@pytest.mark.parametrize(
    ("known", "line"),
    [
        ({"examples": ["17"]}, "taken as seconds since 1970 (no unit is declared)"),
        ({"examples": ["2024-01-31"]}, "taken as ISO 8601"),
        ({"examples": ["2024-01-31"], "cells": ["date"]}, "e.g. 2024-01-31"),
        ({"examples": ["17"], "unit": "s"}, "e.g. 17"),
    ],
)
def test_how_times_are_read_is_said_where_no_key_says_it(known: dict[str, Any], line: str) -> None:
    column = {"unit": None, "format": None, "timezone": "UTC", "times": TIMES, **known}
    assert list(column_text.values(_column(kind=None, role="timestamp", **column)))[1] == line


def test_an_estimate_is_rounded_and_marked() -> None:
    found = _column(distinct=157384, distinct_is_exact=False)
    assert column_text.distinct(found) == "~157,000"
    assert column_text.distinct(_column(distinct=8443)) == "8,443"
    assert column_text.distinct(_column(distinct=0, refused=100)) == "-"


@pytest.mark.parametrize(("missing", "text"), [(0, "0"), (3, "3.0%"), (0.05, "<0.1%")])
def test_the_share_of_missing_cells(missing: float, text: str) -> None:
    assert column_text.missing({"missing": missing, "rows": 100}) == text


def test_texts_whose_ends_would_not_be_seen_are_quoted() -> None:
    column = _column(missing=5, missing_texts={"": 2, " ": 3}, examples=["a ", "b,c", "d"])
    assert list(column_text.values(column)) == [
        "e.g. 'a ', 'b,c', d",
        "missing: empty 2, ' ' 3",
    ]


def test_frequent_values_have_their_share_of_the_cells_that_are_there() -> None:
    column = _column(frequent=[["a", 40], ["b", 10]], missing=20)
    assert column_text.frequent(column) == "a 50.0%, b 12.5%"


def test_an_id_is_told_only_where_it_is_strangely_frequent() -> None:
    ids = [["guest", 30], ["u1", 2]]
    column = _column(role="user_id", kind=None, frequent=ids, distinct=60)
    assert column_text.frequent(column) == "guest 30.0%"
    assert not column_text.frequent({**column, "distinct": 5})


@pytest.mark.parametrize(
    ("number", "text"),
    [(1998.0, "1998"), (89638.0, "89,638"), (1e30, "1e+30"), (0.05083, "0.05083")],
)
def test_numbers(number: float, text: str) -> None:
    assert column_text.compact(number) == text
