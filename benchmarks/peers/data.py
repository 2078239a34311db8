"""What a finished run gives the peers: interactions, and candidates with the ranker's features."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from numpy import typing as npt
from tfx.utils import path_utils

from modules import config, features, repeats, requests
from modules.index import export as index_export
from modules.ranking import examples as candidate_examples
from modules.ranking import lists, request_graph, tabulate, trainer
from modules.ranking import model as rank_model
from modules.ranking import statistics as statistics_lib
from pipeline import dag, run_files, runs
from pipeline.components import statistics as statistics_component
from pipeline.report import sources

HELD_OUT = (features.SPLIT_VALID, features.SPLIT_TEST)


@dataclasses.dataclass(frozen=True)
class Interactions:
    """Who had what, in numbers.

    Attributes:
      users: ids by number.
      items: ids by number.
      train: (user, item) of each training event, a user's in their order, int64 [2, events].
      held_out: by split the item held out of each user, -1 for none, int64 [users].
    """

    users: list[str]
    items: list[str]
    train: npt.NDArray[np.int64]
    held_out: dict[str, npt.NDArray[np.int64]]

    def write(self, file: pathlib.Path) -> None:
        """As `collaborative.py` reads it."""
        np.savez(
            file,
            users=len(self.users),
            items=len(self.items),
            train_user=self.train[0],
            train_item=self.train[1],
            **{f"{split}_item": items for split, items in self.held_out.items()},
        )


def interactions(run: runs.Run) -> Interactions:
    """Of a run with one held-out event a user and split."""
    catalogue = map(
        requests.read_raw_example, run_files.serialized_examples(run, features.SPLIT_CATALOGUE)
    )
    items = [example[features.ITEM_ID][0].decode() for example in catalogue]
    number = {item: n for n, item in enumerate(items)}
    events: dict[str, dict[int, int]] = {}  # user -> number of the event -> item
    for example in _read(run, features.SPLIT_TRAIN):
        own = events.setdefault(_user(example), {})
        start = example[features.WINDOW_START][0]
        for n, item in enumerate(_items(example)):
            if item in number:
                own[start + n] = number[item]
    targets = {
        split: {_user(e): number.get(_items(e)[-1], -1) for e in _read(run, split)}
        for split in HELD_OUT
    }
    users = sorted(events)
    train = [(u, i) for u, user in enumerate(users) for _, i in sorted(events[user].items())]
    return Interactions(
        users,
        items,
        np.array(train).T,
        {
            split: np.array([found.get(user, -1) for user in users])
            for split, found in targets.items()
        },
    )


def write_lists(run: runs.Run, cfg: config.Config, file: pathlib.Path) -> list[str]:
    """Writes the ranker's lists as `lambdamart.py` reads them; returns the test requests' users.

    For each split `<split>_features` [requests, candidates, F] (statistics, then recall's score and
    rank), `<split>_given` (whether there is a candidate) and `<split>_target` (its place, or -1).
    """
    found = sources.of(run)
    settings = trainer.read_settings(dag.rank_trainer_config(cfg))
    files = {
        split: _files(found.artifact(sources.CANDIDATES, "candidates").path, split)
        for split in (features.SPLIT_TRAIN, *HELD_OUT)
    }
    settings = dataclasses.replace(
        settings, data=repeats.resolve(settings.data, files[features.SPLIT_VALID])
    )
    transformed = found.artifact("Transform", "transformed_examples").path
    prepared = trainer.prepare(
        settings=settings,
        transform=tft.TFTransformOutput(str(found.artifact("Transform", "transform_graph").path)),
        train_files=files[features.SPLIT_TRAIN],
        valid_files=[*files[features.SPLIT_VALID], *files[features.SPLIT_TEST]],
        catalogue_files=_files(transformed, features.SPLIT_CATALOGUE),
        vectors=_vectors(found),
        statistics=_statistics(found.artifact(sources.INTERACTION_STATISTICS, "statistics").path),
    )
    held_out = [list(candidate_examples.read(files[split])) for split in HELD_OUT]
    cut = len(held_out[0])
    arrays: dict[str, Any] = _arrays(
        features.SPLIT_TRAIN, prepared.train, range(prepared.train.size)
    )
    arrays |= _arrays(features.SPLIT_VALID, prepared.valid, range(cut))
    arrays |= _arrays(features.SPLIT_TEST, prepared.valid, range(cut, prepared.valid.size))
    np.savez(file, **arrays)
    return [_user(example) for example in held_out[1]]


def _arrays(split: str, found: lists.Lists, rows: range) -> dict[str, npt.NDArray[Any]]:
    read = found.rows(np.array(rows))
    parts = [read[name] for name in (request_graph.STATISTICS, request_graph.RECALL)]
    targets = read[rank_model.TARGET]
    if targets.shape[1] != 1:
        raise SystemExit("peers: expected one held-out event a request (split.unit: event).")
    return {
        f"{split}_features": np.concatenate(parts, axis=-1),
        f"{split}_given": read[request_graph.CANDIDATES] > 0,
        f"{split}_target": targets[:, 0],
    }


def _vectors(found: sources.Artifacts) -> dict[bytes, npt.NDArray[np.float32]]:
    folder = found.artifact("HoldOutTrainer_0", "model").path
    model = tf.saved_model.load(path_utils.serving_model_path(str(folder)))
    return dict(zip(*index_export.candidates(model)))


def _statistics(folder: pathlib.Path) -> dict[int, statistics_lib.Statistics]:
    final = tabulate.read(str(folder / statistics_component.FINAL))
    part = tabulate.read(str(folder / statistics_component.part_folder(0)))
    return {trainer.FINAL: final, 0: part}


def _files(folder: pathlib.Path, split: str) -> list[str]:
    return [os.path.join(folder, f"Split-{split}", "*")]


def _read(run: runs.Run, split: str) -> Iterable[requests.RawExample]:
    return map(requests.read_raw_example, run_files.serialized_examples(run, split))


def _user(example: requests.RawExample) -> str:
    user: str = example[features.USER_ID][0].decode()
    return user


def _items(example: requests.RawExample) -> Sequence[str]:
    return [item.decode() for item in example[features.EVENT_ITEM_ID]]
