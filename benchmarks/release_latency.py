r"""How long a recommendation of one release takes beside that of another.

  python -m benchmarks.release_latency --root runs --configs exclude.yaml allow.yaml \
      --output latency.md

Two finished runs of the same data that differ in their `name` and, for example, in `data.repeats`,
or in the version that exported the models. Each is served as `recsys serve` does, and the same
users are asked for in turns, one request at a time, so that whatever else the machine does meets
both alike.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import datetime
import pathlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import orjson
from numpy import typing as npt

from benchmarks import index
from benchmarks.serving import clients, servers, workload
from pipeline import configuration, runs

_STAGES = ("store", "recall", "rank", "total")  # as the gateway measures them
_WHOLE = "whole request"
_WARM_UP = 50
_LOAD_SECONDS = 120


Milliseconds = dict[str, "npt.NDArray[np.float64] | float"]


@dataclasses.dataclass(frozen=True)
class Served:
    """A release that is served.

    Attributes:
      name: of its configuration.
      bodies: requests.
      client: of its gateway.
      server: the gateway, with the models.
    """

    name: str
    bodies: list[bytes]
    client: clients.Http
    server: servers.Server


def main() -> None:
    """Asks both in turns and prints or writes the table."""
    arguments = _arguments()
    with contextlib.ExitStack() as stack:
        both = [
            stack.enter_context(_served(config, arguments.root)) for config in arguments.configs
        ]
        text = _page(both, arguments.requests, asyncio.run(_measure(both, arguments.requests)))
    arguments.output.write_text(text, encoding="utf-8")
    print(text)


@contextlib.contextmanager
def _served(config: str, root: pathlib.Path) -> Iterator[Served]:
    cfg = configuration.load(config)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        setup = workload.Setup.copy(runs.Run(root, cfg.name), pathlib.Path(folder), config)
        _, gateway = stack.enter_context(
            servers.both(servers.ONE, setup.serving, setup.store, setup.logs)
        )
        servers.wait_ready(gateway)
        yield Served(cfg.name, workload.bodies(setup), clients.Http(gateway.port), gateway)


async def _measure(both: Sequence[Served], requests: int) -> dict[str, Milliseconds]:
    """By name: milliseconds of each stage, float64 [requests], and of CPU a request."""
    taken: dict[str, dict[str, list[float]]] = {
        served.name: {stage: [] for stage in (*_STAGES, _WHOLE)} for served in both
    }
    before: dict[str, float] = {}
    for served in both:
        await _wait_whole(served)
    for number in range(-_WARM_UP, requests):
        if number == 0:
            before = {served.name: served.server.cpu_seconds for served in both}
        for served in both if number % 2 else reversed(both):
            started = time.perf_counter()
            answer = await _ask(served, number)
            whole = 1e3 * (time.perf_counter() - started)
            if answer["degraded"]:
                raise RuntimeError(f"{served.name}: {answer['degraded']}")
            if number >= 0:
                for stage in _STAGES:
                    taken[served.name][stage].append(answer["timings_ms"][stage])
                taken[served.name][_WHOLE].append(whole)
    for served in both:
        served.client.close()
    return {
        served.name: {
            **{stage: np.array(ms) for stage, ms in taken[served.name].items()},
            "CPU": 1e3 * (served.server.cpu_seconds - before[served.name]) / requests,
        }
        for served in both
    }


async def _ask(served: Served, number: int) -> dict[str, Any]:
    body = served.bodies[number % len(served.bodies)]
    status, content = await served.client.post("/v1/recommend", body)
    if status != 200:
        raise RuntimeError(f"{served.name}: {content!r}")
    answer: dict[str, Any] = orjson.loads(content)
    return answer


async def _wait_whole(served: Served) -> None:
    """Until both models are loaded."""
    degraded: list[Any] = []
    for _ in range(_LOAD_SECONDS):
        degraded = (await _ask(served, 0))["degraded"]
        if not degraded:
            return
        await asyncio.sleep(1)
    raise RuntimeError(f"{served.name}: {degraded} after {_LOAD_SECONDS} s")


def _page(both: Sequence[Served], requests: int, found: dict[str, Milliseconds]) -> str:
    one, other = (found[served.name] for served in both)
    rows = [
        f"| {name} | {_times(one[name])} | {_times(other[name])} "
        f"| {np.median(other[name]) / np.median(one[name]):.3f} |"
        for name in one
    ]
    today = datetime.datetime.now().astimezone().date()
    names = " | ".join(served.name for served in both)
    return "\n".join(
        [
            "# Latency of a recommendation of two releases",
            "",
            f"Made by `python -m benchmarks.release_latency` on {today}.",
            index.machine(),
            "",
            (
                f"{requests} requests to each gateway, one at a time, in turns; medians and, "
                "in brackets, first deciles; the mean of CPU time."
            ),
            "",
            f"| milliseconds | {names} | ratio |",
            "|:--|--:|--:|--:|",
            *rows,
            "",
        ]
    )


def _times(found: npt.NDArray[np.float64] | float) -> str:
    """The median, and the first decile of several."""
    least = f" ({np.quantile(found, 0.1):.2f})" if np.ndim(found) else ""
    return f"{np.median(found):.2f}{least}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path("runs"))
    parser.add_argument("--configs", nargs=2, required=True, metavar="NAME_OR_FILE")
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--output", type=pathlib.Path, required=True, help="a Markdown file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
