"""Ranker training data: `Candidates` requests put through the serving graph once, kept on disk.

Beside what request_graph makes, a batch holds the places of the targets among the candidates, how
many targets there are, the request's weight, and the labels of the objectives (see model.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf
from numpy import typing as npt

from modules import features, objectives, requests
from modules.ranking import examples as candidate_examples
from modules.ranking import lists, request_graph
from modules.ranking import model as model_lib
from modules.ranking.layers import cross_features
from modules.recall import input_data, item_tower

_READ_BATCH = 128  # requests
_SAMPLE = 8  # requests that are kept as they came
SPREAD = 16_384  # requests that say how numbers are distributed
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

Graph = Callable[[int, Mapping[str, tf.Tensor]], Mapping[str, tf.Tensor]]


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
) -> lists.Lists:
    """Puts the requests through the graph.

    Args:
      examples: of `Candidates`.
      split: train or valid, where they are from.
      settings: the configuration.
      graph: from (part, raw inputs) to the model's inputs.

    Raises:
      ValueError: there are no examples.
    """
    spool, total = lists.Spool(), 0.0
    sample: lists.Inputs | None = None
    for (part, _), chunk in itertools.groupby(enumerate(examples), _chunk_of_part()):
        batch = [learnt_from(example, settings) for _, example in chunk]
        asked, ids, scores, places = candidate_examples.requests_of(
            batch, settings.data, settings.features.max_history
        )
        inputs = {**asked, features.CANDIDATE_ITEM_ID: ids, features.RECALL_SCORE: scores}
        sample = sample or {name: values[:_SAMPLE] for name, values in inputs.items()}
        outputs = graph(part, {name: tf.constant(values) for name, values in inputs.items()})
        weights = np.array([weight_of(example) for example in batch], np.float32)
        total += float(weights.sum())
        spool.add(
            {n: v.numpy() for n, v in outputs.items() if n != request_graph.MISSING_INPUTS}
            | {model_lib.TARGET: places}
            | {model_lib.TARGETS: np.array([len(e[features.TARGET_PLACE]) for e in batch])}
            | {model_lib.WEIGHT: weights}
            | labels(batch, settings)
        )
    if sample is None:
        raise ValueError(_EMPTY[split])
    mean = np.float32(total / spool.size or 1.0)
    weigh = lambda batch: {**batch, model_lib.WEIGHT: batch[model_lib.WEIGHT] / mean}
    return lists.Lists(spool, sample, weigh)


def _chunk_of_part() -> Callable[[tuple[int, requests.RawExample]], tuple[int, int]]:
    """Groups consecutive examples of one part, at most _READ_BATCH together."""
    return lambda numbered: (int(numbered[1][features.PART][0]), numbered[0] // _READ_BATCH)


def labels(examples: Sequence[requests.RawExample], settings: model_lib.Settings) -> lists.Inputs:
    """Each objective's label float32 [B], NaN where it is not known."""
    declared = settings.ranking.objectives
    known = objectives.Objectives(settings.data, declared)
    found = [known.of(example) for example in examples]
    return {
        model_lib.objective_label(name): np.array([f[name] for f in found], np.float32)
        for name in declared
    }


def boundaries(
    training: lists.Lists, settings: model_lib.Settings, catalogue: item_tower.Catalogue
) -> dict[str, npt.NDArray[np.float32]]:
    """For each crossed number the bounds of its buckets, of the values that training has."""
    found = {}
    given = training.spread(SPREAD)
    events = given[input_data.ITEMS] != features.PADDING_ID
    for spec in cross_features.crossed(settings.features.crosses, settings.data):
        if spec.kind != "numeric":
            continue
        if spec.table == "item":
            values = catalogue.features[spec.transformed][1:-1]
        else:
            values = given[spec.transformed]
            values = values[events] if spec.is_sequence else values
        found[spec.name] = cross_features.boundaries(values)
    return found
