"""Both stages on one request: recall finds candidates, the rank model orders them again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy import typing as npt

from modules import ordering, saved_rank, saved_recall, signatures

Request = Mapping[str, npt.NDArray[Any]]


@dataclasses.dataclass(frozen=True)
class Lists:
    """What a batch of requests is answered; K places a request, best first.

    Attributes:
      ids: bytes objects [B, K]; b"" in places that could not be filled, which come last.
      recall_ranks: int [B, K], from 1.
      recall_scores: float32 [B, K].
      rank_scores: float32 [B, K], by which the list is ordered; None where recall answers alone.
      missing_inputs: int [B], values of the profile and of the request's context that are missing
          or unknown, so that the rank model took a default; None where recall answers alone.
      groups: of the rank model's features, where the lists are explained.
      effects: float32 [B, K, groups]: how far each group moved the item's rank score from what it
          would be with the group at its average.
    """

    ids: npt.NDArray[np.object_]
    recall_ranks: npt.NDArray[np.integer[Any]]
    recall_scores: npt.NDArray[np.float32]
    rank_scores: npt.NDArray[np.float32] | None = None
    missing_inputs: npt.NDArray[np.integer[Any]] | None = None
    groups: tuple[str, ...] = ()
    effects: npt.NDArray[np.float32] | None = None


class TwoStage:
    """The loaded models of a release, or of a run."""

    def __init__(self, recall: str, rank: str | None = None) -> None:
        """Loads the models.

        Args:
          recall: folder of the recall SavedModel.
          rank: folder of the rank SavedModel; without it, recall answers alone.
        """
        self._recall = saved_recall.SavedRecall(recall)
        self._rank = saved_rank.SavedRank(rank) if rank else None

    def __call__(self, request: Request, *, explain: bool = False) -> Lists:
        """Answers a batch.

        Args:
          request: arrays as `modules.requests` says, with exclusions.
          explain: whether the lists say what moved each item; only where there is a rank model.
        """
        ids, scores = self._recall(request)
        ranks = np.broadcast_to(np.arange(1, ids.shape[1] + 1), ids.shape)
        if self._rank is None:
            return Lists(ids, ranks, scores)
        ranked = self._rank(request, ids, scores)
        rank_scores = ranked[signatures.SCORE]
        order = ordering.best_first(ids, rank_scores)

        def ordered(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
            return np.take_along_axis(values, order, axis=1)

        lists = Lists(
            ordered(ids),
            ordered(ranks),
            ordered(scores),
            ordered(rank_scores),
            ranked[signatures.MISSING_INPUTS],
        )
        if not explain:
            return lists
        groups, effects = self._rank.explain(request, ids, scores)
        return dataclasses.replace(
            lists,
            groups=tuple(groups),
            effects=np.take_along_axis(effects, order[..., np.newaxis], axis=1),
        )
