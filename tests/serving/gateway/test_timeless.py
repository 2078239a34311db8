"""Requests to a release whose events have no times: none is sent, and the order counts."""

from __future__ import annotations

import dataclasses
import pathlib

import pytest

from modules import config, features, strict
from serving.gateway import columns, errors, users, wire
from serving.history import sqlite
from tests.serving import small_serving


def _columns() -> columns.Columns:
    plain = strict.to_plain(small_serving.DATA)
    name = small_serving.DATA.events.column_with("timestamp")
    plain["events"]["columns"][name] = {"from": "file_order"}
    data = strict.read(config.Data, plain)
    return columns.Columns(dataclasses.replace(small_serving.ABOUT, data=data))


def _ask(**given: object) -> wire.Recommend:
    return wire.Recommend.model_validate(given)


@pytest.fixture
def people(tmp_path: pathlib.Path) -> users.Users:
    return users.Users(sqlite.SqliteStore(str(tmp_path / "users.db"), 10))


def test_the_history_stays_in_the_order_of_the_request(people: users.Users) -> None:
    declared = _columns()
    ask = _ask(history=[{"item_id": "m2"}, {"item_id": "m1"}, {"item_id": "m3"}])
    checked = people.check(ask, declared)
    assert [event.item_id for event in checked.events or ()] == ["m2", "m1", "m3"]
    person = users.Person(False, {}, {}, checked.events or ())
    arrays = declared.arrays(person.asked(ask, declared))
    assert arrays[features.EVENT_ITEM_ID][0, :3].tolist() == [b"m2", b"m1", b"m3"]
    assert not {features.EVENT_TIMESTAMP, features.REQUEST_TIMESTAMP} & set(arrays)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"timestamp": 5}, "timestamp"),
        (
            {"history": [{"item_id": "m1"}, {"item_id": "m2", "timestamp": 5}]},
            "history.1.timestamp",
        ),
    ],
)
def test_times_are_refused(people: users.Users, given: dict[str, object], field: str) -> None:
    with pytest.raises(errors.ApiError, match="have no times; leave it out") as caught:
        people.check(_ask(**given), _columns())
    assert caught.value.field == field


def test_new_events_come_after_those_of_training() -> None:
    given = wire.NewEvent.model_validate({"user_id": "u", "item_id": "m1"})
    _, event = users.new_event(given, _columns(), "")
    assert event.timestamp > 10**9  # those of training have their numbers
    timed = given.model_copy(update={"timestamp": 5})
    with pytest.raises(errors.ApiError, match="have no times"):
        users.new_event(timed, _columns(), "")
