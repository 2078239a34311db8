"""Cells to values: every kind, what is missing, and what is refused."""

from __future__ import annotations

import datetime
import decimal
import math
from typing import Any

import pytest

from modules import config
from modules.beam import values

NUMBER = config.Column(kind="numeric", default=7.0, missing=("NA",))
TEXT = config.Column(kind="categorical", default="?")
TEXTS = config.Column(kind="multi_categorical", separator="|", default="x|y")
VECTOR = config.Column(kind="vector", dimension=2, default=0.5, separator=" ")
ID = config.Column(role="item_id")
SECONDS = config.Column(role="timestamp")
WEIGHT = config.Column(role="weight")
MARKED = config.Column(kind="numeric", default=7.0, missing=("-1",))


@pytest.mark.parametrize(
    ("column", "cell", "expected"),
    [
        (NUMBER, "1.5", 1.5),
        (NUMBER, 2, 2.0),
        (NUMBER, "", 7.0),
        (NUMBER, None, 7.0),
        (NUMBER, "NA", 7.0),
        (NUMBER, float("nan"), 7.0),
        (TEXT, "a b", "a b"),
        (TEXT, "", "?"),
        (TEXT, 3, "3"),
        (TEXT, 3.0, "3"),
        (TEXT, b"\xc3\xa9", "é"),
        (TEXTS, "a||b", ("a", "b")),
        (TEXTS, "", ("x", "y")),
        (TEXTS, ["a", None, 1], ("a", "1")),
        (TEXTS, [], ()),
        (VECTOR, "1 2.5", (1.0, 2.5)),
        (VECTOR, [1, 2], (1.0, 2.0)),
        (VECTOR, "", (0.5, 0.5)),
        (VECTOR, None, (0.5, 0.5)),
        (ID, "007", "007"),
        (ID, 7, "7"),
        (SECONDS, "881250949", 881250949.0),
        (MARKED, "-1", 7.0),
        (MARKED, -1, 7.0),
        (MARKED, -1.0, 7.0),
        (TEXT, decimal.Decimal("3.00"), "3"),
        (TEXT, decimal.Decimal("1.50"), "1.5"),
        (ID, decimal.Decimal(10**30), "1" + 30 * "0"),
        (TEXT, datetime.date(2024, 1, 31), "2024-01-31"),
        (WEIGHT, "2.5", 2.5),
        (WEIGHT, "", 1.0),
    ],
)
def test_converts(column: config.Column, cell: Any, expected: Any) -> None:
    assert values.converter(column)(cell) == expected


def test_what_is_missing_can_stay_unknown() -> None:
    assert math.isnan(values.converter(NUMBER, fills=False)("NA"))
    assert values.converter(TEXT, fills=False)(None) == ""
    assert values.converter(NUMBER, fills=False)("1.5") == 1.5


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        (NUMBER, "many", "found 'many', expected a number"),
        (NUMBER, "nan", "found 'nan', expected a finite number"),
        (TEXT, ["a"], r"found \['a'\], expected one text or number"),
        (VECTOR, "1 2 3", r"found a vector of 3 numbers, expected 2 \(dimension\)"),
        (VECTOR, "1 x", "found 'x', expected a number"),
        (ID, "", "found nothing, every row needs its item_id. Fill it, or leave such rows out"),
        (ID, None, "found nothing, every row needs its item_id"),
        (ID, "NULL", "found 'NULL', every row needs its item_id"),
        (ID, "nan", "found 'nan', every row needs its item_id"),
        (ID, float("nan"), "found nothing, every row needs its item_id"),
        (ID, b"\xff\xfe", r"found b'\\xff\\xfe', bytes that are no UTF-8, expected a text. Write"),
        (ID, "x" * 513, "an id has at most 512 bytes of UTF-8, found 513"),
        (WEIGHT, "-1", "found '-1', expected a weight of 0 or more"),
        (ID, "a\nb", r"found 'a\\nb', an id with a line break, which no vocabulary can hold"),
        (ID, b"a\r", r"found b'a\\r', an id with a line break"),
        (SECONDS, "", "found nothing, every event needs its time"),
        (SECONDS, r"\N", "every event needs its time"),
        (SECONDS, "yesterday", "found 'yesterday', expected a time"),
    ],
)
def test_refuses(column: config.Column, cell: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        values.converter(column)(cell)
