"""Bodies of requests as JSON, read strictly: no NaN, no half characters, no endless nesting."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import routing
from starlette import requests, responses


class Route(routing.APIRoute):
    """A route whose body is read by orjson."""

    def get_route_handler(
        self,
    ) -> Callable[[requests.Request], Coroutine[Any, Any, responses.Response]]:
        handle = super().get_route_handler()

        async def strictly(request: requests.Request) -> responses.Response:
            return await handle(_Request(request.scope, request.receive))

        return strictly


class _Request(requests.Request):
    async def json(self) -> Any:
        return orjson.loads(await self.body())
