"""Parts of ragged rows in a few operations; slices of ragged tensors, made dense, take dozens each.

In a served graph each operation costs a few microseconds, whatever its size.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf


def whole(values: tf.Tensor) -> tf.RaggedTensor:
    """All values of [B] or [B, n] as ragged [B, (1 or n)]."""
    rows = tf.shape(values, out_type=tf.int64)[0]
    width = 1 if values.shape.rank == 1 else tf.shape(values, out_type=tf.int64)[1]
    return tf.RaggedTensor.from_row_splits(
        tf.reshape(values, [-1]), width * tf.range(rows + 1), validate=False
    )


def first(values: tf.RaggedTensor, default: Any) -> tf.Tensor:
    """The first value of each row of [B, (n)], as [B, 1]; `default` where a row has none."""
    return values.to_tensor(tf.constant(default, values.dtype), shape=[None, 1])


def kept(values: tf.RaggedTensor, keep: tf.Tensor) -> tf.RaggedTensor:
    """Leaves values out of their rows.

    Args:
      values: [B, (n)].
      keep: bool [m], of each of the flat values.
    """
    before = tf.concat([[0], tf.cumsum(tf.cast(keep, tf.int64))], axis=0)
    return tf.RaggedTensor.from_row_splits(
        tf.gather(values.values, where(keep)),
        tf.gather(before, values.row_splits),
        validate=False,
    )


def where(condition: tf.Tensor) -> tf.Tensor:
    """The places, int64 [any], at which a bool [m] is true."""
    return tf.squeeze(tf.where(condition), axis=1)


@dataclasses.dataclass(frozen=True)
class Last:
    """Where the last values of rows stand, once for all columns of the same rows.

    Attributes:
      lengths: int64 [B], how many they are.
      given: bool [B, n], False for padding on the right; n is the greatest length.
      places: int64 [B, n], among the flat values; 0 for padding.
    """

    lengths: tf.Tensor
    given: tf.Tensor
    places: tf.Tensor

    @classmethod
    def of(cls, rows: tf.RaggedTensor, most: int, skip: int = 0) -> Last:
        """The last `most` of each row of [B, (n)], not counting the `skip` (0 or 1) that end it."""
        lengths = tf.clip_by_value(rows.row_lengths() - skip, 0, most)
        # the maximum of no rows is below 0
        column = tf.range(tf.maximum(tf.reduce_max(lengths), 0))
        given = column < lengths[:, tf.newaxis]
        starts = rows.row_limits() - skip - lengths
        return cls(lengths, given, tf.where(given, starts[:, tf.newaxis] + column, 0))

    def dense(self, values: tf.RaggedTensor) -> tf.Tensor:
        """The values of a column [B, (n)] of the rows, as [B, n]; 0 (or "") pads."""
        flat = values.values
        return tf.where(self.given, tf.gather(flat, self.places), tf.zeros([], flat.dtype))
