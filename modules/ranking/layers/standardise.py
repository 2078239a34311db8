"""Numbers with the mean 0 and the deviation 1 that they had in training."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy import typing as npt

_LIMIT = 8.0  # deviations; further out nothing was learnt
_LEAST_SPREAD = 1e-6


@tf.keras.utils.register_keras_serializable("ranking")
class Standardise(tf.keras.layers.Layer):
    """Standardises each column as (x - mean) / deviation, limited to 8 either way.

    The result is 0 for a column that never varied and for NaN.
    """

    def build(self, shape: tf.TensorShape) -> None:
        self.mean = self.add_weight("mean", [shape[-1]], trainable=False, initializer="zeros")
        self.factor = self.add_weight("factor", [shape[-1]], trainable=False, initializer="ones")
        super().build(shape)

    def adapt(self, values: npt.NDArray[np.floating[Any]]) -> None:
        """Takes mean and deviation of float [n, columns]; n is at least 1."""
        if not self.built:
            self.build(tf.TensorShape(values.shape))
        mean, spread = values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64)
        varies = spread > _LEAST_SPREAD * np.maximum(1.0, np.abs(mean))
        self.mean.assign(mean)
        self.factor.assign(np.where(varies, 1.0 / np.where(varies, spread, 1.0), 0.0))

    def call(self, values: tf.Tensor) -> tf.Tensor:
        """Standardises values, float [..., columns]; an unknown one (NaN) becomes 0, the mean."""
        scaled = tf.clip_by_value((values - self.mean) * self.factor, -_LIMIT, _LIMIT)
        return tf.where(tf.math.is_nan(scaled), 0.0, scaled)

    def get_config(self) -> dict[str, Any]:
        found: dict[str, Any] = super().get_config()
        return found
