"""What can go wrong, as exceptions with the server's message."""

from __future__ import annotations

import json
from typing import Any

import httpx

_SHOWN = 300  # characters of an answer that is not the gateway's


class ClientError(RuntimeError):
    """No usable answer."""


class Unreachable(ClientError):
    """There is no connection, or it broke before the answer was there."""


class TimedOut(ClientError):
    """The answer did not come in time; whether the server did what was asked is not known."""


class ApiError(ClientError):
    """The gateway refuses or fails.

    Attributes:
      status: of HTTP.
      code: a word for programs, such as `invalid_argument`; "" if the answer is not the gateway's
          own.
      field: of the request that is wrong, such as `history.3.item_id`, if one is.
      request_id: by which the server's log has the request.
      retry_after: seconds after which trying again makes sense, if the server says so.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str = "",
        field: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.field = status, code, field
        self.request_id, self.retry_after = request_id, retry_after


class InvalidRequest(ApiError):
    """A value that cannot be used; `field` says which."""


class Unauthenticated(ApiError):
    """The gateway wants one of its keys."""


class NotFound(ApiError):
    """There is no such user or item."""


class Overloaded(ApiError):
    """Too many requests wait already."""


class Unavailable(ApiError):
    """The gateway, or a part of it that is needed, is down or stops."""


class StoreFull(ApiError):
    """The history store has no room; nothing was added."""


class ModelError(ClientError):
    """A model's server refuses, fails or is not reached.

    Attributes:
      code: of gRPC, such as NOT_FOUND, by either protocol.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


_CLASSES: dict[int, type[ApiError]] = {
    400: InvalidRequest,
    401: Unauthenticated,
    404: NotFound,
    413: InvalidRequest,
    415: InvalidRequest,
    429: Overloaded,
    503: Unavailable,
    507: StoreFull,
}


def of_response(response: httpx.Response) -> ApiError:
    """The failure that an answer of the gateway, or of a proxy before it, stands for."""
    try:
        body = json.loads(response.content)
        found: dict[str, Any] = body["error"]
        message, code, field = str(found["message"]), str(found["code"]), found.get("field")
        request_id = body.get("request_id")
    except (ValueError, KeyError, TypeError, AttributeError):
        text = response.content[:_SHOWN].decode("utf-8", "replace").strip()
        message = (
            f"status {response.status_code} with an answer that is not the gateway's: "
            f"{text or 'none'}"
        )
        code, field, request_id = "", None, response.headers.get("x-request-id")
    kind = _CLASSES.get(response.status_code, ApiError)
    return kind(
        message,
        status=response.status_code,
        code=code,
        field=field,
        request_id=request_id,
        retry_after=retry_after(response),
    )


def of_transport(error: httpx.TransportError, place: str) -> ClientError:
    """The failure to get an answer from `place`."""
    if isinstance(error, httpx.TimeoutException):
        return TimedOut(
            f"{place}: no answer in time ({type(error).__name__}). Give more timeout, or find "
            "out what keeps the server busy."
        )
    return Unreachable(
        f"{place}: {error or type(error).__name__}. Check that the server runs there."
    )


def retry_after(response: httpx.Response) -> float | None:
    """Seconds of the Retry-After header; None without one, or where it is a date."""
    text = response.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else None
