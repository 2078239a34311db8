"""Aggregates answers on Beam into a split's part of `evaluation.json`, without collecting them."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from numpy import typing as npt

from modules.evaluation import accuracy, baselines, kinds, metrics, ranking

# lists with an item, by depth; totals
Exposure = tuple[dict[int, collections.Counter[bytes]], collections.Counter[str]]


class Summarise(beam.PTransform):
    """`Answer`s of one split -> one dictionary, with the keys of `_report`."""

    def __init__(
        self,
        systems: Sequence[str],
        ks: Sequence[int],
        catalogue: beam.pvalue.AsSingleton,
        *,
        repeats: bool,
    ) -> None:
        """Makes the transform.

        Args:
          systems: whose ranks the answers hold; the first is the candidate, compared with each
              other.
          ks: depths.
          catalogue: `baselines.Popularity`, for coverage and popularity bias.
          repeats: whether repeats are allowed; then repeated and new items are told apart.
        """
        super().__init__()
        self._systems, self._ks, self._catalogue = tuple(systems), tuple(ks), catalogue
        self._repeats = repeats

    def expand(self, answers: beam.PCollection) -> beam.PCollection:
        users = (
            answers
            | "ByUser" >> beam.Map(lambda a: (a.user_id, [a.ranks[s] for s in self._systems]))
            | "Ranks" >> beam.GroupByKey()
        )
        overall = users | "Accuracy" >> beam.CombineGlobally(
            accuracy.Accuracy(self._systems, self._ks)
        )
        sliced = (
            answers
            | "Slices" >> beam.FlatMap(_slice_keys, self._systems[0])
            | "UsersOfSlice" >> beam.GroupByKey()
            | "DropUser" >> beam.MapTuple(lambda key, ranks: (key[:2], (key[2], ranks)))
            | "SliceAccuracy" >> beam.CombinePerKey(accuracy.Accuracy(self._systems[:1], self._ks))
            | "ToDict" >> beam.combiners.ToDict()
        )
        lists = answers | "Lists" >> beam.CombineGlobally(Lists(self._ks))
        distinct = (
            answers
            | "Heads" >> beam.Map(lambda a: a.items[: min(self._ks)])
            | "Distinct" >> beam.Distinct()
            | "CountDistinct" >> beam.combiners.Count.Globally()
        )
        by_kind = (
            beam.pvalue.AsSingleton(answers | "Kinds" >> kinds.Report(self._systems, self._ks))
            if self._repeats
            else None
        )
        return overall | "Report" >> beam.Map(
            _report,
            sliced=beam.pvalue.AsSingleton(sliced),
            lists=beam.pvalue.AsSingleton(lists),
            distinct=beam.pvalue.AsSingleton(distinct),
            catalogue=self._catalogue,
            by_kind=by_kind,
        )


def _slice_keys(
    answer: ranking.Answer, system: str
) -> Iterator[tuple[tuple[str, str, bytes], list[tuple[int, ...]]]]:
    for name, slice_values in answer.slices.items():
        for value in slice_values:
            yield (name, value, answer.user_id), [answer.ranks[system]]


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
    overall: Mapping[str, Any],
    sliced: Mapping[tuple[str, str], Mapping[str, Any]],
    lists: Exposure,
    distinct: int,
    catalogue: baselines.Popularity,
    by_kind: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """All of one split, ready for JSON; where repeats are allowed, a seen item is no fault."""
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
    if by_kind is not None:
        del faults["seen"]
    return {
        **overall,
        **(by_kind or {}),
        "slices": dict(by_slice),
        "coverage": {str(k): accuracy.json_number(metrics.coverage(x)) for k, x in exposed.items()},
        "popularity_bias": {
            str(k): {
                "average_recommendation_popularity": accuracy.json_number(
                    metrics.average_popularity(x, catalogue.counts)
                ),
                "mean_popularity_percentile": accuracy.json_number(
                    metrics.average_percentile(x, catalogue.counts)
                ),
                "gini_of_exposure": accuracy.json_number(metrics.gini(x)),
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
