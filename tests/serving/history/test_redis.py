"""What can go wrong with a Redis server: it is down, killed, stopped, out of memory, or forgets."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import signal
import time

import pytest
import redis

from serving.history import store
from tests.serving.history import conftest

KILLS, WRITERS, USERS, LIMIT = 20, 3, 2, 1_000_000
DEADLINE = 5.0  # of a question to a server that does not answer, far above what it takes


def connect(server: conftest.RedisServer, events: int = LIMIT) -> store.Store:
    return store.connect(server.url, events)


def event(number: int) -> store.Event:
    return store.Event(str(number), "item", number)


def test_no_acknowledged_event_is_lost_when_the_server_is_killed(
    own_redis: conftest.RedisServer,
) -> None:
    acknowledged: set[str] = set()

    async def append(found: store.Store, name: str) -> None:
        """Until the server is gone."""
        with contextlib.suppress(store.StoreError):
            for number in itertools.count():
                await found.append(
                    [(f"u{number % USERS}", store.Event(f"{name}-{number}", "item", number))]
                )
                acknowledged.add(f"{name}-{number}")

    async def scenario() -> set[str]:
        found = connect(own_redis)
        for kill in range(KILLS):
            own_redis.start()
            before = len(acknowledged)
            tasks = [asyncio.create_task(append(found, f"{kill}.{n}")) for n in range(WRITERS)]
            while len(acknowledged) <= before + 3 * kill:  # noqa: ASYNC110 - the set has no event
                await asyncio.sleep(0)
            own_redis.kill()
            await asyncio.gather(*tasks)
        own_redis.start()
        users = [await found.user(f"u{n}") for n in range(USERS)]
        await found.close()
        return {event.event_id for user in users if user for event in user.events}

    kept = asyncio.run(scenario())
    assert len(acknowledged) > KILLS
    assert acknowledged <= kept
    assert len(kept) <= len(acknowledged) + KILLS * WRITERS  # what was on its way


def test_a_server_that_is_down_is_told_fast_and_found_again(
    own_redis: conftest.RedisServer,
) -> None:
    async def scenario() -> None:
        found = connect(own_redis)
        started = time.monotonic()
        for call in (
            found.open,
            found.ping,
            found.count,
            found.clear,
            lambda: found.user("u"),
            lambda: found.append([("u", event(1))]),
            lambda: found.put_profile("u", {}),
            lambda: found.users("", 1),
        ):
            with pytest.raises(
                store.StoreError, match=r"redis://127\.0\.0\.1:\d+/0: Redis gives no answer"
            ):
                await call()
        assert time.monotonic() - started < DEADLINE
        own_redis.start()
        await found.open()
        assert await found.append([("u", event(1))]) == store.Added(1, 0)
        await found.close()

    asyncio.run(scenario())


def test_a_restart_in_between_is_not_noticed(own_redis: conftest.RedisServer) -> None:
    async def scenario() -> None:
        own_redis.start()
        found = connect(own_redis)
        await found.open()
        # several connections
        await asyncio.gather(*(found.append([("u", event(n))]) for n in range(10)))
        own_redis.kill()
        own_redis.start()
        user = await found.user("u")
        assert user and [e.event_id for e in user.events] == [str(n) for n in range(10)]
        added = await asyncio.gather(*(found.append([("u", event(n))]) for n in range(5, 15)))
        assert sum(a.accepted for a in added) == sum(a.duplicates for a in added) == 5
        await found.close()

    asyncio.run(scenario())


async def _forgiven(found: store.Store, events: list[tuple[str, store.Event]]) -> None:
    """Appends; on a busy disk, a first write may take longer than the store waits."""
    for _ in range(10):
        with contextlib.suppress(store.StoreError):
            await found.append(events)
            return
    await found.append(events)


def test_a_server_that_hangs_is_told_in_time_and_forgiven(own_redis: conftest.RedisServer) -> None:
    async def scenario() -> None:
        own_redis.start()
        assert own_redis.process is not None
        found = connect(own_redis)
        await found.open()
        await found.append([("u", event(1))])
        own_redis.process.send_signal(signal.SIGSTOP)
        started = time.monotonic()
        said = await asyncio.gather(
            found.user("u"), found.append([("u", event(2))]), return_exceptions=True
        )
        assert time.monotonic() - started < DEADLINE
        assert [type(s) for s in said] == [store.StoreError] * 2
        own_redis.process.send_signal(signal.SIGCONT)
        await _forgiven(found, [("u", event(2))])  # whether the first one came through or not
        user = await found.user("u")
        assert user and [e.event_id for e in user.events] == ["1", "2"]
        await found.close()

    asyncio.run(scenario())


def test_a_full_server_takes_nothing_and_says_so(own_redis: conftest.RedisServer) -> None:
    own_redis.options = (*own_redis.options, "--maxmemory", "4mb")

    async def scenario() -> None:
        own_redis.start()
        found = connect(own_redis)
        await found.open()
        number, message = 0, ""
        while not message:
            assert number < 100
            try:
                await found.append(
                    [
                        (user, store.Event(f"{number}-{n}", "x" * 50_000, n))
                        for n in range(2)
                        for user in ("u", "v")
                    ]
                )
                number += 1
            except store.StoreFull as error:
                message = str(error)
        assert "there is no room" in message
        for user_id in ("u", "v"):
            user = await found.user(user_id)
            assert user
            assert {e.event_id for e in user.events} == {
                f"{k}-{n}" for k in range(number) for n in range(2)
            }
        assert (await found.count()).events == 4 * number
        await found.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "options, warnings",
    [
        (("--appendonly", "yes", "--appendfsync", "always"), []),
        (
            ("--appendonly", "yes", "--appendfsync", "everysec"),
            ["loses the events of the last second or more"],
        ),
        (("--appendonly", "no"), ["keeps no append-only file"]),
        (
            ("--appendonly", "no", "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"),
            ["keeps no append-only file", "histories vanish when memory is short; set noeviction"],
        ),
        # as in services; it cannot be asked
        (("--appendonly", "no", "--rename-command", "CONFIG", ""), []),
    ],
)
def test_a_server_that_may_forget_is_told(
    own_redis: conftest.RedisServer,
    options: tuple[str, ...],
    warnings: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    own_redis.options = options
    own_redis.start()

    async def scenario() -> None:
        found = connect(own_redis)
        with caplog.at_level(logging.WARNING, "serving.history.redis"):
            await found.open()
        await found.close()

    asyncio.run(scenario())
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == len(warnings)
    for text, expected in zip(said, warnings):
        assert text.startswith(own_redis.url)
        assert expected in text


def test_a_password_is_used_and_never_shown(own_redis: conftest.RedisServer) -> None:
    own_redis.options = ("--requirepass", "geheim")
    own_redis.start(answer=b"-NOAUTH")

    async def ask(password: str) -> None:
        found = store.connect(own_redis.url.replace("//", f"//:{password}@"), 2)
        try:
            await found.open()
        finally:
            await found.close()

    asyncio.run(ask("geheim"))
    with pytest.raises(store.StoreError, match="Redis gives no answer") as caught:
        asyncio.run(ask("falsch"))
    assert "falsch" not in str(caught.value)


def test_other_keys_of_the_server_stay(shared_redis: conftest.RedisServer) -> None:
    other = redis.Redis.from_url(shared_redis.url)
    other.set("somebody-elses", "1")

    async def scenario() -> None:
        found = connect(shared_redis)
        await found.append([("u", event(1))])
        await found.clear()
        await found.close()

    asyncio.run(scenario())
    assert other.keys() == [b"somebody-elses"]
    other.delete("somebody-elses")
    other.close()
