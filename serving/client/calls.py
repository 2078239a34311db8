"""The gateway's API as values: what is sent, whether it may be sent twice, how answers are read."""

from __future__ import annotations

import dataclasses
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypedDict, TypeVar

from serving.client import results

Answer = TypeVar("Answer")


class Ask(TypedDict, total=False):
    """What a recommendation may be asked with, besides the user.

    The gateway names what it does not know.
    """

    profile: Mapping[str, Any]  # by column of users; replaces the store's column by column
    # {"item_id", "timestamp", columns ...}; replaces the store's; the oldest first and without
    # timestamp where events have no times
    history: Sequence[Mapping[str, Any]]
    context: Mapping[str, Any]  # by column with the role context
    # of the request, Unix seconds; default: now; not where events have no times
    timestamp: int
    k: int
    exclude: Sequence[str]  # ids that must not come back
    exclude_seen: bool  # items of the history; default: where the release does not allow repeats
    filters: Mapping[str, Any]  # by column of items: a value, a list of them, {"min": x, "max": y}
    explain: bool
    candidates: bool
    timeout_ms: int


@dataclasses.dataclass(frozen=True)
class Event:
    """An event to be added.

    Attributes:
      user_id: who did something.
      item_id: with what.
      timestamp: Unix seconds; None for the gateway's now, and where events have no times.
      event_id: an event whose id is known is not added again. Without one, the gateway makes it of
          the content; an event without either id or time is not sent twice by a client.
      values: by column of events.
    """

    user_id: str
    item_id: str
    timestamp: int | None = None
    event_id: str | None = None
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def is_safe(self) -> bool:
        """Whether sending it twice adds it once."""
        return self.event_id is not None or self.timestamp is not None

    def to_json(self) -> dict[str, Any]:
        known = {
            "user_id": self.user_id,
            "item_id": self.item_id,
            "timestamp": self.timestamp,
            "event_id": self.event_id,
        }
        return {
            **self.values,
            **{name: value for name, value in known.items() if value is not None},
        }


@dataclasses.dataclass(frozen=True)
class Call(Generic[Answer]):
    """A request to the gateway.

    Attributes:
      method: of HTTP.
      path: of the URL.
      read: makes the answer of the JSON.
      body: sent as JSON.
      query: of the URL.
      is_safe: whether it may be sent again when it is not known whether it was done.
    """

    method: str
    path: str
    read: Callable[[Any], Answer]
    body: Any = None
    query: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    is_safe: bool = True


def recommend(user_id: str | None, ask: Ask) -> Call[results.Recommendation]:
    """Asks for recommendations for a user, or for whom `ask` describes."""
    body = {name: value for name, value in {"user_id": user_id, **ask}.items() if value is not None}
    return Call("POST", "/v1/recommend", results.recommendation, body)


def send_events(events: Sequence[Event]) -> Call[results.Added]:
    """Adds events; sent again only if every one of them is then added once."""
    return Call(
        "POST",
        "/v1/events",
        results.added,
        {"events": [event.to_json() for event in events]},
        is_safe=all(event.is_safe for event in events),
    )


def user(user_id: str) -> Call[results.User]:
    """Reads a user's profile and history."""
    return Call("GET", _path("users", user_id), results.user)


def users(prefix: str, limit: int) -> Call[tuple[str, ...]]:
    """Lists at most `limit` ids of users that begin with `prefix`."""
    return Call("GET", "/v1/users", results.users, query={"prefix": prefix, "limit": limit})


def put_profile(user_id: str, profile: Mapping[str, Any]) -> Call[results.User]:
    """Not sent again: another client may have put a newer profile meanwhile."""
    return Call(
        "PUT", _path("users", user_id), results.user, {"profile": dict(profile)}, is_safe=False
    )


def item(item_id: str) -> Call[results.CatalogueItem]:
    """Reads an item of the catalogue."""
    return Call("GET", _path("items", item_id), results.catalogue_item)


def items(query: str, limit: int) -> Call[tuple[results.CatalogueItem, ...]]:
    """Finds at most `limit` items of the catalogue by id or title."""
    return Call("GET", "/v1/items", results.catalogue_items, query={"query": query, "limit": limit})


def release() -> Call[results.Release]:
    """Reads what is known of the release in force."""
    return Call("GET", "/v1/release", results.release)


def _path(kind: str, name: str) -> str:
    """With the id as one segment, also if it is `..` or has a slash."""
    return f"/v1/{kind}/{urllib.parse.quote(name, safe='').replace('.', '%2E')}"
