"""Repeated and new items apart, where repeats are allowed, on Beam.

(Repetition and exploration: Li et al., A Next Basket Recommendation Reality Check, 2021, arXiv
2109.14233.) A target is repeated if the user had it before the request, and new if not. A metric of
all targets mixes what is easy and what is hard: a list of what the user always takes hits repeated
ones alone.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import apache_beam as beam
import numpy as np
from numpy import typing as npt

from modules.evaluation import accuracy

REPEATED, NEW = "repeated", "new"
BY_KIND, SHARE = "by_kind", "repeat_share"  # keys of a split in the evaluations

# (whether it is repeated) of targets; (system, depth, whether it is repeated) of places in lists
Counts = tuple[collections.Counter[bool], collections.Counter[tuple[str, int, bool]]]


class Answer(Protocol):
    """What is looked at of the answer to a request.

    Attributes:
      user_id: whose request.
      repeated: of each target, whether the user had it before.
      ranks: rank of each target by system, see `metrics`.
      repeated_items: by system, whether the user had each item of its list before, bool [n], in the
          list's order; of the systems that have lists.
    """

    @property
    def user_id(self) -> bytes: ...

    @property
    def repeated(self) -> tuple[bool, ...]: ...

    @property
    def ranks(self) -> Mapping[str, tuple[float, ...]]: ...

    @property
    def repeated_items(self) -> Mapping[str, npt.NDArray[np.bool_]]: ...


class Report(beam.PTransform):
    """`Answer`s -> one dictionary, ready for JSON.

    {"by_kind": {"repeated" and "new": what `accuracy.Accuracy` gives of the targets of this kind},
     "repeat_share": see `Share`}

    Of a request, only the targets of the kind count, also in the ideal list of NDCG; a request
    without any is left out. The lists stay as they are.
    """

    def __init__(self, systems: Sequence[str], ks: Sequence[int]) -> None:
        """Reports ranks by these systems, of which the first is the candidate, at these depths."""
        super().__init__()
        self._systems, self._ks = tuple(systems), tuple(ks)

    def expand(self, answers: beam.PCollection) -> beam.PCollection:
        metrics = accuracy.Accuracy(self._systems, self._ks)
        found = (
            answers
            | "Kinds" >> beam.FlatMap(of_kinds, self._systems)
            | "UsersOfKind" >> beam.GroupByKey()
            | "DropUser" >> beam.MapTuple(lambda key, ranks: (key[0], (key[1], ranks)))
            | "KindAccuracy" >> beam.CombinePerKey(metrics)
            | "ToDict" >> beam.combiners.ToDict()
        )
        share = answers | "Share" >> beam.CombineGlobally(Share(self._ks))
        return found | "Join" >> beam.Map(
            _join,
            beam.pvalue.AsSingleton(share),
            metrics.extract_output(metrics.create_accumulator()),
        )


def _join(
    found: Mapping[str, Any], share: Mapping[str, Any], nothing: Mapping[str, Any]
) -> dict[str, Any]:
    by_kind = {kind: found.get(kind, nothing) for kind in (REPEATED, NEW)}
    return {BY_KIND: by_kind, SHARE: share}


def of_kinds(
    answer: Answer, systems: Sequence[str]
) -> Iterator[tuple[tuple[str, bytes], list[tuple[float, ...]]]]:
    """Yields ((kind, user), the systems' ranks of the targets of this kind) of a request."""
    for kind, repeated in ((REPEATED, True), (NEW, False)):
        places = [n for n, known in enumerate(answer.repeated) if known == repeated]
        if places:
            ranks = [tuple(answer.ranks[system][n] for n in places) for system in systems]
            yield (kind, answer.user_id), ranks


class Share(beam.CombineFn):
    """`Answer`s -> the share of repeats in what was taken, and in the first k of the lists.

    {"targets", "taken": the share of them that is repeated,
     "lists": {system: {depth: the share of repeated items in the first places of all lists}}}

    All places of all lists count alike; a share of nothing is None.
    """

    def __init__(self, ks: Sequence[int]) -> None:
        self._ks = tuple(ks)

    def create_accumulator(self) -> Counts:
        return collections.Counter(), collections.Counter()

    def add_input(
        self,
        accumulator: Counts,
        answer: Answer,
    ) -> Counts:
        taken, listed = accumulator
        taken.update(answer.repeated)
        for system, repeated in answer.repeated_items.items():
            for k in self._ks:
                known = int(np.sum(repeated[:k]))
                listed[system, k, True] += known
                listed[system, k, False] += len(repeated[:k]) - known
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[Counts]) -> Counts:
        taken, listed = self.create_accumulator()
        for more_taken, more_listed in accumulators:
            taken.update(more_taken)
            listed.update(more_listed)
        return taken, listed

    def extract_output(self, accumulator: Counts) -> dict[str, Any]:
        taken, listed = accumulator
        systems = sorted({system for system, _, _ in listed})
        return {
            "targets": taken.total(),
            "taken": _share(taken[True], taken[False]),
            "lists": {
                system: {
                    str(k): _share(listed[system, k, True], listed[system, k, False])
                    for k in self._ks
                }
                for system in systems
            },
        }


def _share(repeated: int, new: int) -> float | None:
    return repeated / (repeated + new) if repeated + new else None
