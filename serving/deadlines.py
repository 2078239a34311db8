"""Waiting for something no longer than a while, also where the event loop itself was late."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

_Result = TypeVar("_Result")
_TURNS = 4  # of the event loop, until what a thread has left there has come through


async def result(waited_for: Awaitable[_Result], seconds: float) -> _Result:
    """What comes within so many seconds.

    Where the loop stood still, as while another thread loads a model, time is over and the result
    is there at once: then it counts, unlike with `asyncio.wait_for`.

    Raises:
      TimeoutError: nothing has come; what was waited for is cancelled.
    """
    task: asyncio.Future[Any] = asyncio.ensure_future(waited_for)
    try:
        await asyncio.wait({task}, timeout=seconds)
        for _ in range(_TURNS):
            if task.done():
                break
            await asyncio.sleep(0)
    finally:
        if not task.done():
            task.cancel()
    if task.cancelled() or not task.done():
        raise TimeoutError
    found: _Result = task.result()
    return found
