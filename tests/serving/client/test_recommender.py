"""The client of the gateway, plain and asyncio: what it sends, and what it makes of answers."""

from __future__ import annotations

import json
import subprocess
import sys

import httpx
import pytest

from serving import client
from serving.client import results
from tests.serving.client import both

ITEM = {
    "item_id": "m5",
    "title": "Item 5",
    "source": "recall",
    "score": 1.5,
    "times_before": 2,
    "last_before": 4,
    "recall": {"rank": 2, "score": 0.25},
    "rank": {"rank": 1, "score": 1.5, "probability": 0.75, "probabilities": {"liked": 0.75}},
    "effects": {"user": 0.5},
}
BARE = {
    "item_id": "m6",
    "title": "",
    "source": "popularity",
    "score": 9.0,
    "times_before": 0,
    "last_before": None,
    "recall": None,
    "rank": None,
}
ANSWER = {
    "request_id": "r1",
    "release": 3,
    "user_id": "u",
    "known_user": True,
    "timestamp": 5,
    "items": [ITEM, BARE],
    "candidates": [BARE],
    "degraded": [{"stage": "rank", "reason": "unavailable", "fallback": "recall"}],
    "missing_inputs": None,
    "notes": ["one"],
    "timings_ms": {"total": 2.5},
    "of_a_newer_gateway": 1,
}
READ_BARE = results.Item("m6", "", "popularity", 9.0, 0, None, None, None, None)


class Gateway:
    """Answers every request alike and keeps what came."""

    def __init__(self, answer, status=200):
        self.answer, self.status, self.requests = answer, status, []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(self.status, json=self.answer)

    @property
    def sent(self):
        """(method, path with query, body) of the only request."""
        (request,) = self.requests
        body = json.loads(request.content) if request.content else None
        return request.method, request.url.raw_path.decode(), body


def test_recommend(kind):
    gateway = Gateway(ANSWER)
    with both.recommender(kind, gateway) as recommender:
        answer = recommender.recommend(
            "ü",
            k=5,
            filters={"price": {"max": 2}},
            exclude=["m1"],
            history=[{"item_id": "m2", "timestamp": 4, "rating": 3.5}],
        )
    assert gateway.sent == (
        "POST",
        "/base/v1/recommend",
        {
            "user_id": "ü",
            "k": 5,
            "filters": {"price": {"max": 2}},
            "exclude": ["m1"],
            "history": [{"item_id": "m2", "timestamp": 4, "rating": 3.5}],
        },
    )
    assert answer == results.Recommendation(
        request_id="r1",
        release=3,
        user_id="u",
        known_user=True,
        timestamp=5,
        items=(
            results.Item(
                "m5",
                "Item 5",
                "recall",
                1.5,
                2,
                4,
                results.RecallStage(2, 0.25),
                results.RankStage(1, 1.5, 0.75, {"liked": 0.75}),
                {"user": 0.5},
            ),
            READ_BARE,
        ),
        candidates=(READ_BARE,),
        degraded=(results.Degraded("rank", "unavailable", "recall"),),
        missing_inputs=None,
        notes=("one",),
        timings_ms={"total": 2.5},
    )


def test_nobody_known_is_asked_for_without_an_id(kind):
    gateway = Gateway({**ANSWER, "candidates": None})
    with both.recommender(kind, gateway) as recommender:
        assert recommender.recommend(context={"device": "app"}).candidates is None
    assert gateway.sent[2] == {"context": {"device": "app"}}


def test_events(kind):
    gateway = Gateway({"accepted": 1, "duplicates": 1, "outdated": 0, "event_ids": ["e1", "made"]})
    events = [client.Event("u", "m1", 7, "e1", {"rating": 4.0}), client.Event("u", "m2")]
    with both.recommender(kind, gateway) as recommender:
        assert recommender.send_events(events) == results.Added(1, 1, 0, ("e1", "made"))
    assert gateway.sent == (
        "POST",
        "/base/v1/events",
        {
            "events": [
                {"user_id": "u", "item_id": "m1", "timestamp": 7, "event_id": "e1", "rating": 4.0},
                {"user_id": "u", "item_id": "m2"},
            ]
        },
    )


@pytest.mark.parametrize(
    ("event", "attempts"),
    [
        (client.Event("u", "m1", event_id="e1"), 3),
        (client.Event("u", "m1", timestamp=7), 3),
        (client.Event("u", "m1"), 1),
    ],
)
def test_events_are_sent_again_only_if_they_are_added_once(kind, event, attempts):
    gateway = Gateway({"error": {"code": "x", "message": "later", "field": None}}, 503)
    with (
        both.recommender(kind, gateway) as recommender,
        pytest.raises(client.Unavailable, match="later"),
    ):
        recommender.send_event(event)
    assert len(gateway.requests) == attempts


@pytest.mark.parametrize(
    ("user_id", "path"),
    [("42", "42"), ("a/b?c#d", "a%2Fb%3Fc%23d"), ("..", "%2E%2E"), ("ü €", "%C3%BC%20%E2%82%AC")],
)
def test_a_user_of_any_id(kind, user_id, path):
    event = {
        "event_id": "e",
        "item_id": "m1",
        "timestamp": 3,
        "title": "Item 1",
        "values": {"rating": None},
    }
    gateway = Gateway({"user_id": user_id, "profile": {"age": 30.0}, "events": [event]})
    with both.recommender(kind, gateway) as recommender:
        found = recommender.user(user_id)
    assert gateway.sent == ("GET", f"/base/v1/users/{path}", None)
    assert found == results.User(
        user_id, {"age": 30.0}, (results.PastEvent("e", "m1", 3, "Item 1", {"rating": None}),)
    )


def test_a_profile(kind):
    gateway = Gateway({"user_id": "u", "profile": {"age": 31.0}, "events": []})
    with both.recommender(kind, gateway) as recommender:
        assert recommender.put_profile("u", {"age": 31.0}).profile == {"age": 31.0}
    assert gateway.sent == ("PUT", "/base/v1/users/u", {"profile": {"age": 31.0}})


def test_a_profile_is_put_once(kind):
    gateway = Gateway({}, 503)
    with both.recommender(kind, gateway) as recommender, pytest.raises(client.Unavailable):
        recommender.put_profile("u", {})
    assert len(gateway.requests) == 1


def test_users(kind):
    gateway = Gateway(["10", "11"])
    with both.recommender(kind, gateway) as recommender:
        assert recommender.users("1", limit=2) == ("10", "11")
    assert gateway.sent == ("GET", "/base/v1/users?prefix=1&limit=2", None)


def test_items(kind):
    row = {"item_id": "m1", "title": "Item 1", "popularity": 9, "features": {"price": 1.0}}
    gateway = Gateway([row])
    with both.recommender(kind, gateway) as recommender:
        assert recommender.items("item & co") == (
            results.CatalogueItem("m1", "Item 1", 9, {"price": 1.0}),
        )
    assert gateway.sent == ("GET", "/base/v1/items?query=item+%26+co&limit=20", None)
    gateway = Gateway(row)
    with both.recommender(kind, gateway) as recommender:
        assert recommender.item("m1").title == "Item 1"
    assert gateway.sent[1] == "/base/v1/items/m1"


def test_the_release(kind):
    found = {
        "release": 3,
        "name": "shop",
        "created": None,
        "metrics": {"ndcg": 0.5},
        "items": 10,
        "k": 8,
        "max_history": 5,
        "allows_repeats": True,
        "repeat_history": 12,
        "timezone": "UTC",
        "columns": {"user": {}},
        "models": {"recall": {}},
    }
    gateway = Gateway({**found, "has_rank": True})
    with both.recommender(kind, gateway) as recommender:
        assert recommender.release() == results.Release(**found)
    assert gateway.sent[:2] == ("GET", "/base/v1/release")


def test_the_key_goes_along(kind):
    gateway = Gateway(ANSWER)
    with both.recommender(kind, gateway, api_key="k1") as recommender:
        recommender.recommend("u")
    assert gateway.requests[0].headers["x-api-key"] == "k1"


def test_a_refusal_names_the_field(kind):
    gateway = Gateway(
        {
            "error": {"code": "invalid_argument", "message": "k: found 0", "field": "k"},
            "request_id": "r2",
        },
        400,
    )
    with (
        both.recommender(kind, gateway) as recommender,
        pytest.raises(client.InvalidRequest, match="k: found 0") as failure,
    ):
        recommender.recommend("u", k=0)
    assert failure.value.field == "k"


def test_tensorflow_is_not_imported():
    code = "import sys, serving.client; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
