"""A partitioned index in plain TensorFlow ops, which the stock TensorFlow Serving can host.

The vectors lie in padded partitions of near directions. A query is compared with each partition's mean, then
with all members of the best partitions: an inverted file (Jegou et al. 2011, section IV) with exact scores.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import tensorflow as tf

from modules.index import body
from modules.index import kmeans
from modules.index import parameters

_CAPACITY = (
    1.5  # largest partition over the mean: above, more padding is stored; below, more partitions are cut
)


class Ivf(body.Body):
    """Searches the partitions whose means have the highest dot products with the query."""

    def __init__(self, vectors: np.ndarray, settings: parameters.Ivf) -> None:
        """Args: vectors: float32 [N, D]. Builds P partitions with S places each."""
        labels = kmeans.cluster(vectors, settings.partitions)
        capacity = math.ceil(_CAPACITY * len(vectors) / settings.partitions)
        members = kmeans.bounded(vectors, labels, capacity)
        probes = math.ceil(
            settings.probes * len(members) / settings.partitions
        )  # the same share of the items
        super().__init__(vectors, dataclasses.replace(settings, partitions=len(members), probes=probes))
        self.places = max(map(len, members))
        positions = np.full((len(members), self.places), body.NO_POSITION, np.int32)
        store = np.zeros((len(members), self.places, self.dimension), np.float32)
        for row, inside in enumerate(members):
            positions[row, : len(inside)] = inside
            store[row, : len(inside)] = vectors[inside]
        slots = np.empty(len(vectors), np.int32)
        slots[positions[positions >= 0]] = np.flatnonzero(positions.ravel() >= 0)
        means = np.stack([vectors[inside].mean(axis=0) for inside in members])
        self._store = tf.Variable(store, trainable=False, name="store")  # [P, S, D]
        self._positions = tf.Variable(positions, trainable=False, name="positions")  # [P, S]
        self._slots = tf.Variable(slots, trainable=False, name="slots")  # [N], places in the flat store
        self._means = tf.Variable(means, trainable=False, dtype=tf.float32, name="means")  # [P, D]

    def search(
        self, queries: tf.Tensor, width: int | tf.Tensor, settings: parameters.Ivf | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        probes = (settings or self.settings).probes
        _, probed = tf.math.top_k(tf.matmul(queries, self._means, transpose_b=True), probes, sorted=False)
        places = probes * self.places

        def of_one(query_and_probed: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            """Scores [places] of one query [D] in its partitions [probes]; by row, the copies stay small."""
            query, chosen = query_and_probed
            return tf.linalg.matvec(
                tf.reshape(tf.gather(self._store, chosen), [places, self.dimension]), query
            )

        scores = tf.map_fn(of_one, (queries, probed), fn_output_signature=tf.TensorSpec([places], tf.float32))
        positions = tf.reshape(tf.gather(self._positions, probed), [-1, places])
        scores = tf.where(positions == body.NO_POSITION, body.NO_SCORE, scores)
        scores, order = tf.math.top_k(scores, tf.minimum(width, places))
        positions = tf.gather(positions, order, batch_dims=1)
        return body.complete(positions, scores, width)

    def scores(self, queries: tf.Tensor) -> tf.Tensor:
        flat = tf.reshape(self._store, [-1, self.dimension])
        return tf.gather(tf.matmul(queries, flat, transpose_b=True), self._slots, axis=1)
