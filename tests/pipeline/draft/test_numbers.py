"""Forms of numbers."""

from __future__ import annotations

import pytest

from modules import columns
from pipeline.draft import numbers


def form(*texts: str) -> numbers.Form | None:
    return numbers.form(dict.fromkeys(texts, 1))


@pytest.mark.parametrize(
    ("texts", "number", "low", "high"),
    [
        (("1", "-2", "3e2"), None, -2, 300),
        (("0,5", "12,25"), columns.Number(decimal=","), 0.5, 12.25),
        (("$0.99", "$25.00"), columns.Number(symbols=("$",)), 0.99, 25),
        (("45 %", "7%"), columns.Number(symbols=("%",)), 7, 45),
        (("0", "1,000", "12,000"), columns.Number(thousands=","), 0, 12000),
        (("1,234.50", "7.25"), columns.Number(thousands=","), 7.25, 1234.5),
        (
            ("1.945,85 €", "12,65 €"),
            columns.Number(decimal=",", thousands=".", symbols=("€",)),
            12.65,
            1945.85,
        ),
    ],
)
def test_forms(texts, number, low, high):
    found = form(*texts)
    assert (found.number, found.low, found.high, found.unsure) == (number, low, high, None)


def test_a_comma_that_may_mean_either_is_unsure():
    found = form("1,234", "5,678")
    assert found.number == columns.Number(thousands=",")
    assert "decimal" in found.unsure and "thousands" in found.unsure


@pytest.mark.parametrize(
    "texts",
    [
        ("0108X", "0138X"),  # ISBN
        ("Game 108", "Game 138"),
        ("1", "2", "3", "4", "5+"),  # sizes of households
        ("a", "b", "1"),
    ],
)
def test_names_are_no_numbers(texts):
    assert form(*texts) is None


def test_a_few_other_texts_are_no_values():
    found = form("1", "2", "3", "4", "n/a")
    assert (found.missing, found.unsure) == (("n/a",), None)
    found = form("1", "2", "3", "4", "tba")
    assert (found.missing, found.unsure) == (("tba",), "'tba' taken for no value")
