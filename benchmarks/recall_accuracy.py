r"""Accuracy and speed of the recall model, by switch and seed: the ablation table.

Trains on the Transform output of a finished run, without the rest of the pipeline:

  python -m benchmarks.recall_accuracy --run runs/movielens-100k --output results.tsv --seeds 1 2 3
  python -m benchmarks.recall_accuracy --run runs/movielens-100k --output wide.tsv --only default \
    -o model.dim=128

Or prints the command that runs the whole pipeline with a variant, in a folder of its own:

  python -m benchmarks.recall_accuracy --print "existing recommender"

A line of the output holds the variant, the seed, the epochs trained, the metrics of the exported
weights on validation and test, the seconds of training and the target positions per second. Choose
on validation.
"""

from __future__ import annotations

import argparse
import pathlib
import shlex
import statistics
import tempfile
from collections.abc import Sequence

import tensorflow_transform as tft

from benchmarks import runs_of
from modules import features, strict
from modules.recall import input_data, loop, trainer
from modules.recall import model as model_lib
from pipeline import configuration

METRICS = ("NDCG@10", "HR@10", "HR@200")

# The recommender that was there before: SASRec-like, Post-LayerNorm, one random negative, a
# constant rate.
EXISTING = (
    "model.dim=32",
    "model.layers=1",
    "model.dropout=0.2",
    "model.feed_forward=1",
    "model.norm_first=false",
    "model.normalise=false",
    "model.relative_positions=false",
    "model.relative_time=false",
    "model.time_features=false",
    "model.request_time=false",
    "model.event_features=false",
    "model.context_features=false",
    "model.user_features=false",
    "model.item_features=false",
    "training.negatives=random",
    "training.loss=bce",
    "training.lr_schedule=constant",
    "training.learning_rate=0.002",
    "training.shuffle_ties=false",
    "training.initial_vectors=random",
    "training.epochs=120",
    "training.early_stopping.patience=15",
)

VARIANTS: dict[str, tuple[str, ...]] = {
    "default": (),
    "no request time": ("model.request_time=false",),
    "no time at all": ("model.request_time=false", "model.time_features=false"),
    "Post-LayerNorm": ("model.norm_first=false",),
    "constant rate": ("training.lr_schedule=constant",),
    "plain dot product": ("model.normalise=false", "training.temperature=1.0"),
    "no item features": ("model.item_features=false",),
    "no user features": ("model.user_features=false",),
    "no event features": ("model.event_features=false",),
    "own positives as negatives": ("training.mask_own_positives=false",),
    "no logQ": ("training.logq_correction=false",),
    "no relative positions": ("model.relative_positions=false",),
    "no relative time": ("model.relative_time=false",),
    "ties in file order": ("training.shuffle_ties=false",),
    "ties shuffled": ("training.shuffle_ties=true",),
    "initial vectors of co-occurrence": ("training.initial_vectors=co_occurrence",),
    "a candidate a target": ("training.candidates=targets",),
    "random negatives": ("training.negatives=random", "training.loss=bce", "model.normalise=false"),
    "existing recommender": EXISTING,
}


def main() -> None:
    """Measures the variants, each with all seeds; adds the lines and prints the means."""
    arguments = _arguments()
    if arguments.print:
        print(command(arguments.print, arguments.config, arguments.override))
        return
    chosen = {n: VARIANTS[n] for n in arguments.only or VARIANTS}
    for name, overrides in chosen.items():
        rows = []
        for seed in arguments.seeds:
            everything = [*overrides, *arguments.override, f"training.seed={seed}"]
            rows.append(
                measure(settings(arguments.config, everything), pathlib.Path(arguments.run))
            )
            runs_of.append(
                pathlib.Path(arguments.output), {"variant": name, "seed": seed, **rows[-1]}
            )
        mean = {key: statistics.mean(row[key] for row in rows) for key in rows[0]}
        print(
            f"== {name}, mean of {len(rows)}: "
            + ", ".join(f"{key} {value:.4f}" for key, value in mean.items()),
            flush=True,
        )


def command(variant: str, config: str, overrides: Sequence[str] = ()) -> str:
    """Shell command to run the pipeline with a variant, named to keep other runs' models apart."""
    name = f"{configuration.load(config).name}-{variant.lower().replace(' ', '-')}"
    options = [f"-o {shlex.quote(o)}" for o in (f"name={name}", *VARIANTS[variant], *overrides)]
    lines = [f".venv/bin/recsys run --config {shlex.quote(config)}"]
    for option in options:
        if len(lines[-1]) + len(option) > 107:
            lines.append(" ")
        lines[-1] += f" {option}"
    return " \\\n".join(lines)


def settings(config: str, overrides: Sequence[str]) -> model_lib.Settings:
    """What the Trainer would read of a configuration."""
    cfg = configuration.load(config, overrides)
    return trainer.read_settings({n: strict.to_plain(getattr(cfg, n)) for n in trainer.SECTIONS})


def measure(settings: model_lib.Settings, run: pathlib.Path) -> dict[str, float]:
    """Trains once; the metrics are those of the weights that would be exported."""
    graph, examples = (
        runs_of.latest(run / "artifacts" / "Transform" / name)
        for name in ("transform_graph", "transformed_examples")
    )
    transform = tft.TFTransformOutput(str(graph))
    files = {
        split: [str(examples / f"Split-{split}" / "*")]
        for split in (*features.SEQUENCE_SPLITS, features.SPLIT_CATALOGUE)
    }
    with tempfile.TemporaryDirectory() as checkpoints:
        model, history = trainer.train(
            settings=settings,
            transform=transform,
            train_files=files[features.SPLIT_TRAIN],
            catalogue_files=files[features.SPLIT_CATALOGUE],
            valid_files=files[features.SPLIT_VALID],
            checkpoint_folder=checkpoints,
        )
    result: dict[str, float] = {"epochs": len(history)}
    for split in (features.SPLIT_VALID, features.SPLIT_TEST):
        layout = input_data.Layout.of(settings.data, settings.features.max_history)
        sequences = input_data.sequences(
            files[split],
            transform.transformed_feature_spec(),
            layout,
            model.items + 1,
            only_last=True,
        )
        _, metrics = loop.Validation(model, input_data.batches(sequences, layout, 8192), "loss")()
        result |= {f"{split} {name}": metrics[name] for name in METRICS}
    result["seconds"] = sum(e.seconds for e in history)
    result["positions/s"] = statistics.median(e.positions_per_second for e in history)
    return result


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--print", choices=list(VARIANTS), help="the command of a variant, and train nothing"
    )
    parser.add_argument("--run", help="folder of a finished run")
    parser.add_argument("--config", default="movielens-100k")
    parser.add_argument("--output", help="a TSV file, appended to")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), help="variants; default all")
    parser.add_argument("-o", "--override", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    if not (arguments.print or (arguments.run and arguments.output)):
        parser.error("expected --run and --output, or --print")
    return arguments


if __name__ == "__main__":
    main()
