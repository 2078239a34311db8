"""HTTP connections that do not let slow or greedy clients hold the server up."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from starlette import requests
from uvicorn.protocols.http import h11_impl

from serving.model_server import errors

HEADER_SECONDS = 10.0  # to send the headers of a request
MAX_HEADER_BYTES = 32 << 10


class Refused(errors.ServingError):
    """A request whose body is not read to its end; the connection has to be closed."""

    def __init__(self, status: int, code: Any, text: str) -> None:
        super().__init__(code, text)
        self._status = status

    @property
    def http_status(self) -> int:
        return self._status


class Protocol(h11_impl.H11Protocol):
    """Closes a connection whose request headers do not arrive in time (slow loris)."""

    header_seconds = HEADER_SECONDS
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop()
        elif self._timer is None:  # bytes that come one by one do not put it off
            self._timer = self.loop.call_later(self.header_seconds, self.transport.abort)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


async def read_body(request: requests.Request, *, max_bytes: int, seconds: float) -> bytes:
    """The body of a request.

    Raises:
      Refused: it is larger than `max_bytes`, or has not arrived after so many seconds.
    """
    length = request.headers.get("content-length", "0")
    if int(length) > max_bytes:
        raise _too_large(max_bytes)
    try:
        return await asyncio.wait_for(_read(request, max_bytes), seconds)
    except asyncio.TimeoutError:
        raise Refused(408, errors.Code.DEADLINE_EXCEEDED,
                      f"expected the body within {seconds:g} s; send it faster or in one piece") from None


async def _read(request: requests.Request, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
    return bytes(body)


def _too_large(max_bytes: int) -> Refused:
    return Refused(413, errors.Code.RESOURCE_EXHAUSTED,
                   f"expected a body of at most {max_bytes} bytes; send fewer rows in a request")
