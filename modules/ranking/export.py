"""The SavedModel of the rank model: raw requests and candidates in, scores and probabilities out.

Signatures (B requests of C candidates, both of any size; C may be 0):

  serving_default  inputs: see request_graph.input_specs
                   outputs: score float32 [B, C], float32.min for padding; probability float32 [B,
                   C], that the candidate is taken (calibration.py), 0 for padding;
                   probability_<objective> float32 [B, C]; missing_inputs int32 [B], values that a
                   default took the place of
  parts            the same inputs; outputs: part_<group> float32 [B, C, width], 0 is the average of
                   training
  score_parts      inputs: what `parts` gives; output: score float32 [B, C]
  items            inputs, of n new items: vector float32 [n, any], of the recall model whose
                   vectors the ranker learnt with, and <feature>_xf as in the catalogue, those that
                   it uses; output: vector float32 [n, dim], their rows in its table of items. There
                   is none where it has neither

Statistics, catalogue and Transform's graph are inside.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from numpy import typing as npt

from modules import features, graphs, item_tables, lineage, release, signatures, warmup
from modules.ranking import calibration, request_graph, trainer
from modules.ranking import model as model_lib

DESCRIPTION_FILE = "assets.extra/rank.json"
_LISTS = (features.CANDIDATE_ITEM_ID, features.RECALL_SCORE)
_ITEM_BATCH = 65_536


class RankModule(tf.Module):
    """What is saved; loading needs none of this package."""

    def __init__(self, trained: trainer.Trained) -> None:
        super().__init__()
        model = trained.model
        self._data, self.groups, self.objectives = (
            model.settings.data,
            model.groups,
            tuple(model.objectives),
        )
        self._graph, self._calibration = trained.graph, trained.calibration
        self._transform = trained.graph.transform  # tracked, with its vocabularies
        self._statistics = trained.statistics if model_lib.STATISTICS in model.groups else None
        encoder = model.item_encoder  # its results are kept instead, and what new items need
        kept = {id(v) for v in encoder.learnt}
        left_out = {id(v) for v in encoder.variables} - kept
        self._weights = [v for v in model.variables if id(v) not in left_out]
        self._encode_new, self._item_specs = encoder.encode_new, encoder.specs_of_new()
        self._items = item_tables.variable(_encoded(model), item_tables.ENCODED)
        self._centres = {
            group: tf.Variable(trained.centres[group], trainable=False, name=group)
            for group in model.groups
        }
        self._parts, self._score = model.parts, model.score_parts

    def serve(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """The signature `serving_default`."""
        batch = request_graph.with_statistics(self._graph(inputs), self._statistics)
        outputs = self._score(self._parts(batch, self._encode))
        given = inputs[features.CANDIDATE_ITEM_ID] != ""
        score = tf.where(given, outputs[model_lib.SCORE], tf.float32.min)
        found = {
            signatures.SCORE: score,
            signatures.PROBABILITY: self._probability(score, given),
            signatures.MISSING_INPUTS: batch[request_graph.MISSING_INPUTS],
        }
        for name in self.objectives:
            platt = self._calibration.objectives[name]
            logit = platt.slope * outputs[model_lib.objective_logit(name)] + platt.offset
            found[signatures.probability(name)] = tf.where(given, tf.sigmoid(logit), 0.0)
        return found

    def _probability(self, score: tf.Tensor, given: tf.Tensor) -> tf.Tensor:
        """What calibration.py says, float [B, C]."""
        logits = tf.where(given, score / self._calibration.temperature, tf.float32.min)
        # when it is served, TensorFlow warns of unknown ranks
        logits = tf.ensure_shape(logits, [None, None])
        shares, several = tf.nn.softmax(logits), self._calibration.several
        if several is None:
            return tf.where(given, self._calibration.coverage * shares, 0.0)
        logits = several.slope * calibration.log_odds(shares, tf.math) + several.offset
        return tf.where(given, tf.sigmoid(logits), 0.0)

    def parts(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """The signature `parts`."""
        batch = request_graph.with_statistics(self._graph(inputs), self._statistics)
        found, shape = self._parts(batch, self._encode), tf.shape(batch[request_graph.CANDIDATES])
        return {
            signatures.part(g): tf.broadcast_to(
                part - self._centres[g], [*tf.unstack(shape), part.shape[-1]]
            )
            for g, part in found.items()
        }

    def score_parts(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """The signature `score_parts`."""
        parts = {g: inputs[signatures.part(g)] + self._centres[g] for g in self.groups}
        return {signatures.SCORE: self._score(parts)[model_lib.SCORE]}

    def items(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """The signature `items`."""
        vectors = inputs.pop(signatures.VECTOR, None)
        return {signatures.VECTOR: self._encode_new(vectors, inputs)}

    def signatures(self) -> dict[str, Any]:
        """All signatures by name."""
        specs = request_graph.input_specs(self._data)
        widths = {signatures.part(g): c.shape[0] for g, c in self._centres.items()}
        parts = {
            n: tf.TensorSpec([None, None, width], tf.float32, name=n) for n, width in widths.items()
        }
        made = {
            signatures.DEFAULT: graphs.function(self.serve).get_concrete_function(**specs),
            signatures.PARTS: graphs.function(self.parts).get_concrete_function(**specs),
            signatures.SCORE_PARTS: graphs.function(self.score_parts).get_concrete_function(
                **parts
            ),
        }
        if self._item_specs:
            items = graphs.function(self.items).get_concrete_function(**self._item_specs)
            made[signatures.ITEMS] = items
        return made

    def _encode(self, rows: tf.Tensor) -> tf.Tensor:
        return tf.gather(self._items, rows)


def save(trained: trainer.Trained, path: str, made_of: lineage.Lineage) -> None:
    """Writes the SavedModel, what describes it, its lineage and the records that warm it up."""
    module = RankModule(trained)
    made = module.signatures()
    tf.saved_model.save(module, path, signatures=made)
    warmup.write(path, release.RANK, _warmup(trained.sample, made[signatures.PARTS]))
    lineage.write(path, made_of)
    with tf.io.gfile.GFile(os.path.join(path, DESCRIPTION_FILE), "w") as file:
        file.write(json.dumps(describe(trained), indent=1))


def describe(trained: trainer.Trained) -> dict[str, Any]:
    """What `assets.extra/rank.json` says."""
    model = trained.model
    return {
        "groups": model.groups,
        "objectives": list(model.objectives),
        "calibration": dataclasses.asdict(trained.calibration),
        "history": model.settings.ranking.model.history,
        "statistics": list(trained.statistics.names)
        if model_lib.STATISTICS in model.groups
        else [],
        "parameters": sum(math.prod(v.shape) for v in model.trainable_variables),
    }


def _warmup(sample: warmup.Inputs, split: Any) -> Iterator[warmup.Request]:
    """Real requests at several batch sizes, then one of an empty list, then one of parts.

    Args:
      sample: the requests.
      split: the signature `parts`.
    """
    for size in warmup.BATCH_SIZES:
        inputs = warmup.repeated(sample, size)
        for signature in (signatures.DEFAULT, signatures.PARTS):
            yield warmup.Request(signature, inputs)
    one = {n: v[:1] for n, v in sample.items()}
    empty = {n: v if n not in _LISTS else v[:, :0] for n, v in one.items()}
    yield warmup.Request(signatures.DEFAULT, empty)
    parts = split(**{n: tf.constant(v) for n, v in one.items()})
    yield warmup.Request(signatures.SCORE_PARTS, {n: part.numpy() for n, part in parts.items()})


def _encoded(model: model_lib.RankModel) -> npt.NDArray[np.float32]:
    """float32 [N+2, dim]: what the item encoder makes of each row of the catalogue."""
    rows = np.arange(model.item_encoder.rows)
    parts = [
        model.item_encoder.encode(tf.constant(rows[start : start + _ITEM_BATCH]))
        for start in range(0, len(rows), _ITEM_BATCH)
    ]
    return np.concatenate(parts)
