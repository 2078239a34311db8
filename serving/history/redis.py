"""Histories in a Redis server, shared by several gateways.

An acknowledged event is as durable as the server makes it: `appendonly yes` with
`appendfsync always` keeps all, with `everysec` all but the last second, without an append-only file
all until the last snapshot. `open` warns of what may be lost. One server, not a cluster: an append
changes keys of several users at once.

Keys, for a user U:

  history:users         sorted set of ids, in the order of their bytes
  history:count         events of all users
  history:user:U        hash: profile, arrived (events that ever came)
  history:order:U       sorted set of `<arrival, 16 digits>:<event id>` by timestamp, then by
                        arrival
  history:events:U      hash of events by id, as JSON
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import redis.asyncio
import redis.asyncio.retry
import redis.backoff
import redis.exceptions

from serving.history import store

_log = logging.getLogger(__name__)

_CONNECT_SECONDS = 0.5
_ANSWER_SECONDS = 1.0
_CONNECTIONS = 32
_WAIT_SECONDS = 1.0  # for one of them
_CLEARED_AT_ONCE = 1000
_USERS, _COUNT = "history:users", "history:count"

# ARGV: limit, then of each event its user's place among the users (1 is the first), id, timestamp,
# JSON.
# KEYS: _USERS, _COUNT, then of each user the user's hash, the order, the events; ARGV ends with
# their ids. Answers {accepted, outdated}. Timestamps are below 2^53, which a sorted set holds
# exactly.
_APPEND = """
local limit, total = tonumber(ARGV[1]), tonumber(ARGV[2])
local accepted, outdated, removed = 0, 0, 0
local kept = {}
local function remove_oldest(user)
  local member = redis.call('ZPOPMIN', KEYS[3 * user + 1])[1]
  redis.call('HDEL', KEYS[3 * user + 2], string.sub(member, 18))
  kept[user] = kept[user] - 1
  removed = removed + 1
end
for user = 1, (#KEYS - 2) / 3 do
  redis.call('ZADD', KEYS[1], 0, ARGV[2 + 4 * total + user])
  kept[user] = redis.call('ZCARD', KEYS[3 * user + 1])
  while kept[user] > limit do remove_oldest(user) end
end
for n = 0, total - 1 do
  local at = 3 + 4 * n
  local user, id, timestamp = tonumber(ARGV[at]), ARGV[at + 1], tonumber(ARGV[at + 2])
  local account, order, events = KEYS[3 * user], KEYS[3 * user + 1], KEYS[3 * user + 2]
  if redis.call('HEXISTS', events, id) == 0 then
    local oldest = kept[user] == limit
      and tonumber(redis.call('ZRANGE', order, 0, 0, 'WITHSCORES')[2])
    if oldest and timestamp <= oldest then
      outdated = outdated + 1
    else
      if oldest then remove_oldest(user) end
      local arrival = redis.call('HINCRBY', account, 'arrived', 1)
      redis.call('ZADD', order, ARGV[at + 2], string.format('%016d:', arrival) .. id)
      redis.call('HSET', events, id, ARGV[at + 3])
      kept[user] = kept[user] + 1
      accepted = accepted + 1
    end
  end
end
redis.call('INCRBY', KEYS[2], accepted - removed)
return {accepted, outdated}
"""

# KEYS: user's hash, order, events; ARGV: limit. Answers {profile or nil, {event as JSON, ...}},
# oldest first.
_READ = """
local found = {}
for n, member in ipairs(redis.call('ZRANGE', KEYS[2], -tonumber(ARGV[1]), -1)) do
  found[n] = redis.call('HGET', KEYS[3], string.sub(member, 18))
end
return {redis.call('HGET', KEYS[1], 'profile'), found}
"""


class RedisStore(store.Store):
    """See `store.Store`."""

    def __init__(self, url: str, events: int) -> None:
        """Prepares connections, which are made when they are needed.

        Args:
          url: redis://HOST:PORT/DB or rediss://.
          events: newest ones that are kept of a user.
        """
        self._limit = events
        self._place = _without_password(url)
        # Once more at once: a connection of before the server's restart says so only when it is
        # used.
        retry = redis.asyncio.retry.Retry(
            redis.backoff.NoBackoff(), 1, (redis.exceptions.ConnectionError,)
        )
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=_WAIT_SECONDS,
            retry=retry,
            decode_responses=True,
            socket_connect_timeout=_CONNECT_SECONDS,
            socket_timeout=_ANSWER_SECONDS,
        )
        self._redis = redis.asyncio.Redis.from_pool(pool)
        self._append = self._redis.register_script(_APPEND)
        self._read = self._redis.register_script(_READ)

    async def open(self) -> None:
        await self.ping()
        with self._refusing():
            try:
                found: dict[Any, Any] = {
                    **await self._redis.config_get("append*"),
                    **await self._redis.config_get("maxmemory*"),
                }
            except redis.exceptions.ResponseError as error:  # services hide it
                _log.info("%s: does not say how durable it is (%s)", self._place, error)
                return
        for warning in _warnings(found):
            _log.warning("%s: %s", self._place, warning)

    async def close(self) -> None:
        await self._redis.aclose()

    async def ping(self) -> None:
        with self._refusing():
            await self._redis.ping()

    async def user(self, user_id: str) -> store.User | None:
        with self._refusing():
            profile, events = await self._read(_keys(user_id), [self._limit])
        if profile is None and not events:
            return None
        return store.User(
            store.stored(profile or "{}", dict, user_id),
            tuple(_event(text, user_id) for text in events),
        )

    async def append(self, events: Sequence[tuple[str, store.Event]]) -> store.Added:
        places: dict[str, int] = {}
        arguments: list[Any] = [self._limit, len(events)]
        for user_id, event in events:
            place = places.setdefault(user_id, len(places) + 1)
            arguments += [place, event.event_id, event.timestamp, _to_json(event)]
        keys = [_USERS, _COUNT, *(key for user_id in places for key in _keys(user_id))]
        with self._refusing():
            accepted, outdated = await self._append(keys, [*arguments, *places])
        return store.Added(accepted, len(events) - accepted - outdated, outdated)

    async def put_profile(self, user_id: str, profile: Mapping[str, Any]) -> None:
        text = json.dumps(dict(profile), ensure_ascii=False, allow_nan=False)
        with self._refusing():
            async with self._redis.pipeline(transaction=True) as both:
                both.zadd(_USERS, {user_id: 0})
                both.hset(_keys(user_id)[0], "profile", text)
                await both.execute()

    async def users(self, prefix: str, limit: int) -> list[str]:
        first, end = (
            (f"[{prefix}".encode(), b"(" + prefix.encode() + b"\xff") if prefix else ("-", "+")
        )
        with self._refusing():
            return [
                str(user) for user in await self._redis.zrangebylex(_USERS, first, end, 0, limit)
            ]

    async def count(self) -> store.Counts:
        with self._refusing():
            async with self._redis.pipeline(transaction=True) as both:
                both.zcard(_USERS)
                both.get(_COUNT)
                users, events = await both.execute()
        return store.Counts(users, int(events or 0))

    async def clear(self) -> None:
        """Removes the store's keys alone, a user's at a time."""
        with self._refusing():
            while found := await self._redis.zrange(_USERS, 0, _CLEARED_AT_ONCE - 1):
                async with self._redis.pipeline(transaction=True) as several:
                    for user_id in found:
                        several.unlink(*_keys(str(user_id)))
                    several.zrem(_USERS, *found)
                    await several.execute()
            await self._redis.delete(_COUNT)

    @contextlib.contextmanager
    def _refusing(self) -> Iterator[None]:
        """Makes Redis' errors into the store's."""
        try:
            yield
        except (redis.exceptions.RedisError, OSError) as error:
            text = str(error) or type(error).__name__
            if isinstance(error, redis.exceptions.OutOfMemoryError) or "No space left" in text:
                raise store.StoreFull(
                    f"{self._place}: there is no room ({text}). Raise maxmemory or free "
                    "disk space; nothing was added."
                ) from error
            raise store.StoreError(
                f"{self._place}: Redis gives no answer ({text}). Check that it runs there "
                "and may be written."
            ) from error


def _warnings(found: Mapping[str, str]) -> Iterator[str]:
    """What may be lost with this configuration of the server."""
    if found["appendonly"] != "yes":
        yield (
            "keeps no append-only file, so a crash loses events that were acknowledged; set "
            "appendonly yes and appendfsync always"
        )
    elif found["appendfsync"] != "always":
        yield (
            f"has appendfsync {found['appendfsync']}, so a crash loses the events of the last "
            "second or more; set appendfsync always to lose none"
        )
    if found["maxmemory"] != "0" and found["maxmemory-policy"] != "noeviction":
        yield (
            f"has maxmemory-policy {found['maxmemory-policy']}, so histories vanish when memory "
            "is short; set noeviction"
        )


def _without_password(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


def _keys(user_id: str) -> tuple[str, str, str]:
    """The user's hash, order and events."""
    return f"history:user:{user_id}", f"history:order:{user_id}", f"history:events:{user_id}"


def _to_json(event: store.Event) -> str:
    fields = [event.event_id, event.item_id, event.timestamp, dict(event.values)]
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _event(text: str, user_id: str) -> store.Event:
    fields = store.stored(text, list, user_id)
    if len(fields) != len(dataclasses.fields(store.Event)):
        raise store.StoreError(f"user {user_id!r}: found an event of {len(fields)} fields: {text}")
    return store.Event(*fields)
