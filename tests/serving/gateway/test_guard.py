"""A model that hangs: one client's patience takes nothing from the others."""

from __future__ import annotations

import asyncio
import dataclasses
import time

import numpy as np
import pytest

from serving.gateway import guard, models, settings
from tests.serving.gateway import conftest

M3 = [{"item_id": "m3", "timestamp": conftest.TIME - 5}]


class Hanging:
    """A model that answers at once, or only at the deadline."""

    name = "recall"
    hangs, asked = True, 0

    async def predict(self, inputs, *, until, **_):
        self.asked += 1
        if not self.hangs:
            return models.Answer(1, {})
        await asyncio.sleep(max(0.0, until - time.monotonic()))
        raise models.ModelError("deadline", "late")


async def _ask(model: guard.Guarded, seconds: float) -> str:
    """How the model answers a call with so much time."""
    try:
        await model.predict({}, until=time.monotonic() + seconds)
    except models.ModelError as error:
        return error.reason
    return "answered"


def _guarded(model: Hanging, monkeypatch: pytest.MonkeyPatch) -> guard.Guarded:
    monkeypatch.setattr(guard, "_PAUSE_SECONDS", 0.2)
    return guard.Guarded(model, most=2, seconds=0.05, fair=0.02)


def test_calls_that_hang_keep_others_from_waiting(monkeypatch):
    async def run() -> None:
        model = Hanging()
        guarded = _guarded(model, monkeypatch)
        patient = [asyncio.create_task(_ask(guarded, 60)) for _ in range(2)]
        await asyncio.sleep(0.06)
        assert await _ask(guarded, 0.01) == "deadline"  # one finds out
        assert [await _ask(guarded, 60) for _ in range(3)] == ["overloaded"] * 3
        assert model.asked == 3
        model.hangs = False
        await asyncio.sleep(0.2)
        assert await _ask(guarded, 1) == "answered"
        for task in patient:
            task.cancel()

    asyncio.run(run())


def test_missed_deadlines_do_so_until_it_answers_again(monkeypatch):
    async def run() -> None:
        model = Hanging()
        guarded = _guarded(model, monkeypatch)
        assert [await _ask(guarded, 0.03) for _ in range(2)] == ["deadline"] * 2
        assert await _ask(guarded, 0.03) == "deadline"
        assert await _ask(guarded, 0.03) == "overloaded"
        model.hangs = False
        await asyncio.sleep(0.2)
        assert [await _ask(guarded, 0.03) for _ in range(3)] == ["answered"] * 3

    asyncio.run(run())


def test_clients_without_time_close_nothing(monkeypatch):
    async def run() -> None:
        model = Hanging()
        guarded = _guarded(model, monkeypatch)
        assert [await _ask(guarded, 0.001) for _ in range(5)] == ["deadline"] * 5
        model.hangs = False
        assert await _ask(guarded, 1) == "answered"

    asyncio.run(run())


def test_others_get_popular_items_while_one_client_waits_for_a_model_that_hangs(given, monkeypatch):
    """As many requests as there are places, each of which may take a minute."""

    def hanging(real: conftest.Predict) -> conftest.Predict:
        async def predict(model, inputs, *, until, **options):
            await asyncio.sleep(until - time.monotonic())
            raise models.ModelError("deadline", "late")

        return predict

    conftest.change_predict(monkeypatch, hanging)
    tight = dataclasses.replace(
        given,
        seconds=1,
        limits=settings.Limits(concurrent=2, queue=4, queue_seconds=5, place_seconds=0.2),
    )
    with conftest.running(tight) as gateway:

        async def both() -> tuple[list[float], list[dict]]:
            post = gateway.http.client.post
            patient = {"history": M3, "timestamp": conftest.TIME, "timeout_ms": 60_000}
            waiting = [asyncio.create_task(post("/v1/recommend", json=patient)) for _ in range(2)]
            await asyncio.sleep(0.3)
            took, answers = [], []
            for _ in range(6):
                start = time.monotonic()
                usual = {"history": M3, "timestamp": conftest.TIME}
                response = await post("/v1/recommend", json=usual)
                took.append(time.monotonic() - start)
                assert response.status_code == 200, response.text
                answers.append(response.json())
            for task in waiting:
                task.cancel()
            return took, answers

        took, answers = gateway.http.portal.call(both)
    assert [answer["degraded"][0]["fallback"] for answer in answers] == ["popular_items"] * 6
    assert np.median(took) < 0.2 and max(took) < 1.5, took
