"""ScaNN: a tree, product quantisation with an anisotropic loss, and exact reordering.

The method is of Guo et al. 2020, arXiv:1908.10396. Importing this module loads ScaNN's op library,
which a SavedModel with this body needs.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy import typing as npt
from scann.scann_ops.py import scann_ops

from modules.index import body, parameters

_DIMENSIONS_PER_BLOCK = 2  # of the product quantiser, the library's recommendation
_QUANTISER_SAMPLE = 250_000  # vectors at most; the tree, with thousands of leaves, needs more


class Scann(body.Body):
    """ScaNN's searcher, kept as tensors. The ops build it from them when they first run."""

    def __init__(self, vectors: npt.NDArray[np.float32], settings: parameters.Scann) -> None:
        """Builds a searcher of the vectors.

        Args:
          vectors: of the items, float32 [N, D].
          settings: leaves, how many of them a query searches, and what is reordered.
        """
        super().__init__(vectors, settings)
        self._state = _build(vectors, settings).serialize_to_module()

    def search(
        self, queries: tf.Tensor, width: int | tf.Tensor, settings: parameters.Scann | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        used = settings or self.settings
        # The further down a list goes, the more candidates have to be scored exactly.
        reorder = tf.maximum(used.reorder, tf.cast(width, tf.int32) * used.reorder // used.k)
        reorder = tf.minimum(reorder, self.size)
        searcher = scann_ops.searcher_from_module(self._state)

        def one() -> tuple[tf.Tensor, tf.Tensor]:
            positions, scores = searcher.search(queries[0], width, reorder, used.leaves_to_search)
            return positions[tf.newaxis], scores[tf.newaxis]

        def many() -> tuple[tf.Tensor, tf.Tensor]:
            return tuple(
                searcher.search_batched_parallel(queries, width, reorder, used.leaves_to_search)
            )

        # The search of one query is faster, but fails where the other finds nothing: for a NaN.
        alone = (tf.shape(queries)[0] == 1) & tf.reduce_all(tf.math.is_finite(queries))
        positions, scores = tf.cond(alone, one, many)
        return body.complete(positions, scores, width)

    def scores(self, queries: tf.Tensor) -> tf.Tensor:
        return tf.matmul(queries, self._state.dataset, transpose_b=True)

    def vectors(self, positions: tf.Tensor) -> tf.Tensor:
        return body.rows(self._state.dataset, positions)


def _build(vectors: npt.NDArray[np.float32], settings: parameters.Scann) -> scann_ops.ScannSearcher:
    builder = scann_ops.builder(vectors, min(settings.k, len(vectors)), "dot_product")
    if settings.leaves == 1:
        return builder.score_brute_force().build()
    return (
        builder.tree(
            num_leaves=settings.leaves,
            num_leaves_to_search=settings.leaves_to_search,
            training_sample_size=settings.training_sample,
            spherical=True,  # partitions of directions, as in modules/index/kmeans.py
        )
        .score_ah(
            _DIMENSIONS_PER_BLOCK,
            anisotropic_quantization_threshold=settings.anisotropic_threshold,
            training_sample_size=min(settings.training_sample, _QUANTISER_SAMPLE),
        )
        .reorder(min(settings.reorder, len(vectors)))
        .build()
    )
