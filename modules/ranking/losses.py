"""Losses of one list of candidates each, as Keras losses for `tfrs.tasks.Ranking`."""

from __future__ import annotations

import tensorflow as tf

MASKED = -1e9  # the score of padding: no softmax share


def of_lists(kind: str) -> tf.keras.losses.Loss:
    """The loss of scores [B, C] against labels [B, C], 1 at each target.

    Args:
      kind: `softmax`, the cross entropy of the softmax over the list against targets of equal
          shares; or `bce`, the binary cross entropy of each candidate on its own.
    """
    return ListwiseSoftmax() if kind == "softmax" else PointwiseBCE()


@tf.keras.utils.register_keras_serializable("ranking")
class ListwiseSoftmax(tf.keras.losses.Loss):
    """Cross entropy of top-one probabilities (ListNet; Cao et al. 2007, eq. 4); the lists' mean."""

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """The losses of the lists, float [B].

        Args:
          y_true: the labels, float [B, C], 0 or 1; at least one 1 a list.
          y_pred: the scores, float [B, C]; MASKED is padding.
        """
        shares = y_true / tf.reduce_sum(y_true, axis=-1, keepdims=True)
        return tf.keras.losses.categorical_crossentropy(shares, y_pred, from_logits=True)


@tf.keras.utils.register_keras_serializable("ranking")
class PointwiseBCE(tf.keras.losses.Loss):
    """Summed over each list's candidates, padding aside; the mean of the lists."""

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """The losses of the lists, float [B].

        Args:
          y_true: the labels, float [B, C], 0 or 1.
          y_pred: the scores, float [B, C]; MASKED is padding.
        """
        values = tf.nn.sigmoid_cross_entropy_with_logits(labels=y_true, logits=y_pred)
        return tf.reduce_sum(tf.where(y_pred > MASKED / 2, values, 0.0), axis=-1)
