"""The client of the gateway's API."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from serving.client import calls, exchange, results

if typing.TYPE_CHECKING:
    from typing_extensions import Unpack

_TIMEOUT = 5.0  # seconds


class Recommender(exchange.Sync):
    """Asks a gateway; several threads may share one.

    All methods raise `ClientError`s. What is refused with 429 or 503 is sent again, when the server
    says, if that is safe (see `exchange.steps`).
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        timeout: float = _TIMEOUT,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Makes a client; nothing is sent yet.

        Args:
          base_url: of the gateway, such as http://127.0.0.1:8080.
          api_key: one of the gateway's keys, if it wants one.
          timeout: seconds for a call, its retries included.
          transport: sends requests in the place of HTTPX's own.
        """
        super().__init__(
            httpx.Client(base_url=base_url, headers=_headers(api_key), transport=transport)
        )
        self._base_url, self._timeout, self._budget = base_url, timeout, exchange.Budget()

    def recommend(
        self, user_id: str | None = None, **ask: Unpack[calls.Ask]
    ) -> results.Recommendation:
        """Recommends items to a user, to a profile with a history, or to nobody known."""
        return self._call(calls.recommend(user_id, ask))

    def send_event(self, event: calls.Event) -> results.Added:
        """Adds an event; on return, the event is safe and the next recommendation knows it."""
        return self.send_events([event])

    def send_events(self, events: Sequence[calls.Event]) -> results.Added:
        """Adds events, all or none."""
        return self._call(calls.send_events(events))

    def user(self, user_id: str) -> results.User:
        """What the store knows of a user; raises NotFound if nothing."""
        return self._call(calls.user(user_id))

    def users(self, prefix: str = "", limit: int = 20) -> tuple[str, ...]:
        """Ids of users that begin so."""
        return self._call(calls.users(prefix, limit))

    def put_profile(self, user_id: str, profile: Mapping[str, Any]) -> results.User:
        """Replaces a user's profile; the events stay."""
        return self._call(calls.put_profile(user_id, profile))

    def item(self, item_id: str) -> results.CatalogueItem:
        """An item of the catalogue; raises NotFound if there is none."""
        return self._call(calls.item(item_id))

    def items(self, query: str = "", limit: int = 20) -> tuple[results.CatalogueItem, ...]:
        """Items whose id is, or whose title holds, the query; the most popular first."""
        return self._call(calls.items(query, limit))

    def release(self) -> results.Release:
        """What is served."""
        return self._call(calls.release())

    def _call(self, call: calls.Call[exchange.Answer]) -> exchange.Answer:
        return self._do(exchange.steps(call, self._base_url, self._timeout, self._budget))


class AsyncRecommender(exchange.Async):
    """`Recommender` for asyncio; see there."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        timeout: float = _TIMEOUT,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """As `Recommender`."""
        super().__init__(
            httpx.AsyncClient(base_url=base_url, headers=_headers(api_key), transport=transport)
        )
        self._base_url, self._timeout, self._budget = base_url, timeout, exchange.Budget()

    async def recommend(
        self, user_id: str | None = None, **ask: Unpack[calls.Ask]
    ) -> results.Recommendation:
        return await self._call(calls.recommend(user_id, ask))

    async def send_event(self, event: calls.Event) -> results.Added:
        return await self.send_events([event])

    async def send_events(self, events: Sequence[calls.Event]) -> results.Added:
        return await self._call(calls.send_events(events))

    async def user(self, user_id: str) -> results.User:
        return await self._call(calls.user(user_id))

    async def users(self, prefix: str = "", limit: int = 20) -> tuple[str, ...]:
        return await self._call(calls.users(prefix, limit))

    async def put_profile(self, user_id: str, profile: Mapping[str, Any]) -> results.User:
        return await self._call(calls.put_profile(user_id, profile))

    async def item(self, item_id: str) -> results.CatalogueItem:
        return await self._call(calls.item(item_id))

    async def items(self, query: str = "", limit: int = 20) -> tuple[results.CatalogueItem, ...]:
        return await self._call(calls.items(query, limit))

    async def release(self) -> results.Release:
        return await self._call(calls.release())

    async def _call(self, call: calls.Call[exchange.Answer]) -> exchange.Answer:
        return await self._do(exchange.steps(call, self._base_url, self._timeout, self._budget))


def _headers(api_key: str | None) -> dict[str, str]:
    return {} if api_key is None else {"x-api-key": api_key}
