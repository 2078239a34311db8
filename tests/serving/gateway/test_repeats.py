"""A release whose items may come back: what is answered, and what takes the place of recall.

Recall and rank are as in test_recommend.py: after item i come i+1, i+2, ..., and m5 comes first.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from serving.gateway import settings
from tests.serving import conftest as servers
from tests.serving import small_serving
from tests.serving.gateway import conftest

TIME, ids, new_user = conftest.TIME, conftest.ids, conftest.new_user
ABOUT = small_serving.REPEATING


def past(*item_ids: str) -> list[dict[str, Any]]:
    """Events of the last seconds before TIME, one a second."""
    start = TIME - len(item_ids)
    return [{"item_id": item, "timestamp": start + n} for n, item in enumerate(item_ids)]


def before(answer: dict[str, Any], kind: str = "items") -> dict[str, tuple[int, int | None]]:
    """(times, last) by item that the history has."""
    return {
        item["item_id"]: (item["times_before"], item["last_before"])
        for item in answer[kind]
        if item["times_before"] or item["last_before"] is not None
    }


@pytest.fixture(scope="module")
def repeating(
    shared_settings: settings.Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[settings.Settings]:
    """Settings for a release that allows repeats, and its models."""
    folder = tmp_path_factory.mktemp("repeating")
    serving = small_serving.write(folder, about=ABOUT)
    with servers.serve(serving / "models.config") as client:
        yield dataclasses.replace(
            shared_settings,
            releases=serving,
            recall=client.grpc_address,
            rank=client.grpc_address,
            store=f"sqlite:///{folder / 'history.sqlite'}",
        )


@pytest.fixture(scope="module")
def shop(repeating: settings.Settings) -> Iterator[conftest.Gateway]:
    with conftest.running(repeating) as found:
        yield found


def test_items_of_the_history_come_back_with_how_often(shop):
    user = new_user()
    for n, item in enumerate(("m5", "m4", "m5", "m3")):
        shop.add(user, item, timestamp=TIME - 10 + n)
    answer = shop.recommend(user_id=user, k=4, candidates=True)
    assert ids(answer) == ["m5", "m4", "m6", "m7"]
    assert before(answer) == {"m5": (2, TIME - 8), "m4": (1, TIME - 9)}
    assert before(answer, "candidates") == before(answer)  # m3 is recall's tenth of eight
    assert answer["degraded"] == [] and answer["notes"] == []
    assert {item["source"] for item in answer["items"]} == {"recall"}


@pytest.mark.parametrize("ask", [{"exclude_seen": True}, {"exclude": ["m5", "m4", "m3"]}])
def test_a_request_may_leave_them_out(shop, ask):
    answer = shop.recommend(history=past("m5", "m4", "m3"), k=8, **ask)
    assert ids(answer) == ["m6", "m7", "m8", "m9", "m0", "m1", "m2"]
    assert before(answer) == {}


@pytest.mark.parametrize("ask", [{"exclude_seen": False}, {"exclude_seen": None}, {}])
def test_they_come_back_by_default(shop, ask):
    answer = shop.recommend(history=past("m5", "m4", "m3"), k=2, **ask)
    assert ids(answer) == ["m5", "m4"]


def test_one_item_a_thousand_times(shop):
    answer = shop.recommend(history=past(*["m3"] * 1000, "m2"), k=8)
    assert ids(answer) == ["m5", "m3", "m4", "m6", "m7", "m8", "m9", "m0"]
    assert before(answer) == {"m3": (ABOUT.repeat_history - 1, TIME - 2)}
    assert answer["notes"] == [
        "the history has 1,001 events; repeats are looked for in the newest 12"
    ]


def test_filters_leave_own_items_that_recall_does_not_have(shop):
    """Of m3's list the even ones are m4, m6, m8, m0; m2 was had, and is the ninth."""
    answer = shop.recommend(history=past("m2", "m2", "m3"), filters={"group": "even"}, k=5)
    assert ids(answer) == ["m4", "m6", "m8", "m0", "m2"]
    last = answer["items"][-1]
    assert (last["source"], last["score"], last["times_before"]) == ("history", 2.0, 2)
    assert answer["notes"] == [
        "4 of recall's 8 items are left; the user's own ones fill the list up"
    ]


@pytest.mark.parametrize(
    ("ask", "expected", "fallback"),
    [
        ({}, ["m7 history", "m8 history", "m9 history", "m0 popularity"], "own_and_popular_items"),
        (
            {"exclude": ["m8"], "filters": {"group": "even"}},
            ["m0 popularity", "m2 popularity", "m4 popularity", "m6 popularity"],
            "own_and_popular_items",
        ),
        (
            {"exclude_seen": True},
            ["m0 popularity", "m1 popularity", "m2 popularity", "m3 popularity"],
            "popular_items",
        ),
        (
            {"history": []},
            ["m0 popularity", "m1 popularity", "m2 popularity", "m3 popularity"],
            "popular_items",
        ),
    ],
)
def test_own_items_come_first_without_recall(repeating, tmp_path, ask, expected, fallback):
    alone = dataclasses.replace(
        repeating,
        recall=conftest.closed_port(),
        embedded=None,
        store=f"sqlite:///{tmp_path / 'history.sqlite'}",
    )
    with conftest.running(alone) as gateway:
        history = past("m9", "unknown", "m8", "m7", "m8", "m7")
        answer = gateway.recommend(**{"history": history, "k": 4, **ask})
    assert [f"{item['item_id']} {item['source']}" for item in answer["items"]] == expected
    assert [part["fallback"] for part in answer["degraded"]] == [fallback]


def test_the_release_says_so(shop, gateway):
    shown = shop.http.get("/v1/release").json()
    assert (shown["allows_repeats"], shown["repeat_history"]) == (True, 12)
    assert gateway.http.get("/v1/release").json()["allows_repeats"] is False


def test_the_old_name_is_refused(shop):
    field, message = shop.refusal({"include_seen": True})
    assert field == "include_seen" and "exclude_seen" in message


def test_a_short_history_of_the_store_is_whole(repeating, tmp_path: pathlib.Path):
    """The store keeps what counts: 20 exclusions are more than 12 events of repeats."""
    assert ABOUT.history_events == small_serving.MAX_EXCLUSIONS
    more = dataclasses.replace(ABOUT, repeat_history=30)
    assert more.history_events == 30
    excluding = dataclasses.replace(small_serving.ABOUT, repeat_history=30)
    assert excluding.history_events == small_serving.MAX_EXCLUSIONS
