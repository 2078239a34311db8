"""What every request goes through: its id, keys, sizes and times, the log and the metrics.

The log has one line of JSON a request. It never holds profiles, histories or ids of users.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from starlette import datastructures, responses, types

from serving.gateway import admission, errors, metrics, settings

REQUEST_ID = "x-request-id"
RECOMMEND = "/v1/recommend"
_PROBES = ("/healthz", "/readyz")
_PRIVATE = "/v1/"  # how paths begin that need a key
_USABLE_ID = re.compile(r"[!-~]{1,128}")
Direct = Callable[[types.Scope, bytes], Awaitable[responses.Response | None]]
_log = logging.getLogger("serving.gateway.requests")


class Gone(Exception):
    """The client has closed the connection before its request was there."""


class Edge:
    """ASGI middleware around all routes.

    Attributes:
      limits: what requests may take.
      held_bytes: of the bodies of all requests that are under way.
    """

    def __init__(
        self,
        app: types.ASGIApp,
        direct: Direct,
        given: settings.Settings,
        places: admission.Admission,
        measured: metrics.Metrics,
    ) -> None:
        """Wraps the app.

        Args:
          app: the routes.
          direct: is asked first, and answers what it can without the app's layers.
          given: the API keys and limits.
          places: the requests that may be under way.
          measured: counts and times the requests.
        """
        self._app, self._direct, self.limits = app, direct, given.limits
        self._admission, self._metrics = places, measured
        self._keys = [key.encode() for key in given.api_keys]
        self._keys_for_all, self._hosts = given.keys_for_all, given.known_hosts
        self.held_bytes, self._others = 0, 0

    async def __call__(self, scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, held = time.monotonic(), _Held(self)
        headers = datastructures.Headers(scope=scope)
        given = headers.get(REQUEST_ID, "")
        request_id = given if _USABLE_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        status = counts = 0

        async def answer(message: types.Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                datastructures.MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        try:
            self._guard(scope["path"], scope["method"], headers)
            self._others += (counts := self._counts(scope["path"]))
            body = await self._body(headers, receive, held)
            response = await self._direct(scope, body)
            if response is None:
                await self._app(scope, _replay(body, receive), answer)
            else:
                await response(scope, receive, answer)
        except Gone:
            status = 499  # as nginx logs it; nobody is there to be answered
        except errors.ApiError as error:
            await errors.response(error, request_id)(scope, receive, answer)
        except Exception:
            _log.exception("request %s failed", request_id)
            if not status:
                await errors.response(errors.internal(), request_id)(scope, receive, answer)
            # the answer had begun before; its client must not take it for whole
            elif status != 500:
                raise
        finally:
            self._others -= counts
            held.release()
            self._note(scope, status, request_id, time.monotonic() - start)

    def _guard(self, path: str, method: str, headers: datastructures.Headers) -> None:
        """Refuses what need not be read.

        Raises:
          ApiError: see errors.py.
        """
        if path in _PROBES:  # answered whatever else is going on
            return
        self._admission.check_connections()
        if self._hosts and (name := _host(headers)) not in self._hosts:
            raise errors.ApiError(
                421,
                "misdirected",
                f"found the Host {name!r}, expected {' or '.join(sorted(self._hosts))}; the server "
                "takes other names by --allow-host",
                close=True,
            )
        private = self._keys_for_all or path.startswith(_PRIVATE)
        if private and self._keys and not self._has_key(headers):
            raise errors.ApiError(
                401,
                "unauthenticated",
                "expected one of this server's keys in the header "
                "X-API-Key, or as Authorization: Bearer KEY",
            )
        if path == RECOMMEND:
            self._admission.check()
        elif self._others >= self.limits.others:
            raise errors.ApiError(
                429,
                "overloaded",
                f"{self._others} requests are under way already; try again later",
                retry_after=1,
            )
        if method in ("POST", "PUT", "PATCH") and path.startswith(_PRIVATE):
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                raise errors.ApiError(
                    415,
                    "unsupported_media_type",
                    f"found Content-Type {kind or 'none'!r}, expected application/json",
                )

    def _has_key(self, headers: datastructures.Headers) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = headers.get("x-api-key") or (token.strip() if scheme.lower() == "bearer" else "")
        matches = [hmac.compare_digest(given.encode(), key) for key in self._keys]
        return any(matches)  # all were compared, so that times tell nothing

    def _counts(self, path: str) -> int:
        """1 for a request that counts among those of other kinds than recommendations."""
        return int(path != RECOMMEND and path not in _PROBES)

    async def _body(
        self, headers: datastructures.Headers, receive: types.Receive, held: _Held
    ) -> bytes:
        """The whole body, within its limits of size and time."""
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > self.limits.body_bytes:
            raise _too_large(self.limits.body_bytes)
        try:
            return await asyncio.wait_for(self._read(receive, held), self.limits.body_seconds)
        except asyncio.TimeoutError:
            seconds = f"{self.limits.body_seconds:g}"
            raise errors.ApiError(
                408, "timeout", f"expected the body within {seconds} s; send it faster", close=True
            ) from None

    async def _read(self, receive: types.Receive, held: _Held) -> bytes:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Gone
            body += (piece := message.get("body", b""))
            if len(body) > self.limits.body_bytes:
                raise _too_large(self.limits.body_bytes)
            held.add(len(piece))
            if not message.get("more_body"):
                return bytes(body)

    def _note(self, scope: types.Scope, status: int, request_id: str, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        self._metrics.requests.labels(route, str(status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        details: dict[str, Any] = {
            "request_id": request_id,
            "method": scope["method"],
            "route": route,
            "status": status,
            "ms": round(1e3 * seconds, 2),
            **scope["state"].get("log", {}),
        }
        level = logging.WARNING if status >= 500 else logging.INFO
        _log.log(level, "request", extra={"details": details})


class _Held:
    """The bytes of one request's body, as a part of those of all."""

    def __init__(self, edge: Edge) -> None:
        self._edge, self._own = edge, 0

    def add(self, number: int) -> None:
        """Counts bytes that have come.

        Raises:
          ApiError: 503, all together hold too many.
        """
        self._own += number
        self._edge.held_bytes += number
        most = self._edge.limits.held_bytes
        if self._edge.held_bytes > most:
            raise errors.ApiError(
                503,
                "overloaded",
                f"the requests under way hold more than {most:,} bytes; try again later",
                retry_after=1,
                close=True,
            )

    def release(self) -> None:
        """Takes them off again."""
        self._edge.held_bytes -= self._own
        self._own = 0


def _host(headers: datastructures.Headers) -> str:
    """The name in the header Host, without a port and brackets."""
    given = headers.get("host", "").strip().lower()
    name = given.partition("]")[0] if given.startswith("[") else given.rpartition(":")[0] or given
    return name.removeprefix("[")


def _replay(body: bytes, receive: types.Receive) -> types.Receive:
    """A `receive` that gives the body, then what else comes."""
    messages: list[types.Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> types.Message:
        return messages.pop() if messages else await receive()

    return replayed


def _too_large(most: int) -> errors.ApiError:
    return errors.ApiError(
        413, "too_large", f"expected a body of at most {most:,} bytes", close=True
    )
