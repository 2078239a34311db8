"""What is measured, each against servers that the trial is given or starts itself."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import time
from collections.abc import AsyncIterator, Container, Mapping, Sequence

import numpy as np
import orjson

from benchmarks.serving import clients, open_loop, servers, workload
from serving.history import store

RECALL, RANK, RECOMMEND = "recall", "rank", "recommend"
# recommendations a second while releases are replaced; half as many pairs of model calls
RELOAD_RATE = 10
OVERLOAD = 5  # times what is sustained
WRITERS = 4
_EVENTS_OF_A_USER = 100  # fewer than the store keeps
_WARM_UP = 40
CLIENTS = 8
_RELOAD_SECONDS, _START_SECONDS, _CAPACITY_SECONDS = 60.0, 120.0, 5.0


@dataclasses.dataclass(frozen=True)
class Row:
    """A trial of what `name` says."""

    name: str
    summary: open_loop.Summary


@dataclasses.dataclass(frozen=True)
class Compared:
    """Recommendations by servers in one layout.

    Attributes:
      layout: which.
      rows: a rate each.
      cpu: milliseconds of all processes for a recommendation, at each rate.
      capacity: good answers a second to clients that wait for them.
      megabytes: of all processes.
    """

    layout: servers.Layout
    rows: list[Row]
    cpu: list[float]
    capacity: float
    megabytes: float


@dataclasses.dataclass(frozen=True)
class Reloads:
    """Releases replaced under load.

    Attributes:
      releases: that answered recommendations.
      seconds: from the push of a release to its first answer, each.
      recommend: outcomes of recommendations by the gateway.
      pairs: outcomes of recall, then rank by recall's version.
      memory: MiB of a server before and after, by its name.
    """

    releases: int
    seconds: list[float]
    recommend: list[open_loop.Outcome]
    pairs: list[open_loop.Outcome]
    memory: dict[str, tuple[float, float]]


@dataclasses.dataclass(frozen=True)
class Kills:
    """Gateway killed while taking events: how many it acknowledged and how many of them it lost."""

    kills: int
    acknowledged: int
    lost: int


@dataclasses.dataclass(frozen=True)
class Overload:
    """More than the server can do; `capacity` is answers a second to clients that wait for them."""

    capacity: float
    summary: open_loop.Summary


@contextlib.asynccontextmanager
async def calls(
    models: servers.Server,
    gateway: servers.Server | None,
    asked: workload.Requests,
    known: Container[int],
) -> AsyncIterator[dict[str, open_loop.Call]]:
    """What can be measured, by name."""
    opened = clients.Models(models.port)
    found: dict[str, open_loop.Call] = {
        RECALL: clients.Predict(opened, asked.recall),
        RANK: clients.Predict(opened, asked.rank),
    }
    recommend = None if gateway is None else clients.Recommend(gateway.port, asked.recommend, known)
    if recommend is not None:
        found[RECOMMEND] = recommend
    try:
        for call in found.values():
            for number in range(_WARM_UP):
                await call(number)
        yield found
    finally:
        await opened.close()
        if recommend is not None:
            recommend.close()


async def offer(name: str, call: open_loop.Call, rate: float, seconds: float) -> Row:
    """One rate."""
    times = open_loop.schedule(rate, seconds, seed=int(rate))
    return Row(name, open_loop.summarize(await open_loop.run(call, times), seconds))


async def compare(
    setup: workload.Setup,
    layouts: Sequence[servers.Layout],
    asked: workload.Requests,
    rates: Mapping[int, float],
) -> list[Compared]:
    """Each rate with one layout after the other; all run, and those that are not asked wait."""
    with contextlib.ExitStack() as stack:
        running = [
            stack.enter_context(servers.both(layout, setup.serving, setup.store, setup.logs))
            for layout in layouts
        ]
        asking = []
        for _, gateway in running:
            await asyncio.to_thread(servers.wait_ready, gateway)
            asking.append(clients.Recommend(gateway.port, asked.recommend, {setup.first}))
            stack.callback(asking[-1].close)
        for call in asking:
            for number in range(_WARM_UP):
                await call(number)
        rows: list[list[Row]] = [[] for _ in layouts]
        cpu: list[list[float]] = [[] for _ in layouts]
        for rate, seconds in rates.items():
            for place, layout in enumerate(layouts):
                processes = {server.process.pid: server for server in running[place]}.values()
                before = sum(server.cpu_seconds for server in processes)
                row = await offer(layout.name, asking[place], rate, seconds)
                spent = sum(server.cpu_seconds for server in processes) - before
                rows[place].append(row)
                cpu[place].append(1e3 * spent / row.summary.requests)
        found = []
        for place, layout in enumerate(layouts):
            sizes = _memory(*running[place])
            most = await capacity(asking[place], _CAPACITY_SECONDS)
            found.append(Compared(layout, rows[place], cpu[place], most, sum(sizes.values())))
        return found


async def reloads(
    setup: workload.Setup,
    models: servers.Server,
    gateway: servers.Server,
    asked: workload.Requests,
    number: int,
) -> Reloads:
    """Replaces the release so often; each time once the one before has answered."""
    known, seen, over = {setup.first}, set[int](), asyncio.Event()
    opened = clients.Models(models.port)
    recommend = clients.Recommend(gateway.port, asked.recommend, known)
    pair = clients.Pair(opened, asked.recall, known)

    async def watched(count: int) -> open_loop.Answer:
        answer = await recommend(count)
        if answer.release is not None:
            seen.add(answer.release)
        return answer

    before = _memory(models, gateway)
    load = asyncio.gather(
        open_loop.run(watched, open_loop.endless(RELOAD_RATE, 1, over.is_set)),
        open_loop.run(pair, open_loop.endless(RELOAD_RATE / 2, 2, over.is_set)),
    )
    await asyncio.sleep(1)
    taken = [await _reload(setup, known, seen) for _ in range(number)]
    await asyncio.sleep(1)
    over.set()
    recommended, paired = await load
    await opened.close()
    recommend.close()
    return Reloads(
        len(seen),
        taken,
        recommended,
        paired,
        {name: (size, _memory(models, gateway)[name]) for name, size in before.items()},
    )


async def _reload(setup: workload.Setup, known: set[int], seen: set[int]) -> float:
    """Seconds from the end of a push until the new release answers; infinite if it does not."""
    known.add(pushed := await asyncio.to_thread(setup.push))
    start = time.monotonic()
    while pushed not in seen:
        if time.monotonic() - start > _RELOAD_SECONDS:
            return float("inf")
        await asyncio.sleep(0.05)
    return time.monotonic() - start


def _memory(models: servers.Server, gateway: servers.Server) -> dict[str, float]:
    if models.process is gateway.process:
        return {"the process": gateway.megabytes}
    return {"model server": models.megabytes, "gateway": gateway.megabytes}


async def kills(setup: workload.Setup, models: servers.Server, number: int) -> Kills:
    """Kills the gateway so often, each time while clients add events; then reads the store."""
    acknowledged: set[tuple[str, str]] = set()
    random = np.random.default_rng(1)
    for kill in range(number):
        with servers.gateway(setup.serving, models, setup.store, setup.logs) as gateway:
            await asyncio.to_thread(servers.wait_ready, gateway)
            writers = asyncio.gather(
                *(
                    _write(gateway.port, f"killed-{kill}-{writer}", acknowledged)
                    for writer in range(WRITERS)
                )
            )
            await asyncio.sleep(random.uniform(0.1, 0.5))
            gateway.kill()
            await writers
    stored = await _stored(setup, {user_id for user_id, _ in acknowledged})
    return Kills(number, len(acknowledged), len(acknowledged - stored))


async def _write(port: int, name: str, acknowledged: set[tuple[str, str]]) -> None:
    """Adds events, one after the other, until the gateway is gone."""
    http = clients.Http(port)
    with contextlib.suppress(OSError, EOFError), contextlib.closing(http):
        for number in itertools.count():
            user_id, event_id = f"{name}-{number // _EVENTS_OF_A_USER}", f"{name}-{number}"
            status, body = await http.post(
                "/v1/events",
                orjson.dumps({"user_id": user_id, "item_id": "any", "event_id": event_id}),
            )
            if status != 200:
                raise RuntimeError(f"adding an event was answered with {status}: {body!r}")
            acknowledged.add((user_id, event_id))


async def _stored(setup: workload.Setup, users: set[str]) -> set[tuple[str, str]]:
    """(user, event) of these users, by a fresh reading of the store."""
    opened = store.connect(setup.store, setup.about.history_events)
    await opened.open()
    try:
        found = {user_id: await opened.user(user_id) for user_id in users}
    finally:
        await opened.close()
    return {
        (user_id, event.event_id)
        for user_id, user in found.items()
        if user
        for event in user.events
    }


async def overload(call: open_loop.Call, seconds: float) -> Overload:
    """Finds what is sustained, then offers several times as much."""
    found = await capacity(call, seconds / 2)
    times = open_loop.schedule(OVERLOAD * found, seconds, seed=1)
    return Overload(found, open_loop.summarize(await open_loop.run(call, times), seconds))


async def capacity(call: open_loop.Call, seconds: float) -> float:
    """Good answers a second of clients that each wait for an answer before they ask again."""
    until = time.monotonic() + seconds
    good = 0

    async def one(first: int) -> None:
        nonlocal good
        for number in itertools.count(first, CLIENTS):
            if time.monotonic() >= until:
                return
            answer = await call(number)  # not inside `+=`, which reads before it waits
            good += answer.verdict == open_loop.GOOD

    start = time.monotonic()
    await asyncio.gather(*map(one, range(CLIENTS)))
    return good / (time.monotonic() - start)


async def start(setup: workload.Setup, body: bytes) -> float:
    """Seconds from the start of `recsys serve`'s one process to its first good answer."""
    begun = time.monotonic()
    with servers.both(servers.ONE, setup.serving, setup.store, setup.logs) as (_, gateway):
        recommend = clients.Recommend(gateway.port, [body], {setup.first})
        while (answer := await recommend(0)).verdict != open_loop.GOOD:
            if time.monotonic() - begun > _START_SECONDS:
                raise RuntimeError(f"no good answer after {_START_SECONDS:g} s: {answer}")
            await asyncio.sleep(0.05)
        answered = time.monotonic() - begun
        recommend.close()
        return answered
