"""Puts held-out requests to both stages, on Beam: Candidates' examples -> an `Answer` a request."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.metrics import Metrics
from numpy import typing as npt

from modules import (
    config,
    features,
    ordering,
    ranking_config,
    request_arrays,
    requests,
    saved_rank,
    signatures,
    two_stage,
)
from modules import objectives as objectives_lib
from modules.beam import loaded
from modules.evaluation import (
    baselines,
    ease,
    linear_ranker,
    personal_steps,
    ranked_requests,
    ranking,
    slices,
    two_stage_sides,
)

TWO_STAGE, RECALL, LINEAR, LAST_BLESSED = "two_stage", "recall", "linear", "last_blessed"
BATCH = 64  # requests a call
FIRST = 50  # items kept of a list


@dataclasses.dataclass(frozen=True)
class Answer:
    """One request, what both stages answered, and how all systems ranked its targets.

    Attributes:
      user_id: whose request.
      timestamp: of the request, Unix seconds.
      targets: the held-out items, distinct; one, but with `split.unit: basket`.
      repeated: of each target, whether the user had it before.
      candidates: their number, C.
      ranks: 1-based rank of each target by system; the mean one of candidates that score the same,
          0 if it is not among the candidates.
      recall_items: the first items of recall's list.
      two_stage_items: the first items of the list after ranking.
      repeated_items: where repeats are allowed, by system, whether the user had each item of its
          list before, bool [C].
      probabilities: of the candidates, float32 [C], in recall's order.
      target_places: of each target, 0-based, among the candidates in recall's order; -1 if it is
          not.
      target_sources: of each target, which source of candidates it is from, a number of
          `signatures.SOURCES`; -1 if it is not among the candidates.
      objectives: by objective, the predicted probability for the first target, that of the event,
          and whether it came true, if known.
      missing_inputs: values of the request that took a default.
      faults: of the rank model's scores.
      slices: values of each slice feature; several for a multi-valued one.
      linear_features: of the candidates, float32 [C, F].
    """

    user_id: bytes
    timestamp: int
    targets: tuple[bytes, ...]
    repeated: tuple[bool, ...]
    candidates: int
    ranks: Mapping[str, tuple[float, ...]]
    recall_items: tuple[bytes, ...]
    two_stage_items: tuple[bytes, ...]
    repeated_items: Mapping[str, npt.NDArray[np.bool_]]
    probabilities: npt.NDArray[np.float32]
    target_places: tuple[int, ...]
    target_sources: tuple[int, ...]
    objectives: Mapping[str, tuple[float, bool]]
    missing_inputs: int
    faults: ranked_requests.Faults
    slices: Mapping[str, tuple[str, ...]]
    linear_features: npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Models:
    """SavedModel folders: the rank model, and the last blessed pair (recall, rank), if any."""

    rank: str
    last_blessed: tuple[str, str] | None = None

    def systems(self, data: config.Data, *, has_ease: bool) -> tuple[str, ...]:
        """Whose ranks answers hold, the candidate first."""
        last = (LAST_BLESSED,) if self.last_blessed else ()
        return (TWO_STAGE, RECALL, LINEAR, *last, *ranking.untrained(data, has_ease=has_ease))


class AskModels(beam.PTransform):
    """Parsed examples of valid or test -> `Answer`s, without the linear ranker's ranks."""

    def __init__(
        self,
        data: config.Data,
        max_history: int,
        models: Models,
        slicer: slices.Slicer,
        objectives: Mapping[str, ranking_config.Objective],
        sides: two_stage_sides.Sides,
    ) -> None:
        super().__init__()
        self._ask = _Ask(data, max_history, models, slicer, objectives)
        self._sides = {
            field.name: getattr(sides, field.name) for field in dataclasses.fields(sides)
        }

    def expand(self, examples: beam.PCollection) -> beam.PCollection:
        return (
            examples
            | "Batch" >> beam.BatchElements(min_batch_size=BATCH, max_batch_size=BATCH)
            | "Ask" >> beam.ParDo(self._ask, **self._sides)
        )


class FitLinear(beam.PTransform):
    """`Answer`s of validation -> one `linear_ranker.Weights`."""

    def __init__(self, width: int) -> None:
        """`width` is the number of features, F."""
        super().__init__()
        self._width = width

    def expand(self, answers: beam.PCollection) -> beam.PCollection:
        return (
            answers
            | "Found" >> beam.Filter(lambda answer: max(answer.target_places) >= 0)
            | "Sample" >> beam.combiners.Top.Of(linear_ranker.MOST_LISTS, key=_lot)
            | "Fit" >> beam.Map(lambda sample: linear_ranker.fit(_lists(sample), self._width))
        )


def _lists(sample: Sequence[Answer]) -> list[linear_ranker.List]:
    """A list for each target that was found, as many as the ranker learns from."""
    found = (
        linear_ranker.List(answer.linear_features, place)
        for answer in sample
        for place in answer.target_places
        if place >= 0
    )
    return list(itertools.islice(found, linear_ranker.MOST_LISTS))


def with_linear(answer: Answer, weights: linear_ranker.Weights) -> Answer:
    """The answer with the linear ranker's ranks of the targets."""
    scores = weights.scores(answer.linear_features)[np.newaxis]
    (ranks,) = ranked_requests.places(
        scores, np.array([answer.target_places]), np.ones(scores.shape, bool)
    )
    repeated = answer.repeated_items
    if repeated:
        order = np.argsort(-scores[0], kind="stable")
        repeated = {**repeated, LINEAR: repeated[RECALL][order]}
    return dataclasses.replace(
        answer, ranks={**answer.ranks, LINEAR: tuple(ranks.tolist())}, repeated_items=repeated
    )


def _repeated_items(
    items: Sequence[bytes], order: npt.NDArray[np.integer[Any]], seen: frozenset[bytes]
) -> dict[str, npt.NDArray[np.bool_]]:
    """Whether the user had the items, in recall's order and in that of two stages: bool [C]."""
    repeated = np.array([item in seen for item in items], bool)
    return {RECALL: repeated, TWO_STAGE: repeated[order]}


def _lot(answer: Answer) -> bytes:
    return ranked_requests.lot(answer.user_id, answer.timestamp, answer.targets[0])


class _Ask(beam.DoFn):
    """Batch of parsed examples -> `Answer`s."""

    def __init__(
        self,
        data: config.Data,
        max_history: int,
        models: Models,
        slicer: slices.Slicer,
        objectives: Mapping[str, ranking_config.Objective],
    ) -> None:
        self._data, self._max_history, self._models, self._slicer = (
            data,
            max_history,
            models,
            slicer,
        )
        self._objectives = objectives_lib.Objectives(data, objectives)
        self._ease = ease.Weights()
        self._asked = Metrics.counter("two_stage_evaluation", "requests")

    def setup(self) -> None:
        self._rank = loaded.once(saved_rank.SavedRank, self._models.rank)
        last = self._models.last_blessed
        self._last = loaded.once(two_stage.TwoStage, *last) if last else None

    def process(
        self,
        examples: list[requests.RawExample],
        catalogue: baselines.Popularity,
        table: baselines.CoOccurrence,
        ease_path: str | None,
        edges: Mapping[str, Sequence[float]],
        known_catalogue: baselines.Popularity,
        known_table: baselines.CoOccurrence,
    ) -> Iterator[Answer]:
        weights = self._ease.of(ease_path)
        asked = ranked_requests.ask(examples, self._data, self._max_history)
        found = self._rank(asked.request, asked.item_ids, asked.recall_scores)
        ranks = ranked_requests.places(found[signatures.SCORE], asked.targets, asked.given)
        order = ordering.best_first(asked.item_ids, found[signatures.SCORE])
        last = self._last_ranks(examples)
        self._asked.inc(len(examples))
        for n, example in enumerate(examples):
            given, number = asked.given[n], int(asked.numbers[n])
            places = tuple(asked.targets[n, :number].tolist())
            items = asked.item_ids[n][given]
            history = example[features.EVENT_ITEM_ID][:-1]
            seen = example.get(features.SEEN_ITEM_ID, [])
            targets, known = request_arrays.targets(example), frozenset(seen)
            own = personal_steps.own(example)
            request = ranking.HeldOut.of(example, self._data, own)
            untrained = request.ranks(known_catalogue, known_table)
            if weights is not None:
                untrained[ranking.EASE] = request.ease_ranks(catalogue, weights)
            yield Answer(
                user_id=example[features.USER_ID][0],
                timestamp=example[features.EVENT_TIMESTAMP][-1],
                targets=tuple(targets),
                repeated=tuple(target in known for target in targets),
                candidates=len(items),
                ranks={
                    TWO_STAGE: tuple(ranks[n, :number].tolist()),
                    RECALL: tuple(place + 1.0 for place in places),
                    **({LAST_BLESSED: last[n]} if last is not None else {}),
                    **untrained,
                },
                recall_items=tuple(items[:FIRST]),
                two_stage_items=tuple(asked.item_ids[n][order[n]][: len(items)][:FIRST]),
                repeated_items=_repeated_items(items, order[n][: len(items)], known)
                if self._data.allows_repeats
                else {},
                probabilities=found[signatures.PROBABILITY][n][given],
                target_places=places,
                target_sources=tuple(example[features.TARGET_SOURCE]),
                objectives=self._answers_of(example, found, n, places[0]),
                missing_inputs=int(found[signatures.MISSING_INPUTS][n]),
                faults=ranked_requests.faults_of(found[signatures.SCORE][n][given]),
                slices=self._slicer.of(example, catalogue, edges),
                linear_features=linear_ranker.features_of(
                    items, history, seen, catalogue, table, weights, own
                ),
            )

    def _answers_of(
        self,
        example: requests.RawExample,
        found: Mapping[str, npt.NDArray[Any]],
        row: int,
        target: int,
    ) -> dict[str, tuple[float, bool]]:
        """Gives (predicted, came true) by objective.

        There are none if recall missed the target, or the answer is missing.
        """
        if target < 0:
            return {}
        return {
            name: (float(found[signatures.probability(name)][row, target]), bool(label))
            for name, label in self._objectives.of(example).items()
            if not math.isnan(label)
        }

    def _last_ranks(
        self, examples: Sequence[requests.RawExample]
    ) -> list[tuple[float, ...]] | None:
        """Targets' ranks by the last blessed pair, which finds its own candidates, by example."""
        if self._last is None:
            return None
        lists = self._last(request_arrays.from_examples(examples, self._data, self._max_history))
        assert lists.rank_scores is not None, "the pair has a rank model"
        ranks = []
        for example, ids, scores in zip(examples, lists.ids, lists.rank_scores):
            places = {item: place for place, item in enumerate(ids)}
            found = [places.get(target, -1) for target in request_arrays.targets(example)]
            (own,) = ranked_requests.places(
                scores[np.newaxis], np.array([found]), (ids != b"")[np.newaxis]
            )
            ranks.append(tuple(own.tolist()))
        return ranks
