"""The session that a request belongs to: events that follow one another without a long pause."""

from __future__ import annotations

import tensorflow as tf

GAP = 30 * 60  # seconds without an event that end a session
NAMES = (  # of `numbers`; the last one is `length`
    "log_seconds_since_last_event",
    "log_place_in_session",
    "log_events_in_session",
    "log_history",
)


def numbers(deltas: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """What is known of the request's session.

    Args:
      deltas: int64 [B, n], seconds since the event before; each row's last one is the request's,
          and 0 pads on the right.
      lengths: int32 [B], events of each row, the request included: at least 1.

    Returns:
      float32 [B, 4], logs of 1 + x, as NAMES: seconds since the last event; moments of the session
      before the request (events of one second are one moment); its events; events of the history.
    """
    place = tf.range(tf.shape(deltas)[1])[tf.newaxis]
    last = lengths[:, tf.newaxis] - 1
    opens = tf.where((deltas > GAP) & (place <= last), place, 0)
    start = tf.reduce_max(opens, axis=1, keepdims=True)
    later = (place > start) & (place <= last) & (deltas > 0)
    events = (last - start)[:, 0]
    moments = tf.reduce_sum(tf.cast(later, tf.int32), axis=1)
    seconds = tf.gather(deltas, last[:, 0], batch_dims=1)
    found = [tf.cast(value, tf.float32) for value in (seconds, moments, events, last[:, 0])]
    return tf.math.log1p(tf.stack(found, axis=1))


def length(lengths: tf.Tensor) -> tf.Tensor:
    """What is known where events have no times: log of 1 + events of the history, float32 [B, 1].

    `lengths` is int32 [B], the request included.
    """
    return tf.math.log1p(tf.cast(lengths - 1, tf.float32))[:, tf.newaxis]
