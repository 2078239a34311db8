"""Ranker validation: where its lists put the targets, and how its scores become probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy import typing as npt

from modules import features, graphs
from modules.evaluation import metrics, ranked_requests
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
        kept = (model_lib.TARGET, model_lib.TARGETS)
        return {
            **self._model(batch),
            request_graph.CANDIDATES: batch[request_graph.CANDIDATES],
            **{n: v for n, v in batch.items() if n in kept or n.startswith("label_")},
        }

    def _all(self) -> dict[str, npt.NDArray[Any]]:
        """Outputs and labels of all requests."""
        found = [{n: v.numpy() for n, v in self._scored(batch).items()} for batch in self._batches]
        return {name: np.concatenate([f[name] for f in found]) for name in found[0]}

    def __call__(self) -> tuple[float, dict[str, float]]:
        """Mean softmax cross entropy over lists that hold a target, and metrics over all requests.

        A request's cross entropy is the mean over its targets in the list.
        """
        found = self._all()
        scores, targets = found[model_lib.SCORE], found[model_lib.TARGET]
        requests, columns = np.nonzero(targets >= 0)
        measured = self._metrics(found)
        if not len(requests):
            return float("nan"), measured
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            targets[requests, columns], scores[requests]
        ).numpy()
        _, starts, counts = np.unique(requests, return_index=True, return_counts=True)
        return float(
            np.mean(np.add.reduceat(losses, starts) / counts.astype(losses.dtype))
        ), measured

    def places(self) -> npt.NDArray[np.float64]:
        """1-based place of each request's first target by score, infinity if recall missed it."""
        first = _ranks(self._all())[:, 0]
        return np.where(first > 0, first, np.inf)

    def _metrics(self, found: dict[str, npt.NDArray[Any]]) -> dict[str, float]:
        ranks, names = _ranks(found), list(self._names)
        if ranks.shape[1] > 1:
            names += [f"Recall@{depth}" for depth in loop.DEPTHS]
        depths = sorted({int(name.split("@")[1]) for name in names})
        means = metrics.values(ranks, depths, found[model_lib.TARGETS]).mean(axis=0)
        by_name = dict(zip(metrics.names(depths), means, strict=True))
        return {name: float(by_name[name]) for name in names}

    def calibration(self) -> calibration.Calibration:
        """Of the model as it is now."""
        found = self._all()
        scores, targets = found[model_lib.SCORE], found[model_lib.TARGET]
        objectives = {}
        for name in self._model.objectives:
            labels, first = found[model_lib.objective_label(name)], targets[:, 0]
            known = (first >= 0) & ~np.isnan(labels)
            logits = found[model_lib.objective_logit(name)][known, first[known]]
            objectives[name] = calibration.platt(logits, labels[known])
        hit = targets.max(axis=1) >= 0
        coverage = float(np.mean(hit))
        if targets.shape[1] > 1:
            given = _given(found)
            return calibration.Calibration(
                coverage=coverage,
                objectives=objectives,
                several=calibration.several(scores, targets, given),
            )
        return calibration.Calibration(
            temperature=calibration.temperature(scores[hit], targets[hit, 0]),
            coverage=coverage,
            objectives=objectives,
        )


def _given(found: dict[str, npt.NDArray[Any]]) -> npt.NDArray[np.bool_]:
    """Where there is a candidate, bool [n, C]."""
    given: npt.NDArray[np.bool_] = found[request_graph.CANDIDATES] != features.PADDING_ID
    return given


def _ranks(found: dict[str, npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
    """1-based ranks of the targets, float64 [n, T]; 0 of one that is not in the list."""
    return ranked_requests.places(found[model_lib.SCORE], found[model_lib.TARGET], _given(found))
