"""Asks recall for candidates of requests, on Beam: raw examples in, the same with candidates out.

An example stays as it is and gets these features (names in features.py):

  candidate_item_id  bytes [n], recall's list, best first; without what the user has seen and empty
                     places
  recall_score       float [n], of the same items
  target_place       int64 [t], of each of the t targets in that list, from 0; -1 if it is not there
  target_source      int64 [t], of each target where it is from, a number of signatures.SOURCES; -1
                     if recall did not find it
  positive_added     int64 [t], 1 if recall missed the target and it was put behind the list, with
                     its score
  part               int64 [1], which recall model was asked

Targets are only added to examples that the ranker learns from, at most MOST_ADDED to a list. A
target that is not in the catalogue cannot be recommended and is never added, nor, where repeats are
excluded, one that the user had seen.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
from apache_beam.metrics import Metrics
from numpy import typing as npt

from modules import config, features, request_arrays, requests, saved_recall
from modules.beam import loaded

BATCH = 64  # requests a call
NOT_FOUND = -1  # place of a target that is not among the candidates
MOST_ADDED = (
    32  # targets of a list: the widest list sets the ranker's memory, and baskets may be big
)

_NAMESPACE = "candidates"
FOUND, MISSED, ADDED = "targets_found", "targets_missed", "targets_added"
SEEN, UNKNOWN = "targets_seen", "targets_not_in_the_catalogue"  # names of counters


@dataclasses.dataclass(frozen=True)
class Recall:
    """A recall model to ask.

    Attributes:
      path: folder of the SavedModel, indexed.
      part: what the examples say of it; `features.FINAL_PART` is the model that is released.
      k: candidates that it has to give, where the catalogue holds so many.
    """

    path: str
    part: int
    k: int


@beam.typehints.with_input_types(bytes)
@beam.typehints.with_output_types(bytes)
class FindCandidates(beam.PTransform):
    """Serialised raw examples -> the same with candidates; counts what became of each target."""

    def __init__(
        self, data: config.Data, max_history: int, recall: Recall, *, add_missed: bool
    ) -> None:
        """Asks one recall model for the candidates of every request.

        Args:
          data: the declared columns.
          max_history: events that the model sees.
          recall: whom to ask.
          add_missed: whether targets that recall missed are added, to learn from.
        """
        super().__init__()
        self._ask = _Ask(data, max_history, recall, add_missed=add_missed)

    def expand(self, serialized: beam.PCollection) -> beam.PCollection:
        return (
            serialized
            | "Batch" >> beam.BatchElements(min_batch_size=BATCH, max_batch_size=BATCH)
            | "Ask" >> beam.ParDo(self._ask)
        )


@dataclasses.dataclass(frozen=True)
class List:
    """The candidates of one request.

    Attributes:
      item_ids: n of them, best first; added targets stand last.
      scores: float32 [n].
      target_places: of each target, 0-based; NOT_FOUND if it is not among them.
      target_sources: of each target, a number of `signatures.SOURCES`; NOT_FOUND if recall did not
          find it.
      fates: of each target, the name of its counter.
    """

    item_ids: Sequence[bytes]
    scores: npt.NDArray[np.float32]
    target_places: Sequence[int]
    target_sources: Sequence[int]
    fates: Sequence[str]


def list_of(
    ids: npt.NDArray[np.object_],
    scores: npt.NDArray[np.float32],
    sources: npt.NDArray[np.int32],
    targets: Sequence[bytes],
    why_missed: Callable[[bytes], str],
) -> List:
    """Recall's answer to one request, without empty places.

    Args:
      ids: bytes objects [k].
      scores: float32 [k].
      sources: int32 [k].
      targets: the distinct items that the user took.
      why_missed: the counter of a target that is not among the candidates.
    """
    filled = ids != b""
    items, sources = list(ids[filled]), sources[filled]
    places = {item: place for place, item in enumerate(items)}
    return List(
        items,
        scores[filled],
        [places.get(target, NOT_FOUND) for target in targets],
        [int(sources[places[t]]) if t in places else NOT_FOUND for t in targets],
        [FOUND if target in places else why_missed(target) for target in targets],
    )


def with_target(found: List, number: int, target: bytes, score: float) -> List:
    """The list with target `number`, which recall missed, put last."""
    places, fates = list(found.target_places), list(found.fates)
    places[number], fates[number] = len(found.item_ids), ADDED
    return dataclasses.replace(
        found,
        item_ids=[*found.item_ids, target],
        scores=np.append(found.scores, np.float32(score)),
        target_places=places,
        fates=fates,
    )


@beam.typehints.with_input_types(list[bytes])
@beam.typehints.with_output_types(bytes)
class _Ask(beam.DoFn):
    """Batch of serialised examples -> serialised examples."""

    def __init__(
        self, data: config.Data, max_history: int, recall: Recall, *, add_missed: bool
    ) -> None:
        self._data, self._max_history, self._recall, self._add_missed = (
            data,
            max_history,
            recall,
            add_missed,
        )
        self._asked = Metrics.counter(_NAMESPACE, "requests")
        self._fates = {
            name: Metrics.counter(_NAMESPACE, name)
            for name in (FOUND, MISSED, ADDED, SEEN, UNKNOWN)
        }
        self._lengths = Metrics.distribution(_NAMESPACE, "candidates")

    def setup(self) -> None:
        self._model = loaded.once(saved_recall.SavedRecall, self._recall.path)

    def process(self, batch: list[bytes]) -> Iterator[bytes]:
        raw = [requests.read_raw_example(serialized) for serialized in batch]
        request = request_arrays.from_examples(raw, self._data, self._max_history)
        ids, scores, sources = self._model.candidates(request)
        if ids.shape[1] < self._recall.k:
            raise ValueError(
                f"The recall model gives at least index.k ({self._recall.k}) candidates, found "
                f"{ids.shape[1]} in {self._recall.path}. Run the Indexer with this index.k."
            )
        targets = [request_arrays.targets(example) for example in raw]
        lists = [
            list_of(ids[n], scores[n], sources[n], targets[n], self._why_missed(example))
            for n, example in enumerate(raw)
        ]
        if self._add_missed:
            lists = self._with_missed(lists, targets, request)
        self._asked.inc(len(batch))
        for serialized, found in zip(batch, lists):
            for fate in found.fates:
                self._fates[fate].inc()
            self._lengths.update(len(found.item_ids))
            yield _serialize(serialized, found, self._recall.part)

    def _why_missed(self, example: requests.RawExample) -> Callable[[bytes], str]:
        """Gives the counter of a target that recall did not find, or could not have found."""
        excluded = frozenset(request_arrays.excluded(example, self._data))

        def why(target: bytes) -> str:
            if target in excluded:
                return SEEN
            return MISSED if self._model.knows(target) else UNKNOWN

        return why

    def _with_missed(
        self,
        lists: Sequence[List],
        targets: Sequence[Sequence[bytes]],
        request: Mapping[str, npt.NDArray[Any]],
    ) -> list[List]:
        """The lists of a batch of requests with the targets that recall missed behind them."""
        missed = [
            [n for n, fate in enumerate(found.fates) if fate == MISSED][:MOST_ADDED]
            for found in lists
        ]
        asked = [row for row, numbers in enumerate(missed) if numbers]
        added = [(row, n) for row in asked for n in missed[row]]
        result = list(lists)
        if added:
            scores = self._model.score(
                {name: values[asked] for name, values in request.items()},
                np.array([targets[row][n] for row, n in added], object),
                np.repeat(np.arange(len(asked)), [len(missed[row]) for row in asked]),
            )
            for (row, n), score in zip(added, scores):
                result[row] = with_target(result[row], n, targets[row][n], score)
        return result


def _serialize(serialized: bytes, found: List, part: int) -> bytes:
    """The example with its candidates, the same bytes every time."""
    example = tf.train.Example.FromString(serialized)
    added = example.features.feature
    added[features.CANDIDATE_ITEM_ID].bytes_list.value.extend(found.item_ids)
    added[features.CANDIDATE_ITEM_ID].bytes_list.SetInParent()
    added[features.RECALL_SCORE].float_list.value.extend(found.scores)
    added[features.RECALL_SCORE].float_list.SetInParent()
    for name, values in (
        (features.TARGET_PLACE, found.target_places),
        (features.TARGET_SOURCE, found.target_sources),
        (features.PART, [part]),
        (features.POSITIVE_ADDED, [int(fate == ADDED) for fate in found.fates]),
    ):
        added[name].int64_list.value.extend(values)
    content: bytes = example.SerializeToString(deterministic=True)
    return content
