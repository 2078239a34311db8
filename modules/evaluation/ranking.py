"""Puts the held-out requests to the model, on Beam: raw examples -> one `Answer` a request."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.metrics import Metrics
from numpy import typing as npt

from modules import config, features, request_arrays, requests, saved_recall
from modules.beam import loaded
from modules.evaluation import baselines, ease, personal, personal_steps, slices

RECALL, LAST_BLESSED = "recall", "last_blessed"
POPULARITY, CO_OCCURRENCE, EASE = "popularity", "co_occurrence", "ease"
BATCH = 64  # requests a call


@dataclasses.dataclass(frozen=True)
class Faults:
    """What is wrong with the list of one request; all counts are 0 for a sound list.

    Attributes:
      not_finite: scores that are NaN or infinite.
      missing: places without an item although items are left.
      seen: recommended items that the user had seen, where these are excluded.
      duplicates: items that stand in the list twice.
      constant: 1 if all scores are the same, though there are several.
    """

    not_finite: int = 0
    missing: int = 0
    seen: int = 0
    duplicates: int = 0
    constant: int = 0


@dataclasses.dataclass(frozen=True)
class Answer:
    """A request, the model's answer and all systems' ranks of its targets (0: not in the first k).

    Attributes:
      user_id: whose request.
      timestamp: of the request, Unix seconds.
      targets: the held-out items, distinct; one, but with `split.unit: basket`.
      repeated: of each target, whether the user had it before; where repeats are excluded, no list
          can hold it then.
      ranks: 1-based rank of each target by system, a name like `recall`.
      items: the model's list, best first, without empty places.
      repeated_items: where repeats are allowed, by model, whether the user had each item of its
          list before, bool [n].
      faults: of the list.
      same_order: whether the list of the request before may be the same one, see `same_order`; None
          if not compared.
      slices: values of each slice feature; several for a multi-valued one.
    """

    user_id: bytes
    timestamp: int
    targets: tuple[bytes, ...]
    repeated: tuple[bool, ...]
    ranks: Mapping[str, tuple[int, ...]]
    items: tuple[bytes, ...]
    repeated_items: Mapping[str, npt.NDArray[np.bool_]]
    faults: Faults
    same_order: bool | None
    slices: Mapping[str, tuple[str, ...]]


def untrained(data: config.Data, *, has_ease: bool) -> tuple[str, ...]:
    """The baselines whose ranks answers hold."""
    own = personal.SYSTEMS if data.allows_repeats else ()
    return (POPULARITY, CO_OCCURRENCE, *((EASE,) if has_ease else ()), *own)


class Read(beam.PTransform):
    """Parses the serialized examples of one split."""

    def expand(self, serialized: beam.PCollection) -> beam.PCollection:
        return serialized | "Parse" >> beam.Map(requests.read_raw_example)


class AskModels(beam.PTransform):
    """Parsed examples of valid or test -> `Answer`s, with ranks by the models and the baselines."""

    def __init__(
        self,
        data: config.Data,
        max_history: int,
        models: Mapping[str, str],
        slicer: slices.Slicer,
        catalogue: beam.pvalue.AsSingleton,
        table: beam.pvalue.AsSingleton,
        edges: beam.pvalue.AsSingleton,
        trained: beam.pvalue.AsSingleton,
        ease_path: beam.pvalue.AsSingleton | None = None,
    ) -> None:
        """Asks these models, and baselines that are made of the side inputs.

        Args:
          data: the declared columns.
          max_history: events that the models see.
          models: folder of the SavedModel by system; `RECALL` is the one whose lists are kept.
          slicer: names the slices of a request.
          catalogue: `baselines.Popularity` of the events known to these requests.
          table: `baselines.CoOccurrence` of the same events.
          edges: bounds of the numeric slices by feature.
          trained: `baselines.Popularity` of the training events.
          ease_path: of EASE's matrix of the same events, if it was fitted.
        """
        super().__init__()
        self._ask = _Ask(data, max_history, models)
        self._judge = _Judge(data, slicer)
        self._sides = {
            "catalogue": catalogue,
            "table": table,
            "edges": edges,
            "trained": trained,
            "ease_path": ease_path,
        }

    def expand(self, examples: beam.PCollection) -> beam.PCollection:
        return (
            examples
            | "Batch" >> beam.BatchElements(min_batch_size=BATCH, max_batch_size=BATCH)
            | "Ask" >> beam.ParDo(self._ask)
            | "Judge" >> beam.ParDo(self._judge, **self._sides)
        )


# an example, each model's ids [k] and scores [k], and whether `same_order`
_Asked = tuple[
    requests.RawExample,
    dict[str, tuple[npt.NDArray[np.object_], npt.NDArray[np.float32]]],
    bool | None,
]


class _Ask(beam.DoFn):
    """Batch of parsed examples -> (example, {system: (ids [k], scores [k])}, if `same_order`)."""

    def __init__(self, data: config.Data, max_history: int, models: Mapping[str, str]) -> None:
        self._data, self._max_history, self._models = data, max_history, dict(models)
        self._asked = Metrics.counter("evaluation", "requests")

    def setup(self) -> None:
        self._loaded = {
            name: loaded.once(saved_recall.SavedRecall, path) for name, path in self._models.items()
        }

    def process(self, examples: list[requests.RawExample]) -> Iterator[_Asked]:
        batch = request_arrays.from_examples(examples, self._data, self._max_history)
        answers = {name: model(batch) for name, model in self._loaded.items()}
        self._asked.inc(len(examples))
        before = None
        for n, example in enumerate(examples):
            own = answers[RECALL][0][n].tolist(), _seen(example)
            yield (
                example,
                {name: (ids[n], scores[n]) for name, (ids, scores) in answers.items()},
                same_order(*before, *own) if before else None,
            )
            before = own


class _Judge(beam.DoFn):
    """Adds the ranks of the targets, the faults of the list and the slices."""

    def __init__(self, data: config.Data, slicer: slices.Slicer) -> None:
        self._data, self._slicer, self._ease = data, slicer, ease.Weights()

    def process(
        self,
        element: _Asked,
        catalogue: baselines.Popularity,
        table: baselines.CoOccurrence,
        edges: Mapping[str, Sequence[float]],
        trained: baselines.Popularity,
        ease_path: str | None,
    ) -> Iterator[Answer]:
        example, lists, agreement = element
        asked = HeldOut.of(example, self._data, personal_steps.own(example))
        targets, excluded = asked.targets, asked.excluded
        ids, scores = lists[RECALL]
        ranks = {name: ranks_in(found, targets, excluded) for name, (found, _) in lists.items()}
        untrained = asked.ranks(catalogue, table)
        if (weights := self._ease.of(ease_path)) is not None:
            untrained[EASE] = asked.ease_ranks(trained, weights)
        for name, found in untrained.items():
            ranks[name] = tuple(rank if rank <= len(ids) else 0 for rank in found)
        seen = _seen(example)
        yield Answer(
            user_id=example[features.USER_ID][0],
            timestamp=example[features.EVENT_TIMESTAMP][-1],
            targets=tuple(targets),
            repeated=tuple(target in seen for target in targets),
            ranks=ranks,
            items=tuple(item for item in ids if item),
            repeated_items={
                name: np.array([item in seen for item in found if item], bool)
                for name, (found, _) in lists.items()
                if self._data.allows_repeats
            },
            faults=faults_of(ids, scores, excluded, len(catalogue.items)),
            same_order=agreement,
            slices=self._slicer.of(example, catalogue, edges),
        )


def _seen(example: requests.RawExample) -> frozenset[bytes]:
    return frozenset(example.get(features.SEEN_ITEM_ID, ()))


def ranks_in(
    ids: Iterable[bytes], targets: Sequence[bytes], excluded: frozenset[bytes]
) -> tuple[int, ...]:
    """Ranks of targets in a list without excluded items, second times and empty places; or 0."""
    items = dict.fromkeys(item for item in ids if item and item not in excluded)
    ranks = {item: rank for rank, item in enumerate(items, start=1)}
    return tuple(ranks.get(target, 0) for target in targets)


def faults_of(
    ids: npt.NDArray[np.object_],
    scores: npt.NDArray[np.floating[Any]],
    excluded: frozenset[bytes],
    catalogue: int,
) -> Faults:
    """Looks for what a sound list never has.

    Args:
      ids: bytes objects [k]; b"" is an empty place.
      scores: float [k].
      excluded: items that must not be there.
      catalogue: number of items of the catalogue.
    """
    filled = np.array([bool(item) for item in ids], bool)
    items, own = [i for i in ids if i], scores[filled]
    return Faults(
        not_finite=int(np.sum(~np.isfinite(own))),
        missing=max(0, min(len(ids), catalogue - len(excluded)) - len(items)),
        seen=sum(item in excluded for item in items),
        duplicates=len(items) - len(set(items)),
        constant=int(len(own) > 1 and bool(np.all(own == own[0]))),
    )


def same_order(
    one: Sequence[bytes],
    one_seen: frozenset[bytes],
    other: Sequence[bytes],
    other_seen: frozenset[bytes],
) -> bool | None:
    """Whether two users' lists can come from one list for everybody, seen items aside.

    Then both, without what either user has seen, begin the same list, so the shorter is the
    beginning of the longer. Comparing the lists themselves would not find it, because users have
    seen different items, which their lists leave out or, where repeats are allowed, have by right.

    Returns:
      None if nothing is left to compare.
    """
    seen = one_seen | other_seen
    left = [item for item in one if item and item not in seen]
    right = [item for item in other if item and item not in seen]
    shorter = min(len(left), len(right))
    return left[:shorter] == right[:shorter] if shorter else None


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """A held-out request as the baselines see it.

    Attributes:
      targets: the held-out items.
      history: the user's past events, oldest first.
      seen: all items of these and earlier ones.
      excluded: items that must not be recommended.
      own: what the user had, where items may repeat; then `personal.SYSTEMS` are asked, too.
    """

    targets: Sequence[bytes]
    history: Sequence[bytes]
    seen: Collection[bytes] = ()
    excluded: frozenset[bytes] = frozenset()
    own: personal.Own | None = None

    @classmethod
    def of(
        cls, example: requests.RawExample, data: config.Data, own: personal.Own | None
    ) -> HeldOut:
        """From a parsed example."""
        return cls(
            targets=request_arrays.targets(example),
            history=example[features.EVENT_ITEM_ID][:-1],
            seen=_seen(example),
            excluded=frozenset(request_arrays.excluded(example, data)),
            own=own,
        )

    def ranks(
        self, catalogue: baselines.Popularity, table: baselines.CoOccurrence
    ) -> dict[str, tuple[int, ...]]:
        """Ranks of the targets over the whole catalogue by baseline; 0 for what is not recommended.

        Args:
          catalogue: popularity of the known events.
          table: co-occurrence of the same events.
        """
        none = np.zeros(0, np.int64)
        found = {} if self.own is None else personal.ranks(self.targets, self.own, catalogue)
        return {
            POPULARITY: self._by_score(catalogue, none, none),
            CO_OCCURRENCE: self._by_score(catalogue, *table.scores(self.history)),
            **found,
        }

    def ease_ranks(
        self, catalogue: baselines.Popularity, weights: npt.NDArray[np.float32]
    ) -> tuple[int, ...]:
        """The same by EASE, whose matrix [N, N] has the order of this catalogue."""
        scores = ease.all_scores(weights, catalogue.places_of(self.seen))
        return self._by_score(catalogue, np.arange(len(catalogue.items)), scores)

    def _by_score(
        self,
        catalogue: baselines.Popularity,
        places: npt.NDArray[np.int64],
        scores: npt.NDArray[np.number[Any]],
    ) -> tuple[int, ...]:
        left_out = (
            catalogue.places_of(self.excluded) if self.own is None else self.own.present(catalogue)
        )
        return tuple(
            baselines.rank(catalogue.places[target], left_out, places, scores)
            if target in catalogue.places
            else 0
            for target in self.targets
        )
