"""What counts as in time."""

from __future__ import annotations

import asyncio
import time

import pytest

from serving import deadlines


def test_what_comes_in_time():
    async def run() -> int:
        return await deadlines.result(asyncio.sleep(0.01, 7), 5)

    assert asyncio.run(run()) == 7


def test_what_does_not_come_is_cancelled():
    cancelled = []

    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def run() -> None:
        with pytest.raises(TimeoutError):
            await deadlines.result(slow(), 0.01)
        await asyncio.sleep(0)

    asyncio.run(run())
    assert cancelled == [True]


def test_what_fails_says_so():
    async def wrong() -> None:
        raise KeyError("wrong")

    with pytest.raises(KeyError, match="wrong"):
        asyncio.run(deadlines.result(wrong(), 1))


def test_what_was_there_while_the_loop_stood_still_is_in_time():
    async def run() -> str:
        def work() -> str:
            time.sleep(0.02)
            return "done"

        loop = asyncio.get_running_loop()
        loop.call_later(0.01, time.sleep, 0.3)  # as a thread that keeps the interpreter to itself
        return await deadlines.result(loop.run_in_executor(None, work), 0.1)

    assert asyncio.run(run()) == "done"


def test_who_waits_may_be_cancelled():
    async def run() -> bool:
        inner = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(deadlines.result(inner, 60))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return inner.cancelled()

    assert asyncio.run(run())
