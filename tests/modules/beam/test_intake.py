"""What a data set as a whole is read as: rules, ids, guesses, doubts, policies, order of rows."""

from __future__ import annotations

import datetime
import pathlib
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from modules import config, strict
from modules.beam import identity
from tests import tables

START = 1_700_000_000
HEADER = "user,item,time,rating,kind\n"
COLUMNS: dict[str, Any] = {"user": "user_id", "item": "item_id", "time": "timestamp"}


def _lines(*rows: str) -> str:
    """Two users with four events each, a, b, c, d by time; then the further rows."""
    made = [
        f"{user},{item},{START + 100 * n},{n},view\n"
        for user in ("u", "v")
        for n, item in enumerate("abcd")
    ]
    return HEADER + "".join(made) + "".join(f"{row}\n" for row in rows)


def _data(folder: pathlib.Path, events: str, *, items: str = "", **declared: Any) -> config.Data:
    (folder / "events.csv").write_text(events)
    plain: dict[str, Any] = {
        "events": {
            "path": str(folder / "events.csv"),
            "columns": declared.pop("columns", COLUMNS),
            "keep": declared.pop("keep", []),
            "drop": declared.pop("drop", []),
        },
        **declared,
    }
    if items:
        (folder / "items.csv").write_text(items)
        spec = plain.get("item_columns", {"item": "item_id", "price": "numeric"})
        plain.pop("item_columns", None)
        plain["items"] = {"path": str(folder / "items.csv"), "columns": spec}
    return strict.read(config.Data, plain)


def _summary(folder: pathlib.Path, data: config.Data) -> dict[str, Any]:
    return tables.make(folder, data)["summary"][0]


class TestRules:
    def test_the_first_rule_by_which_a_row_does_not_count_is_counted(
        self, tmp_path: pathlib.Path
    ) -> None:
        extra = ("w,a,,9,view", ",a,,1,view", "w,NULL,,1,view", "u,e,,1,click", "u,e,,1,click")
        rules = {
            "keep": ["rating < 9"],
            "drop": ["user is missing", "item is missing", "kind == click", "time is missing"],
        }
        summary = _summary(tmp_path, _data(tmp_path, _lines(*extra), **rules))
        assert summary["dropped"] == {
            "events.rating < 9": 1,
            "events.user is missing": 1,
            "events.item is missing": 1,
            "events.kind == click": 2,
            "events.time is missing": 0,
        }
        assert (summary["events"], summary["users"]) == (8, 2)

    def test_dates_are_compared_as_times_in_the_zone_of_the_column(
        self, tmp_path: pathlib.Path
    ) -> None:
        """2023-11-14 22:13:20 UTC is the start; in Tokyo that is the 15th, 7:13:20."""
        zone = {"role": "timestamp", "timezone": "Asia/Tokyo"}
        data = _data(
            tmp_path,
            _lines(f"u,old,{START - 8 * 3600},1,view"),
            columns={**COLUMNS, "time": zone},
            keep=["time >= 2023-11-15"],
        )
        assert _summary(tmp_path, data)["dropped"] == {"events.time >= 2023-11-15": 1}

    def test_a_rule_may_ask_for_times_that_no_one_can_have(self, tmp_path: pathlib.Path) -> None:
        data = _data(
            tmp_path,
            _lines("u,z,253402300799,1,view"),
            drop=["time > 2099-12-31", "time < 1971-01-01"],
        )
        assert _summary(tmp_path, data)["dropped"] == {
            "events.time > 2099-12-31": 1,
            "events.time < 1971-01-01": 0,
        }

    def test_texts_that_are_declared_missing_are_missing(self, tmp_path: pathlib.Path) -> None:
        time = {"role": "timestamp", "missing": ["0"]}
        data = _data(
            tmp_path,
            _lines("u,z,0,1,view"),
            columns={**COLUMNS, "time": time},
            drop=["time is missing"],
        )
        assert _summary(tmp_path, data)["dropped"] == {"events.time is missing": 1}

    def test_numbers_are_compared_as_the_column_writes_them(self, tmp_path: pathlib.Path) -> None:
        events = _lines("u,z,1700000900,$-1,x", "u,z,1700000901,n.a.,x").replace(",0,", ",$0,")
        rating = {"kind": "numeric", "number": {"symbols": ["$"]}}
        data = _data(
            tmp_path,
            events,
            columns={**COLUMNS, "rating": rating},
            drop=["rating < 0", "rating == n.a."],
        )
        assert _summary(tmp_path, data)["dropped"] == {
            "events.rating < 0": 1,
            "events.rating == n.a.": 1,
        }

    def test_typed_times_are_compared_with_seconds_and_texts(self, tmp_path: pathlib.Path) -> None:
        path = tmp_path / "e.parquet"
        times = [
            datetime.datetime.fromtimestamp(START + n * 86400, datetime.timezone.utc)
            for n in range(6)
        ]
        table = pa.table({"user": ["u"] * 6, "item": list("abcdef"), "time": times})
        parquet.write_table(table, path)
        rules = ["time < 1700000001", "time startswith 2023-11-15"]
        plain = {"events": {"path": str(path), "columns": COLUMNS, "drop": rules}}
        assert _summary(tmp_path, strict.read(config.Data, plain))["dropped"] == {
            "events.time < 1700000001": 1,
            "events.time startswith 2023-11-15": 1,
        }

    def test_a_rule_of_a_column_that_is_not_there_is_refused(self, tmp_path: pathlib.Path) -> None:
        data = _data(tmp_path, _lines(), keep=["ratings > 3"])
        assert (
            "no column 'ratings', which data.events.keep ('ratings > 3') reads; found user, item, "
            "time, rating, kind. Did you mean 'rating'?"
        ) in tables.refusal(data)


class TestIds:
    @pytest.mark.parametrize(
        ("text", "cleaned"),
        [
            ("9.0", "9"),
            ("9.00", "9"),
            (" i9 ", "i9"),
            ("-9.0", "-9"),
            ("9.5", "9.5"),
            ("9.10", "9.10"),
            ("v1.0", "v1.0"),
            ("10", "10"),
            (".0", ".0"),
        ],
    )
    def test_clean(self, text: str, cleaned: str) -> None:
        assert identity.clean(text) == cleaned

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ("u,a ,1700000900,1,x", "the item ids 'a' and 'a ' differ in spaces alone"),
            ("u ,a,1700000900,1,x", "the user ids 'u' and 'u ' differ in spaces alone"),
        ],
    )
    def test_ids_that_differ_in_spaces_are_refused(
        self, tmp_path: pathlib.Path, row: str, message: str
    ) -> None:
        found = tables.refusal(_data(tmp_path, _lines(row)))
        assert message in found
        assert "events.csv, line 10: " in found
        assert "data.ids: clean" in found

    def test_clean_makes_them_one_in_all_tables(self, tmp_path: pathlib.Path) -> None:
        events = _lines("u ,9.0,1700000900,1,x")
        items = "item,price\na,1\nb,1\nc,1\nd,1\n9,7\n"
        made = tables.make(tmp_path, _data(tmp_path, events, items=items, ids="clean"))
        assert made["summary"][0]["users"] == 2
        assert made["summary"][0]["policies"]["unknown_item"]["items"] == 0
        assert sorted(row["item_id"][0] for row in made["catalogue"]) == ["9", "a", "b", "c", "d"]

    def test_exact_leaves_them_two(self, tmp_path: pathlib.Path) -> None:
        data = _data(tmp_path, _lines("u,a ,1700000900,1,x"), ids="exact")
        assert _summary(tmp_path, data)["items"] == 5


class TestUnknown:
    def test_new_items_get_the_defaults_in_the_catalogue(self, tmp_path: pathlib.Path) -> None:
        items = "item,price,name\na,1,A\nb,2,B\nc,3,C\n"
        columns = {"item": "item_id", "price": {"kind": "numeric", "default": 5}, "name": "title"}
        data = _data(tmp_path, _lines(), items=items, item_columns=columns, unknown_share=0.25)
        made = tables.make(tmp_path, data)
        (new,) = [row for row in made["catalogue"] if row["item_id"] == ["d"]]
        assert (new["item_price"], new["item_title"]) == ([5.0], [""])
        summary = made["summary"][0]
        assert summary["policies"]["unknown_item"] == {"policy": "add", "items": 1, "events": 2}
        assert summary["items"] == 4

    @pytest.mark.parametrize("policy", ["add", "keep"])
    def test_too_many_are_refused(self, tmp_path: pathlib.Path, policy: str) -> None:
        items = "item,price\na,1\nb,2\nc,3\n"
        found = tables.refusal(_data(tmp_path, _lines(), items=items, unknown_item=policy))
        assert (
            "events.csv, line 5: item 'd' is not in data.items, as are 1 items of 2 events, 25.0% "
            "of all; data.unknown_share allows 10%."
        ) in found

    def test_too_many_users_are_refused(self, tmp_path: pathlib.Path) -> None:
        (tmp_path / "users.csv").write_text("user,age\nu,1\n")
        users = {
            "path": str(tmp_path / "users.csv"),
            "columns": {"user": "user_id", "age": "numeric"},
        }
        assert "user 'v' is not in data.users, as are 1 users of 4 events, 50.0%" in tables.refusal(
            _data(tmp_path, _lines(), users=users)
        )

    def test_the_first_of_duplicate_users_is_kept_if_so_declared(
        self, tmp_path: pathlib.Path
    ) -> None:
        (tmp_path / "users.csv").write_text("user,age\nu,1\nv,2\nu,3\n")
        users = {
            "path": str(tmp_path / "users.csv"),
            "columns": {"user": "user_id", "age": "numeric"},
        }
        message = tables.refusal(_data(tmp_path, _lines(), users=users))
        assert "line 4: user 'u' again" in message
        assert "data.duplicate_users: first" in message
        made = tables.make(
            tmp_path, _data(tmp_path, _lines(), users=users, duplicate_users="first")
        )
        assert {row["user_age"][0] for row in tables.of_user(made["train"], "u")} == {1.0}
        policy = made["summary"][0]["policies"]["duplicate_users"]
        assert policy == {"policy": "first", "users": 1}


class TestGuesses:
    def test_a_separator_is_guessed_used_and_told(self, tmp_path: pathlib.Path) -> None:
        items = 'item,tags,v\na,"red, round",1 2\nb,red,3 4\nc,,5 6\nd,blue,7 8\n'
        columns = {
            "item": "item_id",
            "tags": "multi_categorical",
            "v": {"kind": "vector", "dimension": 2},
        }
        made = tables.make(tmp_path, _data(tmp_path, _lines(), items=items, item_columns=columns))
        (a,) = [row for row in made["catalogue"] if row["item_id"] == ["a"]]
        assert (a["item_tags"], a["item_v"]) == (["red", "round"], [1.0, 2.0])
        guessed = made["summary"][0]["guessed_separators"]
        assert guessed == {"items.tags": ",", "items.v": " "}

    def test_a_declared_one_wins(self, tmp_path: pathlib.Path) -> None:
        items = 'item,tags\na,"x,y|z"\nb,\nc,\nd,\n'
        columns = {"item": "item_id", "tags": {"kind": "multi_categorical", "separator": ","}}
        made = tables.make(tmp_path, _data(tmp_path, _lines(), items=items, item_columns=columns))
        (a,) = [row for row in made["catalogue"] if row["item_id"] == ["a"]]
        assert a["item_tags"] == ["x", "y|z"]
        assert made["summary"][0]["guessed_separators"] == {}


class TestDoubts:
    @pytest.mark.parametrize(
        ("scale", "message"),
        [
            (86400, r"2023-11-15 00:00 in days (unit: d)"),
            (60, r"in minutes (unit: min)"),
        ],
    )
    def test_times_of_1970(self, tmp_path: pathlib.Path, scale: int, message: str) -> None:
        rows = [
            f"{user},{item},{(START + n * 86400) // scale},1,x"
            for user in "uv"
            for n, item in enumerate("abcd")
        ]
        events = HEADER + "\n".join(rows) + "\n"
        found = tables.refusal(_data(tmp_path, events))
        assert found.startswith("data.events.columns.time: the times are from 1970-")
        assert f"in {tmp_path}/" in found and "the first is " in found
        assert message.split(" in ")[-1] in found
        assert "with unit: s times are taken as they are" in found
        time = {"role": "timestamp", "unit": "s"}
        data = _data(tmp_path, events, columns={**COLUMNS, "time": time})
        assert _summary(tmp_path, data)["events"] == 8

    def test_a_zero_among_the_times(self, tmp_path: pathlib.Path) -> None:
        found = tables.refusal(_data(tmp_path, _lines("u,a,0,1,x")))
        assert "the first, 0, is hardly meant" in found
        assert 'drop: ["time is missing"]' in found

    def test_seconds_that_are_declared_milliseconds(self, tmp_path: pathlib.Path) -> None:
        time = {"role": "timestamp", "unit": "ms"}
        found = tables.refusal(_data(tmp_path, _lines(), columns={**COLUMNS, "time": time}))
        assert "2023-11-14 22:18 in seconds (unit: s)" in found

    def test_one_time_for_all(self, tmp_path: pathlib.Path) -> None:
        events = HEADER + "".join(f"u,{item},{START},1,x\n" for item in "abcd")
        found = tables.refusal(_data(tmp_path, events))
        assert "all 4 events have the same time, 2023-11-14 22:13:20 UTC" in found
        assert "time: {from: file_order}" in found


def test_the_order_of_rows_can_stand_for_the_time(tmp_path: pathlib.Path) -> None:
    events = "user,item\n" + "".join(f"{u},{i}\n" for i in "dbca" for u in "vu")
    columns = {"user": "user_id", "item": "item_id", "order": {"from": "file_order"}}
    made = tables.make(tmp_path, _data(tmp_path, events, columns=columns))
    (test,) = tables.of_user(made["test"], "u")
    assert test["event_item_id"] == ["d", "b", "c", "a"]
    assert test["event_timestamp"] == [0, 1, 2, 3]


def test_a_table_without_a_time_is_told_of_the_order(tmp_path: pathlib.Path) -> None:
    with pytest.raises(
        strict.ConfigError, match=r"found none\. .* add timestamp: \{from: file_ord"
    ):
        _data(tmp_path, _lines(), columns={"user": "user_id", "item": "item_id"})
