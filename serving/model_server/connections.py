"""Bodies of HTTP requests, which slow or greedy clients cannot hold the server up with."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette import requests

from serving.model_server import errors


class Refused(errors.ServingError):
    """A request whose body is not read to its end; the connection has to be closed."""

    def __init__(self, status: int, code: Any, text: str) -> None:
        super().__init__(code, text)
        self._status = status

    @property
    def http_status(self) -> int:
        return self._status


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
        raise Refused(
            408,
            errors.Code.DEADLINE_EXCEEDED,
            f"expected the body within {seconds:g} s; send it faster or in one piece",
        ) from None


async def _read(request: requests.Request, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
    return bytes(body)


def _too_large(max_bytes: int) -> Refused:
    return Refused(
        413,
        errors.Code.RESOURCE_EXHAUSTED,
        f"expected a body of at most {max_bytes} bytes; send fewer rows in a request",
    )
