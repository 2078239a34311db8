"""What recall thought of each candidate: its score, and its place in the list."""

from __future__ import annotations

import tensorflow as tf

NAMES = ("recall_score", "log_recall_rank", "recall_score_in_list")
_LEAST_SPREAD = 1e-6


def numbers(scores: tf.Tensor, given: tf.Tensor, longest: int) -> tf.Tensor:
    """Features of recall's answer; they do not depend on the candidates' order.

    Args:
      scores: float32 [B, C]; what is not a finite number counts as the list's lowest.
      given: bool [B, C], false for padding.
      longest: ranks beyond it count as this one: longer lists were not seen in training.

    Returns:
      float32 [B, C, 3], as NAMES: the score; log of the rank, which is 1 + the number of higher
      scores; the score's distance from the list's mean, in standard deviations of the list. 0 for
      padding.
    """
    finite = given & tf.math.is_finite(scores)
    lowest = tf.reduce_min(tf.where(finite, scores, scores.dtype.max), axis=1, keepdims=True)
    lowest = tf.where(lowest < scores.dtype.max, lowest, 0.0)
    scores = tf.where(finite, scores, lowest)
    return tf.where(
        given[..., tf.newaxis],
        tf.stack(
            [scores, tf.math.log(_ranks(scores, given, finite, longest)), _in_list(scores, given)],
            axis=-1,
        ),
        0.0,
    )


def _ranks(scores: tf.Tensor, given: tf.Tensor, finite: tf.Tensor, longest: int) -> tf.Tensor:
    """The number of higher scores in the list plus 1, float [B, C]."""
    order = tf.where(given, tf.where(finite, -scores, scores.dtype.max / 2), scores.dtype.max)
    higher = tf.raw_ops.LowerBound(sorted_inputs=tf.sort(order, axis=1), values=order)
    return tf.cast(tf.minimum(higher + 1, longest), tf.float32)


def _in_list(scores: tf.Tensor, given: tf.Tensor) -> tf.Tensor:
    weights = tf.cast(given, tf.float32)
    number = tf.maximum(tf.reduce_sum(weights, axis=1, keepdims=True), 1.0)
    mean = tf.reduce_sum(scores * weights, axis=1, keepdims=True) / number
    variance = tf.reduce_sum(tf.square(scores - mean) * weights, axis=1, keepdims=True) / number
    spread = tf.sqrt(variance)
    varies = spread > _LEAST_SPREAD * tf.maximum(1.0, tf.abs(mean))
    return tf.where(varies, (scores - mean) / tf.where(varies, spread, 1.0), 0.0)
