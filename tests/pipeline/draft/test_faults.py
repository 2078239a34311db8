"""Files with a fault or a doubt: the draft is made all the same, and names it."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from pyarrow import parquet

from modules import config
from modules.beam import check, errors
from pipeline.draft import writer
from tests.pipeline.draft import drafts

ROWS = [f"{u},{i},{t}" for u, i, t in drafts.rows()]


def drafted(folder, lines, name="e.csv", encoding="utf-8"):
    """The data section, and the marks."""
    text = drafts.make(drafts.write(folder / name, lines, encoding))
    return drafts.load(text, folder), [mark for _, mark in writer.marks(text)]


@pytest.mark.parametrize("delimiter", [";", "||", ","])
def test_lines_that_end_in_a_delimiter(tmp_path, delimiter):
    lines = [f"{line},".replace(",", delimiter) for line in ("user,item,time", *ROWS)]
    data, marks = drafted(tmp_path, lines)
    assert data.events.header is None and list(data.events.columns) == ["user", "item", "time"]
    assert data.events.columns["time"].missing == () and marks == []
    check.check(data, config.Split())


@pytest.mark.parametrize("nothing", ["0", "-1"])
def test_numbers_that_stand_for_no_time(tmp_path, nothing):
    lines = [
        f"{line.rpartition(',')[0]},{nothing}" if n < 5 else line for n, line in enumerate(ROWS)
    ]
    data, marks = drafted(tmp_path, ["user,item,time", *lines])
    assert data.events.columns["time"].missing == (nothing,)
    assert data.events.drop == ("time is missing",) and marks == []
    check.check(data, config.Split())


@pytest.mark.parametrize(
    ("time", "doubt"), [("1700000000", "all times are the same"), ("0", "no unit")]
)
def test_times_that_are_all_the_same_are_marked(tmp_path, time, doubt):
    lines = [f"{line.rpartition(',')[0]},{time}" for line in ROWS]
    _, marks = drafted(tmp_path, ["user,item,time", *lines])
    assert doubt in marks[0]


def test_seconds_and_milliseconds_mixed_are_marked(tmp_path):
    lines = [f"{line}000" if n % 3 == 0 else line for n, line in enumerate(ROWS)]
    _, marks = drafted(tmp_path, ["user,item,time", *lines])
    assert "16 sampled rows are not read by this" in marks[0]


@pytest.mark.parametrize("form", ["%Y%m%d%H%M%S", "%Y%m%d%H%M"])
def test_dates_and_times_of_digits_alone(tmp_path, form):
    at = "20231114{:02}21" if form.endswith("M") else "20231114{:02}2120"
    lines = [f"{u},{i},{at.format(n % 24)}" for n, (u, i, _) in enumerate(drafts.rows())]
    data, marks = drafted(tmp_path, ["user,item,time", *lines])
    assert data.events.columns["time"].format == form and marks == []


def test_the_example_of_day_and_month_differs(tmp_path):
    days = ["01/01/2023", "02/02/2023", "03/04/2023", "05/06/2023"]
    lines = [f"{u},{i},{days[n % 4]}" for n, (u, i, _) in enumerate(drafts.rows())]
    _, marks = drafted(tmp_path, ["user,item,date", *lines])
    assert marks[0].startswith("03/04/2023 is 2023-04-03 by %d/%m/%Y and 2023-03-04 by %m/%d/%Y")


def test_a_time_that_nothing_reads_is_named(tmp_path):
    lines = [f"{u},{i},week {n % 9}" for n, (u, i, _) in enumerate(drafts.rows())]
    _, marks = drafted(tmp_path, ["user,item,time", *lines])
    assert "time looks like a time by its name" in marks[0] and "week 0" in marks[0]


def test_a_lone_quote_in_the_last_line_is_marked(tmp_path):
    lines = ["user,item,time,note", *(f'{line},"a, b"' for line in ROWS), f'{ROWS[-1]},"oops']
    _, marks = drafted(tmp_path, lines)
    assert "1 of the first 50 rows cannot be read" in marks[0]


def test_characters_that_a_terminal_obeys_are_shown_by_their_codes(tmp_path):
    lines = [f"\x1b[31m{u},{i}\u200b\U0001f600,{t}" for u, i, t in drafts.rows()]
    file = drafts.write(tmp_path / "e\x1b.csv", ["user,item,time", *lines])
    text = drafts.make(file)
    assert r"\x1b[31mu0" in text and "i2\\u200b\U0001f600" in text
    assert all(char.isprintable() for char in text.replace("\n", ""))
    assert drafts.load(text, tmp_path).events.path == file


def test_parquet_with_two_columns_of_one_name(tmp_path):
    users, items, times = zip(*drafts.rows())
    both = pa.table([users, items, times, times], names=["user", "item", "time", "x"])
    parquet.write_table(
        both.rename_columns(["user", "item", "time", "time"]), tmp_path / "e.parquet"
    )
    marks = writer.marks(drafts.make(tmp_path / "e.parquet"))
    assert "time: there several times" in marks[0][1]


@pytest.mark.parametrize("name", ["e.csv", "e.parquet"])
def test_two_columns_of_the_users(tmp_path, name):
    if name == "e.csv":
        drafts.write(tmp_path / name, ["user,user,price", "a,a,1.5", "b,b,2.5"])
    else:
        table = pa.table([["a"], ["a"], [1.5]], names=["user", "user", "price"])
        parquet.write_table(table, tmp_path / name)
    with pytest.raises(errors.DataError, match=r"user: there several times.*Rename"):
        drafts.make(tmp_path / name)


def test_lists_side_by_side_are_told_how_to_unnest(tmp_path):
    lines = [f'{{"user": "u{n}", "items": ["i1", "i2"], "times": [1, 2]}}' for n in range(9)]
    with pytest.raises(errors.DataError, match=r"unnest\(items\) AS items, unnest\(times\)"):
        drafts.make(drafts.write(tmp_path / "e.jsonl", lines))


def test_keys_with_a_dot_that_no_source_reaches_are_named(tmp_path):
    lines = [
        json.dumps(
            {"user": u, "item": i, "time": t, "a.b": {"c": "x"}, "d": {"e.f": 1, "g": t % 7}}
        )
        for u, i, t in drafts.rows()
    ]
    data, marks = drafted(tmp_path, lines, "e.jsonl")
    sources = {column.source or key for key, column in data.events.columns.items()}
    assert sources == {"user", "item", "time", "d.g"}
    assert marks[0].startswith("a.b, d.e.f: left out")
    check.check(data, config.Split())


@pytest.mark.parametrize("at", [1, 40])
def test_json_in_latin_1(tmp_path, at):
    lines = [
        json.dumps({"user": u, "item": "\xe9" if n == at else i, "time": t}, ensure_ascii=False)
        for n, (u, i, t) in enumerate(drafts.rows())
    ]
    data, marks = drafted(tmp_path, lines, "e.jsonl", "latin-1")
    assert data.events.encoding == "cp1252"
    assert marks[0].startswith(f"byte 0xe9 in line {at + 1} is not UTF-8")
    check.check(data, config.Split())


@pytest.mark.parametrize(
    "cells",
    [["1.234,50", "1,234.50", "7"], ["1", "2", "3", "4", "5", "1e39", "-1e39", "7"]],
)
def test_numbers_that_no_form_reads_are_marked(tmp_path, cells):
    lines = [f'{line},"{cells[n % len(cells)]}"' for n, line in enumerate(ROWS)]
    data, marks = drafted(tmp_path, ["user,item,time,price", *lines])
    assert data.events.columns["price"].kind == "categorical"
    assert len(marks) == 1 and marks[0].startswith("most values look like numbers")


def test_numbers_in_brackets_are_negative(tmp_path):
    lines = [f"{line},{'(25.00)' if n % 3 else '12.50'}" for n, line in enumerate(ROWS)]
    data, _ = drafted(tmp_path, ["user,item,time,price", *lines])
    assert data.events.columns["price"].kind == "numeric"
    check.check(data, config.Split())


def test_one_broken_list_is_marked_and_the_others_are_lists(tmp_path):
    drafts.write(tmp_path / "e.csv", ["user,item,time", *ROWS])
    lists = [f'"[""a{n % 3}"", ""b""]"' for n in range(9)] + ['"[""a"", "'] + ['"[""c""]"'] * 30
    lines = [f"i{n},{cell}" for n, cell in enumerate(lists)]
    drafts.write(tmp_path / "items.csv", ["item,tags", *lines])
    text = drafts.make(tmp_path / "e.csv", tmp_path / "items.csv")
    data, marks = drafts.load(text, tmp_path), [mark for _, mark in writer.marks(text)]
    assert data.items.columns["tags"].kind == "multi_categorical"
    assert marks[0].startswith("1 sampled row is not read by this")


def test_items_that_all_stand_twice_are_items(tmp_path):
    drafts.write(tmp_path / "e.csv", ["user,item,time", *ROWS])
    rows = [f"i{n % 9},Thing {n % 9},{n % 9}.5" for n in range(18)]
    drafts.write(tmp_path / "t.csv", ["item,name,price", *rows])
    text = drafts.make(tmp_path)
    data = drafts.load(text, tmp_path)
    assert data.duplicate_items == "first" and data.items.path.endswith("t.csv")
    assert "18 rows are of 9 items" in writer.marks(text)[0][1]
    check.check(data, config.Split())


def test_columns_of_folders_are_those_of_neither_users_nor_items(tmp_path):
    for at, folder in enumerate(
        ("day=1/c=a%2Fb", "day=1/c=__HIVE_DEFAULT_PARTITION__", "day=2/c=x y")
    ):
        lines = [f"{u},{i},{t + at},{u}5" for u, i, t in drafts.rows()]
        drafts.write(tmp_path / folder / "p.csv", ["user,item,time,age", *lines])
    data = drafts.load(drafts.make(tmp_path), tmp_path)
    assert data.users is None or not {"day", "c"} & set(data.users.columns)
    assert data.items is None or not {"day", "c"} & set(data.items.columns)
    assert {"day", "c"} <= set(data.events.columns)
    assert "HIVE" not in drafts.make(tmp_path) and "a/b" in drafts.make(tmp_path)
    check.check(data, config.Split())


def test_an_item_that_no_source_reaches_is_named(tmp_path):
    lines = [
        f'{{"user": "u{n % 9}", "a.b": {{"c": "i{n % 3}"}}, "time": 17{n}}}' for n in range(40)
    ]
    with pytest.raises(errors.DataError, match=r"id of the item.*a\.b: left out.*Rename the key"):
        drafts.make(drafts.write(tmp_path / "e.jsonl", lines))


def test_parts_that_write_ids_in_two_ways(tmp_path):
    """Not the first part alone is looked at."""
    for part in range(3):
        end = ".0" if part == 2 else ""
        lines = [f"{u[1:]}{end},{i},{t + part}" for u, i, t in drafts.rows()]
        drafts.write(tmp_path / f"part-{part}.csv", ["user,item,time", *lines])
    data = drafts.load(drafts.make(tmp_path), tmp_path)
    assert data.ids == "clean"
    check.check(data, config.Split())


def test_events_whose_item_another_table_tells_are_used(tmp_path):
    lines = [f'{u},"1,00{i[1:]}",{t}' for u, i, t in drafts.rows()]
    files = [
        drafts.write(tmp_path / "e.csv", ["user,item,time", *lines]),
        drafts.write(tmp_path / "i.csv", ["item,x", *(f"100{n},c{n}" for n in range(9))]),
    ]
    text = drafts.make(*files)
    assert "e.csv; it has" not in text and "Not used: " + files[1] in text
