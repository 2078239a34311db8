"""Cells to several values, and what the values say of the separator between them."""

from __future__ import annotations

from typing import Any

import pytest

from modules.beam import lists


@pytest.mark.parametrize(
    ("cell", "separator", "expected"),
    [
        ("Action, Comedy", ",", ["Action", "Comedy"]),
        ("a||b|", "|", ["a", "b"]),
        ("Science Fiction", None, ["Science Fiction"]),
        ('["a", "b c"]', "json", ["a", "b c"]),
        ("['a', \"b's\"]", "json", ["a", "b's"]),
        ("('a', 'b')", "json", ["a", "b"]),
        ("[1, 2.5, null]", "json", [1, 2.5, None]),
        ("[]", "json", []),
        ('[["a", "b"], ["a", "c"]]', "json", ["a", "b", "a", "c"]),
        ([["a", "b"], [["c"]]], None, ["a", "b", "c"]),
        ('"a"', "json", ["a"]),
        ("['red' 'blue']", "json", ["red", "blue"]),
        ("[1 2.5 3]", "json", ["1", "2.5", "3"]),
        (["a", 1], "|", ["a", 1]),
        (3, None, [3]),
    ],
)
def test_parts(cell: Any, separator: str | None, expected: list[Any]) -> None:
    assert lists.parts(cell, separator) == expected


@pytest.mark.parametrize("cell", ["[a, b]", "['a'", '{"a": 1}', '{"a": 1}]'])
def test_what_is_no_list_is_refused(cell: str) -> None:
    with pytest.raises(ValueError, match="expected a list"):
        lists.parts(cell, "json")


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["Action|Comedy", "Drama"], "|"),
        (["Action, Comedy", "Drama"], ","),
        (["a;b", "c;d,e"], ";"),
        (["Toys, Games|Dolls", "a|b"], "|"),
        (["['Action']", "['Action', 'Comedy']"], "json"),
        (['["a"]', "[]"], "json"),
        (["Science Fiction", "Drama"], None),
        (['["a","b"]', '["c"', "e"], "json"),
        (["{a,b}", "{c}"], "json"),
        ([], None),
    ],
)
def test_guesses(cells: list[str], expected: str | None) -> None:
    assert lists.guess(cells) == expected


def test_the_guess_for_atomic_files_and_vectors() -> None:
    assert lists.guess(["a,b c"], is_atomic=True) == " "
    assert lists.guess_of_numbers(["0.5 1", "2 3"]) == " "
    assert lists.guess_of_numbers(["0.5,1"]) == ","
