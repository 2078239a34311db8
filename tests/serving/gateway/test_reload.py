"""New releases while requests run: none fails, and no answer mixes two releases."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import Any

import pytest

from modules import release
from pipeline import release_writer
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


def test_a_canary_with_other_columns_does_not_touch_the_release_that_answers(given, tmp_path):
    """It is newer, and AVAILABLE, but the label that requests ask for points to the other one."""
    serving = small_serving.write(tmp_path)
    (stable,) = release.ids(serving)
    small_serving.add_release(serving, about=small_serving.REPEATING)
    canary = release.ids(serving)[-1]
    config = serving / release.POINTER
    config.write_text(CANARY.format(serving=serving, stable=stable, canary=canary))
    with servers.serve(config, poll_seconds=0.05) as client:
        for number in (stable, canary):
            client.wait("recall", number, "AVAILABLE")
        both = dataclasses.replace(
            given,
            releases=serving,
            recall=client.grpc_address,
            rank=client.grpc_address,
            label="stable",
        )
        with conftest.running(both) as gateway:
            gateway.http.portal.call(gateway.running.releases.look)
            for _ in range(3):
                answer = gateway.recommend(history=M3, k=8)
                assert answer["release"] == stable and answer["degraded"] == []
            assert gateway.http.get("/v1/release").json()["release"] == stable
            assert gateway.running.releases.current.id == stable
        with conftest.running(dataclasses.replace(both, label="canary")) as gateway:
            assert gateway.recommend(history=M3, k=8)["release"] == canary
            assert gateway.http.get("/v1/release").json()["release"] == canary
