"""Users for a history store: from the tables of training, with the same checks and stable ids."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any

import pytest

from modules import config, strict
from modules.beam import causes, check, errors, files, users
from tests import tables


def read(folder: pathlib.Path, data: config.Data, newest: int = 10) -> dict[str, dict[str, Any]]:
    listings = files.list_tables(data)
    read = users.ReadUsers(data, newest, listings)
    (path,), found = check.run(read, (users.USERS,), str(folder))
    causes.refuse(found, listings)
    made = [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]
    return {user["user_id"]: user for user in made}


def shown(user: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(e["item_id"], e["timestamp"], e["values"]) for e in user["events"]]


def test_profiles_and_events_have_the_columns_names(tmp_path: pathlib.Path) -> None:
    found = read(tmp_path, tables.write(tmp_path, users=tables.USERS + "u9\t\tX\n"))
    assert {name: user["profile"] for name, user in found.items()} == {
        "u1": {"age": 20.0, "gender": "F"},
        "u2": {"age": 30.0, "gender": "?"},
        "u9": {"age": 40.0, "gender": "X"},
    }
    assert shown(found["u1"]) == [
        ("a", 100, {"rating": 5.0}),
        ("b", 200, {"rating": 4.0}),
        ("c", 300, {}),
    ]
    assert shown(found["u9"]) == []


def test_the_newest_events_are_given_those_of_a_second_in_file_order(
    tmp_path: pathlib.Path,
) -> None:
    events = tables.EVENTS + "u1\tc\t1\t100\nu1\ta\t2\t200\n"
    found = read(tmp_path, tables.write(tmp_path, events=events), newest=4)
    assert shown(found["u1"]) == [
        ("c", 100, {"rating": 1.0}),
        ("b", 200, {"rating": 4.0}),
        ("a", 200, {"rating": 2.0}),
        ("c", 300, {}),
    ]


def test_ids_follow_from_the_content_and_its_repetitions(tmp_path: pathlib.Path) -> None:
    again = tables.EVENTS + "u1\ta\t5\t100\nu1\ta\t4\t100\n"
    first = read(tmp_path, tables.write(tmp_path))["u1"]["events"]
    lines = again.splitlines(keepends=True)
    moved = read(tmp_path, tables.write(tmp_path, events="".join([lines[0], *reversed(lines[1:])])))
    later = moved["u1"]["events"]  # as the file's order gives them: the other rating first
    assert [(e["item_id"], e["values"].get("rating")) for e in later] == [
        ("a", 4.0),
        ("a", 5.0),
        ("a", 5.0),
        ("b", 4.0),
        ("c", None),
    ]
    assert [later[1]["event_id"], *(e["event_id"] for e in later[3:])] == [
        e["event_id"] for e in first
    ]
    assert len({e["event_id"] for e in later}) == 5


def test_the_id_of_an_event_with_a_gap_is_that_of_the_default(tmp_path: pathlib.Path) -> None:
    """So stores that were filled when gaps still were do not get the event twice."""
    columns = {
        **tables.PLAIN["events"]["columns"],
        "mood": {"kind": "categorical", "default": "calm"},
    }
    plain = {"events": {"path": str(tmp_path / "shop.inter"), "columns": columns}}
    (tmp_path / "shop.inter").write_text(
        "user_id:token\titem_id:token\trating:float\tmood:token\ttimestamp:float\n"
        "u1\tc\t\t\t300\nu1\tc\t3\tcalm\t300\nu1\tc\t4\t\t400\n"
    )
    found = read(tmp_path, config.strict.read(config.Data, plain))
    assert shown(found["u1"]) == [
        ("c", 300, {"mood": ""}),
        ("c", 300, {"rating": 3.0, "mood": "calm"}),
        ("c", 400, {"rating": 4.0, "mood": ""}),
    ]
    assert [e["event_id"] for e in found["u1"]["events"]] == [
        "2f03220f5f94dda99823f6a60b6b95ad",
        "82f0ffb212ba66b6eaa8520b9638266a",
        "d1845aae4da35948a464fa0ec94fb3d9",
    ]


def test_weights_are_for_training_alone(tmp_path: pathlib.Path) -> None:
    columns = {n: c for n, c in tables.PLAIN["events"]["columns"].items() if n != "rating"}
    data = tables.write(tmp_path)
    weighted = dataclasses.replace(
        data,
        events=strict.read(
            config.Table, {"path": data.events.path, "columns": {**columns, "rating": "weight"}}
        ),
    )
    found = read(tmp_path, weighted)
    assert shown(found["u1"]) == [("a", 100, {}), ("b", 200, {}), ("c", 300, {})]


def test_the_policies_are_those_of_training(tmp_path: pathlib.Path) -> None:
    events = tables.EVENTS + "u1\ta\t1\t100\nnew\ta\t1\t100\n"
    data = tables.write(tmp_path, events=events, duplicate_events="drop", unknown_user="keep")
    found = read(tmp_path, data)
    assert shown(found["u1"])[:2] == [("a", 100, {"rating": 5.0}), ("b", 200, {"rating": 4.0})]
    assert (found["new"]["profile"], shown(found["new"])) == (None, [("a", 100, {"rating": 1.0})])


def test_without_a_table_of_users_profiles_are_empty(tmp_path: pathlib.Path) -> None:
    plain = {"events": {**tables.PLAIN["events"], "path": str(tmp_path / "shop.inter")}}
    tables.write(tmp_path)
    found = read(tmp_path, config.strict.read(config.Data, plain))
    assert [user["profile"] for user in found.values()] == [{}, {}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"events": tables.EVENTS + "u1\ta\t1\tnever\n"},
            "line 9: column 'timestamp': found 'never', expected",
        ),
        (
            {"events": tables.EVENTS + "new\ta\t1\t1\n", "unknown_user": "refuse"},
            "line 9: user 'new' is not in data.users (1 events).",
        ),
        (
            {"users": tables.USERS + "u1\t1\tM\n"},
            "line 4: user 'u1' again; data.users has one row a user.",
        ),
        (
            {"events": tables.EVENTS + "u1\ta\t1\t100\n", "duplicate_events": "refuse"},
            "line 9: user 'u1', item 'a' and the time repeat an event.",
        ),
    ],
)
def test_a_problem_is_told_as_by_dataset_check(
    tmp_path: pathlib.Path, change: dict[str, Any], message: str
) -> None:
    data = tables.write(tmp_path, **change)
    with pytest.raises(errors.DataError) as caught:
        read(tmp_path, data)
    assert message in str(caught.value)
    with pytest.raises(errors.DataError) as checked:
        check.check(data, config.Split())
    assert str(caught.value) == str(checked.value)
