"""Ranker training data: `Candidates` requests put through the serving graph once, kept in memory.

Beside what request_graph makes, a batch holds the places of the targets among the candidates, how
many targets there are, the request's weight, and the labels of the objectives (see model.py).
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy import typing as npt

from modules import features, objectives, requests
from modules.ranking import examples as candidate_examples
from modules.ranking import model as model_lib
from modules.ranking import request_graph
from modules.ranking.layers import cross_features
from modules.recall import input_data, item_tower

_READ_BATCH = 128  # requests
_SAMPLE = 8  # requests that are kept as they came
_EMPTY = {  # of a split: what is needed of it, and the remedy
    features.SPLIT_TRAIN: (
        "The ranker needs at least one request of the split train whose target is among its "
        "candidates, found none; train recall longer, raise index.k, or hold out more with "
        "ranking.hold_out."
    ),
    features.SPLIT_VALID: (
        "The ranker needs at least one request of the split valid, to choose the best epoch and "
        "to calibrate its probabilities, found none; lower split.min_events (leave_one_out), or "
        "move split.valid_from and split.test_from (temporal), so that events fall into it."
    ),
}

Inputs = dict[str, npt.NDArray[Any]]
Graph = Callable[[int, Mapping[str, tf.Tensor]], Mapping[str, tf.Tensor]]


@dataclasses.dataclass(frozen=True)
class Lists:
    """Requests with their candidates.

    Attributes:
      tensors: what a batch holds, of all requests, by name.
      sample: the raw inputs of the first of them, as `request_graph.input_specs` says.
    """

    tensors: Mapping[str, tf.Tensor]
    sample: Inputs

    @property
    def size(self) -> int:
        """The number of requests."""
        return int(self.tensors[model_lib.TARGET].shape[0])

    def batches(self, size: int, order: npt.NDArray[np.int64] | None = None) -> tf.data.Dataset:
        """Batches of `size` requests, the last smaller; in their order, or as int64 [n] says."""
        places = tf.data.Dataset.from_tensor_slices(
            np.arange(self.size) if order is None else order
        )
        return (
            places.batch(size)
            .map(lambda chosen: {name: tf.gather(t, chosen) for name, t in self.tensors.items()})
            .prefetch(2)
        )


def learnable(example: requests.RawExample, settings: model_lib.Settings) -> bool:
    """Whether the ranker learns from the request: a target is among the candidates, and it weighs.

    Added targets count with `missed_positives` alone.
    """
    return (
        max(learnt_from(example, settings)[features.TARGET_PLACE]) >= 0 and weight_of(example) > 0
    )


def learnt_from(example: requests.RawExample, settings: model_lib.Settings) -> requests.RawExample:
    """The request without the targets that were added to its list, unless `missed_positives`."""
    added = example[features.POSITIVE_ADDED]
    if settings.ranking.training.missed_positives or not any(added):
        return example
    places = example[features.TARGET_PLACE]
    found = len(example[features.CANDIDATE_ITEM_ID]) - sum(added)  # added ones stand last
    return {
        **example,
        features.CANDIDATE_ITEM_ID: example[features.CANDIDATE_ITEM_ID][:found],
        features.RECALL_SCORE: example[features.RECALL_SCORE][:found],
        features.TARGET_PLACE: [-1 if new else place for place, new in zip(places, added)],
    }


def weight_of(example: requests.RawExample) -> float:
    """How much the request counts in training, by its last event; 1 where no column says so."""
    weights = example.get(features.EVENT_WEIGHT)
    return float(weights[-1]) if weights else 1.0


def read(
    examples: Iterable[requests.RawExample], split: str, settings: model_lib.Settings, graph: Graph
) -> Lists:
    """Puts the requests through the graph.

    Args:
      examples: of `Candidates`.
      split: train or valid, where they are from.
      settings: the configuration.
      graph: from (part, raw inputs) to the model's inputs.

    Raises:
      ValueError: there are no examples.
    """
    found: list[Inputs] = []
    sample: Inputs | None = None
    for (part, _), chunk in itertools.groupby(enumerate(examples), _chunk_of_part()):
        batch = [learnt_from(example, settings) for _, example in chunk]
        asked, ids, scores, places = candidate_examples.requests_of(
            batch, settings.data, settings.features.max_history
        )
        inputs = {**asked, features.CANDIDATE_ITEM_ID: ids, features.RECALL_SCORE: scores}
        sample = sample or {name: values[:_SAMPLE] for name, values in inputs.items()}
        outputs = graph(part, {name: tf.constant(values) for name, values in inputs.items()})
        found.append(
            {name: value.numpy() for name, value in outputs.items()}
            | {model_lib.TARGET: places}
            | {model_lib.TARGETS: np.array([len(e[features.TARGET_PLACE]) for e in batch])}
            | {model_lib.WEIGHT: np.array([weight_of(example) for example in batch], np.float32)}
            | labels(batch, settings)
        )
    if sample is None:
        raise ValueError(_EMPTY[split])
    del found[0][request_graph.MISSING_INPUTS]
    joined = {name: _joined([f[name] for f in found], name) for name in found[0]}
    joined[model_lib.WEIGHT] /= joined[model_lib.WEIGHT].mean() or 1.0
    return Lists({name: tf.constant(values) for name, values in joined.items()}, sample)


def _chunk_of_part() -> Callable[[tuple[int, requests.RawExample]], tuple[int, int]]:
    """Groups consecutive examples of one part, at most _READ_BATCH together."""
    return lambda numbered: (int(numbered[1][features.PART][0]), numbered[0] // _READ_BATCH)


def labels(examples: Sequence[requests.RawExample], settings: model_lib.Settings) -> Inputs:
    """Each objective's label float32 [B], NaN where it is not known."""
    declared = settings.ranking.objectives
    known = objectives.Objectives(settings.data, declared)
    found = [known.of(example) for example in examples]
    return {
        model_lib.objective_label(name): np.array([f[name] for f in found], np.float32)
        for name in declared
    }


def _joined(arrays: Sequence[npt.NDArray[Any]], name: str) -> npt.NDArray[Any]:
    """All rows, padded on the right to the longest: -1 where a list may hold a 0, else 0."""
    widest = np.max([array.shape for array in arrays], axis=0)
    lists = name.startswith("user_") and arrays[0].ndim == 2 and arrays[0].dtype == np.int64
    lists |= name == model_lib.TARGET
    padded = [
        np.pad(
            a,
            [(0, 0), *((0, most - n) for n, most in zip(a.shape[1:], widest[1:]))],
            constant_values=-1 if lists else 0,
        )
        for a in arrays
    ]
    return np.concatenate(padded)


def boundaries(
    lists: Lists, settings: model_lib.Settings, catalogue: item_tower.Catalogue
) -> dict[str, npt.NDArray[np.float32]]:
    """For each crossed number the bounds of its buckets, of the values that training has."""
    found = {}
    events = lists.tensors[input_data.ITEMS].numpy() != features.PADDING_ID
    for spec in cross_features.crossed(settings.features.crosses, settings.data):
        if spec.kind != "numeric":
            continue
        if spec.table == "item":
            values = catalogue.features[spec.transformed][1:-1]
        else:
            values = lists.tensors[spec.transformed].numpy()
            values = values[events] if spec.is_sequence else values
        found[spec.name] = cross_features.boundaries(values)
    return found
