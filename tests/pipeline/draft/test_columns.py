"""Kinds of columns."""

from __future__ import annotations

import pytest

from pipeline.draft import columns, facts

IGNORED = "ignore"


def kind(name, cells, declared="", *, in_events=False):
    return columns.kind(facts.of(name, cells, declared), in_events=in_events)[0]


@pytest.mark.parametrize(
    ("name", "cells", "expected"),
    [
        ("age", ["24", "53", ""], "numeric"),
        ("zip_code", ["85711", "94043"], "categorical"),
        ("group", ["08", "01"], "categorical"),
        ("article", ["0663", "0664"], "categorical"),  # a zero before it
        ("gender", ["M", "F"], "categorical"),
        ("price", ["$1.50", "$2"], {"kind": "numeric", "number": {"symbols": ["$"]}}),
        ("price", ["1,5", "2,5"], {"kind": "numeric", "number": {"decimal": ","}}),
        ("price", ["1", "2", "NULL"], {"kind": "numeric", "missing": ["NULL"]}),
        ("brand", ["a", "b", "NULL"], {"kind": "categorical", "missing": ["NULL"]}),
        ("tags", ["a|b", "b|c"], {"kind": "multi_categorical", "separator": "|"}),
        ("tags", [["a"], ["a", "b"]], "multi_categorical"),
        (
            "image",
            ["1,2,3,4", "5,6,7,8.5"],
            {"kind": "vector", "dimension": 4, "separator": ","},
        ),
        ("released", ["1995-01-01", "1996-02-02"], IGNORED),
        ("empty", ["", ""], IGNORED),
        ("same", ["x", "x"], IGNORED),
        ("rare", ["x", "y"] + [""] * 98, IGNORED),
        ("url", [f"http://x/{n}" for n in range(30)], IGNORED),
        ("text", ["It was a dark and stormy night", "Once upon a time there was a"], IGNORED),
    ],
)
def test_kinds(name, cells, expected):
    assert kind(name, cells) == expected


def test_kinds_in_events():
    assert kind("tags", ["a|b", "b|c"], in_events=True) == IGNORED
    assert kind("basket_id", [str(n) for n in range(200)], in_events=True) == IGNORED
    assert kind("rating", ["4", "5"], in_events=True) == "numeric"


@pytest.mark.parametrize(
    ("declared", "expected"),
    [("token", "categorical"), ("float", "numeric"), ("token_seq", "multi_categorical")],
)
def test_recbole_says_it_itself(declared, expected):
    assert kind("x", ["1", "2"], declared) == expected


def test_an_empty_cell_needs_no_declaration():
    assert kind("price", ["1", "2", ""]) == "numeric"
