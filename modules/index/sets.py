"""Sets of positions: rows of int32 [B, m] in ascending order, in a graph."""

from __future__ import annotations

import tensorflow as tf

from modules.index import body


def in_order(positions: tf.Tensor) -> tf.Tensor:
    """int32 [B, any] sorted, with one more NO_POSITION in front: [B, at least 1]."""
    return tf.sort(tf.pad(positions, [[0, 0], [1, 0]], constant_values=body.NO_POSITION), axis=1)


def distinct(ordered: tf.Tensor) -> tf.Tensor:
    """Number of distinct positions, less padding, in each row of sorted int32 [B, m]: int32 [B]."""
    new = (ordered[:, 1:] != ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    return tf.reduce_sum(tf.cast(new, tf.int32), axis=1)


def contained(values: tf.Tensor, ordered: tf.Tensor) -> tf.Tensor:
    """Whether each of int32 [B, w] is in its row of sorted int32 [B, m], m >= 1: bool [B, w]."""
    # tf.searchsorted is the same in a dozen more operations
    places = tf.raw_ops.LowerBound(sorted_inputs=ordered, values=values)
    places = tf.minimum(places, tf.shape(ordered)[1] - 1)
    return tf.gather(ordered, places, batch_dims=1) == values
