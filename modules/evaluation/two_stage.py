"""Puts held-out requests to both stages, on Beam: Candidates' examples -> an `Answer` a request."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.metrics import Metrics
from apache_beam.utils import shared
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
from modules.evaluation import baselines, ease, linear_ranker, ranked_requests, slices

TWO_STAGE, RECALL, LINEAR, LAST_BLESSED = "two_stage", "recall", "linear", "last_blessed"
BATCH = 64  # requests a call
FIRST = 50  # items kept of a list


@dataclasses.dataclass(frozen=True)
class Answer:
    """One request, what both stages answered, and how all systems ranked its target.

    Attributes:
      user_id: whose request.
      timestamp: of the request, Unix seconds.
      target: the held-out item.
      candidates: their number, C.
      ranks: 1-based rank of the target by system; the mean one of candidates that score the same, 0
          if it is not among the candidates.
      recall_items: the first items of recall's list.
      two_stage_items: the first items of the list after ranking.
      probabilities: of the candidates, float32 [C], in recall's order.
      target_place: 0-based, among the candidates in recall's order; -1 if it is not.
      objectives: by objective, the predicted probability for the target and whether it came true,
          if known.
      missing_inputs: values of the request that took a default.
      faults: of the rank model's scores.
      slices: values of each slice feature; several for a multi-valued one.
      linear_features: of the candidates, float32 [C, F].
    """

    user_id: bytes
    timestamp: int
    target: bytes
    candidates: int
    ranks: Mapping[str, float]
    recall_items: tuple[bytes, ...]
    two_stage_items: tuple[bytes, ...]
    probabilities: npt.NDArray[np.float32]
    target_place: int
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

    @property
    def systems(self) -> tuple[str, ...]:
        """Whose ranks answers hold, the candidate first."""
        return (TWO_STAGE, RECALL, LINEAR, *((LAST_BLESSED,) if self.last_blessed else ()))


@dataclasses.dataclass(frozen=True)
class Sides:
    """Side inputs of `AskModels`.

    Of training events there are `baselines.Popularity`, `baselines.CoOccurrence` and the path
    of EASE's matrix (None without it); `edges` are the bounds of the numeric slices by feature.
    """

    catalogue: beam.pvalue.AsSingleton
    table: beam.pvalue.AsSingleton
    ease_path: beam.pvalue.AsSingleton | None
    edges: beam.pvalue.AsSingleton


class AskModels(beam.PTransform):
    """Parsed examples of valid or test -> `Answer`s, without the linear ranker's ranks."""

    def __init__(
        self,
        data: config.Data,
        max_history: int,
        models: Models,
        slicer: slices.Slicer,
        objectives: Mapping[str, ranking_config.Objective],
        sides: Sides,
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

    def expand(self, answers: beam.PCollection) -> beam.PCollection:
        return (
            answers
            | "Found" >> beam.Filter(lambda answer: answer.target_place >= 0)
            | "Sample" >> beam.combiners.Top.Of(linear_ranker.MOST_LISTS, key=_lot)
            | "Fit"
            >> beam.Map(
                lambda sample: linear_ranker.fit(
                    [linear_ranker.List(a.linear_features, a.target_place) for a in sample]
                )
            )
        )


def with_linear(answer: Answer, weights: linear_ranker.Weights) -> Answer:
    """The answer with the linear ranker's rank of the target."""
    scores = weights.scores(answer.linear_features)[np.newaxis]
    (rank,) = ranked_requests.places(
        scores, np.array([answer.target_place]), np.ones(scores.shape, bool)
    )
    return dataclasses.replace(answer, ranks={**answer.ranks, LINEAR: float(rank)})


def _lot(answer: Answer) -> bytes:
    return ranked_requests.lot(answer.user_id, answer.timestamp, answer.target)


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
        self._rank_handle, self._last_handle, self._ease_handle = (
            shared.Shared() for _ in range(3)
        )
        self._asked = Metrics.counter("two_stage_evaluation", "requests")

    def setup(self) -> None:
        rank = self._models.rank
        self._rank = self._rank_handle.acquire(
            functools.partial(saved_rank.SavedRank, rank), tag=rank
        )
        self._last = None
        if last := self._models.last_blessed:
            load = functools.partial(two_stage.TwoStage, *last)
            self._last = self._last_handle.acquire(load, tag="|".join(last))

    def process(
        self,
        examples: list[requests.RawExample],
        catalogue: baselines.Popularity,
        table: baselines.CoOccurrence,
        ease_path: str | None,
        edges: Mapping[str, Sequence[float]],
    ) -> Iterator[Answer]:
        weights = (
            self._ease_handle.acquire(lambda: _Weights(ease.read(ease_path)), tag=ease_path).values
            if ease_path
            else None
        )
        asked = ranked_requests.ask(examples, self._data, self._max_history)
        found = self._rank(asked.request, asked.item_ids, asked.recall_scores)
        ranks = ranked_requests.places(found[signatures.SCORE], asked.targets, asked.given)
        order = ordering.best_first(asked.item_ids, found[signatures.SCORE])
        last = self._last_ranks(examples)
        self._asked.inc(len(examples))
        for n, example in enumerate(examples):
            given, target = asked.given[n], int(asked.targets[n])
            items = asked.item_ids[n][given]
            history = example[features.EVENT_ITEM_ID][:-1]
            seen = example.get(features.SEEN_ITEM_ID, [])
            yield Answer(
                user_id=example[features.USER_ID][0],
                timestamp=example[features.EVENT_TIMESTAMP][-1],
                target=example[features.EVENT_ITEM_ID][-1],
                candidates=len(items),
                ranks={
                    TWO_STAGE: float(ranks[n]),
                    RECALL: float(target + 1),
                    **({LAST_BLESSED: float(last[n])} if last is not None else {}),
                },
                recall_items=tuple(items[:FIRST]),
                two_stage_items=tuple(asked.item_ids[n][order[n]][: len(items)][:FIRST]),
                probabilities=found[signatures.PROBABILITY][n][given],
                target_place=target,
                objectives=self._answers_of(example, found, n, target),
                missing_inputs=int(found[signatures.MISSING_INPUTS][n]),
                faults=ranked_requests.faults_of(found[signatures.SCORE][n][given]),
                slices=self._slicer.of(example, catalogue, edges),
                linear_features=linear_ranker.features_of(
                    items, history, seen, catalogue, table, weights
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
    ) -> npt.NDArray[np.float64] | None:
        """Target ranks by the last blessed pair, which finds its own candidates: float [B]."""
        if self._last is None:
            return None
        lists = self._last(request_arrays.from_examples(examples, self._data, self._max_history))
        targets = np.array([example[features.EVENT_ITEM_ID][-1] for example in examples], object)
        is_target = lists.ids == targets[:, np.newaxis]
        found = np.where(is_target.any(axis=1), is_target.argmax(axis=1), -1)
        return ranked_requests.places(lists.rank_scores, found, lists.ids != b"")


@dataclasses.dataclass(frozen=True)
class _Weights:
    """An array that Beam can share: it keeps weak references, which arrays do not take."""

    values: npt.NDArray[np.float32]
