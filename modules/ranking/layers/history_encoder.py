"""Encoders of the past events and of the request's moment, each once a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from modules import features
from modules.recall import input_data, layers

_DELTA = features.transformed_name(features.TIME_DELTA)


def lengths(inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """int32 [B]: events of each row, the request included."""
    return tf.reduce_sum(tf.cast(inputs[input_data.ITEMS] != features.PADDING_ID, tf.int32), axis=1)


class HistoryEncoder(tf.keras.layers.Layer):
    """Item + how many events ago + how long ago + what the user did, of each past event.

    How long ago is left out where events have no times.
    """

    def __init__(
        self,
        dim: int,
        history: int,
        specs: Sequence[features.Feature],
        sizes: Mapping[str, int],
        *,
        has_times: bool = True,
        **kwargs: Any,
    ) -> None:
        """`specs`: the features of events; `has_times` says whether there are TIME_FEATURES."""
        super().__init__(**kwargs)
        self.place = tf.keras.layers.Embedding(
            history + 1, dim, layers.initializer(), name="events_ago"
        )
        self.age = (
            tf.keras.layers.Embedding(
                layers.DELTA_BUCKETS, dim, layers.initializer(), name="seconds_ago"
            )
            if has_times
            else None
        )
        self.encoder = (
            layers.FeatureEncoder(dim, specs, sizes, name="event_features") if specs else None
        )

    def call(
        self, inputs: Mapping[str, tf.Tensor], items: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Encodes.

        Args:
          inputs: see request_graph; the events [B, n], the request last.
          items: float [B, n, dim], what is known of their items.

        Returns:
          (float [B, n - 1, dim], bool [B, n - 1]: whether there is an event), without the request.
        """
        request = lengths(inputs)[:, tf.newaxis] - 1
        place = tf.range(tf.shape(items)[1])[tf.newaxis]
        events = items + self.place(tf.maximum(request - place, 0))
        if self.age is not None:
            times = tf.cumsum(inputs[_DELTA], axis=1)
            ages = tf.gather(times, request, batch_dims=1) - times
            events += self.age(layers.log2_bucket(ages))
        if self.encoder is not None:
            events += self.encoder(inputs)
        return events[:, :-1], (place < request)[:, :-1]


class MomentEncoder(tf.keras.layers.Layer):
    """Hour, weekday, time since the last event, and the declared context, of the request.

    The first three are left out where events have no times; then there has to be a context.
    """

    def __init__(
        self,
        dim: int,
        specs: Sequence[features.Feature],
        sizes: Mapping[str, int],
        *,
        has_times: bool = True,
        **kwargs: Any,
    ) -> None:
        """`specs`: the features of contexts; `has_times` says whether there are TIME_FEATURES."""
        super().__init__(**kwargs)
        times = features.TIME_FEATURES if has_times else ()
        self.names = (*map(features.transformed_name, times), *(s.transformed for s in specs))
        self.time = layers.TimeEncoder(dim, name="request_time") if has_times else None
        self.context = (
            layers.FeatureEncoder(dim, specs, sizes, name="request_context") if specs else None
        )

    def call(self, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """`inputs`: see request_graph; returns float [B, dim]."""
        last = lengths(inputs) - 1
        request = {name: tf.gather(inputs[name], last, batch_dims=1) for name in self.names}
        encoders = (self.time, self.context)
        return tf.add_n([encoder(request) for encoder in encoders if encoder is not None])
