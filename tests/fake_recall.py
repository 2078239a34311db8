"""A recall SavedModel with the real signature and a simple rule, to test what follows the Indexer.

The score of item j for a user whose last event is item i is `scores[i, j]`: a first-order Markov
chain.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from modules import config, features, lineage, requests
from tests import fake_trained


class FakeRecall(tf.Module):
    """`scores` is float32 [N + 1, N]; its last row serves users without a (known) last event."""

    def __init__(self, item_ids: Sequence[str], scores: np.ndarray, k: int) -> None:
        super().__init__()
        self._items = tf.constant([*item_ids, ""])
        self._scores = tf.constant(scores, tf.float32)
        self._k = k
        self._table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(list(item_ids)), tf.range(len(item_ids))
            ),
            default_value=len(item_ids),
        )

    def query(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """The scores of all items, float32 [B, N], as if each item's vector were a unit vector."""
        events = _padded(inputs[features.EVENT_ITEM_ID])
        last = tf.reduce_max(tf.where(events != "", tf.range(tf.shape(events)[1]), 0), axis=1)
        return {
            "query": tf.gather(
                self._scores, self._table.lookup(tf.gather(events, last, batch_dims=1))
            )
        }

    def candidates(self) -> dict[str, tf.Tensor]:
        return {"item_id": self._items[:-1], "vector": tf.eye(self._scores.shape[1])}

    def serve(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        scores = self.query(**inputs)["query"]
        number = self._scores.shape[1]
        excluded = self._table.lookup(_padded(inputs[requests.EXCLUDE_ITEM_ID]))
        scores = tf.where(
            tf.reduce_max(tf.one_hot(excluded, number), axis=1) > 0, tf.float32.min, scores
        )
        scores = tf.pad(
            scores, [[0, 0], [0, max(self._k - number, 0)]], constant_values=tf.float32.min
        )
        best, order = tf.math.top_k(scores, self._k)
        order = tf.where(best <= tf.float32.min, number, order)
        return {"item_id": tf.gather(self._items, order), "score": best}


def _padded(ids: tf.Tensor) -> tf.Tensor:
    """With a "" in front, so that no row is empty."""
    return tf.pad(ids, [[0, 0], [1, 0]], constant_values="")


def save(
    folder: str | pathlib.Path,
    data: config.Data,
    item_ids: Sequence[str],
    scores: np.ndarray,
    *,
    k: int,
    made_of: lineage.Lineage = fake_trained.LINEAGE,
) -> str:
    """Writes the SavedModel."""
    module = FakeRecall(item_ids, scores, k)
    module.call, module.encode = tf.function(module.serve), tf.function(module.query)
    module.catalogue = tf.function(module.candidates)
    tf.saved_model.save(
        module,
        str(folder),
        signatures={
            "serving_default": module.call.get_concrete_function(
                **requests.input_specs(data, exclusions=True)
            ),
            "query": module.encode.get_concrete_function(
                **requests.input_specs(data, exclusions=False)
            ),
            "candidates": module.catalogue.get_concrete_function(),
        },
    )
    lineage.write(str(folder), made_of)
    return str(folder)


def cycle(number: int, seed: int = 0) -> np.ndarray:
    """Scores [N + 1, N] of the model that knows `walks`: the circle's next items come first."""
    ahead = (np.arange(number)[None, :] - np.arange(number)[:, None] - 1) % number
    rng = np.random.default_rng(seed)
    return np.vstack([-ahead, rng.permutation(number)[None, :]]).astype(np.float32)


def walks(users: int, items: int, length: int, seed: int = 0) -> list[list[int]]:
    """Item numbers of users who go round a circle of items, sometimes skipping some; none twice."""
    rng = np.random.default_rng(seed)
    result = []
    for _ in range(users):
        steps = rng.choice([1, 2, 3], size=length - 1, p=[0.7, 0.2, 0.1])
        result.append(list(np.cumsum([rng.integers(items), *steps]) % items))
    return result
