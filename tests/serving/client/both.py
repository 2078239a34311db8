"""Each kind's plain and asyncio clients behind one interface, so that tests ask both the same."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from serving import client

Handler = Callable[[httpx.Request], httpx.Response]
RECOMMENDERS = {"plain": client.Recommender, "asyncio": client.AsyncRecommender}


class Waiting:
    """An asyncio client whose methods wait for their answers, in an event loop of its own."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._loop = asyncio.new_event_loop()
        self._client = self._loop.run_until_complete(self._made(make))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *args, **options: self._loop.run_until_complete(
            getattr(self._client, name)(*args, **options)
        )

    async def _made(self, make: Callable[[], Any]) -> Any:
        return await make().__aenter__()

    def stop(self) -> None:
        self._loop.run_until_complete(self._client.__aexit__(None, None, None))
        self._loop.close()


@contextlib.contextmanager
def running(kind: str, make: Callable[[], Any]) -> Iterator[Any]:
    """The client that `make` makes, plain or as `Waiting`, open while the block runs."""
    if kind == "plain":
        with make() as found:
            yield found
        return
    waiting = Waiting(make)
    try:
        yield waiting
    finally:
        waiting.stop()


@contextlib.contextmanager
def recommender(kind: str, handler: Handler, **options: Any) -> Iterator[Any]:
    """A client of the gateway whose requests the handler answers."""
    transport = httpx.MockTransport(handler)
    make = RECOMMENDERS[kind]
    with running(
        kind, lambda: make("http://gateway/base", transport=transport, **options)
    ) as found:
        yield found
