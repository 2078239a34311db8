"""How many recommendations are worked on at once, and how many may wait: the rest are turned away.

They are turned away early, and so is what comes over too many connections.

With more requests than the models can answer, a queue without bounds makes every answer late; with
bounds the server keeps answering at its capacity (Dean and Barroso, "The Tail at Scale", 2013).
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
from collections.abc import AsyncIterator, Callable

from serving.gateway import errors, settings


class Admission:
    """Bounded concurrency with a bounded queue.

    Attributes:
      in_flight: requests that are worked on.
      waiting: requests that wait for a place.
      draining: whether new requests are refused.
      connections: how many are open; the server sets it.
    """

    def __init__(self, limits: settings.Limits) -> None:
        self._limits = limits
        self._queue: collections.deque[asyncio.Future[None]] = collections.deque()
        self.in_flight = 0
        self.draining = False
        self.connections: Callable[[], int] = lambda: 0

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def drain(self) -> None:
        """Takes no new requests."""
        self.draining = True

    def check_connections(self) -> None:
        """Refuses any request while too many connections are open.

        Raises:
          ApiError: 503.
        """
        if (number := self.connections()) > self._limits.connections:
            raise errors.ApiError(
                503,
                "overloaded",
                f"{number} connections are open, expected at most "
                f"{self._limits.connections}; close idle ones, or try again later",
                retry_after=1,
                close=True,
            )

    def check(self) -> None:
        """Refuses a request that would have to be turned away, before it is read.

        Raises:
          ApiError: 503 while the server stops, 429 with a full queue.
        """
        if self.draining:
            raise errors.ApiError(
                503, "stopping", "the server is stopping; ask another one", retry_after=1
            )
        if self.waiting >= self._limits.queue:
            raise errors.ApiError(
                429,
                "overloaded",
                f"{self.waiting} requests are waiting already; try again later, with "
                "growing pauses",
                retry_after=1,
            )

    @contextlib.asynccontextmanager
    async def slot(self, seconds: float) -> AsyncIterator[None]:
        """Waits for a place, at most so long, and keeps it while the block runs, or for a while.

        What takes longer, as it waits for a model that hangs, goes on without its place.

        Raises:
          ApiError: as `check`, or 503 after having waited too long.
        """
        self.check()
        if self.in_flight < self._limits.concurrent:
            self.in_flight += 1
        else:
            await self._wait(min(seconds, self._limits.queue_seconds))
        holds = True

        def give_up() -> None:
            nonlocal holds
            holds = False
            self._leave()

        late = asyncio.get_running_loop().call_later(self._limits.place_seconds, give_up)
        try:
            yield
        finally:
            late.cancel()
            if holds:
                self._leave()

    async def _wait(self, patience: float) -> None:
        """Until the place of another request is handed over."""
        place = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        try:
            await asyncio.wait({place}, timeout=patience)
        except asyncio.CancelledError:
            if place.done():
                self._leave()
            else:
                self._queue.remove(place)
            raise
        if not place.done():
            self._queue.remove(place)
            raise errors.ApiError(
                503,
                "overloaded",
                f"no place became free within {patience:g} s; try again later, with growing pauses",
                retry_after=1,
            )

    def _leave(self) -> None:
        """Hands the place over to who has waited longest."""
        if self._queue:
            self._queue.popleft().set_result(None)
        else:
            self.in_flight -= 1
