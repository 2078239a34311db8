"""Target positions learnt per second in one run: in-batch and random negatives, RecBole's SASRec.

  python -m benchmarks.training_speed --run runs/movielens-100k --recbole recbole/bin/python

The three take turns, so that a busy machine slows all alike. All have width 64, 2 layers, 2 heads
and a history of 200 events; `random` is the default model with one random negative and BCE. RecBole
runs in an environment of its own, see `recbole_sasrec.py`; without `--recbole` it is left out.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import statistics
import subprocess
from collections.abc import Callable

from benchmarks import recall_accuracy

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
    if options.recbole:
        turns["RecBole 1.2.1 SASRec, CE over all items"] = lambda: _recbole(options.recbole)
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


def _recbole(python: str) -> float:
    script = pathlib.Path(__file__).with_name("recbole_sasrec.py")
    done = subprocess.run(
        [python, "-W", "ignore", str(script)], capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", required=True, help="folder of a finished run of movielens-100k")
    parser.add_argument("--recbole", metavar="PYTHON", help="the Python of RecBole's environment")
    parser.add_argument("--turns", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
