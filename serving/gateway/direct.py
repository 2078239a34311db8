"""Answers the routes that take large bodies past FastAPI's layers.

Those cost 0.4 ms a request, and would validate a wrong body a second time. A body is checked once,
up to its first wrong part (see wire.py).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import fastapi
import orjson
import pydantic
from starlette import requests, responses, types

from serving.gateway import edge, errors, refusals, settings, wire


@dataclasses.dataclass(frozen=True)
class Handler:
    """What answers the POST requests of one path.

    Attributes:
      kind: of the body.
      answer: gets the body as `kind` says, and the request.
    """

    kind: Any
    answer: Callable[[Any, requests.Request], Awaitable[responses.Response]]


def direct(
    app: fastapi.FastAPI,
    routes: Sequence[Any],
    handlers: Mapping[str, Handler],
    limits: settings.Limits,
) -> edge.Direct:
    """Makes what `edge.Edge` asks first.

    Args:
      app: that requests are told to belong to.
      routes: among which those of the paths are.
      handlers: by path.
      limits: of what a body may hold.
    """
    context = {wire.HISTORY: limits.history_events, wire.EVENTS: limits.batch_events}
    adapters = {path: pydantic.TypeAdapter(handler.kind) for path, handler in handlers.items()}
    known = {route.path: route for route in routes if getattr(route, "path", None) in handlers}

    async def answer(scope: types.Scope, body: bytes) -> responses.Response | None:
        path = scope["path"]
        if scope["method"] != "POST" or path not in handlers:
            return None
        scope["app"], scope["route"] = app, known[path]
        given = _read(adapters[path], body, path, context)
        try:
            return await handlers[path].answer(given, requests.Request(scope))
        except refusals.DECLARED as error:
            raise refusals.api_error(error, path) from error

    return answer


def _read(
    adapter: pydantic.TypeAdapter[Any], body: bytes, path: str, context: Mapping[str, int]
) -> Any:
    if not body:
        raise errors.invalid("body", "is missing")
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise errors.invalid(
            "", f"the body is not JSON: {error.msg} at character {error.pos}"
        ) from None
    try:
        return adapter.validate_python(content, context=dict(context))
    except pydantic.ValidationError as error:
        found = [
            {**problem, "loc": ("body", *problem["loc"])}
            for problem in error.errors(include_url=False)
        ]
        raise refusals.invalid(found, content, path) from None
