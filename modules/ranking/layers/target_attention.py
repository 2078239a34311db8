"""Target attention: the history, as it looks from each candidate."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


@tf.keras.utils.register_keras_serializable("ranking")
class TargetAttention(tf.keras.layers.Layer):
    """The activation unit and the weighted sum of DIN (arXiv 1706.06978, eq. 3), without softmax.

    DIN has no softmax there either: v(q) = 1/L sum_j a(e_j, q) e_j, with a(e, q) = w . relu(A q
    + B e + P (q * e) + b). The constant L, the longest history, keeps v near 1; how much of the
    history matches still shows in its length.

    The unit's first layer would see [q, e, q * e] of every pair. Its products are split instead:
    for hidden unit h, A_h . q + P_h . (q * e) = q . (A_h + P_h * e), so that one small matrix of
    each event, made once a request, is multiplied with all candidates. A unit on q - e as well
    would change nothing: it is a sum of A and B.
    """

    def __init__(self, longest: int, units: int = 8, **kwargs: Any):
        """Takes the length of the longest history and the size of the activation unit.

        `longest` is the number of events of the longest history, L, and `units` the number
        of hidden units of the activation unit.
        """
        super().__init__(**kwargs)
        self.longest, self.units = longest, units

    def build(self, shape: tf.TensorShape) -> None:
        dim = int(shape[-1])
        normal = tf.keras.initializers.RandomNormal
        self.query_kernel = self.add_weight(
            "query_kernel", [self.units, dim], initializer=normal(dim**-0.5)
        )
        self.product_kernel = self.add_weight(
            "product_kernel", [self.units, dim], initializer=normal(dim**-0.5)
        )
        self.event_kernel = self.add_weight(
            "event_kernel", [dim, self.units], initializer=normal(dim**-0.5)
        )
        self.bias = self.add_weight("bias", [self.units], initializer="zeros")
        self.output_kernel = self.add_weight(
            "output_kernel", [self.units, 1], initializer=normal(self.units**-0.5)
        )
        super().build(shape)

    def call(
        self, candidates: tf.Tensor, events: tf.Tensor, given: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Attends.

        Args:
          candidates: float [B, C, dim].
          events: float [B, L, dim].
          given: bool [B, L], false for padding.

        Returns:
          (v float [B, C, dim], weights float [B, C, L]).
        """
        batch, length, dim = tf.shape(events)[0], tf.shape(events)[1], events.shape[-1]
        # [B, L, units, dim]
        by_event = self.query_kernel + self.product_kernel * events[:, :, tf.newaxis]
        by_event = tf.reshape(by_event, [batch, length * self.units, dim])
        alone = tf.reshape(
            tf.matmul(events, self.event_kernel) + self.bias, [batch, 1, length * self.units]
        )
        hidden = tf.nn.relu(tf.matmul(candidates, by_event, transpose_b=True) + alone)
        weights = tf.matmul(tf.reshape(hidden, [-1, self.units]), self.output_kernel)
        weights = tf.reshape(weights, [batch, tf.shape(candidates)[1], length])
        weights *= tf.cast(given, weights.dtype)[:, tf.newaxis] / self.longest
        return tf.matmul(weights, events), weights

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "longest": self.longest, "units": self.units}
