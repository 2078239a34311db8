"""Places: who gets one, who waits, who is turned away; and none is ever lost."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses

import pytest

from serving.gateway import admission, errors, models, settings
from tests.serving.gateway import conftest


class Visitors:
    """Requests that take a place and stay until they are told to leave."""

    def __init__(self, **limits: float) -> None:
        self.places = admission.Admission(settings.Limits(**limits))
        self.entered: list[str] = []
        self._leave: dict[str, asyncio.Event] = {}

    async def come(self, name: str, patience: float = 60) -> asyncio.Task[None]:
        self._leave[name] = asyncio.Event()
        task = asyncio.create_task(self._visit(name, patience))
        await asyncio.sleep(0)
        return task

    async def leave(self, name: str) -> None:
        self._leave[name].set()
        for _ in range(5):  # until the place was handed over
            await asyncio.sleep(0)

    async def _visit(self, name: str, patience: float) -> None:
        async with self.places.slot(patience):
            self.entered.append(name)
            await self._leave[name].wait()

    @property
    def counts(self) -> tuple[int, int]:
        return self.places.in_flight, self.places.waiting


def test_places_are_given_in_the_order_of_arrival():
    async def run() -> None:
        visitors = Visitors(concurrent=2, queue=3)
        for name in "abcd":
            await visitors.come(name)
        assert visitors.entered == ["a", "b"] and visitors.counts == (2, 2)
        await visitors.leave("b")
        await visitors.come("e")
        await visitors.leave("a")
        await visitors.leave("c")
        assert visitors.entered == ["a", "b", "c", "d", "e"] and visitors.counts == (2, 0)
        await visitors.leave("d")
        await visitors.leave("e")
        assert visitors.counts == (0, 0)

    asyncio.run(run())


def test_a_full_queue_turns_away_at_once():
    async def run() -> None:
        visitors = Visitors(concurrent=1, queue=1)
        for name in "ab":
            await visitors.come(name)
        with pytest.raises(errors.ApiError, match="1 requests are waiting already") as refused:
            await (await visitors.come("c"))
        assert (refused.value.status, refused.value.retry_after) == (429, 1)
        await visitors.leave("a")
        await visitors.leave("b")
        assert visitors.counts == (0, 0)

    asyncio.run(run())


@pytest.mark.parametrize(("queue_seconds", "patience"), [(0.02, 60), (60, 0.02)])
def test_who_has_waited_too_long_leaves_the_queue(queue_seconds, patience):
    async def run() -> None:
        visitors = Visitors(concurrent=1, queue=1, queue_seconds=queue_seconds)
        await visitors.come("a")
        with pytest.raises(
            errors.ApiError, match=r"no place became free within 0\.02 s"
        ) as refused:
            await (await visitors.come("b", patience))
        assert (refused.value.status, refused.value.retry_after) == (503, 1)
        assert visitors.counts == (1, 0)
        await visitors.come("c")
        await visitors.leave("a")
        assert visitors.entered == ["a", "c"] and visitors.counts == (1, 0)

    asyncio.run(run())


def test_who_gives_up_frees_the_place():
    async def run() -> None:
        visitors = Visitors(concurrent=1, queue=3)
        tasks = {name: await visitors.come(name) for name in "abcd"}
        tasks["b"].cancel()  # waits
        with contextlib.suppress(asyncio.CancelledError):
            await tasks["b"]
        assert visitors.counts == (1, 2)
        tasks["a"].cancel()  # has a place, which c gets; c gives up before it knows
        await asyncio.sleep(0)
        tasks["c"].cancel()
        await asyncio.gather(tasks["a"], tasks["c"], return_exceptions=True)
        await asyncio.sleep(0.01)
        assert visitors.entered[-1] == "d" and visitors.counts == (1, 0)
        await visitors.leave("d")
        assert visitors.counts == (0, 0)

    asyncio.run(run())


def test_a_failure_in_a_place_frees_it():
    async def run() -> None:
        places = admission.Admission(settings.Limits(concurrent=1))
        with pytest.raises(KeyError):
            async with places.slot(1):
                raise KeyError
        assert places.in_flight == 0

    asyncio.run(run())


def test_nobody_new_is_let_in_while_the_server_stops():
    async def run() -> None:
        visitors = Visitors(concurrent=1, queue=3)
        for name in "ab":
            await visitors.come(name)
        visitors.places.drain()
        with pytest.raises(errors.ApiError, match="the server is stopping") as refused:
            visitors.places.check()
        assert refused.value.status == 503
        await visitors.leave("a")
        assert visitors.entered == ["a", "b"]  # who waited already is served

    asyncio.run(run())


def test_who_takes_too_long_loses_the_place_and_goes_on():
    async def run() -> None:
        visitors = Visitors(concurrent=1, queue=3, place_seconds=0.05)
        slow = await visitors.come("slow")
        await visitors.come("next")
        while visitors.entered != ["slow", "next"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert not slow.done() and visitors.counts == (1, 0)
        await visitors.leave("next")
        await visitors.leave("slow")
        assert slow.done() and visitors.counts == (0, 0)

    asyncio.run(run())


def test_with_too_many_requests_some_are_answered_and_the_rest_turned_away(given, monkeypatch):
    def slowly(real):
        async def predict(model, inputs, **options):
            await asyncio.sleep(0.05)
            return await real(model, inputs, **options)

        return predict

    conftest.change_predict(monkeypatch, slowly)
    tight = dataclasses.replace(
        given, limits=settings.Limits(concurrent=1, queue=2, queue_seconds=30)
    )
    with conftest.running(tight) as gateway:

        async def waves():
            found = []
            for _ in range(5):
                found += await asyncio.gather(
                    *(gateway.http.client.post("/v1/recommend", json={"k": 1}) for _ in range(20))
                )
            return found

        found = gateway.http.portal.call(waves)
        statuses = [response.status_code for response in found]
        assert set(statuses) == {200, 429}
        answered = statuses.count(200)
        # one place, two who wait; more only if one leaves before all have come
        assert 5 * 3 <= answered < 60
        for response in found:
            if response.status_code == 429:
                conftest.problem(response, 429, "overloaded")
                assert response.headers["retry-after"] == "1"
        assert gateway.recommend(k=1)["degraded"] == []
        text = gateway.http.get("/metrics").text
        assert (
            f'gateway_requests_total{{route="/v1/recommend",status="200"}} {answered + 1}.0' in text
        )
        assert "gateway_recommendations_in_flight 0.0" in text
        assert "gateway_recommendations_waiting 0.0" in text


def test_who_waits_too_long_for_the_models_of_others_gets_503(given, monkeypatch):
    async def never(model, inputs, **options):
        await asyncio.sleep(1)
        raise models.ModelError("deadline", "late")

    conftest.change_predict(monkeypatch, lambda _: never)
    tight = dataclasses.replace(
        given, limits=settings.Limits(concurrent=1, queue=2, queue_seconds=0.05)
    )
    with conftest.running(tight) as gateway:

        async def three():
            ask = {"k": 1, "timeout_ms": 10_000}
            return await asyncio.gather(
                *(gateway.http.client.post("/v1/recommend", json=ask) for _ in range(3))
            )

        first, *others = gateway.http.portal.call(three)
        assert first.json()["degraded"][0]["reason"] == "deadline"
        for response in others:
            conftest.problem(response, 503, "overloaded")
            assert response.headers["retry-after"] == "1"
