"""Target positions learnt per second in one run: ours, a plain SASRec in PyTorch, and RecBole's.

  python -m benchmarks.training_speed --root runs --pytorch recbole/bin/python \
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
import tempfile
from collections.abc import Callable

import tensorflow_transform as tft

from modules import features, strict
from modules.recall import trainer
from pipeline import configuration, runs
from pipeline.report import sources

CONFIG = "movielens-100k"
EPOCHS = 3  # a turn; the median counts, so the first, which compiles, does not
OVERRIDES = {
    "in-batch negatives, InfoNCE (default)": (),
    "one random negative, BCE": (
        "training.negatives=random",
        "training.loss=bce",
        "model.normalise=false",
    ),
}


def main() -> None:
    """Times the variants in turns and prints a table."""
    options = _options()
    turns: dict[str, Callable[[], float]] = {
        name: lambda overrides=overrides: _ours(options.root, overrides)  # type: ignore[misc]
        for name, overrides in OVERRIDES.items()
    }
    if options.pytorch:
        data = configuration.load(CONFIG).data.events.path
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


def _ours(root: str, overrides: tuple[str, ...]) -> float:
    """Trains on the Transform output of a finished run; the median of the epochs."""
    short = (f"training.epochs={EPOCHS}", "training.early_stopping.enabled=false")
    cfg = configuration.load(CONFIG, [*overrides, *short])
    found = sources.of(runs.Run(root, cfg.name))
    graph, examples = (
        found.artifact("Transform", name).path
        for name in ("transform_graph", "transformed_examples")
    )
    files = {
        split: [str(examples / f"Split-{split}" / "*")]
        for split in (*features.SEQUENCE_SPLITS, features.SPLIT_CATALOGUE)
    }
    with tempfile.TemporaryDirectory() as checkpoints:
        _, history = trainer.train(
            settings=trainer.read_settings(
                {name: strict.to_plain(getattr(cfg, name)) for name in trainer.SECTIONS}
            ),
            transform=tft.TFTransformOutput(str(graph)),
            train_files=files[features.SPLIT_TRAIN],
            catalogue_files=files[features.SPLIT_CATALOGUE],
            valid_files=files[features.SPLIT_VALID],
            checkpoint_folder=checkpoints,
        )
    return statistics.median(epoch.positions_per_second for epoch in history)


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
    parser.add_argument("--root", default="runs", help="folder of a finished run (default runs)")
    parser.add_argument("--pytorch", metavar="PYTHON", help="a Python that has PyTorch")
    parser.add_argument("--recbole", metavar="PYTHON", help="the Python of RecBole's environment")
    parser.add_argument("--turns", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
