"""Permutation importance of the rank model's feature groups, on Beam.

(Breiman, Random Forests, 2001, section 10; Fisher et al., All Models are Wrong, but Many are
Useful, 2019.) A group's values change hands among the candidates of all sampled requests; how much
the metric drops is what the model owes to the group, beyond what the other groups can tell it too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from numpy import typing as npt

from modules import config, features, requests, saved_rank, signatures
from modules.beam import loaded
from modules.evaluation import metrics, ranked_requests

REQUESTS = 500  # of a split, drawn by lot
REPEATS = 5  # permutations of each group
REPLICATES = 2000  # of the bootstrap
SEED = 0
_BATCH = 64  # requests a call

Parts = dict[str, npt.NDArray[np.float32]]


class Importance(beam.PTransform):
    """Parsed examples of Candidates -> the importance of each feature group.

    The result is {group: {"drop": {metric: {"value", "low", "high"}}, "requests"}}.
    """

    def __init__(self, data: config.Data, max_history: int, rank: str, metric: str) -> None:
        """Measures the drop of one metric of one rank model.

        Args:
          data: the declared columns.
          max_history: events that the models see.
          rank: folder of the rank SavedModel.
          metric: whose drop counts, like NDCG@10.
        """
        super().__init__()
        self._measure = _Measure(data, max_history, rank, metric)

    def expand(self, examples: beam.PCollection) -> beam.PCollection:
        return (
            examples
            | "Sample" >> beam.combiners.Top.Of(REQUESTS, key=_lot)
            | "Measure" >> beam.ParDo(self._measure)
        )


class _Measure(beam.DoFn):
    """All sampled examples at once -> their importance."""

    def __init__(self, data: config.Data, max_history: int, rank: str, metric: str) -> None:
        self._data, self._max_history, self._path, self._metric = data, max_history, rank, metric

    def setup(self) -> None:
        self._rank = loaded.once(saved_rank.SavedRank, self._path)

    def process(self, examples: list[requests.RawExample]) -> Iterator[dict[str, Any]]:
        if not examples:
            yield {}
            return
        asked = ranked_requests.ask(examples, self._data, self._max_history)
        batches = []
        for start in range(0, len(examples), _BATCH):
            rows = slice(start, start + _BATCH)
            batches.append(
                self._rank.parts(
                    {name: values[rows] for name, values in asked.request.items()},
                    asked.item_ids[rows],
                    asked.recall_scores[rows],
                )
            )
        parts = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
        drops = measure(parts, asked.given, asked.targets, asked.numbers, self._score, self._metric)
        users = [example[features.USER_ID][0] for example in examples]
        yield {
            group: {"drop": {self._metric: with_interval(drop, users)}, "requests": len(examples)}
            for group, drop in drops.items()
        }

    def _score(self, parts: Mapping[str, npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        number = len(next(iter(parts.values())))
        return np.concatenate(
            [
                self._rank.score_parts(
                    {name: part[start : start + _BATCH] for name, part in parts.items()}
                )
                for start in range(0, number, _BATCH)
            ]
        )


def measure(
    parts: Parts,
    given: npt.NDArray[np.bool_],
    targets: npt.NDArray[np.integer[Any]],
    numbers: npt.NDArray[np.integer[Any]],
    score: Callable[[Parts], npt.NDArray[np.floating[Any]]],
    metric: str,
) -> dict[str, npt.NDArray[np.float64]]:
    """Mean drop of the metric over the permutations, by group, for each request: float64 [B].

    Args:
      parts: `part_<group>`, float32 [B, C, d] each.
      given: bool [B, C]; values change hands among these places alone.
      targets: int [B, T], 0-based places of the targets, or -1.
      numbers: int [B], of targets.
      score: parts -> float [B, C].
      metric: like NDCG@10.
    """

    def gains(now: Parts) -> npt.NDArray[np.float64]:
        return gain(ranked_requests.places(score(now), targets, given), numbers, metric)

    before = gains(parts)
    result = {}
    for name, part in sorted(parts.items()):
        generator = np.random.default_rng(SEED)
        drops = np.zeros_like(before)
        for _ in range(REPEATS):
            moved = part.copy()
            moved[given] = generator.permutation(part[given], axis=0)
            drops += before - gains({**parts, name: moved})
        result[signatures.group_of(name)] = drops / REPEATS
    return result


def with_interval(values: npt.NDArray[np.float64], users: Sequence[bytes]) -> dict[str, float]:
    """The mean of values [B] and its 95% interval, users drawn anew: {"value", "low", "high"}."""
    totals, counts = np.zeros(REPLICATES), np.zeros(REPLICATES)
    for value, user in zip(values, users):
        weights = metrics.bootstrap_weights(user, REPLICATES, SEED)
        totals += weights * value
        counts += weights
    low, high = metrics.interval(totals, counts)
    return {"value": float(np.mean(values)), "low": float(low), "high": float(high)}


def gain(
    ranks: npt.NDArray[np.float64], numbers: npt.NDArray[np.integer[Any]], metric: str
) -> npt.NDArray[np.float64]:
    """A metric like NDCG@10 of ranks [B, T], 0 for a missed target, of [B] targets: float64 [B]."""
    depths = (int(metric.split("@")[1]),)
    return metrics.values(ranks, depths, numbers)[..., metrics.names(depths).index(metric)]


def _lot(example: requests.RawExample) -> bytes:
    return ranked_requests.lot(
        example[features.USER_ID][0],
        example[features.EVENT_TIMESTAMP][-1],
        example[features.EVENT_ITEM_ID][-1],
    )
