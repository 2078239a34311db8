"""Aggregates two-stage answers on Beam into what `two_stage.json` says of one split.

{"users", "requests",
 "ceiling": {"value", "se"}, the share of a request's targets that is among the candidates,
 "sources": {source: {"found", "first": {k: number}}}, of each source of candidates, how many
    targets are among its candidates, and how many of these two stages have among the first k,
 "metrics": {system: {metric: {"value", "se"}}},
 "lift": {metric: {other system: {"difference", "low", "high", "significant"}}}, two-stage minus the
    other, paired, with its 95% interval (Poisson bootstrap over users); significant if that does
    not hold 0,
 "slices": {feature: {value: {"users", "requests", "recall": {metric: ...},
    "two_stage": {metric: ...}, "lift": as above}}},
 "calibration": {"bins": [{"predicted", "observed", "count"}], "ece",
    "objectives": {objective: {"bins", "ece"}}}, of all (request, candidate) pairs, and of the
    targets,
 "by_kind", "repeat_share": where repeats are allowed, see `kinds.Report`, with "lift" as above,
 "importance": see `importance.Importance`,
 "missing_inputs": number of inputs that took a default, "faults": {fault: number}}
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from numpy import typing as npt

from modules import signatures
from modules.evaluation import accuracy, calibration, kinds, ranked_requests, two_stage

_SLICED = (two_stage.TWO_STAGE, two_stage.RECALL)
_MISSING_INPUTS = "missing_inputs"


class Summarise(beam.PTransform):
    """`Answer`s of a split, with the linear ranker's ranks -> a dictionary, as this module says."""

    def __init__(
        self,
        systems: Sequence[str],
        ks: Sequence[int],
        k: int,
        importance: beam.pvalue.AsSingleton,
        *,
        repeats: bool,
    ) -> None:
        """Summarises the ranks that these systems gave, at these depths.

        Args:
          systems: whose ranks the answers hold; the first is the two stages.
          ks: depths.
          k: most candidates of a request.
          importance: what `importance.Importance` found.
          repeats: whether repeats are allowed; then repeated and new items are told apart.
        """
        super().__init__()
        self._repeats = repeats
        self._systems, self._ks, self._k, self._importance = (
            tuple(systems),
            tuple(ks),
            k,
            importance,
        )

    def expand(self, answers: beam.PCollection) -> beam.PCollection:
        def single(values: beam.PCollection) -> beam.pvalue.AsSingleton:
            return beam.pvalue.AsSingleton(values)

        users = (
            answers
            | "ByUser" >> beam.Map(lambda a: (a.user_id, [a.ranks[s] for s in self._systems]))
            | "Ranks" >> beam.GroupByKey()
        )
        overall = users | "Accuracy" >> beam.CombineGlobally(
            accuracy.Accuracy(self._systems, self._ks)
        )
        ceiling = (
            users
            | "RecallRanks" >> beam.Map(_only, self._systems.index(two_stage.RECALL))
            | "Ceiling" >> beam.CombineGlobally(accuracy.Accuracy((two_stage.RECALL,), (self._k,)))
        )
        sliced = (
            answers
            | "Slices" >> beam.FlatMap(_slice_keys)
            | "UsersOfSlice" >> beam.GroupByKey()
            | "DropUser" >> beam.MapTuple(lambda key, ranks: (key[:2], (key[2], ranks)))
            | "SliceAccuracy" >> beam.CombinePerKey(accuracy.Accuracy(_SLICED, self._ks))
            | "SlicesToDict" >> beam.combiners.ToDict()
        )
        pairs = (
            answers
            | "Pairs" >> beam.Map(_pairs)
            | "Calibration" >> beam.CombineGlobally(calibration.Reliability())
        )
        objectives = (
            answers
            | "Objectives" >> beam.FlatMap(_objectives)
            | "ObjectiveCalibration" >> beam.CombinePerKey(calibration.Reliability())
            | "ObjectivesToDict" >> beam.combiners.ToDict()
        )
        sources = (
            answers
            | "Sources" >> beam.Map(_sources, self._ks)
            | "AddSources" >> beam.CombineGlobally(_add)
        )
        totals = answers | "Totals" >> beam.Map(_totals) | "AddTotals" >> beam.CombineGlobally(_add)
        by_kind = (
            single(answers | "Kinds" >> kinds.Report(self._systems, self._ks))
            if self._repeats
            else None
        )
        return overall | "Report" >> beam.Map(
            _report,
            k=self._k,
            ks=self._ks,
            ceiling=single(ceiling),
            sources=single(sources),
            sliced=single(sliced),
            pairs=single(pairs),
            objectives=single(objectives),
            totals=single(totals),
            importance=self._importance,
            by_kind=by_kind,
        )


def _only(
    user_ranks: tuple[bytes, Iterable[Sequence[Sequence[float]]]], system: int
) -> tuple[bytes, list[list[Sequence[float]]]]:
    user, ranks = user_ranks
    return user, [[row[system]] for row in ranks]


def _slice_keys(
    answer: two_stage.Answer,
) -> Iterator[tuple[tuple[str, str, bytes], list[tuple[float, ...]]]]:
    for name, slice_values in answer.slices.items():
        for value in slice_values:
            yield (name, value, answer.user_id), [answer.ranks[system] for system in _SLICED]


def _pairs(answer: two_stage.Answer) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    return answer.probabilities, np.isin(np.arange(answer.candidates), answer.target_places)


def _objectives(
    answer: two_stage.Answer,
) -> Iterator[tuple[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]]]:
    for name, (predicted, true) in answer.objectives.items():
        yield name, (np.array([predicted]), np.array([true]))


def _totals(answer: two_stage.Answer) -> collections.Counter[str]:
    return collections.Counter(
        {**dataclasses.asdict(answer.faults), _MISSING_INPUTS: answer.missing_inputs}
    )


def _sources(answer: two_stage.Answer, ks: Sequence[int]) -> collections.Counter[tuple[int, int]]:
    """Targets by (source, depth), 0 for those that are anywhere among the candidates."""
    found: collections.Counter[tuple[int, int]] = collections.Counter()
    for source, rank in zip(answer.target_sources, answer.ranks[two_stage.TWO_STAGE]):
        if source >= 0:
            found.update((source, k) for k in (0, *ks) if k == 0 or rank <= k)
    return found


def _add(counters: Iterable[collections.Counter[Any]]) -> collections.Counter[Any]:
    result: collections.Counter[Any] = collections.Counter()
    for counter in counters:
        result.update(counter)
    return result


def _report(
    overall: Mapping[str, Any],
    k: int,
    ks: Sequence[int],
    ceiling: Mapping[str, Any],
    sources: Mapping[tuple[int, int], int],
    sliced: Mapping[tuple[str, str], Mapping[str, Any]],
    pairs: Mapping[str, Any],
    objectives: Mapping[str, Any],
    totals: Mapping[str, int],
    importance: Mapping[str, Any],
    by_kind: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """All of one split, ready for JSON."""
    by_slice: dict[str, dict[str, Any]] = collections.defaultdict(dict)
    for (name, value), found in sorted(sliced.items()):
        by_slice[name][value] = {
            "users": found["users"],
            "requests": found["requests"],
            **found["metrics"],
            "lift": _lift(found["paired"]),
        }
    return {
        **_lifted(overall),
        "ceiling": ceiling["metrics"][two_stage.RECALL][f"Recall@{k}"],
        "sources": {
            signatures.SOURCES[source]: {
                "found": int(sources[source, 0]),
                "first": {str(k): int(sources.get((source, k), 0)) for k in ks},
            }
            for source, depth in sorted(sources)
            if depth == 0
        },
        **(_kinds(by_kind) if by_kind is not None else {}),
        "slices": dict(by_slice),
        "calibration": {**pairs, "objectives": dict(objectives)},
        "importance": dict(importance),
        _MISSING_INPUTS: int(totals[_MISSING_INPUTS]),
        "faults": {f.name: int(totals[f.name]) for f in dataclasses.fields(ranked_requests.Faults)},
    }


def _kinds(found: Mapping[str, Any]) -> dict[str, Any]:
    """What `kinds.Report` gives, with its differences by metric."""
    by_kind = {kind: _lifted(measured) for kind, measured in found[kinds.BY_KIND].items()}
    return {**found, kinds.BY_KIND: by_kind}


def _lifted(found: Mapping[str, Any]) -> dict[str, Any]:
    """What `accuracy.Accuracy` gives, with its differences by metric."""
    kept = {name: value for name, value in found.items() if name != "paired"}
    return {**kept, "lift": _lift(found["paired"])}


def _lift(paired: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Turns {system: {metric: difference}} into {metric: {system: difference}}.

    Each difference also says whether it is significant.
    """
    result: dict[str, dict[str, Any]] = collections.defaultdict(dict)
    for system, of_metrics in paired.items():
        for metric, found in of_metrics.items():
            low, high = found["low"], found["high"]
            significant = low is not None and (low > 0 or high < 0)
            result[metric][system] = {**found, "significant": significant}
    return dict(result)
