"""Crosses of categorical values: an embedding for each combination, hashed where there are many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from modules.recall import layers

_MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_SHIFTS = (30, 27, 31)


@tf.keras.utils.register_keras_serializable("ranking")
class HashedCross(tf.keras.layers.Layer):
    """The mean of the embeddings of all combinations of one value of each feature.

    A cross of no more combinations than buckets gives each its own; else they are hashed
    (splitmix64).
    """

    def __init__(self, dim: int, buckets: int, sizes: Sequence[int], **kwargs: Any):
        """`sizes`: for each crossed feature its number of ids."""
        super().__init__(**kwargs)
        self.dim, self.buckets, self.sizes = dim, buckets, tuple(sizes)
        self.combinations = math.prod(self.sizes)
        self.embedding = tf.keras.layers.Embedding(
            min(buckets, self.combinations), dim, layers.initializer(), name="combinations"
        )

    def call(self, values: Sequence[tf.Tensor]) -> tf.Tensor:
        """Crosses.

        Args:
          values: of each feature int64 [B, C or 1, any], padded with -1.

        Returns:
          float [B, C, dim]; zeros where a feature has no value.
        """
        keys, given = self.keys(values)
        weights = tf.cast(given, tf.float32)[..., tf.newaxis]
        total = tf.reduce_sum(self.embedding(keys) * weights, axis=-2)
        return total / tf.maximum(tf.reduce_sum(weights, axis=-2), 1.0)

    def keys(self, values: Sequence[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Rows of the embedding, int64 [B, C, combinations], and whether all values are given.

        The two are a pair; the second is a bool of the same shape.
        """
        keys, given = values[0], values[0] >= 0
        for size, more in zip(self.sizes[1:], values[1:]):
            given = _paired(given[..., tf.newaxis] & (more >= 0)[..., tf.newaxis, :])
            keys = _paired(keys[..., tf.newaxis] * size + more[..., tf.newaxis, :])
        keys = tf.where(given, keys, 0)
        return bucket(keys, self.buckets, self.combinations), given

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "dim": self.dim,
            "buckets": self.buckets,
            "sizes": self.sizes,
        }


def bucket(keys: Any, buckets: int, combinations: int) -> tf.Tensor:
    """The rows of combinations, int64 of any shape: as they are if each can have its own."""
    keys = tf.convert_to_tensor(keys, tf.int64)
    return _hashed(keys, buckets) if combinations > buckets else keys


def _paired(pairs: tf.Tensor) -> tf.Tensor:
    """[B, C, n, m] -> [B, C, n * m]."""
    shape = tf.shape(pairs)
    return tf.reshape(pairs, [shape[0], shape[1], shape[2] * shape[3]])


def _hashed(keys: tf.Tensor, buckets: int) -> tf.Tensor:
    """int64 -> int64 from 0 to below `buckets`, by the finaliser of splitmix64."""
    bits = tf.bitcast(keys, tf.uint64)
    for shift, multiplier in zip(_SHIFTS, (*_MULTIPLIERS, 1)):
        bits = tf.bitwise.bitwise_xor(
            bits, tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint64))
        )
        bits *= tf.constant(multiplier, tf.uint64)
    return tf.cast(bits % tf.constant(buckets, tf.uint64), tf.int64)
