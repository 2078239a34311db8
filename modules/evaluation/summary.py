"""Aggregates answers on Beam into a split's part of `evaluation.json`, without collecting them."""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from numpy import typing as npt

from modules.evaluation import baselines, metrics, ranking

REPLICATES = 2000  # of the bootstrap
SEED = 0

# lists with an item, by depth; totals
Exposure = tuple[dict[int, collections.Counter[bytes]], collections.Counter[str]]


class Summarise(beam.PTransform):
    """`Answer`s of one split -> one dictionary, with the keys of `_report`."""

    def __init__(
        self, systems: Sequence[str], ks: Sequence[int], catalogue: beam.pvalue.AsSingleton
    ) -> None:
        """Makes the transform.

        Args:
          systems: whose ranks the answers hold; the first is the candidate, compared with each
              other.
          ks: depths.
          catalogue: `baselines.Popularity`, for coverage and popularity bias.
        """
        super().__init__()
        self._systems, self._ks, self._catalogue = tuple(systems), tuple(ks), catalogue

    def expand(self, answers: beam.PCollection) -> beam.PCollection:
        users = (
            answers
            | "ByUser" >> beam.Map(lambda a: (a.user_id, [a.ranks[s] for s in self._systems]))
            | "Ranks" >> beam.GroupByKey()
        )
        accuracy = users | "Accuracy" >> beam.CombineGlobally(Accuracy(self._systems, self._ks))
        sliced = (
            answers
            | "Slices" >> beam.FlatMap(_slice_keys, self._systems[0])
            | "UsersOfSlice" >> beam.GroupByKey()
            | "DropUser" >> beam.MapTuple(lambda key, ranks: (key[:2], (key[2], ranks)))
            | "SliceAccuracy" >> beam.CombinePerKey(Accuracy(self._systems[:1], self._ks))
            | "ToDict" >> beam.combiners.ToDict()
        )
        lists = answers | "Lists" >> beam.CombineGlobally(Lists(self._ks))
        distinct = (
            answers
            | "Heads" >> beam.Map(lambda a: a.items[: min(self._ks)])
            | "Distinct" >> beam.Distinct()
            | "CountDistinct" >> beam.combiners.Count.Globally()
        )
        return accuracy | "Report" >> beam.Map(
            _report,
            sliced=beam.pvalue.AsSingleton(sliced),
            lists=beam.pvalue.AsSingleton(lists),
            distinct=beam.pvalue.AsSingleton(distinct),
            catalogue=self._catalogue,
        )


def _slice_keys(
    answer: ranking.Answer, system: str
) -> Iterator[tuple[tuple[str, str, bytes], list[tuple[int, ...]]]]:
    for name, slice_values in answer.slices.items():
        for value in slice_values:
            yield (name, value, answer.user_id), [answer.ranks[system]]


@dataclasses.dataclass
class _Moments:
    """Sums over users; S is the number of systems, M of metrics, B of replicates."""

    users: int
    requests: float
    request_squares: float
    sums: npt.NDArray[np.float64]  # [S, M]
    squares: npt.NDArray[np.float64]  # [S, M]
    crossed: npt.NDArray[np.float64]  # [S, M]
    drawn: npt.NDArray[np.float64]  # [B], weighted requests
    # [B, S - 1, M], weighted: the first system minus each other
    differences: npt.NDArray[np.float64]

    def add(self, other: _Moments) -> _Moments:
        return _Moments(
            *(getattr(self, f.name) + getattr(other, f.name) for f in dataclasses.fields(self))
        )


class Accuracy(beam.CombineFn):
    """From (user id, ranks of each request's targets by system) to means, errors, differences."""

    def __init__(
        self,
        systems: Sequence[str],
        ks: Sequence[int],
        replicates: int = REPLICATES,
        seed: int = SEED,
    ) -> None:
        self._systems, self._ks = tuple(systems), tuple(ks)
        self._replicates, self._seed = (replicates if len(systems) > 1 else 0), seed

    def create_accumulator(self) -> _Moments:
        shape = (len(self._systems), len(metrics.names(self._ks)))
        return _Moments(
            0,
            0.0,
            0.0,
            np.zeros(shape),
            np.zeros(shape),
            np.zeros(shape),
            np.zeros(self._replicates),
            np.zeros((self._replicates, shape[0] - 1, shape[1])),
        )

    def add_input(
        self, accumulator: _Moments, element: tuple[bytes, Iterable[Sequence[Sequence[float]]]]
    ) -> _Moments:
        user_id, requests = element
        ranks, targets = metrics.padded(list(requests))  # [n, S, T], [n, 1]
        per_request = metrics.values(ranks, self._ks, targets)  # [n, S, M]
        number, sums = len(per_request), per_request.sum(axis=0)
        accumulator.users += 1
        accumulator.requests += number
        accumulator.request_squares += number**2
        accumulator.sums += sums
        accumulator.squares += sums**2
        accumulator.crossed += sums * number
        if self._replicates:
            weights = metrics.bootstrap_weights(user_id, self._replicates, self._seed)
            accumulator.drawn += weights * number
            accumulator.differences += weights[:, None, None] * (sums[:1] - sums[1:])
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[_Moments]) -> _Moments:
        return functools.reduce(_Moments.add, accumulators, self.create_accumulator())

    def extract_output(self, accumulator: _Moments) -> dict[str, Any]:
        """Gives the metrics of each system, and their paired differences from the first one.

        The result is {"users", "requests", "metrics": {system: {metric: {"value", "se"}}},
        "paired": {system: {metric: {"difference", "low", "high"}}}}; a paired difference is
        the first system minus the named one, with its 95% interval.
        """
        names = metrics.names(self._ks)
        mean, error = metrics.mean_and_error(
            accumulator.requests,
            accumulator.users,
            accumulator.sums,
            accumulator.squares,
            accumulator.crossed,
            accumulator.request_squares,
        )
        found = {
            "users": accumulator.users,
            "requests": int(accumulator.requests),
            "metrics": {
                system: {
                    m: {"value": _number(mean[s, n]), "se": _number(error[s, n])}
                    for n, m in enumerate(names)
                }
                for s, system in enumerate(self._systems)
            },
        }
        low, high = (
            metrics.interval(accumulator.differences, accumulator.drawn)
            if self._replicates
            else (np.zeros((0, 0)),) * 2
        )
        return {
            **found,
            "paired": {
                system: {
                    m: {
                        "difference": _number(mean[0, n] - mean[s + 1, n]),
                        "low": _number(low[s, n]),
                        "high": _number(high[s, n]),
                    }
                    for n, m in enumerate(names)
                }
                for s, system in enumerate(self._systems[1:])
            },
        }


class Lists(beam.CombineFn):
    """Answers -> (exposure of items by depth, totals).

    The totals are the faults, "targets_seen", "compared" and "same_order".
    """

    def __init__(self, ks: Sequence[int]) -> None:
        self._ks = tuple(ks)

    def create_accumulator(self) -> Exposure:
        return {k: collections.Counter() for k in self._ks}, collections.Counter()

    def add_input(self, accumulator: Exposure, answer: ranking.Answer) -> Exposure:
        exposure, totals = accumulator
        for k in self._ks:
            exposure[k].update(answer.items[:k])
        for name, number in dataclasses.asdict(answer.faults).items():
            totals[name] += number
        totals["targets_seen"] += sum(answer.repeated)
        totals["compared"] += answer.same_order is not None
        totals["same_order"] += answer.same_order is True
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[Exposure]) -> Exposure:
        merged = self.create_accumulator()
        for exposure, totals in accumulators:
            for k in self._ks:
                merged[0][k].update(exposure[k])
            merged[1].update(totals)
        return merged

    def extract_output(self, accumulator: Exposure) -> Exposure:
        return accumulator


def _report(
    accuracy: Mapping[str, Any],
    sliced: Mapping[tuple[str, str], Mapping[str, Any]],
    lists: Exposure,
    distinct: int,
    catalogue: baselines.Popularity,
) -> dict[str, Any]:
    """All of one split, ready for JSON."""
    exposure, totals = lists
    by_slice: dict[str, dict[str, Any]] = collections.defaultdict(dict)
    for (name, value), found in sorted(sliced.items()):
        (system,) = found["metrics"].values()
        by_slice[name][value] = {"users": found["users"], "requests": found["requests"], **system}
    exposed = {
        k: np.array([counter[item] for item in catalogue.items], np.int64)
        for k, counter in exposure.items()
    }
    faults = {f.name: int(totals[f.name]) for f in dataclasses.fields(ranking.Faults)}
    return {
        **accuracy,
        "slices": dict(by_slice),
        "coverage": {str(k): _number(metrics.coverage(x)) for k, x in exposed.items()},
        "popularity_bias": {
            str(k): {
                "average_recommendation_popularity": _number(
                    metrics.average_popularity(x, catalogue.counts)
                ),
                "mean_popularity_percentile": _number(
                    metrics.average_percentile(x, catalogue.counts)
                ),
                "gini_of_exposure": _number(metrics.gini(x)),
            }
            for k, x in exposed.items()
        },
        "popularity_histogram": _histogram(exposed, catalogue.counts),
        "catalogue": len(catalogue.items),
        "distinct_lists": distinct,
        "targets_seen": int(totals["targets_seen"]),
        "sanity": {
            **faults,
            "lists_compared": int(totals["compared"]),
            "same_order": int(totals["same_order"]),
        },
    }


def _histogram(
    exposed: Mapping[int, npt.NDArray[np.int64]], counts: npt.NDArray[np.int64]
) -> list[dict[str, Any]]:
    """`metrics.popularity_histogram` of all depths; "recommended" holds a share by depth."""
    by_depth = {
        k: metrics.popularity_histogram(exposure, counts) for k, exposure in exposed.items()
    }
    return [
        {
            "from": parts[0][0],
            "to": parts[0][1],
            "consumed": parts[0][2],
            "recommended": {str(k): part[3] for k, part in zip(by_depth, parts)},
        }
        for parts in zip(*by_depth.values())
    ]


def _number(value: float) -> float | None:
    """A JSON number; None for NaN, which JSON has not."""
    return float(value) if np.isfinite(value) else None
