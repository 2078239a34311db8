"""New releases while requests run: none fails, and no answer mixes two releases."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Iterator
from typing import Any

import pytest

from modules import release
from pipeline import release_writer
from serving.gateway import models, settings
from tests.serving import conftest as servers
from tests.serving import small_serving
from tests.serving.gateway import conftest

RELOADS = 2
M3 = [{"item_id": "m3", "timestamp": conftest.TIME}]


@pytest.mark.parametrize(
    "about", [small_serving.ABOUT, small_serving.REPEATING], ids=["", "repeats"]
)
def test_no_request_fails_or_mixes_releases_while_they_change(given, tmp_path, about):
    """The later releases take the same inputs as the first, or also those of repeats."""
    serving = small_serving.write(tmp_path)
    with servers.serve(serving / "models.config", poll_seconds=0.05, linger_seconds=2) as client:
        changing = dataclasses.replace(
            given, releases=serving, recall=client.grpc_address, rank=client.grpc_address
        )
        with conftest.running(changing) as gateway:
            asked = {"history": M3, "timestamp": conftest.TIME, "k": 8}
            answers: list[dict[str, Any]] = []

            async def ask(done: asyncio.Event) -> None:
                while not done.is_set():
                    response = await gateway.http.client.post("/v1/recommend", json=asked)
                    assert response.status_code == 200, response.text
                    answers.append(response.json())
                    await asyncio.sleep(0.01)  # leaves the models some of the machine

            async def reload() -> None:
                done = asyncio.Event()
                asking = [asyncio.create_task(ask(done)) for _ in range(2)]
                for _ in range(RELOADS):
                    number = await asyncio.to_thread(
                        small_serving.add_release, serving, about=about
                    )
                    await asyncio.to_thread(client.wait, "recall", number, "AVAILABLE")
                    seen = len(answers)
                    while not any(answer["release"] == number for answer in answers[seen:]):  # noqa: ASYNC110
                        await asyncio.sleep(0.02)
                done.set()
                await asyncio.gather(*asking)

            gateway.http.portal.call(asyncio.wait_for, reload(), 60)
            numbers = release.ids(serving)
            release_writer.switch(serving, numbers[0])
            while not answers or answers[-1]["release"] != numbers[0]:
                answers.append(gateway.recommend(**asked))
            assert not [a["degraded"] for a in answers if a["degraded"]]
            assert {answer["release"] for answer in answers} == set(numbers)
            for answer in answers:
                items = {item["item_id"]: item for item in answer["items"]}
                assert answer["degraded"] == [] and len(items) == 8
                bonus = small_serving.BONUS * (1 + numbers.index(answer["release"]))
                assert items["m5"]["score"] == bonus - 1 and answer["items"][0]["item_id"] == "m5"
            end = time.monotonic() + 10  # the next look finds what answers again
            while (shown := gateway.http.get("/v1/release").json())["release"] != numbers[0]:
                assert time.monotonic() < end, shown
                time.sleep(0.02)
            assert shown["models"]["recall"]["state"] == "AVAILABLE"  # beside the newer ones


CANARY = """
model_config_list {{
  config {{
    name: "recall" base_path: "{serving}/recall" model_platform: "tensorflow"
    model_version_policy {{ specific {{ versions: {stable} versions: {canary} }} }}
    version_labels {{ key: "stable" value: {stable} }}
    version_labels {{ key: "canary" value: {canary} }}
  }}
  config {{
    name: "rank" base_path: "{serving}/rank" model_platform: "tensorflow"
    model_version_policy {{ specific {{ versions: {stable} versions: {canary} }} }}
  }}
}}
"""


USERS = [f"user {number}" for number in range(60)]


@pytest.fixture
def canary(given, tmp_path) -> Iterator[tuple[settings.Settings, int, int]]:
    """(settings that send half of the users to a canary of other columns, stable, canary)."""
    serving = small_serving.write(tmp_path)
    small_serving.add_release(serving, about=small_serving.REPEATING)
    stable, newer = release.ids(serving)
    config = serving / release.POINTER
    config.write_text(CANARY.format(serving=serving, stable=stable, canary=newer))
    with servers.serve(config, poll_seconds=0.05) as client:
        for number in (stable, newer):
            client.wait("recall", number, "AVAILABLE")
        changed = dataclasses.replace(
            given,
            releases=serving,
            recall=client.grpc_address,
            rank=client.grpc_address,
            canary_share=0.5,
        )
        yield changed, stable, newer


def test_a_canary_with_other_columns_does_not_touch_the_release_that_answers(canary):
    """It is newer, and AVAILABLE, but the label that requests ask for points to the other one."""
    given, stable, newer = canary
    nobody = dataclasses.replace(given, canary_share=0.0)
    with conftest.running(nobody) as gateway:
        gateway.http.portal.call(gateway.running.releases.look)
        for _ in range(3):
            answer = gateway.recommend(history=M3, k=8)
            assert answer["release"] == stable and answer["degraded"] == []
        assert gateway.http.get("/v1/release").json()["release"] == stable
        assert gateway.running.releases.current.id == stable
    with conftest.running(dataclasses.replace(nobody, label="canary")) as gateway:
        assert gateway.recommend(history=M3, k=8)["release"] == newer
        assert gateway.http.get("/v1/release").json()["release"] == newer


def test_a_share_of_the_users_is_answered_by_the_canary(canary):
    given, stable, newer = canary
    with conftest.running(given) as gateway:
        gateway.http.portal.call(gateway.running.releases.look)
        answers = [
            [gateway.recommend(user_id=user, history=M3, k=8) for user in USERS] for _ in range(2)
        ]
        found = [[answer["release"] for answer in of_all] for of_all in answers]
        assert found[0] == found[1]  # the same users
        assert set(found[0]) == {stable, newer} and 15 <= found[0].count(newer) <= 45
        assert not any(answer["degraded"] for of_all in answers for answer in of_all)
        assert gateway.recommend(history=M3)["release"] == stable  # nobody known
        shown = gateway.http.get("/v1/release").json()
        assert (shown["release"], shown["canary"]) == (stable, newer)
        text = gateway.http.get("/metrics").text
        number = 2.0 * found[0].count(newer)
        assert f'gateway_recommendations_total{{degraded="no",release="canary"}} {number}' in text


def test_a_canary_that_fails_is_left_alone(canary, monkeypatch):
    given, stable, newer = canary

    def failing(real: conftest.Predict) -> conftest.Predict:
        async def predict(model, inputs, *, label="", **options):
            if label == "canary":
                raise models.ModelError("refused", "broken")
            return await real(model, inputs, label=label, **options)

        return predict

    with conftest.running(dataclasses.replace(given, canary_share=1.0)) as gateway:
        gateway.http.portal.call(gateway.running.releases.look)
        assert gateway.recommend(user_id="u", history=M3)["release"] == newer
        conftest.change_predict(monkeypatch, failing)
        answer = gateway.recommend(user_id="u", history=M3)
        assert (answer["release"], answer["degraded"]) == (stable, [])
        assert "gateway_canary_failures_total 1.0" in gateway.http.get("/metrics").text


def test_without_a_canary_all_are_answered_as_usual(given, serving, caplog):
    with conftest.running(dataclasses.replace(given, canary_share=1.0)) as gateway:
        answer = gateway.recommend(user_id="u", history=M3)
        assert [answer["release"]] == release.ids(serving) and answer["degraded"] == []
        assert gateway.http.get("/v1/release").json()["canary"] is None
    assert "label canary" not in caplog.text
