"""A partitioned index in plain TensorFlow ops, which the stock TensorFlow Serving can host.

The vectors lie partition after partition, those of near directions together. A query is compared
with each partition's mean, then with all members of the best partitions: an inverted file (Jegou et
al. 2011, section IV) with exact scores.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import tensorflow as tf
from numpy import typing as npt

from modules.index import body, kmeans, parameters

_CAPACITY = 2.0  # largest partition over the mean; larger ones are cut


class Ivf(body.Body):
    """Searches the partitions whose means have the highest dot products with the query."""

    def __init__(self, vectors: npt.NDArray[np.float32], settings: parameters.Ivf) -> None:
        """Builds P partitions of the vectors.

        Args:
          vectors: of the items, float32 [N, D].
          settings: how many partitions, and how many of them a query searches.
        """
        labels = kmeans.cluster(vectors, settings.partitions)
        capacity = math.ceil(_CAPACITY * len(vectors) / settings.partitions)
        members = kmeans.bounded(vectors, labels, capacity)
        # the same share of the items
        probes = math.ceil(settings.probes * len(members) / settings.partitions)
        super().__init__(
            vectors, dataclasses.replace(settings, partitions=len(members), probes=probes)
        )
        positions = np.concatenate(members).astype(np.int32)
        starts = np.cumsum([0, *map(len, members)], dtype=np.int32)
        means = np.stack([vectors[inside].mean(axis=0) for inside in members])

        def kept(values: npt.NDArray[Any], name: str) -> tf.Variable:
            return tf.Variable(values, trainable=False, name=name)

        self._store = kept(vectors[positions], "store")  # [N, D], by slot
        self._positions = kept(positions, "positions")  # [N], by slot
        self._slots = kept(np.argsort(positions).astype(np.int32), "slots")  # [N], by position
        self._starts = kept(starts, "starts")  # [P + 1], the first slot of each partition
        self._means = kept(means.astype(np.float32), "means")  # [P, D]

    def search(
        self, queries: tf.Tensor, width: int | tf.Tensor, settings: parameters.Ivf | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        probes = (settings or self.settings).probes
        rows = tf.shape(queries)[0]
        queries = tf.pad(queries, [[0, tf.maximum(1 - rows, 0)], [0, 0]])  # map_fn needs one
        _, probed = tf.math.top_k(
            tf.matmul(queries, self._means, transpose_b=True), probes, sorted=False
        )

        # gathered from itself, it is copied when it is read
        store = tf.convert_to_tensor(self._store)

        def of_one(query_and_probed: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            """Positions and scores [width] of one query [D] in its partitions.

            Row by row, copies stay small.
            """
            query, chosen = query_and_probed
            slots = tf.ragged.range(
                tf.gather(self._starts, chosen), tf.gather(self._starts, chosen + 1)
            ).flat_values
            scores = tf.linalg.matvec(tf.gather(store, slots), query)
            scores, best = tf.math.top_k(scores, tf.minimum(width, tf.size(slots)))
            positions = tf.gather(self._positions, tf.gather(slots, best))
            positions, scores = body.complete(positions[tf.newaxis], scores[tf.newaxis], width)
            return positions[0], scores[0]

        shape = [width if isinstance(width, int) else None]
        found = (tf.TensorSpec(shape, tf.int32), tf.TensorSpec(shape, tf.float32))
        positions, scores = tf.map_fn(of_one, (queries, probed), fn_output_signature=found)
        return positions[:rows], scores[:rows]

    def scores(self, queries: tf.Tensor) -> tf.Tensor:
        return tf.gather(tf.matmul(queries, self._store, transpose_b=True), self._slots, axis=1)

    def vectors(self, positions: tf.Tensor) -> tf.Tensor:
        return body.rows(self._store, tf.gather(self._slots, positions))
