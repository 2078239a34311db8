"""Failures of every kind in the one form that wire.Failure has."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Any

import pydantic
from fastapi import exceptions
from starlette import exceptions as http_exceptions
from starlette import requests, responses

from modules import strict
from serving.gateway import edge, errors, wire
from serving.history import store

# that `answer` handles
KINDS = (
    exceptions.RequestValidationError,
    http_exceptions.HTTPException,
    errors.ApiError,
    store.StoreError,
    Exception,
)
DECLARED = (store.StoreError, http_exceptions.HTTPException)
EVENTS = "/v1/events"
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 100
_CODES = {404: "not_found", 405: "method_not_allowed"}
_MODELS: dict[str, type[pydantic.BaseModel]] = {
    edge.RECOMMEND: wire.Recommend,
    EVENTS: wire.NewEvents,
}


async def answer(request: requests.Request, error: Exception) -> responses.Response:
    """What the client gets."""
    return errors.response(api_error(error, request.url.path), request.state.request_id)


def api_error(error: Exception, path: str) -> errors.ApiError:
    """A failure of any kind, at a path."""
    if isinstance(error, errors.ApiError):
        return error
    if isinstance(error, exceptions.RequestValidationError):
        return invalid(error.errors(), error.body, path)
    if isinstance(error, store.StoreFull):
        return errors.ApiError(507, "store_full", f"nothing was added: {error}")
    if isinstance(error, store.StoreError):
        return errors.ApiError(
            503, "store_unavailable", f"the store does not answer: {error}", retry_after=1
        )
    if isinstance(error, http_exceptions.HTTPException):
        return errors.ApiError(
            error.status_code, _CODES.get(error.status_code, "invalid_argument"), str(error.detail)
        )
    return errors.internal()  # edge.py logs it


def invalid(found: Sequence[Any], body: Any, path: str) -> errors.ApiError:
    """The first field of a body that pydantic complains of."""
    first, model = found[0], _MODELS.get(path, wire.Profile)
    if first["type"] == "json_invalid":
        return errors.invalid(
            "", f"the body is not JSON: {first['ctx']['error']} at character {first['loc'][1]}"
        )
    where = _path(first, body)
    field = ".".join(where)
    if first["type"] == "extra_forbidden":
        known = model.model_fields if len(where) == 1 else wire.Range.model_fields
        return errors.invalid(field, f"no such field.{strict.nearest(where[-1], known)}")
    if first["type"] == "missing":
        return errors.invalid(field or "body", "is missing")
    expected = dict.fromkeys(problem["msg"] for problem in found if _path(problem, body) == where)
    message = ", or: ".join(expected)
    if first["type"] != wire.TOO_MANY:  # which says itself what was found
        message = f"found {_shown(first.get('input'))}; {message}"
    return errors.invalid(field or "body", message)


def _shown(value: Any) -> str:
    """The value in at most 60 characters, without writing all of a large one."""
    text = _SHORT.repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _path(problem: Any, body: Any) -> list[str]:
    """Where a problem lies, without the alternatives of unions, which pydantic names too."""
    place, *parts = problem["loc"]
    if place != "body":  # a parameter of the path or the query
        return [str(part) for part in parts]
    path = []
    for n, part in enumerate(parts):
        is_inside = (
            (part in body)
            if isinstance(body, dict)
            else (isinstance(body, list) and isinstance(part, int))
        )
        if is_inside:
            body = body[part]
        if is_inside or (problem["type"] == "missing" and n == len(parts) - 1):
            path.append(str(part))
    return path
