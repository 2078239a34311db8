"""Exact search: a matrix product and top_k. Plain TensorFlow ops."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy import typing as npt

from modules.index import body, parameters


class Exact(body.Body):
    """Scores every item for every query."""

    def __init__(self, vectors: npt.NDArray[np.float32], settings: parameters.Exact) -> None:
        """Keeps all vectors, float32 [N, D]."""
        super().__init__(vectors, settings)
        self._vectors = tf.Variable(vectors, trainable=False, dtype=tf.float32, name="vectors")

    def search(
        self, queries: tf.Tensor, width: int | tf.Tensor, settings: parameters.Exact | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        del settings  # a search has no depth
        scores, positions = tf.math.top_k(self.scores(queries), tf.minimum(width, self.size))
        return body.complete(positions, scores, width)

    def scores(self, queries: tf.Tensor) -> tf.Tensor:
        return tf.matmul(queries, self._vectors, transpose_b=True)

    def vectors(self, positions: tf.Tensor) -> tf.Tensor:
        return body.rows(self._vectors, positions)
