"""What the rank model must beat: a linear ranker of few features, fitted on the validation lists.

 - log_recall_rank: log of the candidate's place in recall's list, from 1.
 - ease: score by EASE of all items the user has seen.
 - log_popularity: log of 1 + training events.
 - co_occurrence_last_1, co_occurrence_last_5: directed, 1/distance within 5 events, with the user's
   last event, and summed over the last 5.

Where items may repeat, of the user's whole history before the request (personal.py):

 - log_own_events: log of 1 + the user's events of the candidate.
 - log_baskets_since: log of 1 + baskets since the last that holds it, as if the user had had what
   is new before the first.
 - recent_share: personal recency's share of the last baskets.
 - present: 1 for what the user has at the time of the request, where that is left out.

All other counts are of training events alone. The weights are fitted where they are then judged,
on validation, so the baseline looks a little better there than it is; on test it does not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import typing as npt

from modules.evaluation import baselines, ease, personal

EASE = "ease"
FEATURES = (
    "log_recall_rank",
    EASE,
    "log_popularity",
    "co_occurrence_last_1",
    "co_occurrence_last_5",
)
REPEAT_FEATURES = ("log_own_events", "log_baskets_since", "recent_share", "present")
MOST_LISTS = 20_000  # that the weights are fitted on
_RIDGE = 1e-4  # of the mean loss: keeps weights finite where lists can be told apart perfectly
_STEPS = 50
_SIXTIETHS = 60.0  # unit of `baselines.CoOccurrence`


@dataclasses.dataclass(frozen=True)
class Weights:
    """Of standardised features: score = (features - mean) / spread . weights.

    Attributes:
      mean: of the candidates of the lists fitted on, float64 [F].
      spread: standard deviation of the same candidates, float64 [F].
      weights: float64 [F].
      lists: number of lists fitted on.
    """

    mean: npt.NDArray[np.float64]
    spread: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    lists: int

    def scores(self, features: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
        """The scores, float64 [...], of features, float [..., F]."""
        found: npt.NDArray[np.float64] = (features - self.mean) / self.spread @ self.weights
        return found

    def to_json(self, *, with_ease: bool) -> dict[str, Any]:
        """Weights of standardised features, without EASE if the catalogue is too large for it."""
        names = (*FEATURES, *REPEAT_FEATURES)[: len(self.weights)]
        taken = [n for n, name in enumerate(names) if with_ease or name != EASE]
        found = {
            "features": [names[n] for n in taken],
            "weights": [float(self.weights[n]) for n in taken],
            "lists": self.lists,
        }
        return (
            found
            if with_ease
            else {
                **found,
                "left_out": (f"{EASE}: the catalogue has more than {ease.MOST_ITEMS} items."),
            }
        )


@dataclasses.dataclass(frozen=True)
class List:
    """One list to fit on: candidates' features, float32 [C, F], and the target's 0-based place."""

    features: npt.NDArray[np.float32]
    target: int


def features_of(
    items: Sequence[bytes],
    history: Sequence[bytes],
    seen: Sequence[bytes],
    catalogue: baselines.Popularity,
    table: baselines.CoOccurrence,
    weights: npt.NDArray[np.float32] | None,
    own: personal.Own | None = None,
) -> npt.NDArray[np.float32]:
    """Features of the candidates of one request.

    Args:
      items: the candidates, C of them, recall's best first.
      history: the user's past events, oldest first.
      seen: all items of the user's past, each once.
      catalogue: training events of all items.
      table: co-occurrence in training.
      weights: of EASE; None leaves the feature 0.
      own: what the user had, where items may repeat.

    Returns:
      float32 [C, F], in the order of `FEATURES`, then with `own` of `REPEAT_FEATURES`.
    """
    places = np.array([catalogue.places.get(item, -1) for item in items], np.int64)
    known = places >= 0
    found = np.zeros((len(items), len(FEATURES)), np.float32)
    found[:, 0] = np.log1p(np.arange(len(items)))
    if weights is not None:
        found[:, 1] = ease.scores(weights, catalogue.places_of(seen), places)
    found[known, 2] = np.log1p(catalogue.counts[places[known]])
    for column, last in ((3, history[-1:]), (4, history[-baselines.DISTANCE :])):
        neighbours, sixtieths = table.scores(last)
        if len(neighbours):
            at = np.minimum(np.searchsorted(neighbours, places), len(neighbours) - 1)
            found[:, column] = np.where(neighbours[at] == places, sixtieths[at] / _SIXTIETHS, 0.0)
    return found if own is None else np.hstack([found, _repeat_features(items, own)])


def _repeat_features(items: Sequence[bytes], own: personal.Own) -> npt.NDArray[np.float32]:
    """Features of candidates that the user may have had, float32 [C, 4]."""
    numbers = {item: n for n, item in enumerate(own.items)}
    at = np.array([numbers.get(item, -1) for item in items], np.int64)
    # of what the user had, and last of what is new
    events, since, recent = (
        np.append(values, new)
        for values, new in ((own.events, 0), (own.since, own.baskets + 1), (own.recent, 0.0))
    )
    columns = np.log1p(events), np.log1p(since), recent, since == 0
    found: npt.NDArray[np.float32] = np.stack([c[at] for c in columns], axis=1).astype(np.float32)
    return found


def width(*, repeats: bool) -> int:
    """The number of features, F."""
    return len(FEATURES) + (len(REPEAT_FEATURES) if repeats else 0)


def fit(lists: Sequence[List], width: int = len(FEATURES)) -> Weights:
    """Fits the listwise softmax by Newton steps.

    The loss is the mean over lists of -log(exp(s_target) / sum_c exp(s_c)).

    The loss is convex in the weights (ListNet's top one: Cao et al., Learning to Rank, 2007, eq. 5,
    with one relevant item), so there is one minimum. Without any list, recall's order stays.

    Args:
      lists: to fit on.
      width: number of features, F.
    """
    if not lists:
        return Weights(np.zeros(width), np.ones(width), -np.eye(width)[0], 0)
    stacked = np.concatenate([one.features for one in lists]).astype(np.float64)
    mean, spread = stacked.mean(axis=0), stacked.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    starts = np.cumsum([0, *(len(one.features) for one in lists)])[:-1]
    problem = _Softmax((stacked - mean) / spread, starts, starts + [one.target for one in lists])
    weights = np.zeros(stacked.shape[1])
    loss, gradient, curvature = problem.at(weights)
    for _ in range(_STEPS):
        step, size = np.linalg.solve(curvature, gradient), 1.0
        while problem.at(weights - size * step)[0] > loss and size > 1e-6:
            size /= 2
        before = loss
        weights = weights - size * step
        loss, gradient, curvature = problem.at(weights)
        if before - loss < 1e-12:
            break
    return Weights(mean, spread, weights, len(lists))


class _Softmax:
    """The loss over lists that stand behind each other in one array."""

    def __init__(
        self,
        features: npt.NDArray[np.float64],
        starts: npt.NDArray[np.integer[Any]],
        targets: npt.NDArray[np.integer[Any]],
    ) -> None:
        """Holds the lists that the ranker is fitted to.

        Args:
          features: of all candidates, [all candidates, F].
          starts: the first row of each list, int [lists].
          targets: the row of each target, int [lists].
        """
        self._features, self._starts, self._targets = features, starts, targets
        self._list = np.repeat(np.arange(len(starts)), np.diff([*starts, len(features)]))

    def at(
        self, weights: npt.NDArray[np.float64]
    ) -> tuple[float, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Loss, gradient [F] and Hessian [F, F] = lists' mean Cov(features) under the softmax."""
        scores = self._features @ weights
        scores -= np.maximum.reduceat(scores, self._starts)[self._list]
        raised = np.exp(scores)
        total = np.add.reduceat(raised, self._starts)
        share = (raised / total[self._list])[:, np.newaxis] * self._features
        mean = np.add.reduceat(share, self._starts)  # [lists, F]
        number = len(self._starts)
        loss = np.mean(np.log(total) - scores[self._targets]) + _RIDGE / 2 * weights @ weights
        gradient = (mean - self._features[self._targets]).mean(axis=0) + _RIDGE * weights
        curvature = (share.T @ self._features - mean.T @ mean) / number + _RIDGE * np.eye(
            len(weights)
        )
        return float(loss), gradient, curvature
