"""Lists in cells."""

from __future__ import annotations

import pytest

from pipeline.draft import lists


@pytest.mark.parametrize(
    ("cells", "separator"),
    [
        (["Action|Comedy", "Comedy|Drama", "Action|Drama", "Drama"], "|"),
        (["Action, Comedy", "Comedy, Action"], ","),
        (["['Action']", "['Action', 'Comedy']"], "json"),
        (['["a"]', '["b", "a"]'], "json"),
        ([("a", "b"), ("a",)], None),
    ],
)
def test_lists(cells, separator):
    assert lists.form(cells) == lists.Form(separator)


@pytest.mark.parametrize(
    ("cells", "separator", "dimension"),
    [
        (["0.5,1,2,3", "4,5,6,7"], ",", 4),
        (["0.5 1 2 3 1", "4 5 6 7 2"], " ", 5),
        (["[0.1, 0.2, 0.3, 0.4]", "[1, 2, 3, 4]"], "json", 4),
        ([(0.1, 0.2, 0.3, 0.4), (1.0, 2.0, 3.0, 4.0)], None, 4),
    ],
)
def test_vectors(cells, separator, dimension):
    assert lists.form(cells) == lists.Form(separator, dimension)


@pytest.mark.parametrize(
    "cells",
    [
        ["Toy Story, The (1995)", "Bug's Life, A (1998)"],
        ["White; hanging heart, large and red", "Nothing like it, or so"],
        ["a", "b"],
        ["12,5", "7,25"],
        [],
    ],
)
def test_no_lists(cells):
    assert lists.form(cells) is None
