"""The items of a request's own history, as a source of candidates beside the index.

Where people come back to the same thing, what a user had most often is what is taken next more
often than anything that a model finds (personal top-frequency: Hu et al. 2020, arXiv 2006.00556;
Li et al. 2021, arXiv 2109.14233).
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from modules import features
from modules.index import body, sets

# an item's key is its number of events and then the time of the last; Unix seconds are below 2**34
_COUNT = 2**34
_MOMENT = 2**33  # numbers of events that stand for times may be below 0


def most_frequent(positions: tf.Tensor, counts: tf.Tensor, last: tf.Tensor, most: int) -> tf.Tensor:
    """Distinct positions by number of events, the most first, then by time, the latest first.

    Args:
      positions: int32 [B, n], in any order, also several times; NO_POSITION as padding.
      counts: int64 [B, n], events that each entry stands for.
      last: int64 [B, n], time of the last of them.
      most: positions that are given.

    Returns:
      int32 [B, most]; NO_POSITION where there are no more.
    """
    # each distinct position has the slot in which it stands first
    ordered = sets.in_order(positions)
    rows, width = tf.unstack(tf.shape(ordered))
    slots = tf.raw_ops.LowerBound(sorted_inputs=ordered, values=positions)
    slots = tf.reshape(slots + width * tf.range(rows)[:, tf.newaxis], [-1])

    def by_slot(reduce: tf.types.experimental.GenericFunction, values: tf.Tensor) -> tf.Tensor:
        return tf.reshape(reduce(tf.reshape(values, [-1]), slots, rows * width), [rows, width])

    counts = by_slot(tf.math.unsorted_segment_sum, counts)
    last = by_slot(tf.math.unsorted_segment_max, last)
    key = counts * _COUNT + tf.clip_by_value(last, -_MOMENT, _MOMENT - 1)
    key = tf.where((counts > 0) & (ordered >= 0), key, key.dtype.min)
    key, best = tf.math.top_k(key, tf.minimum(most, width))
    found = tf.gather(ordered, best, batch_dims=1)
    found = tf.where(key > key.dtype.min, found, body.NO_POSITION)
    missing = tf.maximum(most - width, 0)
    found = tf.pad(found, [[0, 0], [0, missing]], constant_values=body.NO_POSITION)
    return tf.ensure_shape(found, [None, most])


def of_request(
    inputs: Mapping[str, tf.Tensor], positions: tf.Tensor, earlier: tf.Tensor, most: int
) -> tf.Tensor:
    """The most frequent items of a request's history.

    Args:
      inputs: see modules/requests.py.
      positions: int32 [B, n], of `event_item_id`.
      earlier: int32 [B, e], of `earlier_item_id`.
      most: see `most_frequent`.
    """
    times = inputs.get(features.EVENT_TIMESTAMP)
    if times is None:  # the order given is theirs
        times = tf.cumsum(tf.ones_like(positions, tf.int64), axis=1, exclusive=True)
    return most_frequent(
        tf.concat([positions, earlier], axis=1),
        tf.concat([tf.ones_like(positions, tf.int64), inputs[features.EARLIER_COUNT]], axis=1),
        tf.concat([times, inputs[features.EARLIER_LAST]], axis=1),
        most,
    )
