"""Rows are converted many at once: the same comes out as of each alone."""

from __future__ import annotations

import json
import pathlib

import pyarrow as pa
import pytest
from pyarrow import parquet

from tests import tables

ROWS = 3000


def _lines() -> list[str]:
    return [f"u{n % 7},i{n % 11},{1_600_000_000 + n}" for n in range(ROWS)]


def _expected() -> list[list[object]]:
    return [[f"u{n % 7}", f"i{n % 11}", 1_600_000_000.0 + n] for n in range(ROWS)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", "::"])
def test_all_rows_are_read_in_their_order(tmp_path: pathlib.Path, delimiter: str, end: str) -> None:
    text = end.join(["user,item,time", *_lines()[:2000], "", *_lines()[2000:]])
    (tmp_path / "e.csv").write_text(text.replace(",", delimiter), newline="")
    data = tables.only_events(tmp_path / "e.csv", delimiter=delimiter)
    assert tables.rows_read(tmp_path, data) == _expected()


def test_rules_look_at_each_row(tmp_path: pathlib.Path) -> None:
    (tmp_path / "e.csv").write_text("\n".join(["user,item,time", *_lines()]))
    data = tables.only_events(tmp_path / "e.csv", drop=["item == i3"])
    assert tables.rows_read(tmp_path, data) == [row for row in _expected() if row[1] != "i3"]


@pytest.mark.parametrize("delimiter", [",", "::"])
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("u1,,1600000000", "line 1602: column 'item': found nothing"),
        ("u1,i1", "line 1602: found 2 fields, expected 3"),
        ("u1,i1,soon", "line 1602: column 'time': found 'soon'"),
    ],
)
def test_a_bad_row_among_many_is_named(
    tmp_path: pathlib.Path, delimiter: str, bad: str, message: str
) -> None:
    lines = _lines()
    lines[1600] = bad
    text = "\n".join(["user,item,time", *lines])
    (tmp_path / "e.csv").write_text(text.replace(",", delimiter))
    found = tables.refusal(tables.only_events(tmp_path / "e.csv", delimiter=delimiter))
    assert message in found


def test_a_bad_row_among_many_of_parquet_is_named(tmp_path: pathlib.Path) -> None:
    users, items, times = zip(*_expected())
    columns = {"user": users, "item": [*items[:1600], None, *items[1601:]], "time": times}
    parquet.write_table(pa.table(columns), tmp_path / "e.parquet", row_group_size=1000)
    found = tables.refusal(tables.only_events(tmp_path / "e.parquet"))
    assert "e.parquet, row 1601: column 'item': found nothing" in found


def test_all_objects_are_read_and_a_bad_one_among_many_is_named(tmp_path: pathlib.Path) -> None:
    names = ("user", "item", "time")
    lines = [json.dumps(dict(zip(names, row))) for row in _expected()]
    (tmp_path / "e.jsonl").write_text("\n".join(lines))
    assert tables.rows_read(tmp_path, tables.only_events(tmp_path / "e.jsonl")) == _expected()
    lines[1600] = lines[1600].replace('"i5"', "null")
    (tmp_path / "e.jsonl").write_text("\n".join(lines))
    found = tables.refusal(tables.only_events(tmp_path / "e.jsonl"))
    assert "e.jsonl, line 1601: column 'item': found nothing" in found
