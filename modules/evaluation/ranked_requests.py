"""Requests with recall's candidates, for the rank model, and what its scores say of targets."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy import typing as npt

from modules import config, features, request_arrays, requests
from modules.recall import evaluation

_PADDING_SCORE = np.finfo(np.float32).min  # of a place without a candidate


@dataclasses.dataclass(frozen=True)
class Asked:
    """A batch of requests and their candidates, C places each.

    Attributes:
      request: arrays as `modules.requests` says, without exclusions.
      item_ids: bytes objects [B, C], b"" where a request has fewer candidates.
      recall_scores: float32 [B, C].
      targets: int64 [B, T], 0-based places of the targets, -1 if recall missed them, and as
          padding.
      numbers: int64 [B], of targets.
    """

    request: Mapping[str, npt.NDArray[Any]]
    item_ids: npt.NDArray[np.object_]
    recall_scores: npt.NDArray[np.float32]
    targets: npt.NDArray[np.int64]
    numbers: npt.NDArray[np.int64]

    @functools.cached_property
    def given(self) -> npt.NDArray[np.bool_]:
        """Where there is a candidate, bool [B, C]."""
        given: npt.NDArray[np.bool_] = self.item_ids != b""
        return given


def ask(examples: Sequence[requests.RawExample], data: config.Data, max_history: int) -> Asked:
    """Makes requests of parsed examples of Candidates; targets stay where recall put them."""
    if any(any(example[features.POSITIVE_ADDED]) for example in examples):
        raise ValueError(
            "The candidates of held-out requests are those of recall alone, found a target that "
            "was added; evaluate the splits valid and test of Candidates."
        )
    request = request_arrays.from_examples(examples, data, max_history)
    del request[requests.EXCLUDE_ITEM_ID]
    lists = [example.get(features.CANDIDATE_ITEM_ID, []) for example in examples]
    widest = max(map(len, lists), default=0)
    item_ids = np.full((len(lists), widest), b"", object)
    recall_scores = np.zeros(item_ids.shape, np.float32)
    for n, (items, example) in enumerate(zip(lists, examples)):
        item_ids[n, : len(items)] = items
        recall_scores[n, : len(items)] = example.get(features.RECALL_SCORE, [])
    found = [example[features.TARGET_PLACE] for example in examples]
    numbers = np.array([len(row) for row in found], np.int64)
    targets = np.full((len(found), numbers.max(initial=0)), -1)
    for row, own in zip(targets, found):
        row[: len(own)] = own
    return Asked(request, item_ids, recall_scores, targets, numbers)


def places(
    scores: npt.NDArray[np.floating[Any]],
    targets: npt.NDArray[np.integer[Any]],
    given: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float64]:
    """1-based ranks of targets among candidates, see `evaluation.ranks`: float64 [B, T], 0 for -1.

    Args:
      scores: float [B, C]; NaN counts as the lowest.
      targets: int [B, T], 0-based places, or -1.
      given: bool [B, C], where there is a candidate.
    """
    rows, columns = np.nonzero(targets >= 0)
    result = np.zeros(targets.shape)
    if len(rows):
        result[rows, columns] = evaluation.ranks(scores[rows], targets[rows, columns], ~given[rows])
    return result


SEVERAL = 10  # candidates


@dataclasses.dataclass(frozen=True)
class Faults:
    """What is wrong with the scores of one request's candidates; all counts are 0 for sound ones.

    Attributes:
      not_finite: scores that are NaN or infinite.
      lost: candidates that the rank model takes for empty places.
      constant: 1 if all candidates score the same, though there are SEVERAL; fewer may well be
          alike.
    """

    not_finite: int = 0
    lost: int = 0
    constant: int = 0


def faults_of(scores: npt.NDArray[np.floating[Any]]) -> Faults:
    """Looks for what sound scores of a request's candidates, float [C], never have."""
    return Faults(
        not_finite=int(np.sum(~np.isfinite(scores))),
        lost=int(np.sum(scores == _PADDING_SCORE)),
        constant=int(len(scores) >= SEVERAL and bool(np.all(scores == scores[0]))),
    )


def lot(user_id: bytes, timestamp: int, target: bytes) -> bytes:
    """Orders requests as if drawn by lot, the same way in every run."""
    return hashlib.blake2b(b"%s %d %s" % (user_id, timestamp, target), digest_size=8).digest()
