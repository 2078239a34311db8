"""Ranker validation: where its lists put the targets, and how its scores become probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy import typing as npt

from modules import features, graphs
from modules.ranking import calibration, request_graph
from modules.ranking import model as model_lib
from modules.recall import evaluation, loop


class Validation:
    """Scores the validation requests; a target that recall missed is a miss at every depth."""

    def __init__(self, model: model_lib.RankModel, batches: tf.data.Dataset, monitor: str):
        self._model, self._batches = model, batches
        self._names = evaluation.names(loop.DEPTHS, *([monitor] if monitor != "loss" else []))
        self._scored = graphs.function(self._score, input_signature=[batches.element_spec])

    def _score(self, batch: request_graph.Batch) -> dict[str, tf.Tensor]:
        return {
            **self._model(batch),
            request_graph.CANDIDATES: batch[request_graph.CANDIDATES],
            **{n: v for n, v in batch.items() if n == model_lib.TARGET or n.startswith("label_")},
        }

    def _all(self) -> dict[str, npt.NDArray[Any]]:
        """Outputs and labels of all requests."""
        found = [{n: v.numpy() for n, v in self._scored(batch).items()} for batch in self._batches]
        return {name: np.concatenate([f[name] for f in found]) for name in found[0]}

    def __call__(self) -> tuple[float, dict[str, float]]:
        """Mean softmax cross entropy over lists that hold their target, and metrics over all."""
        found = self._all()
        scores, targets = found[model_lib.SCORE], found[model_lib.TARGET]
        hit, places = targets >= 0, _places(found)
        metrics = {name: evaluation.metric(name, places) for name in self._names}
        if not hit.any():
            return float("nan"), metrics
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets[hit], scores[hit])
        return float(np.mean(losses)), metrics

    def places(self) -> npt.NDArray[np.float64]:
        """Per request the target's 1-based place by model score, infinity if recall missed it."""
        return _places(self._all())

    def calibration(self) -> calibration.Calibration:
        """Of the model as it is now."""
        found = self._all()
        targets = found[model_lib.TARGET]
        hit = targets >= 0
        objectives = {}
        for name in self._model.objectives:
            labels = found[model_lib.objective_label(name)]
            known = hit & ~np.isnan(labels)
            logits = found[model_lib.objective_logit(name)][known, targets[known]]
            objectives[name] = calibration.platt(logits, labels[known])
        return calibration.Calibration(
            temperature=calibration.temperature(found[model_lib.SCORE][hit], targets[hit]),
            coverage=float(np.mean(hit)),
            objectives=objectives,
        )


def _places(found: dict[str, npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
    targets = found[model_lib.TARGET]
    hit, padding = targets >= 0, found[request_graph.CANDIDATES] == features.PADDING_ID
    places = np.full(len(targets), np.inf)
    places[hit] = evaluation.ranks(found[model_lib.SCORE][hit], targets[hit], padding[hit])
    return places
