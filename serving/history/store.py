"""The interface of a history store, and which store a URL means.

Ids are what modules/ids.py lets through; who calls a store has asked there.
"""

from __future__ import annotations

import abc
import dataclasses
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import orjson

URL_VARIABLE = "RECSYS_STORE"  # of the environment: the URL of the store, which may hold a password


_Kind = TypeVar("_Kind", dict[str, Any], list[Any])


class StoreError(Exception):
    """The store gives no answer. The message says why and the remedy."""


class StoreFull(StoreError):
    """There is no room for what was to be added; nothing of it was."""


@dataclasses.dataclass(slots=True)  # frozen, the many of one request take three times as long
class Event:
    """What a user did; it is not changed any more.

    Attributes:
      event_id: an event whose id the user's history knows is not added again.
      item_id: of what.
      timestamp: when, Unix seconds.
      values: by column of events, with the roles action_type, feature or context.
    """

    event_id: str
    item_id: str
    timestamp: int
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class User:
    """A user as known: profile by column, events oldest first (same second: as they came)."""

    profile: Mapping[str, Any]
    events: Sequence[Event]


@dataclasses.dataclass(frozen=True)
class Added:
    """What became of events.

    Attributes:
      accepted: events that were added.
      duplicates: events whose id the user's history holds.
      outdated: events that are not newer than the oldest one of a full history, and so were not
          added. What has left a history is outdated for ever: events that are sent again change
          nothing.
    """

    accepted: int
    duplicates: int
    outdated: int = 0


@dataclasses.dataclass(frozen=True)
class Counts:
    """What a store holds."""

    users: int
    events: int


def stored(text: str | bytes, kind: type[_Kind], user_id: str) -> _Kind:
    """What was stored for a user as JSON.

    Args:
      text: as it was stored.
      kind: what it has to be, dict or list.
      user_id: for the error.

    Raises:
      StoreError: it is something else, so somebody else has written it.
    """
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, kind):
        shown = text if isinstance(text, str) else text.decode(errors="replace")
        raise StoreError(
            f"user {user_id!r}: what is stored cannot be read: found {shown[:60]!r}, expected a "
            f"JSON {'object' if kind is dict else 'array'}. Put the profile once more, or remove "
            "the user's keys and rows and load them again by `recsys store load`."
        )
    return found


class Store(abc.ABC):
    """Keeps each user's profile and newest events.

    All methods raise StoreError where it does not answer.
    """

    @abc.abstractmethod
    async def open(self) -> None:
        """Connects; may be tried again after a StoreError."""

    @abc.abstractmethod
    async def close(self) -> None:
        """Frees what `open` took; fine without it."""

    @abc.abstractmethod
    async def ping(self) -> None:
        """Returns if the store answers."""

    @abc.abstractmethod
    async def user(self, user_id: str) -> User | None:
        """What is known of a user; None if nothing is."""

    @abc.abstractmethod
    async def append(self, events: Sequence[tuple[str, Event]]) -> Added:
        """Adds events of users, all or none.

        They are on the disk, and seen by `user`, when it returns.

        Raises:
          StoreFull: there is no room.
        """

    @abc.abstractmethod
    async def put_profile(self, user_id: str, profile: Mapping[str, Any]) -> None:
        """Replaces a user's profile."""

    @abc.abstractmethod
    async def users(self, prefix: str, limit: int) -> list[str]:
        """The first ids that begin so, in order."""

    @abc.abstractmethod
    async def count(self) -> Counts:
        """How much there is."""

    @abc.abstractmethod
    async def clear(self) -> None:
        """Removes all users and events."""


def connect(url: str, events: int) -> Store:
    """The store that a URL means; nothing is opened yet.

    Args:
      url: sqlite:///FILE (relative; sqlite:////FILE absolute), redis://HOST:PORT/DB or rediss://...
      events: newest events that are kept of a user.

    Raises:
      ValueError: the URL means none.
    """
    scheme, separator, rest = url.partition("://")
    if scheme == "sqlite" and separator and rest.startswith("/") and len(rest) > 1:
        from serving.history import sqlite

        return sqlite.SqliteStore(rest[1:], events)
    if scheme in ("redis", "rediss") and _is_server(url):
        from serving.history import redis

        return redis.RedisStore(url, events)
    raise ValueError(f"store: found {url!r}, expected sqlite:///FILE or redis://HOST:PORT/DB")


def _is_server(url: str) -> bool:
    """Whether the URL names a host, and a port and the number of a database if any."""
    parts = urllib.parse.urlsplit(url)
    try:
        return (
            bool(parts.hostname)
            and parts.port != 0
            and re.fullmatch(r"(/\d*)?", parts.path) is not None
        )
    except ValueError:  # the port is no number
        return False
