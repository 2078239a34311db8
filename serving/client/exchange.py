"""A call as steps, for plain code and asyncio: what to send, how long to wait, when to give up.

Steps are a generator. It yields `Send`, and gets the response or the error of the transport back;
or `Wait`, and gets None. Its return value is the answer. `Sync` and `Async` do the steps.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
import threading
import time
import typing
from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeAlias, TypeVar

import httpx

from serving.client import calls, errors

if typing.TYPE_CHECKING:
    from typing_extensions import Self

Answer = TypeVar("Answer")
_ATTEMPTS = 3
# seconds before the second attempt where the server names none; twice that before the third
_PAUSE = 0.1
_RETRIED = (429, 503)


@dataclasses.dataclass(frozen=True)
class Send:
    """A request."""

    method: str
    path: str
    timeout: float  # seconds
    body: Any = None  # sent as JSON
    query: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    content: bytes | None = None  # sent as it is, in the place of `body`


@dataclasses.dataclass(frozen=True)
class Wait:
    """A pause."""

    seconds: float


Outcome: TypeAlias = httpx.Response | httpx.TransportError
Steps: TypeAlias = Generator[Send | Wait, Outcome | None, Answer]


class Budget:
    """Retries for all calls of a client: `most` at once, and one more for every ten calls.

    So a server that is overloaded gets at most a tenth more requests by retrying.
    """

    def __init__(self, most: int = 10) -> None:
        self._most, self._left, self._lock = most, float(most), threading.Lock()

    def called(self) -> None:
        """Counts a call."""
        with self._lock:
            self._left = min(self._most, self._left + 0.1)

    def take(self) -> bool:
        """Whether a retry is allowed; if so, it is counted."""
        with self._lock:
            if self._left < 1:
                return False
            self._left -= 1
            return True


def steps(
    call: calls.Call[Answer],
    place: str,
    timeout: float,
    budget: Budget,
    clock: Callable[[], float] = time.monotonic,
) -> Steps[Answer]:
    """The steps of a call to the gateway at `place`, which take at most `timeout` seconds.

    A call is sent again, after the time that the server asks for, when it is refused for the moment
    or gets no answer, if sending it twice does what sending it once does. One that never arrived is
    sent again, too.

    Raises:
      errors.ClientError: the last attempt failed.
    """
    end = clock() + timeout
    budget.called()
    for attempt in range(1, _ATTEMPTS + 1):
        outcome = yield Send(
            call.method, call.path, max(end - clock(), 0.001), call.body, call.query
        )
        if isinstance(outcome, httpx.Response) and outcome.is_success:
            return _read(call, outcome)
        pause = _pause(call, outcome, attempt)
        if pause is None or attempt == _ATTEMPTS or clock() + pause >= end or not budget.take():
            break
        yield Wait(pause)
    raise _failure(outcome, place)


def _pause(call: calls.Call[Any], outcome: Outcome | None, attempt: int) -> float | None:
    """Seconds before the next attempt; None if there must be none."""
    # so that clients do not come in step
    pause = _PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)
    if isinstance(outcome, httpx.Response):
        asked = errors.retry_after(outcome)
        is_retried = call.is_safe and outcome.status_code in _RETRIED
        return (pause if asked is None else asked) if is_retried else None
    never_arrived = isinstance(outcome, httpx.ConnectError)
    return pause if call.is_safe or never_arrived else None


def _read(call: calls.Call[Answer], response: httpx.Response) -> Answer:
    try:
        return call.read(response.json())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise errors.ClientError(
            f"{response.url}: the answer is not that of this API ({type(error).__name__}: "
            f"{error}). Check that the address is the gateway's, and that its version suits the "
            "client's."
        ) from error


def _failure(outcome: Outcome | None, place: str) -> errors.ClientError:
    if isinstance(outcome, httpx.TransportError):
        return errors.of_transport(outcome, place)
    assert outcome is not None
    return errors.of_response(outcome)


class Sync:
    """Does steps with a connection pool; to be closed, or used in a `with`."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def _do(self, todo: Steps[Answer]) -> Answer:
        outcome: Outcome | None = None
        while True:
            try:
                step = todo.send(outcome)
            except StopIteration as end:
                answer: Answer = end.value
                return answer
            outcome = self._step(step)

    def _step(self, step: Send | Wait) -> Outcome | None:
        if isinstance(step, Wait):
            time.sleep(step.seconds)
            return None
        try:
            return self._http.send(_request(self._http, step))
        except httpx.TransportError as error:
            return error


class Async:
    """Does steps with a connection pool; to be closed, or used in an `async with`."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def _do(self, todo: Steps[Answer]) -> Answer:
        outcome: Outcome | None = None
        while True:
            try:
                step = todo.send(outcome)
            except StopIteration as end:
                answer: Answer = end.value
                return answer
            outcome = await self._step(step)

    async def _step(self, step: Send | Wait) -> Outcome | None:
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
            return None
        try:
            return await self._http.send(_request(self._http, step))
        except httpx.TransportError as error:
            return error


def _request(http: httpx.Client | httpx.AsyncClient, step: Send) -> httpx.Request:
    return http.build_request(
        step.method,
        step.path,
        json=step.body,
        content=step.content,
        params=step.query or None,
        timeout=step.timeout,
        headers={"content-type": "application/json"} if step.content else None,
    )
