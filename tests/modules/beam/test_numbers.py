"""Cells to numbers: the forms in which people write them, and what is refused with which remedy."""

from __future__ import annotations

import decimal
from typing import Any

import pytest

from modules import config
from modules.beam import numbers

COMMA = {"decimal": ","}
GERMAN = {"decimal": ",", "thousands": "."}


def _convert(cell: Any, form: dict[str, Any] | None = None) -> float:
    number = None if form is None else config.Number(**form)
    return numbers.converter(config.Column(kind="numeric", number=number))(cell)


@pytest.mark.parametrize(
    ("form", "cell", "expected"),
    [
        (None, "1.5", 1.5),
        (None, " 2 ", 2.0),
        (None, "-1e3", -1000.0),
        (None, decimal.Decimal("1.50"), 1.5),
        (None, True, 1.0),
        ({"symbols": ("$",)}, "$25.00", 25.0),
        ({"symbols": ("$",)}, "-$25.00", -25.0),
        ({"symbols": ("$",)}, "25", 25.0),
        ({"symbols": ("%",)}, "45 %", 45.0),
        ({"symbols": ("EUR", "€")}, "EUR 3", 3.0),
        (COMMA, "12,5", 12.5),
        (COMMA, 12.5, 12.5),
        ({"thousands": ","}, "1,234", 1234.0),
        ({"thousands": ","}, "1,234,567.5", 1234567.5),
        ({"thousands": ","}, "12,34,567", 1234567.0),
        ({"thousands": ","}, "(1,234)", -1234.0),
        ({**GERMAN, "symbols": ("€",)}, "1.234,56 €", 1234.56),
        ({"decimal": ",", "thousands": " "}, "1 234,5", 1234.5),
        ({"decimal": ",", "thousands": " "}, "1\u00a0234,5", 1234.5),
        ({"decimal": ",", "thousands": " "}, "1\u202f234,5", 1234.5),
        (None, "\u22125", -5.0),
        ({}, "(25.00)", -25.0),
        ({"symbols": ("$",)}, "(25.00)", -25.0),
        ({"symbols": ("$",)}, "($25.00)", -25.0),
    ],
)
def test_reads(form: dict[str, Any] | None, cell: Any, expected: float) -> None:
    assert _convert(cell, form) == expected


@pytest.mark.parametrize(
    ("form", "cell", "message"),
    [
        (None, "$25.00", r'Say how numbers are written: number: \{symbols: \["\$"\]\}$'),
        (None, "12,5", r'number: \{decimal: ","\}$'),
        (None, "1,234", r'number: \{decimal: ","\} or number: \{thousands: ","\}$'),
        (None, "45 %", r'number: \{symbols: \["%"\]\}$'),
        (None, "EUR 12", r'number: \{symbols: \["EUR"\]\}$'),
        (None, "1.234,56 €", r'decimal: ",", thousands: "\.", symbols: \["€"\]'),
        (None, "-$5.00", r'number: \{symbols: \["\$"\]\}$'),
        (None, "(25.00)", r"number: \{\}$"),
        (None, "1.2k", "declare the column categorical"),
        (None, "1\u00a0234,50", r'number: \{decimal: ",", thousands: " "\}$'),
        (None, r"\N", r"If it stands for no value, set missing: \['\\N'\]"),
        (None, "1_000", r"found '1_000', expected a number\. Correct it"),
        (COMMA, "1_000", r"found '1_000', expected a number as number says"),
        (None, "NULL", r"set missing: \['NULL'\]"),
        (None, "NaN", r"expected a finite number.*missing: \['NaN'\]"),
        (None, "many", "list it under the column's missing, or declare the column categorical"),
        (None, "1e39", "at most 3.4e38, as float32 holds it"),
        (None, ["1"], "found .*, expected a number"),
        (COMMA, "1.5", r"with ',' before its fraction \(number.decimal\)"),
        ({"thousands": ","}, "12,5", "expected digits in threes between ','"),
        ({"thousands": ","}, "1,2345", "expected digits in threes"),
        ({"symbols": ("$",)}, "€5", "expected a number as number says"),
    ],
)
def test_refuses(form: dict[str, Any] | None, cell: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _convert(cell, form)
