"""Target positions learnt per second in one run: ours, a plain SASRec in PyTorch, and RecBole's.

  python -m benchmarks.training_speed --run runs/movielens-100k --pytorch recbole/bin/python \
    --recbole recbole/bin/python

They take turns, so that a busy machine slows all alike. All have the default's width, layers and
heads and a history of 200 events; "one random negative" is the default model with BCE. The others
run in an environment of their own, see `recbole_sasrec.py`; without their option they are left out.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import statistics
import subprocess
from collections.abc import Callable

from benchmarks import recall_accuracy
from pipeline import configuration

EPOCHS = 3  # a turn; the median counts, so the first, which compiles, does not
OVERRIDES = {
    "in-batch negatives, InfoNCE (default)": (),
    "one random negative, BCE": recall_accuracy.VARIANTS["random negatives"],
}


def main() -> None:
    """Times the variants in turns and prints a table."""
    options = _options()
    turns: dict[str, Callable[[], float]] = {
        name: lambda overrides=overrides: _ours(pathlib.Path(options.run), overrides)  # type: ignore[misc]
        for name, overrides in OVERRIDES.items()
    }
    if options.pytorch:
        data = configuration.load("movielens-100k").data.events.path
        turns["plain SASRec in PyTorch, in-batch negatives, InfoNCE"] = lambda: _other(
            options.pytorch, "pytorch_sasrec.py", data
        )
    if options.recbole:
        turns["RecBole 1.2.1 SASRec, CE over all items"] = lambda: _other(
            options.recbole, "recbole_sasrec.py"
        )
    speeds: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(options.turns):
        for name, measure in turns.items():
            speeds[name].append(measure())
    first = statistics.median(speeds[next(iter(turns))])
    print(
        f"\n| {options.turns} turns on {os.cpu_count()} cores | target positions/s, median "
        "(range) | ratio |"
    )
    print("|---|--:|--:|")
    for name, found in speeds.items():
        middle = statistics.median(found)
        print(
            f"| {name} | {middle:,.0f} ({min(found):,.0f} to {max(found):,.0f}) | "
            f"{middle / first:.3f} |"
        )


def _ours(run: pathlib.Path, overrides: tuple[str, ...]) -> float:
    short = (f"training.epochs={EPOCHS}", "training.early_stopping.enabled=false")
    settings = recall_accuracy.settings("movielens-100k", [*overrides, *short])
    return recall_accuracy.measure(settings, run)["positions/s"]


def _other(python: str, name: str, *arguments: str) -> float:
    script = pathlib.Path(__file__).with_name(name)
    done = subprocess.run(
        [python, "-W", "ignore", str(script), *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", required=True, help="folder of a finished run of movielens-100k")
    parser.add_argument("--pytorch", metavar="PYTHON", help="a Python that has PyTorch")
    parser.add_argument("--recbole", metavar="PYTHON", help="the Python of RecBole's environment")
    parser.add_argument("--turns", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
