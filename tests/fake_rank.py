"""A rank SavedModel with the real signatures and a simple rule, to test what follows its training.

The score of an item is `weight` times its recall score plus the item's own bonus; each summand is a
group of features, `recall_score` and `item`. From noon to midnight, UTC, the bonuses are those of
`afternoon`, if any are given.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping, Sequence

import tensorflow as tf

from modules import config, features, requests

GROUPS = ("recall_score", "item")


class FakeRank(tf.Module):
    """Items without a bonus have 0; every objective comes true with a probability of 3/4."""

    def __init__(
        self,
        bonus: Mapping[str, float],
        weight: float,
        objectives: Sequence[str],
        afternoon: Mapping[str, float] | None = None,
        counted: Sequence[str] = (),
    ) -> None:
        """`counted`: inputs [B] of numbers whose NaN count as missing."""
        super().__init__()
        self._counted = tuple(counted)
        self._weight, self._objectives = weight, tuple(objectives)
        self._bonus = _table(bonus)
        self._afternoon = self._bonus if afternoon is None else _table(afternoon)

    def parts(self, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        recall = self._weight * inputs[features.RECALL_SCORE]
        ids = inputs[features.CANDIDATE_ITEM_ID]
        is_late = inputs[features.REQUEST_TIMESTAMP] % 86_400 >= 43_200
        item = tf.where(
            is_late[:, tf.newaxis], self._afternoon.lookup(ids), self._bonus.lookup(ids)
        )
        return {"part_recall_score": recall[..., tf.newaxis], "part_item": item[..., tf.newaxis]}

    def serve(self, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        given = inputs[features.CANDIDATE_ITEM_ID] != ""
        score = tf.where(given, score_of(self.parts(inputs)), tf.float32.min)
        return {
            "score": score,
            "probability": tf.where(given, tf.nn.softmax(score), 0.0),
            "missing_inputs": tf.add_n(
                [
                    tf.zeros(tf.shape(score)[:1], tf.int32),
                    *(tf.cast(tf.math.is_nan(inputs[name]), tf.int32) for name in self._counted),
                ]
            ),
            **{f"probability_{name}": tf.where(given, 0.75, 0.0) for name in self._objectives},
        }


def _table(bonus: Mapping[str, float]) -> tf.lookup.StaticHashTable:
    return tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(
            tf.constant(["", *bonus]), tf.constant([0.0, *bonus.values()])
        ),
        0.0,
    )


def score_of(parts: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Of parts [B, C, 1] each: [B, C]."""
    return tf.add_n([part[..., 0] for part in parts.values()])


def save(
    folder: str | pathlib.Path,
    data: config.Data,
    bonus: Mapping[str, float],
    *,
    weight: float = 1.0,
    objectives: Sequence[str] = (),
    afternoon: Mapping[str, float] | None = None,
    counted: Sequence[str] = (),
) -> str:
    """Writes the SavedModel, without lineage."""
    module = FakeRank(bonus, weight, objectives, afternoon, counted)
    specs = requests.input_specs(data, exclusions=False)
    specs[features.CANDIDATE_ITEM_ID] = tf.TensorSpec(
        [None, None], tf.string, features.CANDIDATE_ITEM_ID
    )
    specs[features.RECALL_SCORE] = tf.TensorSpec([None, None], tf.float32, features.RECALL_SCORE)
    part_specs = {
        f"part_{g}": tf.TensorSpec([None, None, 1], tf.float32, f"part_{g}") for g in GROUPS
    }
    module.default = tf.function(lambda **inputs: module.serve(inputs))
    module.split = tf.function(lambda **inputs: module.parts(inputs))
    module.join = tf.function(lambda **parts: {"score": score_of(parts)})
    tf.saved_model.save(
        module,
        str(folder),
        signatures={
            "serving_default": module.default.get_concrete_function(**specs),
            "parts": module.split.get_concrete_function(**specs),
            "score_parts": module.join.get_concrete_function(**part_specs),
        },
    )
    extra = pathlib.Path(folder) / "assets.extra"
    extra.mkdir()
    (extra / "rank.json").write_text(
        json.dumps(
            {
                "groups": GROUPS,
                "objectives": list(objectives),
                "calibration": {},
                "history": 50,
                "parameters": 1,
            }
        )
    )
    return str(folder)
