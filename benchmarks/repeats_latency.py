r"""How long a recommendation takes where items may come back, beside a release where they may not.

  python -m benchmarks.repeats_latency --root runs --configs exclude.yaml allow.yaml \
      --output benchmarks/repeats_latency.md

Two finished runs of the same data and models that differ in `data.repeats` and their `name`. Each
is served as `recsys serve` does, and the same users are asked for in turns, one request at a time,
so that whatever else the machine does meets both alike.
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

import numpy as np
import orjson
import psutil
from numpy import typing as npt

from benchmarks import index
from benchmarks.serving import clients, servers, workload
from pipeline import configuration, runs

_STAGES = ("store", "recall", "rank", "total")  # as the gateway measures them
_WHOLE = "whole request"
_WARM_UP = 50


Milliseconds = dict[str, "npt.NDArray[np.float64] | float"]


@dataclasses.dataclass(frozen=True)
class Served:
    """A release that is served.

    Attributes:
      name: of its configuration.
      bodies: requests.
      client: of its gateway.
      processes: the gateway and the model server.
    """

    name: str
    bodies: list[bytes]
    client: clients.Http
    processes: tuple[psutil.Process, ...]

    def cpu_seconds(self) -> float:
        """That the processes have taken."""
        times = [process.cpu_times() for process in self.processes]
        return float(sum(found.user + found.system for found in times))


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
        models = stack.enter_context(servers.model_server(setup.serving, setup.logs))
        servers.wait_listening(models)
        gateway = stack.enter_context(
            servers.gateway(setup.serving, models, setup.store, setup.logs)
        )
        servers.wait_ready(gateway)
        processes = (psutil.Process(server.process.pid) for server in (models, gateway))
        client = clients.Http(gateway.port)
        yield Served(cfg.name, workload.bodies(setup), client, tuple(processes))


async def _measure(both: Sequence[Served], requests: int) -> dict[str, Milliseconds]:
    """By name: milliseconds of each stage, float64 [requests], and of CPU a request."""
    taken: dict[str, dict[str, list[float]]] = {
        served.name: {stage: [] for stage in (*_STAGES, _WHOLE)} for served in both
    }
    before: dict[str, float] = {}
    for number in range(-_WARM_UP, requests):
        if number == 0:
            before = {served.name: served.cpu_seconds() for served in both}
        for served in both if number % 2 else reversed(both):
            started = time.perf_counter()
            status, body = await served.client.post(
                "/v1/recommend", served.bodies[number % len(served.bodies)]
            )
            whole = 1e3 * (time.perf_counter() - started)
            answer = orjson.loads(body)
            if status != 200 or answer["degraded"]:
                raise RuntimeError(f"{served.name}: {body!r}")
            if number >= 0:
                for stage in _STAGES:
                    taken[served.name][stage].append(answer["timings_ms"][stage])
                taken[served.name][_WHOLE].append(whole)
    for served in both:
        served.client.close()
    return {
        served.name: {
            **{stage: np.array(ms) for stage, ms in taken[served.name].items()},
            "CPU": 1e3 * (served.cpu_seconds() - before[served.name]) / requests,
        }
        for served in both
    }


def _page(both: Sequence[Served], requests: int, found: dict[str, Milliseconds]) -> str:
    one, other = (found[served.name] for served in both)
    rows = [
        f"| {name} | {np.median(one[name]):.2f} | {np.median(other[name]):.2f} "
        f"| {np.median(other[name]) / np.median(one[name]):.3f} |"
        for name in one
    ]
    today = datetime.datetime.now().astimezone().date()
    names = " | ".join(served.name for served in both)
    return "\n".join(
        [
            "# Latency of a recommendation where items may come back",
            "",
            f"Made by `python -m benchmarks.repeats_latency` on {today}.",
            index.machine(),
            "",
            (
                f"{requests} requests to each gateway, one at a time, in turns; medians, and the "
                "mean of the servers' CPU time."
            ),
            "",
            f"| milliseconds | {names} | ratio |",
            "|:--|--:|--:|--:|",
            *rows,
            "",
        ]
    )


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
