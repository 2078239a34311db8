"""Whether models of a new catalogue answer: for its new items, and as before for the others."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

import numpy as np
from numpy import typing as npt

from modules import catalogue, features, request_arrays, saved_rank, saved_recall, signatures

REQUESTS, _BATCH = 256, 64
_MOST_NEW = 200  # new items that the rank model is asked about
_TOLERANCE = 1e-3  # of a score: operations of other sizes may add up in another order


class RefreshRefused(RuntimeError):
    """Models that must not be released. The message says what they answered."""


@dataclasses.dataclass(frozen=True)
class Models:
    """The models to look at, and the rank model in force, by their folders; without rank None."""

    recall: pathlib.Path
    rank: pathlib.Path | None
    rank_before: pathlib.Path | None


@dataclasses.dataclass(frozen=True)
class Answered:
    """What the models answered.

    Attributes:
      requests: how many were asked.
      lists_with_new: how many of their lists hold a new item.
      new_listed: how many of the new items are in one of these lists.
      compared: scores of known items that were compared with those of before.
    """

    requests: int
    lists_with_new: int
    new_listed: int
    compared: int


def check(
    models: Models,
    about: catalogue.About,
    examples: Iterator[request_arrays.RawExample],
    new: Sequence[bytes],
    changed: AbstractSet[bytes],
) -> Answered:
    """Asks both models on real requests.

    Args:
      models: whom to ask.
      about: what requests are like.
      examples: raw, of validation; the first `REQUESTS` are asked.
      new: ids that the models in force do not know.
      changed: ids of items that are new or have other features than before.

    Raises:
      RefreshRefused: an answer is missing, is no number, or is another than before.
    """
    recall = saved_recall.SavedRecall(str(models.recall))
    rank = models.rank and saved_rank.SavedRank(str(models.rank))
    before = models.rank_before and saved_rank.SavedRank(str(models.rank_before))
    asked_about = np.array(new[:_MOST_NEW], object)
    requests = lists = compared = 0
    listed: set[bytes] = set()
    found = itertools.islice(examples, REQUESTS)
    while batch := list(itertools.islice(found, _BATCH)):
        request = request_arrays.from_examples(batch, about.data, about.max_history)
        ids, scores = recall(request)
        is_new = np.isin(ids, np.array(new, object)) if len(new) else np.zeros(ids.shape, bool)
        requests += len(batch)
        lists += int(is_new.any(axis=1).sum())
        listed.update(ids[is_new])
        if rank and len(new):
            _check_new(recall, rank, request, asked_about, len(batch))
        if rank and before:
            known = [changed.isdisjoint(e[features.EVENT_ITEM_ID]) for e in batch]
            compared += _compare(rank, before, request, ids, scores, np.array(known), changed)
    return Answered(requests, lists, len(listed), compared)


def _check_new(
    recall: saved_recall.SavedRecall,
    rank: saved_rank.SavedRank,
    request: saved_rank.Request,
    new: npt.NDArray[np.object_],
    number: int,
) -> None:
    """Whether both models score every new item for every request."""
    rows = np.repeat(np.arange(number), len(new))
    ids = np.tile(new, (number, 1))
    scores = recall.score(request, ids.ravel(), rows).reshape(ids.shape)
    ranked = rank(request, ids, scores)[signatures.SCORE]
    lowest = np.finfo(np.float32).min
    for name, values in (("recall", scores), ("rank", ranked)):
        if (bad := ~np.isfinite(values) | (values == lowest)).any():
            raise RefreshRefused(
                f"The {name} model has no score for new items, first {ids[bad][0].decode()!r}. "
                "Nothing is released; train with `recsys run`."
            )


def _compare(
    rank: saved_rank.SavedRank,
    before: saved_rank.SavedRank,
    request: saved_rank.Request,
    ids: npt.NDArray[np.object_],
    scores: npt.NDArray[np.float32],
    known: npt.NDArray[np.bool_],
    changed: AbstractSet[bytes],
) -> int:
    """Whether items that have not changed are scored as before; returns how many were compared."""
    same = np.array([[item != b"" and item not in changed for item in row] for row in ids])
    same &= known[:, np.newaxis]
    now, then = (model(request, ids, scores)[signatures.SCORE] for model in (rank, before))
    off = np.abs(now - then) > _TOLERANCE * (1 + np.abs(then))
    if (off & same).any():
        worst = np.argmax(np.where(same, np.abs(now - then), 0))
        raise RefreshRefused(
            f"The rank model scores items that have not changed in another way than before: "
            f"{ids.ravel()[worst].decode()!r} {now.ravel()[worst]:.4f} instead of "
            f"{then.ravel()[worst]:.4f}. Nothing is released; train with `recsys run`."
        )
    return int(same.sum())
