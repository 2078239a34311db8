"""Asks recall for candidates of requests, on Beam: raw examples in, the same with candidates out.

An example stays as it is and gets these features (names in features.py):

  candidate_item_id  bytes [n], recall's list, best first; without what the user has seen and empty
                     places
  recall_score       float [n], of the same items
  target_place       int64 [1], of the last event's item in that list, from 0; -1 if it is not there
  positive_added     int64 [1], 1 if recall missed the target and it was put behind the list, with
                     its score
  part               int64 [1], which recall model was asked

Targets are only added to examples that the ranker learns from. A target that the user had seen, or
that is not in the catalogue, cannot be recommended and is never added.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence

import apache_beam as beam
import numpy as np
import tensorflow as tf
from apache_beam.metrics import Metrics
from apache_beam.utils import shared
from numpy import typing as npt

from modules import config, features, request_arrays, requests, saved_recall

BATCH = 64  # requests a call
NOT_FOUND = -1  # place of a target that is not among the candidates

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
    """Serialised raw examples -> the same with candidates; counted by what became of the target."""

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
      item_ids: n of them, best first; an added target stands last.
      scores: float32 [n].
      target_place: 0-based; NOT_FOUND if it is not among them.
      fate: of the target, the name of its counter.
    """

    item_ids: Sequence[bytes]
    scores: npt.NDArray[np.float32]
    target_place: int
    fate: str


def list_of(ids: npt.NDArray[np.object_], scores: npt.NDArray[np.float32], target: bytes) -> List:
    """Recall's answer to one request, without empty places.

    Its ids are bytes objects [k], its scores float32 [k].
    """
    filled = ids != b""
    items = list(ids[filled])
    place = items.index(target) if target in items else NOT_FOUND
    return List(items, scores[filled], place, MISSED if place == NOT_FOUND else FOUND)


def with_target(found: List, target: bytes, score: float) -> List:
    """The list with a target that recall missed put last."""
    scores = np.append(found.scores, np.float32(score))
    return List([*found.item_ids, target], scores, len(found.item_ids), ADDED)


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
        self._handle = shared.Shared()  # one copy a worker process
        self._asked = Metrics.counter(_NAMESPACE, "requests")
        self._fates = {
            name: Metrics.counter(_NAMESPACE, name)
            for name in (FOUND, MISSED, ADDED, SEEN, UNKNOWN)
        }
        self._lengths = Metrics.distribution(_NAMESPACE, "candidates")

    def setup(self) -> None:
        path = self._recall.path
        self._model = self._handle.acquire(
            functools.partial(saved_recall.SavedRecall, path), tag=path
        )

    def process(self, batch: list[bytes]) -> Iterator[bytes]:
        raw = [requests.read_raw_example(serialized) for serialized in batch]
        request = request_arrays.from_examples(raw, self._data, self._max_history)
        ids, scores = self._model(request)
        if ids.shape[1] != self._recall.k:
            raise ValueError(
                f"The recall model gives index.k ({self._recall.k}) candidates, found "
                f"{ids.shape[1]} in {self._recall.path}. Run the Indexer with this index.k."
            )
        targets = np.array([example[features.EVENT_ITEM_ID][-1] for example in raw], object)
        lists = [
            self._fate(list_of(*answer), example)
            for *answer, example in zip(ids, scores, targets, raw)
        ]
        if self._add_missed:
            _add_missed(
                lists,
                targets,
                lambda rows: self._model.score(
                    {name: values[rows] for name, values in request.items()}, targets[rows]
                ),
            )
        self._asked.inc(len(batch))
        for serialized, found in zip(batch, lists):
            self._fates[found.fate].inc()
            self._lengths.update(len(found.item_ids))
            yield _serialize(serialized, found, self._recall.part)

    def _fate(self, found: List, example: requests.RawExample) -> List:
        """The list, with the reason why recall could not have found the target, if there is one."""
        target = example[features.EVENT_ITEM_ID][-1]
        if found.fate == FOUND:
            return found
        if target in example.get(features.SEEN_ITEM_ID, ()):
            return dataclasses.replace(found, fate=SEEN)
        return found if self._model.knows(target) else dataclasses.replace(found, fate=UNKNOWN)


def _add_missed(
    lists: list[List],
    targets: npt.NDArray[np.object_],
    score: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float32]],
) -> None:
    """Puts missed targets behind their lists; `score` gives their float32 [n] for rows int [n]."""
    rows = np.array([n for n, found in enumerate(lists) if found.fate == MISSED], np.int64)
    if len(rows):
        for row, own in zip(rows, score(rows)):
            lists[row] = with_target(lists[row], targets[row], own)


def _serialize(serialized: bytes, found: List, part: int) -> bytes:
    """The example with its candidates, the same bytes every time."""
    example = tf.train.Example.FromString(serialized)
    added = example.features.feature
    added[features.CANDIDATE_ITEM_ID].bytes_list.value.extend(found.item_ids)
    added[features.CANDIDATE_ITEM_ID].bytes_list.SetInParent()
    added[features.RECALL_SCORE].float_list.value.extend(found.scores)
    added[features.RECALL_SCORE].float_list.SetInParent()
    for name, value in (
        (features.TARGET_PLACE, found.target_place),
        (features.PART, part),
        (features.POSITIVE_ADDED, int(found.fate == ADDED)),
    ):
        added[name].int64_list.value.append(value)
    content: bytes = example.SerializeToString(deterministic=True)
    return content
