"""Starts the servers from a copy of a run and measures latency, reloads, kills, overload and start.

  python -m benchmarks.serving --root runs --config movielens-100k --output benchmarks/serving

Takes less than ten minutes, with --quick two. Only loopback is used, and the run is not changed.
`--against` measures the servers of another checkout, with two processes, in turns with these.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import os
import pathlib
import shlex
import tempfile
from collections.abc import Mapping

from benchmarks.serving import clients, report, servers, trials, workload
from pipeline import configuration, runs


@dataclasses.dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
      latency: seconds by offered rate.
      layouts: seconds by offered rate.
      batching: seconds by offered rate.
      reloads: how often releases are replaced.
      kills: how often the gateway is killed.
      starts: how often the servers are started.
      overload: seconds.
    """

    latency: Mapping[int, float]
    layouts: Mapping[int, float]
    batching: Mapping[int, float]
    reloads: int
    kills: int
    starts: int
    overload: float


FULL = Plan(
    latency={5: 8, 10: 8, 20: 12, 40: 5, 60: 5, 80: 5},
    layouts={5: 10, 20: 12, 40: 8, 80: 5},
    batching={20: 4, 80: 4, 160: 4},
    reloads=20,
    kills=20,
    starts=3,
    overload=10,
)
QUICK = Plan(
    latency={10: 2, 40: 2},
    layouts={20: 2},
    batching={40: 2},
    reloads=2,
    kills=2,
    starts=1,
    overload=3,
)


async def measure(
    setup: workload.Setup, plan: Plan, against: servers.Layout | None
) -> report.Results:
    """All trials, one after the other."""
    before = os.getloadavg()[0]
    with (
        servers.model_server(setup.serving, setup.logs) as models,
        servers.model_server(setup.serving, setup.logs, batching=True) as batching,
    ):
        servers.wait_listening(models)
        servers.wait_listening(batching)
        opened = clients.Models(models.port)
        asked = await workload.Requests.make(setup, opened)
        await opened.close()
        print("batching", flush=True)
        together = await _batching(models, batching, asked, setup, plan)
    starts = [await trials.start(setup, asked.recommend[0]) for _ in range(plan.starts)]
    print(*starts, sep="\n", flush=True)
    print("layouts", flush=True)
    layouts = [servers.ONE, servers.TWO, *([] if against is None else [against])]
    compared = await trials.compare(setup, layouts, asked, plan.layouts)
    with servers.both(servers.ONE, setup.serving, setup.store, setup.logs) as (models, gateway):
        servers.wait_ready(gateway)
        print("latency, overload", flush=True)
        async with trials.calls(models, gateway, asked, {setup.first}) as calls:
            latency = [
                await trials.offer(name, call, rate, seconds)
                for name, call in calls.items()
                for rate, seconds in plan.latency.items()
            ]
            overload = await trials.overload(calls[trials.RECOMMEND], plan.overload)
        print("reloads", flush=True)
        reloads = await trials.reloads(setup, models, gateway, asked, plan.reloads)
    print("kills", flush=True)
    with servers.model_server(setup.serving, setup.logs) as models:  # it need not start each time
        servers.wait_listening(models)
        kills = await trials.kills(setup, models, plan.kills)
    return report.Results(
        latency,
        compared,
        together,
        reloads,
        kills,
        overload,
        starts,
        asked.candidates,
        (before, os.getloadavg()[0]),
    )


async def _batching(
    models: servers.Server,
    batching: servers.Server,
    asked: workload.Requests,
    setup: workload.Setup,
    plan: Plan,
) -> list[trials.Row]:
    """Each rate without and with batching, in turns."""
    async with (
        trials.calls(models, None, asked, {setup.first}) as alone,
        trials.calls(batching, None, asked, {setup.first}) as together,
    ):
        return [
            await trials.offer(f"{name}{how}", calls[name], rate, seconds)
            for name in alone
            for rate, seconds in plan.batching.items()
            for how, calls in (("", alone), (", batching", together))
        ]


def main() -> None:
    """Measures a copy of the run; prints the page, and writes it with its plot if asked to."""
    arguments = _arguments()
    cfg = configuration.load(arguments.config)
    command = "python -m benchmarks.serving " + shlex.join(
        [
            "--root",
            "runs",
            "--config",
            arguments.config,
            *(["--quick"] if arguments.quick else []),
            *(["--against", arguments.against_name] if arguments.against else []),
            "--output",
            "benchmarks/serving",
        ]
    )
    with tempfile.TemporaryDirectory() as folder:
        setup = workload.Setup.copy(
            runs.Run(arguments.root, cfg.name), pathlib.Path(folder), arguments.config
        )
        against = arguments.against and servers.Layout(
            f"two processes, {arguments.against_name}", False, arguments.against.resolve()
        )
        found = asyncio.run(measure(setup, QUICK if arguments.quick else FULL, against))
    text = report.text(found, command)
    print(text)
    if arguments.output:
        arguments.output.mkdir(parents=True, exist_ok=True)
        (arguments.output / "README.md").write_text(text, encoding="utf-8")
        report.plot(found.latency, arguments.output / report.PLOT)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.serving",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--root", required=True, help="where runs live, each in ROOT/NAME")
    parser.add_argument("--config", default="movielens-100k")
    parser.add_argument("--against", type=pathlib.Path, help="a checkout of another version")
    parser.add_argument("--against-name", default="before", help="what the page calls it")
    parser.add_argument("--quick", action="store_true", help="a minute, to see that it works")
    parser.add_argument("--output", type=pathlib.Path, help="folder for README.md and the plot")
    return parser.parse_args()


if __name__ == "__main__":
    main()
