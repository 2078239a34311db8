"""JSON lines: keys that are absent, nested or misspelt, lists of events, and what is no JSON."""

from __future__ import annotations

import gzip
import json
import pathlib
from typing import Any

import pytest

from modules import config, strict
from modules.beam import check, errors, json_lines, text
from tests import tables

TIME = {"role": "timestamp", "unit": "s"}
EVENTS = [{"user": "u", "item": item, "time": n} for n, item in enumerate("abc", start=1)]


def _lines(*objects: Any) -> str:
    return "".join(json.dumps(found) + "\n" for found in objects)


def _written(
    folder: pathlib.Path, content: str, name: str = "e.jsonl", **extra: Any
) -> config.Data:
    (folder / name).write_text(content)
    return tables.only_events(folder / name, **extra)


@pytest.mark.parametrize("name", ["e.json", "e.jsonl", "e.ndjson", "e.jsonl.gz", "e.txt"])
def test_each_line_is_a_row(tmp_path: pathlib.Path, name: str) -> None:
    content = _lines(*EVENTS).replace("\n", "\n\n").encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    extra = {"format": "json"} if name == "e.txt" else {}
    assert tables.history(tmp_path, tables.only_events(tmp_path / name, **extra)) == ["a", "b", "c"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_texts_are_read_in_their_encoding(tmp_path: pathlib.Path, encoding: str) -> None:
    content = "".join(
        json.dumps({**event, "item": f"é{n}"}, ensure_ascii=False) + "\n"
        for n, event in enumerate(EVENTS)
    )
    (tmp_path / "e.jsonl").write_bytes(content.encode(encoding))
    declared = "utf-8" if encoding == "utf-8-sig" else encoding
    data = tables.only_events(tmp_path / "e.jsonl", encoding=declared)
    assert tables.history(tmp_path, data) == ["é0", "é1", "é2"]


def test_cells_lie_in_objects_and_may_be_absent(tmp_path: pathlib.Path) -> None:
    """An exact key wins over what lies inside; null and an absent key are missing."""
    events = [
        {"who": {"id": "u"}, "what.id": "a", "what": {"id": "x"}, "time": 1, "r": {"stars": 5}},
        {"who": {"id": "u"}, "what": {"id": "b"}, "time": 2, "r": None},
        {"who": {"id": "u"}, "what": {"id": "c"}, "time": 3},
    ]
    columns = {
        "user": {"role": "user_id", "source": "who.id"},
        "item": {"role": "item_id", "source": "what.id"},
        "time": TIME,
        "stars": {"role": "context", "kind": "numeric", "source": "r.stars", "default": 3},
    }
    data = _written(tmp_path, _lines(*events), columns=columns)
    (row,) = tables.make(tmp_path, data)["test"]
    assert row["event_item_id"] == ["a", "b", "c"] and row["context_stars"] == [5.0, 3.0, 3.0]


def test_lists_of_items_are_lists(tmp_path: pathlib.Path) -> None:
    items = [
        {"item": "a", "tags": ["x", "y z"], "genres": [{"name": "p"}, {"name": "q"}], "v": [1, 2]},
        {"item": "b", "tags": [], "v": None},
        {"item": "c", "genres": [{"id": 1}]},
    ]
    (tmp_path / "items.jsonl").write_text(_lines(*items))
    columns = {
        "item": "item_id",
        "tags": "multi_categorical",
        "genres": {"kind": "multi_categorical", "source": "genres.name"},
        "v": {"kind": "vector", "dimension": 2},
    }
    data = strict.to_plain(_written(tmp_path, _lines(*EVENTS)))
    data["items"] = {"path": str(tmp_path / "items.jsonl"), "columns": columns}
    assert tables.rows_read(tmp_path, strict.read(config.Data, data), "items") == [
        ["a", ["x", "y z"], ["p", "q"], [1, 2]],
        ["b", [], [], [0, 0]],
        ["c", [], [], [0, 0]],
    ]


def test_whole_numbers_keep_their_digits(tmp_path: pathlib.Path) -> None:
    ids = [2**53 + 1, 2**64 - 1, 10**30 + 1]
    events = [{"user": "u", "item": item, "time": n} for n, item in enumerate(ids)]
    found = tables.history(tmp_path, _written(tmp_path, _lines(*events)))
    assert found == ["9007199254740993", "18446744073709551615", str(10**30 + 1)]


def test_what_writers_make_of_json_is_read(tmp_path: pathlib.Path) -> None:
    """NaN, Python's repr of a dict, and half of a surrogate pair, which becomes U+FFFD."""
    content = (
        '{"user": "u", "item": "a", "time": 1, "rating": NaN}\n'
        "{'user': 'u', 'item': \"b's\", 'time': 2}\n"
        '{"user": "u", "item": "c\\ud83d", "time": 3, "rating": 4}\n'
    )
    columns = {"user": "user_id", "item": "item_id", "time": TIME, "rating": "numeric"}
    data = _written(tmp_path, content, columns=columns)
    assert tables.history(tmp_path, data) == ["a", "b's", "c\ufffd"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("u,a,1", "line 4: not JSON (Expecting value at position 1). Found 'u,a,1'; each line has"),
        ('{"user": ' + "9" * 5000 + "}", "line 4: not JSON that is read: a whole number of"),
        ('{"user": "u", ', "line 4: not JSON (Expecting property name"),
        ("[1, 2]", "line 4: found a list, expected an object"),
        (
            '{"user": "u", "time": 9}',
            "line 4: column 'item': found nothing, every row needs its item_id",
        ),
        ('{"user": "u", "item": {"id": 1}, "time": 9}', "line 4: column 'item': found {'id': 1}"),
    ],
)
def test_a_bad_line_is_refused_with_its_number(
    tmp_path: pathlib.Path, line: str, message: str
) -> None:
    assert message in tables.refusal_of_rows(_written(tmp_path, _lines(*EVENTS) + line + "\n"))


# --- keys that are not there ---


def test_a_key_that_no_object_has_is_refused_with_the_nearest(tmp_path: pathlib.Path) -> None:
    columns = {"user": "user_id", "item": "item_id", "tme": "timestamp"}
    message = tables.refusal_of_rows(_written(tmp_path, _lines(*EVENTS), columns=columns))
    assert message.endswith(
        "e.jsonl, line 1: no column 'tme', which data.events.columns.tme reads; found user, item, "
        "time. Did you mean 'time'?"
    )


def test_a_key_that_lies_in_an_object_is_found_there(tmp_path: pathlib.Path) -> None:
    wrapped = {"user": "u", "log": [{"item": "a", "time": 1}]}
    message = tables.refusal_of_rows(_written(tmp_path, _lines(wrapped)))
    assert "no column 'item'" in message
    assert "It lies in 'log': set list_column: log if that is the list of a table's rows" in message


def test_a_key_that_is_rare_is_looked_for_in_more_objects_and_files(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_lines, "_LOOKED_AT", 3)
    columns = {"user": "user_id", "item": "item_id", "time": TIME, "stars": "numeric"}
    for name, at in (("1.jsonl", None), ("2.jsonl", 2)):
        events = [{**event, **({"stars": 5} if n == at else {})} for n, event in enumerate(EVENTS)]
        (tmp_path / name).write_text(_lines(*events))
    assert len(tables.rows_read(tmp_path, tables.only_events(tmp_path, columns=columns))) == 6
    alone = tables.only_events(tmp_path / "1.jsonl", columns=columns)
    assert "leave the column out: none of the first 3 objects has it." in tables.refusal_of_rows(
        alone
    )


# --- lists of events ---


def test_a_row_may_hold_a_list_of_events(tmp_path: pathlib.Path) -> None:
    users = [
        {"user": "u", "item": "x", "log": [{"item": "a", "time": 1}, {"item": "b", "time": 2}]},
        {"user": "v", "log": []},
        {"user": "w"},
        {"user": "u", "item": "c", "log": [{"time": 3}]},
    ]
    data = _written(tmp_path, _lines(*users), list_column="log")
    assert tables.history(tmp_path, data) == ["a", "b", "c"]
    bad = _lines(users[0], {"user": "u", "log": [{"item": "a", "time": 1}, {"item": "b"}]})
    message = tables.refusal_of_rows(_written(tmp_path, bad, list_column="log"))
    assert "e.jsonl, line 2, element 2: column 'time'" in message


@pytest.mark.parametrize(
    ("log", "message"),
    [
        (5, "line 2: 'log' (list_column) is a number, expected a list of objects. Found 5;"),
        ([1], "line 2: element 1 of 'log' (list_column) is a number, expected an object. Found 1."),
    ],
)
def test_what_is_no_list_of_events_is_refused(
    tmp_path: pathlib.Path, log: Any, message: str
) -> None:
    users = [{"user": "u", "log": [{"item": "a", "time": 1}]}, {"user": "u", "log": log}]
    assert message in tables.refusal_of_rows(_written(tmp_path, _lines(*users), list_column="log"))


def test_elements_that_are_texts_are_one_cause(tmp_path: pathlib.Path) -> None:
    logs: list[Any] = [["a"], ["it's"], ["\u00e9" * 99], ["7"]]
    users = [{"user": "u", "log": [{"item": "a", "time": 1}]}]
    users += [{"user": "u", "log": log} for log in logs]
    data = _written(tmp_path, _lines(*users), list_column="log")
    with pytest.raises(errors.DataError, match=r"^1 problem in the data:") as caught:
        check.check(data, config.Split())
    message = str(caught.value)
    assert "element 1 of 'log' (list_column) is a text, expected an object. Found 'a'." in message
    assert "3 more cases like it, next line 3, line 4" in message


def test_a_list_column_that_is_not_there_names_the_nearest(tmp_path: pathlib.Path) -> None:
    user = {"user": "u", "log": [{"item": "a", "time": 1}]}
    message = tables.refusal_of_rows(_written(tmp_path, _lines(user), list_column="logs"))
    assert "no key 'logs', which data.events.list_column names; found user, log" in message
    assert "Did you mean 'log'?" in message


def test_a_big_file_is_read_in_pieces(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [{"user": "u", "item": f"i{n}", "time": n} for n in range(300)]
    data = _written(tmp_path, _lines(*events))
    for chunk in (1, 13, 1000):
        monkeypatch.setattr(text, "_CHUNK", chunk)
        folder = tmp_path / str(chunk)
        folder.mkdir()
        read = tables.rows_read(folder, data)
        assert read == [["u", f"i{n}", n] for n in range(300)]
