r"""Gain of the ranker over recall's own order, by switch: the ablation table of the second stage.

Trains rankers on what a finished run found, without the rest of the pipeline:

  python -m benchmarks.rank_accuracy --run runs/movielens-100k --output results.tsv
  python -m benchmarks.rank_accuracy --run runs/movielens-100k --output wide.tsv --only default \
    -o ranking.model.dim=64

The ranker's training requests are divided by user into folds; a ranker that learns from all others
ranks each fold, and the paired difference to recall's order is averaged over requests, those that
recall missed among them, with a standard error that draws whole users. That is more precise than
the validation split, which has one request a user; the released model learns from more requests
than these rankers. Epochs are fixed, so nothing is chosen by a fold.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import pathlib
import tempfile
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from numpy import typing as npt
from tfx.utils import path_utils

from benchmarks import runs_of
from modules import features, requests
from modules.index import export as index_export
from modules.ranking import candidates, tabulate, trainer
from modules.recall import evaluation
from pipeline import configuration, dag
from pipeline.components import statistics as statistics_component

METRICS = ("NDCG@10", "HR@10")
PART = 0  # the hold-out part that is looked at
FIXED = ("ranking.training.early_stopping.enabled=false",)

VARIANTS: dict[str, tuple[str, ...]] = {
    "default": (),
    "no crosses": ("ranking.model.crosses=false",),
    "no context": ("ranking.model.context=false",),
    "no statistics": ("ranking.model.statistics=false",),
    "no target attention": ("ranking.model.target_attention=false",),
    "no recall score": ("ranking.model.recall_score=false",),
    "no profile": ("ranking.model.profile=false",),
    "no item features": ("ranking.model.item_features=false",),
    "no item vectors": ("ranking.model.item_vectors=false",),
    "no cross layers": ("ranking.model.cross_layers=0",),
    "the whole attention vector": ("ranking.model.attention_vector=true",),
    "no feature dropout": ("ranking.model.feature_dropout=0",),
    "statistics without EASE": ("ranking.statistics.similarity_items=0",),
    "pointwise BCE": ("ranking.training.loss=bce",),
    "missed positives too": ("ranking.training.missed_positives=true",),
    "constant rate": ("ranking.training.lr_schedule=constant",),
}


def main() -> None:
    """Measures the variants, adds a line for each to the output and prints it."""
    arguments = _arguments()
    found = Found(pathlib.Path(arguments.run), arguments.config)
    with tempfile.TemporaryDirectory() as folder:
        folds = found.write_folds(pathlib.Path(folder), arguments.folds)
        for name in arguments.only or VARIANTS:
            overrides = [*VARIANTS[name], *FIXED, *arguments.override]
            row = {"variant": name, **measure(found, folds, overrides)}
            runs_of.append(pathlib.Path(arguments.output), row)
            print(
                "== "
                + ", ".join(f"{k} {v:+.4f}" if isinstance(v, float) else v for k, v in row.items()),
                flush=True,
            )


@dataclasses.dataclass(frozen=True)
class Fold:
    """The requests of some users.

    Attributes:
      learned: file to learn from, where targets that recall missed stand last.
      measured: file of the same requests, with the candidates as recall gave them.
      users: of each request a number, int64 [n].
    """

    learned: str
    measured: str
    users: npt.NDArray[np.int64]


class Found:
    """What a finished run holds for the ranker."""

    def __init__(self, run: pathlib.Path, config: str) -> None:
        latest: Callable[..., str] = lambda *path: str(
            runs_of.latest(run.joinpath("artifacts", *path))
        )
        self.config = config
        self.candidates = latest("Candidates", "candidates")
        self.transform = tft.TFTransformOutput(latest("Transform", "transform_graph"))
        examples = latest("Transform", "transformed_examples")
        self.catalogue = os.path.join(examples, f"Split-{features.SPLIT_CATALOGUE}", "*")
        statistics = os.path.join(
            latest("InteractionStatistics", "statistics"), statistics_component.part_folder(PART)
        )
        self.statistics = tabulate.read(statistics)
        model = tf.saved_model.load(
            path_utils.serving_model_path(latest(f"HoldOutTrainer_{PART}", "model"))
        )
        self.vectors = dict(zip(*index_export.candidates(model)))

    def write_folds(self, folder: pathlib.Path, number: int) -> list[Fold]:
        """Divides the requests by user, in turn."""
        kinds = {
            kind: [str(folder / f"{kind}-{n}.gz") for n in range(number)]
            for kind in ("learned", "measured")
        }
        learned, measured = (
            [tf.io.TFRecordWriter(f, "GZIP") for f in files] for files in kinds.values()
        )
        users: list[list[int]] = [[] for _ in range(number)]
        numbers: dict[bytes, int] = {}
        for serialized in self._requests():
            example = requests.read_raw_example(serialized)
            if example[features.PART][0] == PART:
                user = numbers.setdefault(example[features.USER_ID][0], len(numbers))
                learned[user % number].write(serialized)
                measured[user % number].write(as_recall_answered(serialized))
                users[user % number].append(user)
        for writer in (*learned, *measured):
            writer.close()
        return [
            Fold(learn, measure, np.array(own))
            for learn, measure, own in zip(*kinds.values(), users)
        ]

    def _requests(self) -> Iterator[bytes]:
        pattern = os.path.join(self.candidates, f"Split-{features.SPLIT_TRAIN}", "*")
        found: Iterator[bytes] = tf.data.TFRecordDataset(
            tf.io.gfile.glob(pattern), "GZIP"
        ).as_numpy_iterator()
        return found


def as_recall_answered(serialized: bytes) -> bytes:
    """An example of Candidates without the targets that were put last, where recall missed them."""
    example = tf.train.Example.FromString(serialized)
    found = example.features.feature
    for n, added in enumerate(found[features.POSITIVE_ADDED].int64_list.value):
        if added:
            del found[features.CANDIDATE_ITEM_ID].bytes_list.value[-1]
            del found[features.RECALL_SCORE].float_list.value[-1]
            found[features.POSITIVE_ADDED].int64_list.value[n] = 0
            found[features.TARGET_PLACE].int64_list.value[n] = candidates.NOT_FOUND
    content: bytes = example.SerializeToString(deterministic=True)
    return content


def measure(found: Found, folds: Sequence[Fold], overrides: Sequence[str]) -> dict[str, float]:
    """The gain over recall's order of each metric, and its standard error."""
    cfg = configuration.load(found.config, overrides)
    settings = trainer.read_settings(dag.rank_trainer_config(cfg))
    gains: dict[str, list[npt.NDArray[np.float64]]] = {metric: [] for metric in METRICS}
    for fold in folds:
        with tempfile.TemporaryDirectory() as checkpoints:
            trained = trainer.train(
                settings=settings,
                transform=found.transform,
                train_files=[other.learned for other in folds if other is not fold],
                valid_files=[fold.measured],
                catalogue_files=[found.catalogue],
                vectors=found.vectors,
                statistics={PART: found.statistics, trainer.FINAL: found.statistics},
                checkpoint_folder=checkpoints,
            )
        recall = _recall_places(fold.measured)
        for metric in METRICS:
            gains[metric].append(_values(metric, trained.places) - _values(metric, recall))
    users = np.concatenate([fold.users for fold in folds])
    result: dict[str, float] = {}
    for metric, parts in gains.items():
        result |= {
            metric: float(np.concatenate(parts).mean()),
            f"se {metric}": _standard_error(np.concatenate(parts), users),
        }
    return result


def _recall_places(file: str) -> npt.NDArray[np.float64]:
    """1-based places in recall's order."""
    examples = map(
        requests.read_raw_example, tf.data.TFRecordDataset(file, "GZIP").as_numpy_iterator()
    )
    places = np.array([example[features.TARGET_PLACE][0] for example in examples])
    return np.where(places >= 0, places + 1.0, np.inf)


def _values(metric: str, places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.array([evaluation.metric(metric, place[np.newaxis]) for place in places])


def _standard_error(gains: npt.NDArray[np.float64], users: npt.NDArray[np.int64]) -> float:
    """Of the mean over requests, whose users are drawn as a whole (linearised ratio of sums)."""
    sums = np.bincount(users, gains - gains.mean())
    return float(np.sqrt(np.sum(sums**2)) / len(gains))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", required=True, help="folder of a finished run")
    parser.add_argument("--config", default="movielens-100k")
    parser.add_argument("--output", required=True, help="a TSV file, appended to")
    parser.add_argument("--folds", type=int, default=2, help="of users")
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), help="variants; default all")
    parser.add_argument("-o", "--override", action="append", default=[], metavar="KEY=VALUE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
