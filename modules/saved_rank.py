"""The rank SavedModel as its users see it: requests with their candidates in, scores out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy import typing as npt

from modules import features, signatures

Request = Mapping[str, npt.NDArray[Any]]


class SavedRank:
    """One loaded model.

    Attributes:
      groups: of its features, as its parts are named.
    """

    def __init__(self, path: str) -> None:
        """Loads the SavedModel in the folder `path`."""
        self._model = tf.saved_model.load(path)  # keeps the variables alive
        outputs = self._model.signatures[signatures.PARTS].structured_outputs
        self.groups = tuple(sorted(signatures.group_of(name) for name in outputs))

    def __call__(
        self,
        request: Request,
        item_ids: npt.NDArray[np.object_],
        recall_scores: npt.NDArray[np.float32],
    ) -> dict[str, npt.NDArray[Any]]:
        """Scores candidates.

        Args:
          request: arrays as `modules.requests` says; those that the model does not know are left
              out.
          item_ids: bytes objects [B, C], padded with b"".
          recall_scores: float32 [B, C], of the same items.

        Returns:
          What the signature gives: `score` float32 [B, C] (float32.min for padding), `probability`,
          `probability_<objective>`, `missing_inputs` int32 [B].
        """
        return self._ask(signatures.DEFAULT, self._inputs(request, item_ids, recall_scores))

    def parts(
        self,
        request: Request,
        item_ids: npt.NDArray[np.object_],
        recall_scores: npt.NDArray[np.float32],
    ) -> dict[str, npt.NDArray[Any]]:
        """The groups of features `part_<group>`, float32 [B, C, width]; 0 is the average.

        See `__call__`.
        """
        return self._ask(signatures.PARTS, self._inputs(request, item_ids, recall_scores))

    def score_parts(self, parts: Mapping[str, npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        """float32 [B, C]: scores of what `parts` gives, changed or not. Padding is scored too."""
        return self._ask(signatures.SCORE_PARTS, parts)[signatures.SCORE]

    def explain(
        self,
        request: Request,
        item_ids: npt.NDArray[np.object_],
        recall_scores: npt.NDArray[np.float32],
    ) -> tuple[tuple[str, ...], npt.NDArray[np.float32]]:
        """How far each group moved each candidate's score from that with the group at its average.

        Args: see `__call__`.

        Returns:
          (the groups; float32 [B, C, groups], 0 for padding).
        """
        parts = self.parts(request, item_ids, recall_scores)
        score = self.score_parts(parts)
        names = map(signatures.part, self.groups)
        without = [self.score_parts({**parts, name: np.zeros_like(parts[name])}) for name in names]
        effects = score[..., np.newaxis] - np.stack(without, axis=-1)
        return self.groups, np.where((item_ids != b"")[..., np.newaxis], effects, np.float32(0))

    def _inputs(
        self,
        request: Request,
        item_ids: npt.NDArray[np.object_],
        recall_scores: npt.NDArray[np.float32],
    ) -> Request:
        return {
            **request,
            features.CANDIDATE_ITEM_ID: item_ids,
            features.RECALL_SCORE: recall_scores,
        }

    def _ask(self, name: str, inputs: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]]:
        signature = self._model.signatures[name]
        specs = signature.structured_input_signature[1]
        answer = signature(**{n: tf.constant(inputs[n], spec.dtype) for n, spec in specs.items()})
        return {n: value.numpy() for n, value in answer.items()}
