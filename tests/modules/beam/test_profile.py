"""What a check says of columns: the values by hand, exact while they are few."""

from __future__ import annotations

import contextlib
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from modules import columns, config
from modules.beam import check, errors, profile_column
from tests import tables


def profile(data: config.Data) -> dict[str, Any]:
    """The profile of a data set that may have problems of any kind."""
    found: list[check.Found] = []
    with contextlib.suppress(errors.DataError):
        check.check(data, config.Split(), show=found.append)
    shown: dict[str, Any] = json.loads(json.dumps(found[0].profile))
    return shown


def of_numbers(numbers: Sequence[float], **column: Any) -> profile_column.ColumnProfile:
    found = profile_column.ColumnProfile(columns.Column(kind="numeric", **column))
    places = [(0, n, 0) for n in range(len(numbers))]
    found.add(places, lambda: map(str, numbers), list(numbers))
    return found


def test_each_column_says_what_it_holds(tmp_path: pathlib.Path) -> None:
    found = profile(tables.write(tmp_path))
    assert {name: list(table) for name, table in found.items()} == {
        "events": ["user_id", "item_id", "timestamp", "rating"],
        "users": ["user_id", "age", "gender"],
        "items": ["item_id", "name", "price", "tags", "image"],
    }
    assert found["events"]["user_id"] == {
        "role": "user_id",
        "kind": None,
        "rows": 7,
        "refused": 0,
        "cells": ["text"],
        "missing": 0,
        "missing_texts": {},
        "distinct": 2,
        "distinct_is_exact": True,
        "examples": ["u1", "u2"],
        "frequent": [["u2", 4], ["u1", 3]],
    }
    times = found["events"]["timestamp"]
    assert (times["first"], times["last"]) == (
        "1970-01-01T00:01:40+00:00",
        "1970-01-01T00:07:30+00:00",
    )
    rating = found["events"]["rating"]  # 5 4 - 1 2 3 4
    assert (rating["missing"], rating["missing_texts"]) == (1, {"": 1})
    assert (rating["distinct"], rating["examples"]) == (5, ["5", "4", "1"])
    assert rating["numbers"] == {
        "min": 1,
        "lower_quartile": 2,
        "median": 4,  # of six numbers, the fourth
        "upper_quartile": 4,
        "max": 5,
    }
    assert found["events"]["timestamp"]["times"]["min"] == 100
    assert found["events"]["timestamp"]["times"]["max"] == 450
    tags = found["items"]["tags"]  # red round, nothing, round
    assert tags["frequent"] == [["round", 2], ["red", 1]]
    assert (tags["lengths"]["min"], tags["lengths"]["max"]) == (1, 2)
    image = found["items"]["image"]  # 0 1, nothing, 1 0.5
    assert (image["numbers"]["min"], image["numbers"]["max"]) == (0, 1)
    assert found["users"]["gender"]["frequent"] == [["F", 1]]


def test_texts_that_were_taken_as_missing_are_counted(tmp_path: pathlib.Path) -> None:
    rows = "".join(
        f"u{n},i{n % 3},{1700000000 + n},{value}\n"
        for n, value in enumerate(["NULL", "NA", "3", "", "NULL", "4", "NULL"])
    )
    (tmp_path / "e.csv").write_text(f"user,item,time,price\n{rows}")
    data = tables.only_events(tmp_path / "e.csv")
    price = config.Column(kind="numeric", missing=("NULL", "NA"))
    data.events.columns["price"] = price
    found = profile(data)["events"]["price"]
    assert found["missing_texts"] == {"NULL": 3, "NA": 1, "": 1}
    assert (found["rows"], found["missing"], found["examples"]) == (7, 5, ["3", "4"])


def test_rows_that_are_refused_give_examples_and_are_counted(tmp_path: pathlib.Path) -> None:
    found = profile(tables.write(tmp_path, items=tables.ITEMS.replace("1.5", "$1.5")))
    price = found["items"]["price"]
    assert price["examples"] == ["$1.5", "3"]
    assert (price["rows"], price["refused"], price["numbers"]["max"]) == (3, 1, 3)


def test_rows_that_a_rule_drops_are_not_looked_at(tmp_path: pathlib.Path) -> None:
    plain = tables.write(tmp_path)
    events = config.Table(**{**vars(plain.events), "keep": ("rating >= 3",)})
    found = profile(config.Data(**{**vars(plain), "events": events}))
    assert found["events"]["user_id"]["rows"] == 4
    assert found["events"]["rating"]["numbers"]["min"] == 3


def test_an_absurd_value_is_named_with_its_row(tmp_path: pathlib.Path) -> None:
    rows = "".join(f"u{n % 9},i{n % 7},{1700000000 + n},{n % 5}\n" for n in range(200))
    absurd = "u1,i1,1700000500,1e30\nu1,i1,1700000600,90\nu1,i2,1700000700,-1e15\n"
    (tmp_path / "e.csv").write_text(f"user,item,time,price\n{rows}{absurd}")
    data = tables.only_events(tmp_path / "e.csv")
    data.events.columns["price"] = config.Column(kind="numeric")
    path = str(tmp_path / "e.csv")
    assert profile(data)["events"]["price"]["absurd"] == [
        {"value": -1e15, "file": path, "line": 204},
        {"value": 1e30, "file": path, "line": 202},
    ]


def test_parts_that_are_merged_are_as_one() -> None:
    whole, left, right = (of_numbers(range(*part)) for part in ((101,), (60,), (60, 101)))
    right.extremes = ([(n, (0, int(n), 0)) for n in (60.0, 61.0, 62.0)], right.extremes[1])
    right.extremes[1][:] = [(n, (0, int(n), 0)) for n in (100.0, 99.0, 98.0)]
    right.examples = [((0, n, 0), str(n)) for n in (60, 61, 62)]
    left.merge(right)
    assert left.result() == whole.result()


def test_many_distinct_values_are_estimated_and_said_to_be() -> None:
    numbers = np.arange(200_000, dtype=float).tolist()
    found = of_numbers(numbers).result()
    assert found["distinct"] == pytest.approx(200_000, rel=0.03)
    assert not found["distinct_is_exact"]
    assert found["numbers"]["median"] == pytest.approx(100_000, abs=1000)
    assert (found["numbers"]["min"], found["numbers"]["max"]) == (0, 199_999)


def test_a_lone_surrogate_is_a_value_as_others_are() -> None:
    found = profile_column.ColumnProfile(columns.Column(kind="categorical"))
    found.add([(0, 0, 0)], lambda: iter(["\ud83d"]), ["\ud83d"])
    assert found.result()["frequent"] == [["?", 1]]
