"""Notes on what the release or the store does not know: how many, and the first ones."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from modules import catalogue
from serving.gateway import columns
from serving.history import store
from tests.serving import small_serving
from tests.serving.gateway import conftest

TIME, new_user = conftest.TIME, conftest.new_user
ITEMS = "ids of the history that are not in the catalogue, taken as unknown items: "
VALUES = "values that training did not have, taken as unknown: "


def past(*item_ids: str, **values: Any) -> list[dict[str, Any]]:
    return [
        {"item_id": item, "timestamp": TIME - 9 + n, **values} for n, item in enumerate(item_ids)
    ]


@pytest.mark.parametrize(
    ("ask", "notes"),
    [
        ({}, []),
        ({"history": past("m1", "m2"), "exclude": ["m3"]}, []),
        ({"history": past("m1", "new", "m2")}, [f"{ITEMS}1 ('new')"]),
        ({"history": past("b", "a", "m1", "b", "a,")}, [f"{ITEMS}3 ('b', 'a', 'a,')"]),
        (
            {"history": past(*(f"x{n}" for n in range(9)))},
            [f"{ITEMS}9 ('x0', 'x1', 'x2', 'x3', 'x4', ...)"],
        ),
        ({"history": past("x" * 512)}, [f"{ITEMS}1 ('{'x' * 57}...')"]),
        (
            {"history": past("m1"), "exclude": ["n1", "m2", "n2", "n1"]},
            ["ids of `exclude` that are not in the catalogue: 2 ('n1', 'n2')"],
        ),
        (
            {"user_id": "nobody"},
            ["the store has no user 'nobody'; the list is for an empty history"],
        ),
        (
            {"user_id": "nobody", "history": past("m1")},
            ["the store has no user 'nobody'; the list is for the request's own history"],
        ),
        ({"profile": {"gender": "F", "interests": ["tea", "books"], "age": 200}}, []),
        (
            {"profile": {"gender": "X", "interests": ["tea", "golf", "go"]}},
            [f"{VALUES}3 (profile.gender 'X', profile.interests 'golf', profile.interests 'go')"],
        ),
        ({"profile": {"gender": None, "interests": []}}, []),
        ({"profile": {"gender": "?"}}, []),  # the default, which stands for a missing one
        ({"profile": {"gender": ""}}, []),
        (
            {"context": {"device": "tv"}, "history": past("m1", "m2", device="fridge", rating=9)},
            [f"{VALUES}2 (context.device 'tv', history.device 'fridge')"],
        ),
    ],
)
def test_notes(gateway: conftest.Gateway, ask: dict[str, Any], notes: list[str]) -> None:
    assert gateway.recommend(k=1, **ask)["notes"] == notes


def test_the_stores_history_counts_as_the_requests_does(gateway: conftest.Gateway) -> None:
    user = new_user()
    gateway.add(user, "gone", device="fridge")
    gateway.add(user, "m1")
    assert gateway.recommend(user_id=user, k=1)["notes"] == [
        f"{ITEMS}1 ('gone')",
        f"{VALUES}1 (history.device 'fridge')",
    ]
    assert gateway.recommend(user_id=user, history=past("m1"), k=1)["notes"] == []


class _Down(store.Store):
    """A store that never answers."""

    async def _fail(self, *_: object) -> Any:
        raise store.StoreError("down")

    async def close(self) -> None: ...

    open = ping = user = append = put_profile = users = count = clear = _fail


def test_a_store_that_is_down_says_nothing_of_its_users(given: Any) -> None:
    with conftest.running(given, _Down()) as gateway:
        answer = gateway.recommend(user_id="nobody", history=past("gone"), k=1)
    assert [part["stage"] for part in answer["degraded"]] == ["store"]
    assert answer["notes"] == [f"{ITEMS}1 ('gone')"]


def test_a_column_with_more_values_than_are_named_is_not_judged() -> None:
    many = tuple(f"v{n}" for n in range(catalogue.MAX_CHOICES))
    for choices, judged in ((many[:-1], {"gender", "interests"}), (many, {"interests"})):
        about = dataclasses.replace(
            small_serving.ABOUT, choices={**small_serving.ABOUT.choices, "user_gender": choices}
        )
        assert columns.Columns(about).user_values.keys() == judged
    assert columns.Columns(small_serving.ABOUT).event_values.keys() == {"device"}
