"""Requests that cannot be used: each is refused in the same form, with the field and the remedy."""

from __future__ import annotations

import time

import pydantic
import pytest

from modules import ids as ids_rule
from serving.gateway import wire
from tests.serving.gateway import conftest

TIME, new_user, ids = conftest.TIME, conftest.new_user, conftest.ids
JSON = {"content-type": "application/json"}
PAST = {"item_id": "m3", "timestamp": TIME}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "body: is missing"),
        (b"{", "the body is not JSON"),
        (b'{"k": }', "the body is not JSON"),
        (b"\xff\xfe", "not valid UTF-8"),
        (b"[" * 200_000, "depth limit"),
        (b"9" * 10_000, "is infinity"),
        (b"null", "body"),
        (b"[]", "body: found []"),
        (b'"text"', "body: found 'text'"),
        (b'{"k": NaN}', "the body is not JSON: unexpected character"),
        (b'{"k": 1e999}', "is infinity"),
    ],
)
def test_bodies_that_are_no_request(gateway, body, expected):
    response = gateway.http.post("/v1/recommend", content=body, headers=JSON)
    assert expected in conftest.problem(response, 400, "invalid_argument")[1]


@pytest.mark.parametrize(
    ("ask", "field", "expected"),
    [
        ({"k": 0}, "k", "found 0; Input should be greater than or equal to 1"),
        ({"k": -1}, "k", "found -1; "),
        ({"k": 10_000}, "k", "found 10000, expected at most 8"),
        ({"k": 10_001}, "k", "less than or equal to 10000"),
        ({"k": 2.0}, "k", "found 2.0"),
        ({"k": "2"}, "k", "found '2'"),
        ({"k": True}, "k", "found True"),
        ({"k": None}, "k", "found None"),
        ({"k": 10**30}, "k", "found 1e+30"),
        ({"user_id": 5}, "user_id", "found 5; Input should be a valid string"),
        ({"user_id": ""}, "user_id", "found ''"),
        ({"user_id": "a\0b"}, "user_id", "no NUL character"),
        ({"user_id": "x" * 600}, "user_id", "at most 512"),
        ({"user_id": "é" * 300}, "user_id", "at most 512 bytes of UTF-8, found 600"),
        ({"exclude": ["m1", 5]}, "exclude.1", "found 5"),
        ({"exclude": "m1"}, "exclude", "found 'm1'"),
        ({"exclude": ["m1"] * 10_001}, "exclude", "found 10,001 entries, expected at most 10,000"),
        ({"timestamp": TIME * 1000}, "timestamp", "less than or equal to 4102444800"),
        ({"timestamp": -1}, "timestamp", "found -1"),
        ({"timestamp": 1.5}, "timestamp", "found 1.5"),
        ({"timeout_ms": 0}, "timeout_ms", "found 0"),
        ({"timeout_ms": 60_001}, "timeout_ms", "60000"),
        ({"explain": "yes"}, "explain", "found 'yes'"),
        ({"user": "u1"}, "user", "no such field. Did you mean 'user_id'?"),
        ({"exclud": []}, "exclud", "Did you mean 'exclude'?"),
        (
            {"profile": {"aeg": 5}},
            "profile.aeg",
            "no column of users is called so. Did you mean 'age'?",
        ),
        ({"profile": {"age": "old"}}, "profile.age", "found 'old', expected a number"),
        ({"profile": {"age": True}}, "profile.age", "found True, expected a number"),
        ({"profile": {"age": 1e39}}, "profile.age", "1e+39"),
        (
            {"profile": {"gender": 5}},
            "profile.gender",
            "found 5.0, expected a text of at most 4096 bytes",
        ),
        ({"profile": {"gender": "x" * 5000}}, "profile.gender", "of at most 4096 bytes"),
        (
            {"profile": {"interests": "tea"}},
            "profile.interests",
            "found 'tea', expected a list of texts",
        ),
        (
            {"profile": {"interests": [1]}},
            "profile.interests",
            "found [1.0], expected a list of texts",
        ),
        ({"profile": {"interests": ["tea"] * 1001}}, "profile.interests", "at most 1000"),
        ({"profile": {"gender": {"a": 1}}}, "profile.gender", "found {'a': 1}"),
        ({"profile": []}, "profile", "found []"),
        ({"context": {"rating": 5}}, "context.rating", "no column of events with the role context"),
        ({"context": {"device": 5}}, "context.device", "found 5.0, expected a text"),
        ({"history": {}}, "history", "found {}"),
        ({"history": [5]}, "history.0", "found 5"),
        ({"history": [PAST, {"item_id": "m1"}]}, "history.1.timestamp", "is missing"),
        ({"history": [{**PAST, "ratting": 5}]}, "history.0.ratting", "Did you mean 'rating'?"),
        (
            {"history": [{**PAST, "rating": "5"}]},
            "history.0.rating",
            "found '5', expected a number",
        ),
        ({"history": [{**PAST, "rating": [5]}]}, "history.0.rating", "found [5]"),
        ({"history": [{**PAST, "timestamp": TIME * 1000}]}, "history.0.timestamp", "4102444800"),
        ({"history": [{**PAST, "item_id": ""}]}, "history.0.item_id", "found ''"),
        ({"history": [PAST] * 10_001}, "history", "found 10,001 entries, expected at most 10,000"),
        ({"filters": {"grup": "odd"}}, "filters.grup", "Did you mean 'group'?"),
        (
            {"filters": {"group": 5}},
            "filters.group",
            "found 5.0, expected a text or a list of texts",
        ),
        ({"filters": {"group": None}}, "filters.group", "found None"),
        (
            {"filters": {"group": {"min": 1}}},
            "filters.group",
            "is categorical; a range needs a number",
        ),
        ({"filters": {"price": "5"}}, "filters.price", "found '5', expected a number"),
        ({"filters": {"price": True}}, "filters.price", "found True, expected a number"),
        (
            {"filters": {"price": {"mn": 1}}},
            "filters.price.mn",
            "no such field. Did you mean 'min'?",
        ),
        ({"filters": {"price": {"min": "1"}}}, "filters.price.min", "found '1'"),
    ],
)
def test_fields_that_cannot_be_used(gateway, ask, field, expected):
    found, message = gateway.refusal(ask)
    assert found == field and message.startswith(f"{field}: ") and expected in message
    assert len(message) < 300


@pytest.mark.parametrize(
    ("ask", "field", "expected"),
    [
        ({}, "user_id", "is missing"),
        ({"user_id": "u1"}, "item_id", "is missing"),
        ({"user_id": "u1", "item_id": 5}, "item_id", "found 5"),
        ({"user_id": "u1", "item_id": "m1", "ratting": 5}, "ratting", "Did you mean 'rating'?"),
        (
            {"user_id": "u1", "item_id": "m1", "rating": "x"},
            "rating",
            "found 'x', expected a number",
        ),
        ({"user_id": "u1", "item_id": "m1", "timestamp": TIME * 1000}, "timestamp", "4102444800"),
        (
            {"user_id": "u1", "item_id": "m1", "timestamp": int(time.time()) + 2 * 86_400},
            "timestamp",
            "more than a day ahead of this server's clock",
        ),
        ({"user_id": "u1", "item_id": "m1", "event_id": ""}, "event_id", "found ''"),
        ({"events": []}, "events", "at least 1"),
        ({"events": {}}, "events", "found {}"),
        (
            {"events": [{"user_id": "u1", "item_id": "m1"}, {"user_id": "u1"}]},
            "events.1.item_id",
            "is missing",
        ),
        (
            {"events": [{"user_id": "u1", "item_id": "m1", "ratting": 1}]},
            "events.0.ratting",
            "'rating'",
        ),
        (
            {"events": [{"user_id": "u1", "item_id": "m1"}], "user_id": "u1"},
            "user_id",
            "no such field",
        ),
        (
            {"events": [{"user_id": "u1", "item_id": "m1"}] * 1001},
            "events",
            "found 1,001 entries, expected at most 1,000",
        ),
    ],
)
def test_events_that_cannot_be_used(gateway, ask, field, expected):
    found, message = gateway.refusal(ask, "/v1/events")
    assert found == field and expected in message


@pytest.mark.parametrize(
    ("ask", "field", "expected"),
    [
        ({}, "profile", "is missing"),
        ({"profil": {}, "profile": {}}, "profil", "Did you mean 'profile'?"),
        ({"profile": {"aeg": 1}}, "profile.aeg", "Did you mean 'age'?"),
    ],
)
def test_profiles_that_cannot_be_used(gateway, ask, field, expected):
    found, message = gateway.refusal(ask, "/v1/users/u1", "PUT")
    assert found == field and expected in message


@pytest.mark.parametrize(
    "body",
    [
        b'{"user_id": "\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"profile": {"\\ud800": 1}}',
        b'{"profile": {"gender": "\\udfff"}}',
        b'{"profile": {"interests": ["\\ud800"]}}',
        b'{"filters": {"\\ud800": "a"}}',
        b'{"filters": {"group": "\\ud800"}}',
        b'{"exclude": ["\\ud800"]}',
        b'{"history": [{"item_id": "m1", "timestamp": 1, "\\ud800": "a"}]}',
    ],
)
def test_half_characters_are_refused(gateway, body):
    response = gateway.http.post("/v1/recommend", content=body, headers=JSON)
    conftest.problem(response, 400, "invalid_argument")


@pytest.mark.parametrize(
    "name", ["🍵", "مستخدم", "e\u0301", "a/b?c#d%", " ", "../..", "用户", "\u202e"]
)
def test_any_unicode_is_an_id(gateway, name):
    user = f"{new_user()}{name}"
    assert gateway.add(user, name, event_id=name)["accepted"] == 1
    answer = gateway.recommend(user_id=user, exclude=[name], profile={"gender": name})
    assert answer["known_user"] is True and answer["user_id"] == user
    quoted = "".join(f"%{byte:02x}" for byte in user.encode())
    assert gateway.http.get(f"/v1/users/{quoted}").json()["events"][0]["item_id"] == name


def test_a_history_of_ten_thousand_events(gateway):
    many = [
        {"item_id": "m8", "timestamp": TIME - 10_000 + n, "rating": 5, "device": "app"}
        for n in range(9_999)
    ]
    answer = gateway.recommend(history=[{"item_id": "m3", "timestamp": TIME}, *many], k=7)
    assert ids(answer) == ["m5", "m4", "m6", "m7", "m9", "m0", "m1"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/users?limit=0", "limit"),
        ("/v1/users?limit=101", "limit"),
        ("/v1/users?limit=x", "limit"),
        ("/v1/users?prefix=" + "x" * 513, "prefix"),
        ("/v1/items?query=" + "x" * 513, "query"),
        ("/v1/users/", "user_id"),
        ("/v1/users/a%00b", "user_id"),
        ("/v1/users/" + "x" * 513, "user_id"),
    ],
)
def test_paths_that_cannot_be_used(gateway, path, field):
    assert conftest.problem(gateway.http.get(path), 400, "invalid_argument")[0] == field


@pytest.mark.parametrize("longest", ["x" * ids_rule.MAX_BYTES, "é" * (ids_rule.MAX_BYTES // 2)])
def test_the_longest_ids_are_stored_found_and_asked_for(gateway, longest):
    assert gateway.add(longest, longest, event_id=longest)["event_ids"] == [longest]
    assert gateway.add(longest, longest, event_id=longest)["duplicates"] == 1
    answer = gateway.recommend(user_id=longest, exclude=[longest])
    assert answer["user_id"] == longest and answer["known_user"] is True
    shown = gateway.http.get(f"/v1/users/{longest}").json()
    assert [event["item_id"] for event in shown["events"]] == [longest]
    assert gateway.http.get("/v1/users", params={"prefix": longest}).json() == [longest]


@pytest.mark.parametrize("field", ["user_id", "item_id", "event_id"])
def test_an_event_with_an_id_that_is_a_byte_too_long(gateway, field):
    event = {"user_id": "u1", "item_id": "m1", field: "é" * 256 + "x"}
    found, message = gateway.refusal(event, "/v1/events")
    assert found == field and "an id has at most 512 bytes of UTF-8, found 513" in message


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/v1/items/nothing", 404, "not_found"),
        ("GET", "/v1/users/nobody", 404, "not_found"),
        ("GET", "/web/nothing.js", 404, "not_found"),
        ("GET", "/web/../settings.py", 404, "not_found"),
        ("GET", "/web/%2e%2e/gateway/api.py", 404, "not_found"),
        ("GET", "/docs", 404, "not_found"),
        ("GET", "/v1/recommend", 405, "method_not_allowed"),
        ("DELETE", "/v1/users/u1", 405, "method_not_allowed"),
    ],
)
def test_what_there_is_not(gateway, method, path, status, code):
    conftest.problem(gateway.http.request(method, path), status, code)


MANY = 200_000
ATTACKS = {
    "history": ({"history": [{}] * MANY}, "history", "found 200,000 entries, expected at most"),
    "few wrong events": ({"history": [{}] * 9_000}, "history.0.item_id", "is missing"),
    "columns of an event": (
        {"history": [{"item_id": "m1", **{f"c{n}": [] for n in range(MANY)}}]},
        "history.0",
        "found 200,001 entries, expected at most 1,000",
    ),
    "profile": (
        {"profile": {f"c{n}": {} for n in range(MANY)}},
        "profile",
        "expected at most 1,000",
    ),
    "values": ({"profile": {"age": [{}] * MANY}}, "profile.age", "expected at most 10,000"),
    "context": ({"context": {f"c{n}": [] for n in range(MANY)}}, "context", "at most 1,000"),
    "filters": ({"filters": {f"c{n}": {} for n in range(MANY)}}, "filters", "at most 1,000"),
    "a range": (
        {"filters": {"year": {f"k{n}": 1 for n in range(MANY)}}},
        "filters.year",
        "found 200,000 entries, expected at most 10",
    ),
    "exclude": ({"exclude": [1] * MANY}, "exclude", "expected at most 10,000"),
    "fields": ({f"f{n}": 1 for n in range(MANY)}, "body", "expected at most 1,000"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_many_wrong_entries_are_one_problem(gateway, name):
    """Each of these bodies took seconds and a gigabyte, as every entry made an error of its own."""
    ask, field, expected = ATTACKS[name]
    with pytest.raises(pydantic.ValidationError) as raised:
        wire.Recommend.model_validate(ask)
    assert raised.value.error_count() <= 8
    found = gateway.refusal(ask)
    assert found[0] == field and expected in found[1]


@pytest.mark.parametrize(
    ("ask", "field", "expected"),
    [
        ({"events": [{}] * MANY}, "events", "found 200,000 entries, expected at most 1,000"),
        ({"events": [{}] * 900}, "events.0.user_id", "is missing"),
        ({"user_id": "u", **{f"c{n}": {} for n in range(MANY)}}, "body", "at most 1,000"),
    ],
)
def test_many_wrong_entries_of_events_are_one_problem(gateway, ask, field, expected):
    with pytest.raises(pydantic.ValidationError) as raised:
        pydantic.TypeAdapter(wire.Events).validate_python(ask)
    assert raised.value.error_count() <= 8
    found = gateway.refusal(ask, "/v1/events")
    assert found[0] == field and expected in found[1]


def test_a_server_may_take_more_events_at_once():
    """What it is told holds before a body is looked at."""
    context = {wire.EVENTS: 2_000}
    events = {"events": [{"user_id": "u", "item_id": "i", "timestamp": TIME}] * 1_500}
    adapter = pydantic.TypeAdapter(wire.Events)
    assert len(adapter.validate_python(events, context=context).events) == 1_500
    with pytest.raises(pydantic.ValidationError, match="found 1,500 entries"):
        adapter.validate_python(events)
