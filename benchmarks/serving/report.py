"""The numbers as Markdown and as a plot."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import importlib.metadata
import math
import os
import pathlib
import platform
import statistics
from collections.abc import Sequence

import matplotlib
import psutil
from matplotlib import figure

from benchmarks.serving import open_loop, trials, workload

PLOT = "latency.png"
_PERCENTILES = ("p50", "p90", "p99")
_COLOURS = ("#4c78a8", "#f58518", "#e45756")
_BUSY_LOAD = 0.5  # average, before anything was started
_BUSY = """
**The machine was busy with other programs**: latencies are longer and rates lower than those of a
free one, and differences between rows are uncertain.
"""
_PACKAGES = ("tensorflow", "grpcio", "fastapi", "uvicorn")


@dataclasses.dataclass(frozen=True)
class Results:
    """All that was measured.

    Attributes:
      latency: by rate, of recall, rank and recommend.
      layouts: of recommend, by layout of the processes.
      batching: the same rates without and with batching.
      candidates: of a rank request.
      load: load averages of a minute before and after.
    """

    latency: list[trials.Row]
    layouts: list[trials.Compared]
    batching: list[trials.Row]
    reloads: trials.Reloads
    kills: trials.Kills
    overload: trials.Overload
    starts: list[float]
    candidates: int
    load: tuple[float, float]


def text(found: Results, command: str) -> str:
    """The page."""
    overload, kills = found.overload, found.kills
    return f"""# The servers under load

Made by `{command}` on {datetime.datetime.now().astimezone().date()}.
{_machine()}; load average {found.load[0]:.1f} before and {found.load[1]:.1f} after.
{_BUSY if found.load[0] > _BUSY_LOAD else ""}
Unless something else is said, the models and the gateway are one process, as `recsys serve` starts
it, and share the cores with the client. The client sends at random times at the offered rate,
whether or not answers come (an open loop), and latency counts from the time at which a request
should have been sent. "Lag" is how late the client itself sent, at most, 99 % of its requests.
Requests are those of users of the data set at the time of their last event; percentiles are those
of good answers, which are whole: nothing degraded. With few requests the p99 is about the slowest
of them.

## Latency against offered load

`recall` and `rank` ({found.candidates} candidates) are asked by gRPC, `recommend` (history lookup,
recall, rank, {workload.ITEMS} items) by HTTP.

![Latency against offered load]({PLOT})

{_rows(found.latency)}

## One process or two

`recommend` of models and gateway in one process, and of two that talk by gRPC, as `recsys serve
--separate` starts them and as TensorFlow Serving runs them. All run, and take turns. "CPU" is what
the processes spent on a recommendation; "capacity" are good answers a second to {trials.CLIENTS}
clients that wait for them.

{_layouts(found.layouts)}

## Batching

The model server as it is, and with `--batching-parameters-file` and the file of
`serving/deploy/tf_serving`; both run, and take turns.

{_rows(found.batching)}

## Releases replaced under load

{_reloads(found.reloads)}

## Killed gateways

{kills.kills} times `kill -9` of the gateway while {trials.WRITERS} clients add events:
{kills.acknowledged:,} events were acknowledged; **{kills.lost} of them are lost**, as a fresh
reading of the store shows.

## Overload

{trials.CLIENTS} clients that wait for their answers get {overload.capacity:.0f} good answers \
a second; {trials.OVERLOAD} times as many are offered.

{_overload(overload)}

## Start

From the start of the process to the first good recommendation: \
{", ".join(f"{seconds:.1f}" for seconds in found.starts)} s.
"""


def plot(rows: Sequence[trials.Row], path: pathlib.Path) -> None:
    """Percentiles against the offered rate, a panel each."""
    with matplotlib.rc_context(
        {
            "font.size": 9,
            "axes.grid": True,
            "grid.alpha": 0.3,
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    ):
        made = figure.Figure(figsize=(9, 3.2), layout="constrained")
        names = list(dict.fromkeys(row.name for row in rows))
        for panel, name in zip(made.subplots(1, len(names), sharey=True, squeeze=False)[0], names):
            of = [row.summary for row in rows if row.name == name]
            for number, percent in enumerate(_PERCENTILES):
                panel.plot(
                    [s.offered for s in of],
                    [s.milliseconds[number] for s in of],
                    label=percent,
                    color=_COLOURS[number],
                    marker="o",
                    markersize=3,
                )
            panel.set(title=name, xlabel="offered requests a second", yscale="log")
            panel.yaxis.set_major_formatter("{x:g}")
        panel.legend(frameon=False)
        made.axes[0].set_ylabel("ms from the intended time")
        made.savefig(path, dpi=110)


def _rows(rows: Sequence[trials.Row]) -> str:
    lines = [
        "| | offered/s | achieved/s | p50 ms | p90 ms | p99 ms | good | requests | lag ms |",
        "|:--|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        s = row.summary
        lines.append(
            f"| {row.name} | {s.offered:.0f} | {s.achieved:.1f} | "
            f"{' | '.join(map(_milliseconds, s.milliseconds))} | "
            f"{_percent(s.shares.get(open_loop.GOOD, 0.0))} | {s.requests:,} | {s.lag:.1f} |"
        )
    return "\n".join(lines)


def _layouts(found: Sequence[trials.Compared]) -> str:
    lines = [
        (
            "| | offered/s | p50 ms | p90 ms | p99 ms | good | CPU ms | capacity/s | MiB | "
            "requests |"
        ),
        "|:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for number in range(len(found[0].rows)):
        for each in found:
            s = each.rows[number].summary
            last = number == len(each.rows) - 1
            capacity, size = (f"{each.capacity:.0f}", f"{each.megabytes:.0f}") if last else ("", "")
            lines.append(
                f"| {each.layout.name} | {s.offered:.0f} | "
                f"{' | '.join(map(_milliseconds, s.milliseconds))} | "
                f"{_percent(s.shares.get(open_loop.GOOD, 0.0))} | {each.cpu[number]:.1f} | "
                f"{capacity} | {size} | {s.requests:,} |"
            )
    return "\n".join(lines)


def _reloads(found: trials.Reloads) -> str:
    """Verdicts, times and memory."""
    lines = [
        (
            f"{len(found.seconds)} new releases were pushed, one after the other, while "
            f"{trials.RELOAD_RATE} recommendations a second and"
        ),
        (
            f"{trials.RELOAD_RATE / 2:g} pairs of calls to the models were sent: recall by its "
            "label, then rank by the version that recall"
        ),
        (
            f"answered with. {found.releases} releases answered. From the end of a push to the "
            "first answer of the new release: median"
        ),
        f"{statistics.median(found.seconds):.1f} s, at most {max(found.seconds):.1f} s.",
        "",
        (
            "| | requests | good | degraded | wrong version | 429/503 or unavailable | failed | "
            "p50 ms | p99 ms |"
        ),
        "|:--|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, outcomes in (("recommend", found.recommend), ("recall, then rank", found.pairs)):
        verdicts = collections.Counter(outcome.answer.verdict for outcome in outcomes)
        failed = verdicts[open_loop.FAILED] + verdicts[open_loop.NOT_SENT]
        s = open_loop.summarize(outcomes, outcomes[-1].intended)
        lines.append(
            f"| {name} | {len(outcomes):,} | {verdicts[open_loop.GOOD]:,} | "
            f"{verdicts[open_loop.DEGRADED]} | {verdicts[open_loop.WRONG]} | "
            f"{verdicts[open_loop.SHED]} | {failed} | {_milliseconds(s.milliseconds[0])} | "
            f"{_milliseconds(s.milliseconds[2])} |"
        )
    problems = [
        o.answer for o in (*found.recommend, *found.pairs) if o.answer.verdict != open_loop.GOOD
    ]
    lines += ["", *(f"- {answer.verdict}: {answer.detail}" for answer in problems[:5]), ""][
        not problems :
    ]
    lines += ["| memory, MiB | before | after |", "|:--|--:|--:|"]
    lines += [
        f"| {name} | {before:.0f} | {after:.0f} |" for name, (before, after) in found.memory.items()
    ]
    return "\n".join(lines)


def _overload(found: trials.Overload) -> str:
    s = found.summary
    shares = [
        s.shares.get(verdict, 0.0)
        for verdict in (
            open_loop.GOOD,
            open_loop.DEGRADED,
            open_loop.SHED,
            open_loop.FAILED,
            open_loop.NOT_SENT,
        )
    ]
    return "\n".join(
        [
            (
                "| offered/s | good answers/s | against capacity | good | degraded | 429/503 | "
                "failed | not sent | p50 ms | p99 ms | lag ms |"
            ),
            "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
            (
                f"| {s.offered:.0f} | {s.achieved:.0f} | {_percent(s.achieved / found.capacity)} | "
                f"{' | '.join(map(_percent, shares))} | {_milliseconds(s.milliseconds[0])} | "
                f"{_milliseconds(s.milliseconds[2])} | {s.lag:.1f} |"
            ),
        ]
    )


def _milliseconds(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.1f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _machine() -> str:
    """Processor, cores, memory and versions."""
    models = [
        line.partition(":")[2].strip()
        for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    return (
        f"{models[0] if models else platform.processor()}, {os.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GB; Python {platform.python_version()}, "
        f"{versions}"
    )
