"""Failures as clients see them."""

from __future__ import annotations

import math
from typing import Any

import orjson
from starlette import responses


class ApiError(Exception):
    """A request that is not answered.

    Attributes:
      status: of HTTP.
      code: a word for programs, such as `invalid_argument`.
      message: for people: what was found, what is expected, what to do.
      field: path of the field of the body that is wrong, such as `history.3.item_id`.
      retry_after: seconds after which trying again makes sense.
      close: whether the connection is closed, such as when the rest of the body is not read.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        retry_after: float | None = None,
        close: bool = False,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.field, self.retry_after, self.close = field, retry_after, close


def invalid(field: str, message: str) -> ApiError:
    """A field that cannot be used."""
    return ApiError(
        400, "invalid_argument", f"{field}: {message}" if field else message, field=field or None
    )


def internal() -> ApiError:
    """A failure that nobody thought of; the client learns nothing of it."""
    return ApiError(500, "internal", "the server failed; its log has the request's id")


def response(error: ApiError, request_id: str) -> responses.Response:
    """The answer to a request that failed."""
    headers = {}
    if error.retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after)))
    if error.close:
        headers["connection"] = "close"
    return json(
        {
            "error": {"code": error.code, "message": error.message, "field": error.field},
            "request_id": request_id,
        },
        error.status,
        headers,
    )


def json(
    content: Any, status: int = 200, headers: dict[str, str] | None = None
) -> responses.Response:
    """A JSON response; NumPy numbers are numbers, and keys that are numbers become text."""
    body = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
    return responses.Response(body, status, headers, media_type="application/json")
