"""Attacks a gateway while others ask it: how long these wait, and what memory it takes.

  python -m benchmarks.serving.attack --root runs --config movielens-100k --minutes 60

Starts one process as `recsys serve` does, from a copy of a run, and sends to loopback alone. Ends
with 1 if a good client was refused or waited for more than a second, or memory grew by more than a
fifth.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import os
import pathlib
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable

import numpy as np
import orjson

from benchmarks.serving import clients, open_loop, servers, trials, workload
from pipeline import configuration, runs

RATE = 10  # recommendations a second of those who mean well
_MOST_SECONDS, _MOST_GROWTH = 1.0, 1.2
_WARM_SECONDS = 20  # of attacks before memory counts
_HEAD = (
    f"POST /v1/recommend HTTP/1.1\r\nHost: {servers.HOST}\r\nContent-Type: application/json\r\n"
).encode()
_RANDOM = np.random.default_rng(1)
Attack = Callable[[int], Awaitable[None]]


async def _connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(servers.HOST, port)


async def _send(port: int, *parts: bytes, pause: float = 0.0, read: bool = True) -> None:
    """Sends parts with a pause between them, and reads what comes back for a moment."""
    reader, writer = await _connect(port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        if read:
            await asyncio.wait_for(reader.read(1 << 20), 2)
    finally:
        writer.close()


def _with_body(body: bytes) -> bytes:
    return _HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


async def loris(port: int) -> None:
    """Headers, a byte a second."""
    await _send(port, *(bytes([byte]) for byte in b"GET /healthz HTTP"), pause=1.0)


async def slow_body(port: int) -> None:
    """A body that is announced and comes a byte a second."""
    await _send(port, _HEAD + b"Content-Length: 4000000\r\n\r\n", *[b" "] * 15, pause=1.0)


async def slow_reader(port: int) -> None:
    """Many requests, whose answers nobody reads."""
    request = f"GET /openapi.json HTTP/1.1\r\nHost: {servers.HOST}\r\n\r\n".encode()
    await _send(port, request * 200, pause=15.0, read=False)


async def many_entries(port: int) -> None:
    """A body of megabytes of small wrong entries."""
    kind = _RANDOM.integers(4)
    body = (
        orjson.dumps({"history": [{}] * 400_000}),
        orjson.dumps({"filters": {f"c{n}": n for n in range(100_000)}}),
        orjson.dumps({"exclude": ["x"] * 400_000}),
        orjson.dumps({"context": {f"c{n}": [n] for n in range(100_000)}}),
    )[kind]
    await _send(port, _with_body(body))


async def deep(port: int) -> None:
    """Lists in lists in lists; numbers without end."""
    body = b'{"k":' + (b"[" * 500_000 if _RANDOM.integers(2) else b"9" * 1_000_000)
    await _send(port, _with_body(body))


async def patient(port: int) -> None:
    """Requests that may take a minute, with histories as long as they may be."""
    past = [{"item_id": f"i{n}", "timestamp": 880_000_000 + n} for n in range(9_000)]
    body = orjson.dumps({"history": past, "timeout_ms": 60_000, "k": 200, "candidates": True})
    await _send(port, _with_body(body))


async def half_closed(port: int) -> None:
    """Says that nothing more comes, in the middle of a body."""
    reader, writer = await _connect(port)
    writer.write(_HEAD + b'Content-Length: 100\r\n\r\n{"k"')
    writer.write_eof()
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(reader.read(), 2)
    writer.close()


async def garbage(port: int) -> None:
    """Random bytes, headers too long, a name of somebody else's."""
    long = b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"
    other = b"GET /v1/users HTTP/1.1\r\nHost: evil.example\r\n\r\n"
    await _send(port, (_RANDOM.bytes(5000), long, other)[_RANDOM.integers(3)])


ATTACKS: dict[Attack, int] = {  # at once
    loris: 20,
    slow_body: 10,
    slow_reader: 5,
    many_entries: 1,
    deep: 1,
    patient: 1,
    half_closed: 2,
    garbage: 2,
}


async def _repeat(attack: Attack, port: int, over: asyncio.Event) -> int:
    """Attacks again and again; returns how often."""
    number = 0
    while not over.is_set():
        number += 1
        with contextlib.suppress(OSError, EOFError, asyncio.TimeoutError):
            await attack(port)
        await asyncio.sleep(_RANDOM.uniform(0.05, 0.2))
    return number


async def measure(setup: workload.Setup, seconds: float) -> bool:
    """Prints what the others got; returns whether it was good enough."""
    bodies = await asyncio.to_thread(workload.bodies, setup)
    with servers.both(servers.ONE, setup.serving, setup.store, setup.logs) as (_, gateway):
        await asyncio.to_thread(servers.wait_ready, gateway)
        recommend = clients.Recommend(gateway.port, bodies, {setup.first})
        for number in range(100):
            await recommend(number)
        quiet = await trials.offer("quiet", recommend, RATE, 20)
        over, numbers = asyncio.Event(), list[int]()
        attackers = [
            asyncio.create_task(_repeat(attack, gateway.port, over))
            for attack, several in ATTACKS.items()
            for _ in range(several)
        ]
        await trials.offer("warm", recommend, RATE, _WARM_SECONDS)
        before = gateway.megabytes
        sizes, outcomes = [before], list[open_loop.Outcome]()
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            outcomes += await open_loop.run(
                recommend, open_loop.schedule(RATE, 30, seed=len(outcomes))
            )
            sizes.append(gateway.megabytes)
            slowest = max(1e3 * (o.finished - o.intended) for o in outcomes)
            print(
                f"{time.monotonic() - start:6.0f} s: {sizes[-1]:.0f} MiB, slowest {slowest:.0f} ms",
                flush=True,
            )
        over.set()
        numbers = await asyncio.gather(*attackers)
        recommend.close()
    summary = open_loop.summarize(outcomes, seconds)
    slowest = max(o.finished - o.intended for o in outcomes)
    verdicts = collections.Counter(outcome.answer.verdict for outcome in outcomes)
    print(f"quiet    p50, p90, p99: {_shown(quiet.summary.milliseconds)} ms")
    print(f"attacked p50, p90, p99: {_shown(summary.milliseconds)} ms; slowest {slowest:.2f} s")
    print(f"answers  {dict(verdicts)} of {len(outcomes):,}; attacks {sum(numbers):,}")
    print(f"memory   {before:.0f} MiB, at most {max(sizes):.0f}, at the end {sizes[-1]:.0f}")
    others = [o.answer for o in outcomes if o.answer.verdict != open_loop.GOOD]
    for answer in others[:5]:
        print(f"  {answer.verdict}: {answer.detail}")
    return (
        set(verdicts) <= {open_loop.GOOD, open_loop.DEGRADED}
        and slowest <= _MOST_SECONDS
        and max(sizes) <= _MOST_GROWTH * before
    )


def _shown(milliseconds: tuple[float, float, float]) -> str:
    return ", ".join(f"{value:.0f}" for value in milliseconds)


def main() -> int:
    """Attacks a copy of the run; returns the exit code."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.serving.attack",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--root", required=True, help="where runs live, each in ROOT/NAME")
    parser.add_argument("--config", default="movielens-100k")
    parser.add_argument("--minutes", type=float, default=60)
    arguments = parser.parse_args()
    cfg = configuration.load(arguments.config)
    with tempfile.TemporaryDirectory() as folder:
        setup = workload.Setup.copy(
            runs.Run(arguments.root, cfg.name), pathlib.Path(folder), arguments.config
        )
        good = asyncio.run(measure(setup, 60 * arguments.minutes))
    return os.EX_OK if good else 1


if __name__ == "__main__":
    sys.exit(main())
