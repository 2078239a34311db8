r"""Simulated days: a warm start each day against a full training each day, on the same data.

  python -m benchmarks.daily --days 14 --root /tmp/daily --output benchmarks/daily.tsv
  python -m benchmarks.daily --days 2 -o ranking.enabled=false -o index.body=exact \
    --root /tmp/daily --output daily.tsv

The events of the configuration are divided by time: a first part that is there from the start, and
as many equal parts of the rest (by number of events) as there are days. Each day, `recsys run`
trains on all events so far, and `recsys run --warm-start` on the same, going on from the release of
the day before; the first day's models are the same. Both answer the same held-out requests of that
day: the last event of each user so far. A line a day: both values of the metric, their paired
difference with its 95 % interval over users, and the seconds of whole runs and of trainings alone.

The events have to be one file of delimited text with a header and Unix seconds.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmarks import runs_of
from modules import config, features
from pipeline import configuration, runs
from pipeline.ablation import paired, trial
from pipeline.report import sources

_TRAINERS = ("Trainer", "HoldOutTrainer", "RankTrainer")  # ids begin so
_SEPARATORS = {".inter": "\t", ".tsv": "\t"}


def main() -> None:
    """Runs what is not there, and prints and adds a line a day."""
    arguments = _arguments()
    root = pathlib.Path(arguments.root)
    cfg = configuration.load(arguments.config, arguments.override)
    days = _days(cfg, root / "events", arguments.days, arguments.share)
    for day, file in enumerate(days):
        overrides = [*arguments.override, f"data.events.path={file}"]
        full = _run(arguments.config, overrides, root / "full", warm=False)
        if day == 0:
            if not (root / "warm").exists():
                shutil.copytree(root / "full", root / "warm")
            continue
        overrides += arguments.warm
        warm = _run(arguments.config, overrides, root / "warm", warm=True)
        row = {"day": day, **_compared(full, warm, cfg)}
        runs_of.append(pathlib.Path(arguments.output), row)
        print(
            "\t".join(
                f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()
            )
        )


@dataclasses.dataclass(frozen=True)
class Done:
    """A run: what it found, and what it took."""

    found: sources.Artifacts
    seconds: float
    cpu_seconds: float

    @property
    def training_seconds(self) -> float:
        return sum(
            e.seconds
            for e in self.found.pipeline_run.executions
            if e.component.startswith(_TRAINERS) and "Base" not in e.component
        )


def _days(cfg: config.Config, folder: pathlib.Path, days: int, share: float) -> list[pathlib.Path]:
    """Files of the events so far: those of the start, and of each day."""
    source = pathlib.Path(cfg.data.events.path)
    read = {"sep": _SEPARATORS.get(source.suffix, ","), "dtype": str, "keep_default_na": False}
    events = pd.read_csv(source, **read)
    (time_column,) = (name for name, c in cfg.data.events.columns.items() if c.role == "timestamp")
    typed = {name.partition(":")[0]: name for name in events.columns}  # as RecBole writes them
    moments = events[typed[time_column]].astype(float)
    bounds = np.quantile(moments, 1 - share * (1 - np.arange(days + 1) / days))
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for day, bound in enumerate(bounds):
        file = folder / f"{day}{source.suffix}"
        if not file.exists():
            events[moments <= bound].to_csv(file, sep=read["sep"], index=False)
        files.append(file)
    return files


def _run(config_name: str, overrides: Sequence[str], root: pathlib.Path, *, warm: bool) -> Done:
    """One run in a process of its own."""
    options = [text for override in overrides for text in ("-o", override)]
    command = [sys.executable, "-m", "pipeline.cli", "run", "--config", config_name, *options]
    command += ["--root", str(root), *(["--warm-start"] if warm else [])]
    root.mkdir(parents=True, exist_ok=True)
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with (root / "log.txt").open("ab") as log:
        done = subprocess.run(command, stdout=log, stderr=log, check=False, env=os.environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed; see {root / 'log.txt'}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    name = configuration.load(config_name, overrides).name
    return Done(sources.of(runs.Run(root, name)), time.monotonic() - started, cpu)


def _compared(full: Done, warm: Done, cfg: config.Config) -> dict[str, float]:
    metric, two_stages = cfg.evaluation.primary, cfg.ranking.enabled
    tables, digests = zip(
        *(
            trial.requests(done.found, features.SPLIT_TEST, two_stages=two_stages)
            for done in (full, warm)
        )
    )
    if len(set(digests)) > 1:
        raise SystemExit("the two runs were asked different requests.")
    values = [
        paired.by_user(table[trial.USER_ID].to_pylist(), np.asarray(table[metric]))
        for table in tables
    ]
    difference = paired.interval((values[1] - values[0])[np.newaxis])
    return {
        f"{metric} full": float(values[0].mean()),
        f"{metric} warm": float(values[1].mean()),
        "difference": difference.mean,
        "low": difference.low,
        "high": difference.high,
        "seconds full": full.seconds,
        "seconds warm": warm.seconds,
        "CPU seconds full": full.cpu_seconds,
        "CPU seconds warm": warm.cpu_seconds,
        "training seconds full": full.training_seconds,
        "training seconds warm": warm.training_seconds,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", default="movielens-100k")
    parser.add_argument("-o", dest="override", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument(
        "--warm", action="append", default=[], metavar="KEY=VALUE", help="of warm starts alone"
    )
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument(
        "--share", type=float, default=0.3, help="of the events that the days bring (default 0.3)"
    )
    parser.add_argument("--root", required=True, help="folder for the runs of both")
    parser.add_argument("--output", required=True, help="TSV to add to")
    return parser.parse_args()


if __name__ == "__main__":
    main()
