"""Layers: causal self-attention, the Transformer block, embeddings of features and of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from modules import features

HOURS, DAYS = 24, 7
DISTANCE_BUCKETS = 32  # between places: 0, 1, ..., 15 each its own, then two for each doubling
_NEAR = 16
DELTA_BUCKETS = 33  # 0 s, 1 s, 2-3 s, 4-7 s, ..., the last from 2^31 s (68 years) on


def initializer(seed: int = 0) -> tf.keras.initializers.Initializer:
    """Of all embeddings: a truncated normal with deviation 0.02 (as in BERT)."""
    return tf.keras.initializers.TruncatedNormal(stddev=0.02, seed=seed or None)


@tf.keras.utils.register_keras_serializable("recall")
class Dense(tf.keras.layers.Dense):
    """Keras's with half of its operations for inputs of three axes or more.

    It flattens, never transposes.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps float [..., n] to float [..., units]."""
        shape = tf.concat([tf.shape(inputs)[:-1], [self.units]], axis=0)
        return tf.reshape(super().call(tf.reshape(inputs, [-1, inputs.shape[-1]])), shape)


def distance_bucket(distance: tf.Tensor) -> tf.Tensor:
    """Buckets 0 to DISTANCE_BUCKETS - 1 of place distances >= 0; int32 [...] in and out."""
    far = tf.cast(tf.maximum(distance, _NEAR), tf.float32) / _NEAR
    log_bucket = _NEAR + tf.cast(tf.floor(2.0 * tf.math.log(far) / tf.math.log(2.0)), tf.int32)
    return tf.where(distance < _NEAR, distance, tf.minimum(log_bucket, DISTANCE_BUCKETS - 1))


def log2_bucket(seconds: tf.Tensor) -> tf.Tensor:
    """Buckets of time that double in width: 0 for 0 s and below, k for 2^(k-1) <= seconds < 2^k.

    Args:
      seconds: int64 of any shape.

    Returns:
      int32 of the same shape, 0 to DELTA_BUCKETS - 1.
    """
    bounds = tf.constant([2**k for k in range(DELTA_BUCKETS - 1)], tf.int64)
    flat = tf.searchsorted(bounds, tf.reshape(tf.cast(seconds, tf.int64), [-1]), side="right")
    return tf.reshape(flat, tf.shape(seconds))


@tf.keras.utils.register_keras_serializable("recall")
class TimeEncoder(tf.keras.layers.Layer):
    """Sum of the embeddings of the hour, the weekday and the log-bucketised delta of each event."""

    def __init__(self, dim: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.dim = dim
        self.hour = tf.keras.layers.Embedding(HOURS, dim, initializer(), name="hour")
        self.day = tf.keras.layers.Embedding(DAYS, dim, initializer(), name="day")
        self.delta = tf.keras.layers.Embedding(DELTA_BUCKETS, dim, initializer(), name="delta")

    def call(self, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """`inputs` has the three transformed time features, int64 [...]; gives float [..., dim]."""
        name = features.transformed_name
        return (
            self.hour(inputs[name(features.TIME_OF_DAY)])
            + self.day(inputs[name(features.DAY_OF_WEEK)])
            + self.delta(log2_bucket(inputs[name(features.TIME_DELTA)]))
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dim": self.dim}


class FeatureEncoder(tf.keras.layers.Layer):
    """Sum of declared features' embeddings: a table per categorical one, a projection for numbers.

    A multi-valued feature adds the mean of its values' embeddings. Which features there are and how
    large their vocabularies are comes from the configuration and the transform graph.
    """

    def __init__(
        self, dim: int, specs: Sequence[features.Feature], sizes: Mapping[str, int], **kwargs: Any
    ):
        """`sizes`: for each categorical feature its number of ids, the unknown one included."""
        super().__init__(**kwargs)
        self.dim = dim
        self.specs = tuple(specs)
        self.encoders = {}
        for spec in self.specs:
            if spec.kind in ("categorical", "multi_categorical"):
                encoder = tf.keras.layers.Embedding(
                    sizes[spec.name], dim, initializer(), name=spec.name
                )
            else:
                encoder = Dense(
                    dim, use_bias=False, kernel_initializer=initializer(), name=spec.name
                )
            self.encoders[spec.name] = encoder

    def call(self, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Adds up what is known of each row.

        Args:
          inputs: by transformed name. categorical int64 [...]; numeric float [...]; vector float
              [..., dimension]; multi_categorical int64 [..., any], padded with -1.

        Returns:
          float [..., dim].
        """
        return tf.add_n([self._encode(spec, inputs[spec.transformed]) for spec in self.specs])

    def _encode(self, spec: features.Feature, values: tf.Tensor) -> tf.Tensor:
        encoder = self.encoders[spec.name]
        if spec.kind == "categorical":
            return encoder(values)
        if spec.kind == "numeric":
            return encoder(values[..., tf.newaxis])
        if spec.kind == "vector":
            return encoder(values)
        known = tf.cast(values >= 0, tf.float32)[..., tf.newaxis]
        total = tf.reduce_sum(encoder(tf.maximum(values, 0)) * known, axis=-2)
        return total / tf.maximum(tf.reduce_sum(known, axis=-2), 1.0)


@tf.keras.utils.register_keras_serializable("recall")
class CausalSelfAttention(tf.keras.layers.Layer):
    """Scaled dot-product attention of a place to itself and to those before it.

    See arXiv 1706.03762, equation 1. Sequences are padded on the right, so the causal mask alone
    keeps padding out of every real place's view.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        dropout: float,
        relative_positions: bool = False,
        relative_time: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if dim % heads:
            raise ValueError(
                f"heads has to divide dim, found {heads} and {dim}; change one of them."
            )
        self.dim, self.heads, self.dropout = dim, heads, dropout
        self.relative_positions, self.relative_time = relative_positions, relative_time
        self.project_in = Dense(3 * dim, name="query_key_value")
        self.project_out = Dense(dim, name="output")
        self.drop = tf.keras.layers.Dropout(dropout)

    def build(self, shape: tf.TensorShape) -> None:
        del shape  # the weights do not depend on it
        if self.relative_positions:
            buckets = [DISTANCE_BUCKETS, self.heads]
            self.distance_bias = self.add_weight("distance_bias", buckets, initializer="zeros")
        if self.relative_time:
            self.time_bias = self.add_weight(
                "time_bias", [DELTA_BUCKETS, self.heads], initializer="zeros"
            )

    def call(
        self,
        inputs: tf.Tensor,
        elapsed: tf.Tensor | None = None,
        places: tf.Tensor | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """Attends.

        Args:
          inputs: float [batch, length, dim].
          elapsed: int [batch, length, length], for `relative_time`: `log2_bucket` of the seconds
              from the event that is attended to (third axis) to the one that attends (second axis).
          places: int [batch], the one place of each row that attends; None for all of them.
          training: whether attention weights are dropped at random.

        Returns:
          float [batch, places, dim].
        """
        batch, length = tf.unstack(tf.shape(inputs)[:2])
        width = self.dim // self.heads
        split = tf.reshape(self.project_in(inputs), [batch, length, 3, self.heads, width])
        # [batch, heads, length, width]
        query, key, value = tf.unstack(tf.transpose(split, [2, 0, 3, 1, 4]))
        attending = tf.range(length)[tf.newaxis]  # [batch or 1, places]
        if places is not None:
            attending = places[:, tf.newaxis]
            query = tf.ensure_shape(  # when it is served, TensorFlow warns of unknown ranks
                tf.gather(query, attending, batch_dims=1, axis=2), [None, self.heads, 1, width]
            )
            elapsed = None if elapsed is None else tf.gather(elapsed, attending, batch_dims=1)
        # [batch, heads, places, length]
        scores = tf.matmul(query * width**-0.5, key, transpose_b=True)
        weights = self.drop(
            tf.nn.softmax(scores + self._bias(attending, length, elapsed)), training=training
        )
        mixed = tf.transpose(tf.matmul(weights, value), [0, 2, 1, 3])
        return self.project_out(tf.reshape(mixed, [batch, tf.shape(attending)[1], self.dim]))

    def _bias(
        self, attending: tf.Tensor, length: tf.Tensor, elapsed: tf.Tensor | None
    ) -> tf.Tensor:
        """The attention's bias, float [batch or 1, heads, places, length].

        It holds what keeps the future out, and a learnt number for each distance (arXiv
        1910.10683, 2.1) and time. `attending` is int [batch or 1, places].
        """
        distance = attending[:, :, tf.newaxis] - tf.range(length)
        # One for each head, equal or not: oneDNN multiplies matrices and adds a bias in one
        # operation, which takes a hundred times as long where all heads share the bias.
        bias = tf.where(distance < 0, -1e9, 0.0)[..., tf.newaxis] + tf.zeros([self.heads])
        if self.relative_positions:
            bias += tf.gather(self.distance_bias, distance_bucket(tf.maximum(distance, 0)))
        if self.relative_time:
            bias += tf.gather(self.time_bias, elapsed)
        return tf.transpose(bias, [0, 3, 1, 2])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "dim": self.dim,
            "heads": self.heads,
            "dropout": self.dropout,
            "relative_positions": self.relative_positions,
            "relative_time": self.relative_time,
        }


@tf.keras.utils.register_keras_serializable("recall")
class TransformerBlock(tf.keras.layers.Layer):
    """Attention and a feed-forward network with residuals.

    `norm_first` (Pre-LN, arXiv 2002.04745): x + f(LN(x)), which trains stably; else Post-LN:
    LN(x + f(x)).
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        dropout: float,
        norm_first: bool,
        hidden: int,
        relative_positions: bool = False,
        relative_time: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.dim, self.heads, self.dropout = dim, heads, dropout
        self.norm_first, self.hidden = norm_first, hidden
        self.attention = CausalSelfAttention(
            dim, heads, dropout, relative_positions, relative_time, name="attention"
        )
        self.expand = Dense(hidden, activation="relu", name="expand")
        self.contract = Dense(dim, name="contract")
        self.norms = [LayerNorm(name=f"norm_{n}") for n in range(2)]
        self.drop = tf.keras.layers.Dropout(dropout)

    def call(
        self,
        inputs: tf.Tensor,
        elapsed: tf.Tensor | None = None,
        places: tf.Tensor | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """Arguments and result as of `CausalSelfAttention`."""
        outputs = (
            inputs if places is None else tf.gather(inputs, places[:, tf.newaxis], batch_dims=1)
        )
        first, second = self.norms
        if self.norm_first:
            attended = self.attention(first(inputs), elapsed, places, training=training)
            outputs += self.drop(attended, training=training)
            return outputs + self.drop(self._feed(second(outputs)), training=training)
        attended = self.attention(inputs, elapsed, places, training=training)
        outputs = first(outputs + self.drop(attended, training=training))
        return second(outputs + self.drop(self._feed(outputs), training=training))

    def _feed(self, inputs: tf.Tensor) -> tf.Tensor:
        return self.contract(self.expand(inputs))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "dim": self.dim,
            "heads": self.heads,
            "dropout": self.dropout,
            "norm_first": self.norm_first,
            "hidden": self.hidden,
            "relative_positions": self.attention.relative_positions,
            "relative_time": self.attention.relative_time,
        }


@tf.keras.utils.register_keras_serializable("recall")
class LayerNorm(tf.keras.layers.Layer):
    """Layer normalisation (arXiv 1607.06450, eq. 4) of the last axis, in plain ops.

    On a CPU it is several times as fast as Keras's, which goes through batch normalisation.
    """

    def __init__(self, epsilon: float = 1e-6, **kwargs: Any):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, shape: tf.TensorShape) -> None:
        self.scale = self.add_weight("scale", [shape[-1]], initializer="ones")
        self.offset = self.add_weight("offset", [shape[-1]], initializer="zeros")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        centred = inputs - tf.reduce_mean(inputs, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
        return centred * tf.math.rsqrt(variance + self.epsilon) * self.scale + self.offset

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon}
