"""Rules of keep and drop: how they are written, and which cells fulfil them."""

from __future__ import annotations

from typing import Any

import pytest

from modules import config, rules


@pytest.mark.parametrize(
    ("text", "column", "operator", "values"),
    [
        ("rating >= 4", "rating", ">=", ("4",)),
        ("rating>=4", "rating", ">=", ("4",)),
        ("a==b", "a", "==", ("b",)),
        ("invoice not startswith C", "invoice", "not startswith", ("C",)),
        ("invoice  not   startswith C", "invoice", "not startswith", ("C",)),
        ("'Book Rating' != 0", "Book Rating", "!=", ("0",)),
        ('Country == "United Kingdom"', "Country", "==", ("United Kingdom",)),
        ("Country == United Kingdom", "Country", "==", ("United Kingdom",)),
        ("event in [view, 'add, to cart']", "event", "in", ("view", "add, to cart")),
        ("event not in [view]", "event", "not in", ("view",)),
        ("CustomerID is missing", "CustomerID", "is missing", ()),
        ("CustomerID is not missing", "CustomerID", "is not missing", ()),
        ("in in [in]", "in", "in", ("in",)),
        ("missing is missing", "missing", "is missing", ()),
        ("main.in startswith x", "main.in", "startswith", ("x",)),
        ("day < 2024-01-31", "day", "<", ("2024-01-31",)),
    ],
)
def test_reads(text: str, column: str, operator: str, values: tuple[str, ...]) -> None:
    assert rules.read(text) == rules.Rule(text, column, operator, values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rating", "found 'rating', expected a column, an operator and a value"),
        ("rating >=", "found 'rating >=', expected a column"),
        ("rating >= four", "expected a number or a date like 2024-01-31 after '>='"),
        ("event in view", r"expected a list after 'in', such as 'event in \[a, b\]'"),
        ("event in []", "expected a list after 'in'"),
        ("a is missing b", "nothing may follow 'is missing'"),
        ("", "found '', expected a column"),
        ("== 3", "expected a column"),
    ],
)
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(config.ConfigError, match=message):
        rules.read(text)


@pytest.mark.parametrize(
    ("text", "holds", "does_not"),
    [
        ("x >= 4", ["4", "4.0", "1e3", 4, 4.5], ["3.9", "", None, "many", "NULL", float("nan")]),
        ("x < 4", ["3", -1], ["4", "", "many"]),
        ("x == 1", ["1", "1.0", 1, 1.0, True], ["2", "", None, "one"]),
        ("x == true", [True, "true"], [False, "false", None, ""]),
        ("x != True", [False, "false", None], [True, "True"]),
        ("x == 01", ["01", "1", 1], ["2"]),
        ("x != 1", ["2", "", None, "NULL"], ["1", "1.0", 1]),
        ("x == view", ["view"], ["views", "View", ""]),
        ("x in [a, 2]", ["a", "2", 2.0], ["b", ""]),
        ("x not in [a, 2]", ["b", "", None], ["a", 2]),
        ("x startswith C", ["C1", "C"], ["1C", "", None, "c1"]),
        ("x not startswith C", ["1C", "", None], ["C1"]),
        ("x endswith 5", ["15", 15], ["51", ""]),
        ("x contains b c", ["ab cd"], ["abcd"]),
        ("x is missing", ["", " ", "NULL", r"\N", "nan", None, float("nan")], ["0", "NA", 0]),
        ("x is not missing", ["0", 0], ["", None]),
        ("x >= 2024-01-31", ["2024-01-31", "2024-02-01 10:00"], ["2024-01-30", ""]),
    ],
)
def test_cells(text: str, holds: list[Any], does_not: list[Any]) -> None:
    rule = rules.read(text)
    assert [rule.holds(cell) for cell in holds] == [True] * len(holds)
    assert [rule.holds(cell) for cell in does_not] == [False] * len(does_not)


def test_what_a_rule_compares_with() -> None:
    assert rules.read("day >= 2024-01-31").compares_dates
    assert not rules.read("day startswith 2024-01-31").compares_dates
    assert rules.read("price in [1, 2]").compares_numbers
    assert not rules.read("price in [1, a]").compares_numbers


def test_a_configuration_names_the_rule_that_it_refuses() -> None:
    with pytest.raises(config.ConfigError, match=r"^keep\[1\]: found 'rating', expected a column"):
        config.Table(path="e.csv", columns={}, keep=("rating > 1", "rating"))
