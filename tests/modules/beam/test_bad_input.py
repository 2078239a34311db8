"""Every kind of bad input gives one clear error with its place, through the pipeline of a run."""

from __future__ import annotations

import pathlib

import pyarrow as pa
import pytest
from pyarrow import parquet

from modules import config, strict
from tests import tables

HEADER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
TEMPORAL = config.Split(method="temporal", valid_from="2020-01-01", test_from="2021-01-01")


@pytest.mark.parametrize(
    ("table", "row", "message"),
    [
        (
            "events",
            "u1\ta\t5\n",
            "shop.inter, line 9: found 3 fields, expected 4 (user_id, item_id, rating, timestamp).",
        ),
        ("events", "u1\ta\t5\t1\t2\n", "shop.inter, line 9: found 5 fields, expected 4"),
        (
            "events",
            "u1\ta\t5\tx\n",
            "shop.inter, line 9: column 'timestamp': found 'x', expected a number of seconds",
        ),
        (
            "events",
            "u1\ta\t5\tnan\n",
            "shop.inter, line 9: column 'timestamp': found 'nan', every event needs its time",
        ),
        (
            "events",
            "u1\ta\t5\t-5\n",
            "shop.inter, line 9: column 'timestamp': found '-5', expected seconds since 1970",
        ),
        (
            "events",
            "u1\ta\t5\t881250949000\n",
            (
                "line 9: column 'timestamp': found '881250949000', expected seconds since 1970, up "
                "to the year 2099. It would be 1997-12-04 15:55 in milliseconds (unit: ms)."
            ),
        ),
        (
            "events",
            "u1\ta\tgood\t5\n",
            "shop.inter, line 9: column 'rating': found 'good', expected a number",
        ),
        (
            "events",
            "\ta\t5\t5\n",
            "shop.inter, line 9: column 'user_id': found nothing, every row needs its user_id.",
        ),
        (
            "events",
            b"u1\ta\xff\t5\t5\n",
            (
                "shop.inter, line 9: byte 0xff at position 5 of the line is not UTF-8. Try "
                "encoding: latin-1 or encoding: cp1252, or convert the file."
            ),
        ),
        (
            "events",
            "u1\tz\t5\t5\n",
            (
                "shop.inter, line 9: item 'z' is not in data.items, as are 1 items of 1 events, "
                "12.5% of all; data.unknown_share allows 10%."
            ),
        ),
        (
            "events",
            "u3\ta\t5\t5\n",
            (
                "shop.inter, line 9: user 'u3' is not in data.users, as are 1 users of 1 events, "
                "12.5% of all; data.unknown_share allows 10%."
            ),
        ),
        (
            "users",
            "u1\t20\tM\n",
            (
                "shop.user, line 4: user 'u1' again; data.users has one row a user. Remove "
                "one, or set data.duplicate_users: first. The first one is at "
            ),
        ),
        (
            "items",
            "b\tBun\t1\t\t\n",
            (
                "shop.item, line 5: item 'b' again; the catalogue has one row an item. "
                "Remove one, or set data.duplicate_items: first. The first one is at "
            ),
        ),
        (
            "items",
            "d\tDill\t1\t\t1 2 3\n",
            "shop.item, line 5: column 'image': found a vector of 3 numbers, expected 2",
        ),
    ],
)
def test_a_bad_row_is_refused_with_its_line(
    tmp_path: pathlib.Path, table: str, row: str | bytes, message: str
) -> None:
    text = {"events": tables.EVENTS, "users": tables.USERS, "items": tables.ITEMS}[table].encode()
    row = row if isinstance(row, bytes) else row.encode()
    assert message in tables.refusal(tables.write(tmp_path, **{table: text + row}))


def test_duplicate_events_are_refused_with_both_lines_if_so_declared(
    tmp_path: pathlib.Path,
) -> None:
    data = tables.write(
        tmp_path, events=tables.EVENTS + "u1\tb\t1\t200\n", duplicate_events="refuse"
    )
    message = tables.refusal(data)
    assert "shop.inter, line 9: user 'u1', item 'b' and the time repeat an event." in message
    assert message.endswith("shop.inter, line 3.")


def test_a_missing_column_names_the_nearest(tmp_path: pathlib.Path) -> None:
    message = tables.refusal(
        tables.write(tmp_path, events=tables.EVENTS.replace("item_id", "item_ids"))
    )
    assert message.endswith(
        "shop.inter, line 1: no column 'item_id', which data.events.columns.item_id "
        "reads; found user_id, item_ids, rating, timestamp. Did you mean 'item_ids'?"
    )


@pytest.mark.parametrize(
    ("kind", "header"),
    [
        ("csv", "user_id,item_id,note, item_id ,timestamp,note,item_id"),
        ("recbole", "user_id:token\titem_id:token\tnote\titem_id:float\ttimestamp\tnote\titem_id"),
    ],
)
def test_a_column_that_is_there_several_times_is_refused_with_its_places(
    tmp_path: pathlib.Path, kind: str, header: str
) -> None:
    """Only if it is read: nobody minds the notes."""
    row = "u,a,,b,1,,c"
    (tmp_path / "e.txt").write_text(
        f"{header}\n{row if kind == 'csv' else row.replace(',', chr(9))}\n"
    )
    message = tables.refusal(_events(tmp_path / "e.txt", kind))
    assert message.endswith(
        "e.txt, line 1: column 'item_id', which data.events.columns.item_id reads, is there 3 "
        "times, in places 2, 4, 7 of the header; expected once. Rename or remove the others."
    )


@pytest.mark.parametrize("nested", [False, True])
def test_a_parquet_column_that_is_there_several_times_is_refused(
    tmp_path: pathlib.Path, nested: bool
) -> None:
    names, values = ["user_id", "item_id", "timestamp", "item_id"], [["u"], ["a"], [1], ["b"]]
    table = pa.table([pa.array(v) for v in values], names=names)
    if nested:
        structs = pa.StructArray.from_arrays([pa.array(v) for v in values[1:]], names[1:])
        table = pa.table({"user_id": ["u"], "seq": pa.ListArray.from_arrays([0, 1], structs)})
    parquet.write_table(table, tmp_path / "e.parquet")
    message = tables.refusal(
        _events(tmp_path / "e.parquet", "parquet", **({"list_column": "seq"} if nested else {}))
    )
    assert f"is there 2 times, in places {'1, 3' if nested else '2, 4'} of the header" in message


def test_a_missing_file_names_the_key(tmp_path: pathlib.Path) -> None:
    data = tables.write(tmp_path)
    (tmp_path / "shop.user").unlink()
    assert "data.users.path: nothing found at" in tables.refusal(data)


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ("", "shop.inter: the file is empty, expected a header and rows."),
        (HEADER, "data.events: no events at all; there is only a header"),
        (
            HEADER + "u1\ta\t1\t1\nu1\tb\t1\t2\n",
            (
                "split: no event is left for valid; leave_one_out needs a user "
                "with at least 3 events (min_events), found 1 users with fewer."
            ),
        ),
    ],
)
def test_too_few_events_are_refused(tmp_path: pathlib.Path, events: str, message: str) -> None:
    assert message in tables.refusal(tables.write(tmp_path, events=events))


def test_cut_off_times_without_events_are_refused_with_the_range(tmp_path: pathlib.Path) -> None:
    message = tables.refusal(tables.write(tmp_path), TEMPORAL)
    assert message.startswith(
        "split: no event falls into valid; events last from 100 to 450 (Unix seconds), "
        "valid_from is 1577836800 and test_from 1609459200."
    )
    everything = config.Split(method="temporal", valid_from=1.0, test_from=300.0)
    assert "split: no event falls into train" in tables.refusal(tables.write(tmp_path), everything)


def test_a_catalogue_of_one_is_refused(tmp_path: pathlib.Path) -> None:
    events = HEADER + "".join(f"u1\ta\t1\t{n}\n" for n in range(4))
    data = tables.write(tmp_path, events=events, items="\n".join(tables.ITEMS.splitlines()[:2]))
    assert "data.items: a catalogue of 1, expected at least 2 items" in tables.refusal(data)


def test_one_user_with_equal_times_and_items_without_features_are_fine(
    tmp_path: pathlib.Path,
) -> None:
    events = HEADER + "u1\tc\t1\t7\nu1\ta\t1\t7\nu1\tb\t1\t7\nu1\ta\t1\t7\n"
    items = tables.ITEMS.splitlines()[0] + "\na\t\t\t\t\nb\t\t\t\t\nc\t\t\t\t\n"
    made = tables.make(tmp_path, tables.write(tmp_path, events=events, items=items))
    assert made["test"][0]["event_item_id"] == ["c", "a", "b", "a"]  # the file's order
    assert all(
        row["item_price"] == [2.0] and row["item_title"] == [""] for row in made["catalogue"]
    )
    assert made["summary"][0]["users_without_events"] == 1


def test_a_nested_row_is_named_with_its_element(tmp_path: pathlib.Path) -> None:
    rows = [
        {
            "user_id": "u",
            "seq": [{"item_id": "a", "timestamp": 1}, {"item_id": "b", "timestamp": -2}],
        }
    ]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "e.parquet")
    message = tables.refusal(_events(tmp_path / "e.parquet", "parquet", list_column="seq"))
    assert (
        "e.parquet, row 1, element 2: column 'timestamp': found -2, expected seconds since 1970"
        in message
    )


def test_an_id_with_a_line_break_is_refused_with_its_row(tmp_path: pathlib.Path) -> None:
    rows = [{"user_id": "u", "item_id": item, "timestamp": 1} for item in ("a", "b\nc")]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "e.parquet")
    message = tables.refusal(_events(tmp_path / "e.parquet", "parquet"))
    assert "e.parquet, row 2: column 'item_id': found 'b\\nc', an id with a line break" in message


@pytest.mark.parametrize(
    ("list_column", "message"),
    [
        (
            "sequence",
            (
                "e.parquet: no column 'sequence', which data.events.list_column names; "
                "found user_id, seq."
            ),
        ),
        ("user_id", "column 'user_id' (list_column) is string, expected a list of structs"),
        (
            "seq",
            (
                "no column 'timestamp', which data.events.columns.timestamp reads; found item_id, "
                "user_id, seq."
            ),
        ),
    ],
)
def test_a_wrong_parquet_schema_is_refused(
    tmp_path: pathlib.Path, list_column: str, message: str
) -> None:
    rows = [{"user_id": "u", "seq": [{"item_id": "a"}]}]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "e.parquet")
    assert message in tables.refusal(
        _events(tmp_path / "e.parquet", "parquet", list_column=list_column)
    )


def _events(path: pathlib.Path, kind: str, **extra: str) -> config.Data:
    columns = {"user_id": "user_id", "item_id": "item_id", "timestamp": tables.SMALL_TIMES}
    table = {"path": str(path), "format": kind, "columns": columns, **extra}
    return strict.read(config.Data, {"events": table})
