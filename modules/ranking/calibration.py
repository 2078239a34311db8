"""Scores to probabilities: fitted on validation requests, kept as a few numbers in the model."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy import typing as npt

_ROUNDS = 60
_LOG_TEMPERATURES = (-4.0, 4.0)
_LEAST_SHARE, _MOST_SHARE = 1e-9, 1.0 - 1e-6  # of the softmax, so that log-odds are finite
_MOST_REQUESTS = 10_000  # that the log-odds of several targets are fitted to
_RIDGE = 1e-3  # of Platt's slope and offset towards 1 and 0, in examples
_GOLDEN = (5**0.5 - 1) / 2


@dataclasses.dataclass(frozen=True)
class Platt:
    """sigmoid(slope * logit + offset) (Platt 1999)."""

    slope: float = 1.0
    offset: float = 0.0


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Probability that a candidate is what the user takes at the request's moment.

    Where that is one item, it is coverage * softmax(score / temperature). Where it may be several,
    `several` makes it of the log-odds of softmax(score): the probabilities of a list then add up to
    the number of its items that are taken.

    Attributes:
      temperature: divides the scores (Guo et al., arXiv 1706.04599, eq. 9).
      coverage: how often a target is among the candidates at all.
      objectives: of each objective's logit.
      several: None where a request has one target.
    """

    temperature: float = 1.0
    coverage: float = 1.0
    objectives: dict[str, Platt] = dataclasses.field(default_factory=dict)
    several: Platt | None = None


def temperature(
    scores: npt.NDArray[np.floating[Any]], targets: npt.NDArray[np.integer[Any]]
) -> float:
    """The temperature of least cross entropy; 1 where there is nothing to fit.

    It is found by golden-section search of its logarithm; the cross entropy is convex in the
    inverse.

    Args:
      scores: float [n, C], far below the others for padding.
      targets: int [n], places of the targets.
    """
    if not len(scores):
        return 1.0
    own = scores[np.arange(len(scores)), targets].astype(np.float64)
    relative = scores.astype(np.float64) - own[:, np.newaxis]

    def loss(log_temperature: float) -> float:
        logits = relative * np.exp(-log_temperature)
        most = logits.max(axis=1)
        return float(np.mean(most + np.log(np.exp(logits - most[:, np.newaxis]).sum(axis=1))))

    low, high = _LOG_TEMPERATURES
    for _ in range(_ROUNDS):
        step = (high - low) * _GOLDEN
        left, right = high - step, low + step
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return float(np.exp((low + high) / 2))


def platt(logits: npt.NDArray[np.floating[Any]], labels: npt.NDArray[np.floating[Any]]) -> Platt:
    """Slope and offset of least cross entropy, by Newton's method; a weak prior keeps them finite.

    Args:
      logits: float [n].
      labels: float [n], 0 or 1.
    """
    inputs = np.stack([logits, np.ones_like(logits)], axis=1).astype(np.float64)
    prior = np.array([1.0, 0.0])
    weights = prior.copy()
    for _ in range(_ROUNDS):
        share = 1.0 / (1.0 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        gradient = inputs.T @ (share - labels) + _RIDGE * (weights - prior)
        curvature = (inputs * (share * (1.0 - share))[:, np.newaxis]).T @ inputs + _RIDGE * np.eye(
            2
        )
        step = np.linalg.solve(curvature, gradient)
        weights -= step * min(1.0, 4.0 / max(np.abs(step).max(), 1e-12))
    return Platt(float(weights[0]), float(weights[1]))


def several(
    scores: npt.NDArray[np.floating[Any]],
    targets: npt.NDArray[np.integer[Any]],
    given: npt.NDArray[np.bool_],
) -> Platt:
    """Fits the log-odds of each candidate's share of the softmax to whether it is a target.

    Of very many requests, it takes some, evenly.

    Args:
      scores: float [n, C], far below the others for padding.
      targets: int [n, T], places of the targets; -1 for none.
      given: bool [n, C], where there is a candidate.
    """
    chosen = np.linspace(0, len(scores) - 1, min(len(scores), _MOST_REQUESTS)).astype(np.int64)
    scores, targets, given = scores[chosen], targets[chosen], given[chosen]
    taken = np.zeros(given.shape)
    rows, columns = np.nonzero(targets >= 0)
    taken[rows, targets[rows, columns]] = 1.0
    shares = np.exp(scores - scores.max(axis=1, keepdims=True, initial=-np.inf))
    shares /= np.maximum((shares * given).sum(axis=1, keepdims=True), _LEAST_SHARE)
    return platt(log_odds(shares, np)[given], taken[given])


def log_odds(shares: Any, numbers: Any) -> Any:
    """log(p / (1 - p)) of shares of any shape; `numbers` is NumPy, or `tf.math` for tensors."""
    kept = numbers.minimum(numbers.maximum(shares, _LEAST_SHARE), _MOST_SHARE)
    return numbers.log(kept) - numbers.log1p(-kept)
