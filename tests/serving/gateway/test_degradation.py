"""What takes the place of a part that is down; the answer says so."""

from __future__ import annotations

import asyncio
import dataclasses
import pathlib
import sqlite3
import time
from typing import Any

import pytest

from modules import release
from serving.gateway import models, settings
from serving.history import store
from tests.serving import conftest as servers
from tests.serving import small_serving
from tests.serving.gateway import conftest

TIME, ids = conftest.TIME, conftest.ids
M3 = [{"item_id": "m3", "timestamp": TIME - 5}]
POPULAR = ["m0", "m1", "m2", "m4", "m5", "m6", "m7", "m8"]  # without m3
AFTER_M3 = ["m4", "m5", "m6", "m7", "m8", "m9", "m0", "m1"]  # recall's order


def test_recalls_order_without_rank(remote, serving):
    with conftest.running(dataclasses.replace(remote, rank=conftest.closed_port())) as gateway:
        answer = gateway.recommend(history=M3, k=8, explain=True, candidates=True)
        assert ids(answer) == ids(answer, "candidates") == AFTER_M3
        assert answer["degraded"] == [
            {"stage": "rank", "reason": "unavailable", "fallback": "recall_order"}
        ]
        assert answer["items"][1] == {
            "item_id": "m5",
            "title": "Item 5",
            "source": "recall",
            "score": -1.0,
            "times_before": 0,
            "last_before": None,
            "recall": {"rank": 2, "score": -1.0},
            "rank": None,
        }
        assert [answer["release"]] == release.ids(serving) and answer["missing_inputs"] is None
        assert gateway.http.get("/readyz").status_code == 200
        text = gateway.http.get("/metrics").text
        assert 'gateway_degraded_total{reason="unavailable",stage="rank"} 1.0' in text


def test_popular_items_without_recall(remote):
    with conftest.running(dataclasses.replace(remote, recall=conftest.closed_port())) as gateway:
        answer = gateway.recommend(
            history=[{"item_id": "m2", "timestamp": TIME}],
            exclude=["m4"],
            filters={"group": "even"},
            k=2,
            candidates=True,
        )
        assert answer["items"] == [
            {
                "item_id": "m0",
                "title": "Item 0",
                "source": "popularity",
                "score": 10.0,
                "times_before": 0,
                "last_before": None,
                "recall": None,
                "rank": None,
            },
            {
                "item_id": "m6",
                "title": "Item 6",
                "source": "popularity",
                "score": 4.0,
                "times_before": 0,
                "last_before": None,
                "recall": None,
                "rank": None,
            },
        ]
        assert answer["degraded"] == [
            {"stage": "recall", "reason": "unavailable", "fallback": "popular_items"}
        ]
        assert answer["release"] is None and answer["candidates"] == []
        ready = gateway.http.get("/readyz")
        assert ready.status_code == 503 and "UNAVAILABLE" in ready.json()["models"]["recall"]


def test_a_store_whose_file_is_broken(given, tmp_path: pathlib.Path):
    file = tmp_path / "history.sqlite"
    file.write_bytes(b"no database" * 1000)
    broken = store.connect(given.store, 20)
    with conftest.running(given, broken) as gateway:
        answer = gateway.recommend(user_id="u1", history=M3, k=8)
        assert ids(answer)[0] == "m5" and answer["known_user"] is False
        assert answer["degraded"] == [
            {"stage": "store", "reason": "unavailable", "fallback": "request_only"}
        ]
        # nothing was asked of the store
        assert gateway.recommend(history=M3, k=1)["degraded"] == []
        for method, path, ask in (
            ("POST", "/v1/events", {"user_id": "u1", "item_id": "m1"}),
            ("GET", "/v1/users", None),
            ("GET", "/v1/users/u1", None),
            ("PUT", "/v1/users/u1", {"profile": {}}),
        ):
            refused = gateway.http.request(method, path, json=ask)
            conftest.problem(refused, 503, "store_unavailable")
            assert refused.headers["retry-after"] == "1"
        ready = gateway.http.get("/readyz")
        assert ready.status_code == 200 and "is damaged or no SQLite file" in ready.json()["store"]
        file.unlink()
        for _ in range(100):  # it is opened as soon as it can be
            if gateway.http.get("/readyz").json()["store"] == "ok":
                break
            gateway.http.portal.call(asyncio.sleep, 0.05)
        assert gateway.add("u1", "m3")["accepted"] == 1


class _Failing(store.Store):
    """Raises or waits in each method."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    async def _fail(self, *_: Any) -> Any:
        if self._error is None:
            await asyncio.sleep(3600)
        raise self._error

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    ping = user = append = put_profile = users = count = clear = _fail  # type: ignore[assignment]


def test_a_store_that_hangs_takes_its_share_of_the_time_alone(given):
    with conftest.running(given, _Failing(None)) as gateway:
        # the store's share of 1.8 s leaves a busy machine enough to ask both models
        answer = gateway.recommend(user_id="u1", timeout_ms=6000, k=8)
        assert answer["degraded"] == [
            {"stage": "store", "reason": "deadline", "fallback": "request_only"}
        ]
        assert 1700 <= answer["timings_ms"]["store"] <= 3000 and ids(answer)[0] == "m5"


def test_a_store_without_room(given):
    with conftest.running(
        given, _Failing(store.StoreFull("history.sqlite: there is no room."))
    ) as gateway:
        refused = gateway.http.post("/v1/events", json={"user_id": "u1", "item_id": "m1"})
        _, message = conftest.problem(refused, 507, "store_full")
        assert message == "nothing was added: history.sqlite: there is no room."


def test_a_profile_that_cannot_be_read(given, caplog):
    with conftest.running(given) as gateway:
        gateway.add("u1", "m3")
        with sqlite3.connect(given.store.removeprefix("sqlite:///")) as connection:
            connection.execute("UPDATE users SET profile = 'age'")
        answer = gateway.recommend(user_id="u1", k=3)
        assert answer["degraded"] == [
            {"stage": "store", "reason": "unavailable", "fallback": "request_only"}
        ]
        assert len(answer["items"]) == 3 and "'u1': what is stored cannot be read" in caplog.text
        conftest.problem(gateway.http.get("/v1/users/u1"), 503, "store_unavailable")


def test_what_nobody_thought_of_is_a_500_that_tells_nothing(given):
    with conftest.running(given, _Failing(RuntimeError("secret"))) as gateway:
        refused = gateway.http.get("/v1/users/u1", headers={"x-request-id": "r1"})
        assert "secret" not in refused.text
        conftest.problem(refused, 500, "internal")
        assert refused.json()["request_id"] == "r1"


def test_no_time_to_ask_anybody(gateway, monkeypatch):
    def late(real: conftest.Predict) -> conftest.Predict:
        async def predict(model: models.Model, inputs: Any, *, until: float, **options: Any) -> Any:
            """Asks when the time to ask is over."""
            await asyncio.sleep(max(0.0, until - time.monotonic()) + 0.001)
            return await real(model, inputs, until=until, **options)

        return predict

    conftest.change_predict(monkeypatch, late)
    answer = gateway.recommend(user_id="nobody", timeout_ms=1, k=3)
    assert {"stage": "recall", "reason": "deadline", "fallback": "popular_items"} in answer[
        "degraded"
    ]
    assert ids(answer) == ["m0", "m1", "m2"]


@pytest.mark.parametrize("lost", [1, 2])
def test_recall_is_asked_again_if_rank_has_lost_its_release(gateway, monkeypatch, lost):
    asked = []

    def losing(real: conftest.Predict) -> conftest.Predict:
        async def predict(model: models.Model, inputs: Any, **options: Any) -> models.Answer:
            asked.append(model.name)
            if model.name == "rank" and asked.count("rank") <= lost:
                options["version"] = 99
            return await real(model, inputs, **options)

        return predict

    conftest.change_predict(monkeypatch, losing)
    answer = gateway.recommend(history=M3, k=8)
    assert asked == ["recall", "rank", "recall", "rank"]
    if lost == 1:
        assert answer["degraded"] == [] and ids(answer)[0] == "m5"
    else:
        assert answer["degraded"] == [
            {"stage": "rank", "reason": "not_found", "fallback": "recall_order"}
        ]
        assert ids(answer) == AFTER_M3


@pytest.mark.parametrize(
    ("damaged", "expected"),
    [
        ("recall", {"stage": "recall", "reason": "not_found", "fallback": "popular_items"}),
        ("rank", {"stage": "rank", "reason": "not_found", "fallback": "recall_order"}),
    ],
)
def test_without_a_model_of_this_process(remote, tmp_path, damaged, expected):
    serving = small_serving.write(tmp_path)
    (graph,) = serving.glob(f"{damaged}/*/saved_model.pb")
    graph.write_bytes(b"damaged")
    with conftest.running(
        dataclasses.replace(remote, releases=serving, embedded=settings.Embedded())
    ) as gateway:
        answer = gateway.recommend(history=M3, k=8)
        assert answer["degraded"] == [expected]
        assert ids(answer) == (POPULAR if damaged == "recall" else AFTER_M3)
        states = gateway.http.get("/readyz").json()["models"]
        assert [*states[damaged].values()] == ["END"]


def test_a_release_without_rank_is_not_degraded(given, tmp_path):
    serving = small_serving.write(tmp_path, rank=False)
    with servers.serve(serving / "models.config") as client:
        alone = dataclasses.replace(
            given, releases=serving, recall=client.grpc_address, rank=client.grpc_address
        )
        with conftest.running(alone) as gateway:
            answer = gateway.recommend(history=M3, k=8)
            assert ids(answer) == AFTER_M3 and answer["degraded"] == []
            assert gateway.http.get("/v1/release").json()["has_rank"] is False


def test_without_any_release(remote, tmp_path):
    (tmp_path / "empty").mkdir()
    nothing = dataclasses.replace(
        remote, releases=tmp_path / "empty", recall=conftest.closed_port()
    )
    with conftest.running(nothing) as gateway:
        for path, ask in (
            ("/v1/recommend", {}),
            ("/v1/events", {"user_id": "u1", "item_id": "m1"}),
        ):
            refused = gateway.http.post(path, json=ask)
            conftest.problem(refused, 503, "no_release")
            assert refused.headers["retry-after"] == "1"
