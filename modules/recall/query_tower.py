"""The query tower: a causal Transformer over events, with the profile and the request's moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from modules import config, features
from modules.recall import layers


class QueryTower(tf.keras.layers.Layer):
    """One query for every event of a sequence: what is asked for just before that event.

    The query at place p is made of the events before p, of the profile, and of what is known when
    event p's request is made: its time, its delta to the event before, its context. It never
    depends on event p's item or feedback. The events are shifted right by one, and a learnt vector
    (BOS) stands before the first.
    """

    def __init__(
        self,
        data: config.Data,
        model: config.RecallModel,
        max_history: int,
        sizes: Mapping[str, int],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.settings, dim = model, model.dim
        self.relative_time = model.relative_time and model.time_features
        self.event_specs = features.event_features(data)
        self.context_specs = features.context_features(data) if model.context_features else ()
        self.user_specs = features.user_features(data) if model.user_features else ()
        self.positions = tf.keras.layers.Embedding(
            max_history + 1, dim, layers.initializer(), name="position"
        )
        self.time = layers.TimeEncoder(dim, name="event_time") if model.time_features else None
        self.request_time = (
            layers.TimeEncoder(dim, name="request_time") if model.request_time else None
        )
        self.events = self._encoder(
            self.event_specs if model.event_features else (), sizes, "event_features"
        )
        self.contexts = self._encoder(self.context_specs, sizes, "event_context")
        self.request_context = self._encoder(self.context_specs, sizes, "request_context")
        self.users = self._encoder(self.user_specs, sizes, "user_features")
        self.blocks = [
            layers.TransformerBlock(
                dim,
                model.heads,
                model.dropout,
                model.norm_first,
                model.feed_forward * dim,
                model.relative_positions,
                self.relative_time,
                name=f"block_{n}",
            )
            for n in range(model.layers)
        ]
        # Pre-LN leaves its output unnormalised, Post-LN its input
        self.norm = layers.LayerNorm(name="norm")
        self.fuse = [
            layers.Dense(2 * dim, activation="gelu", name="fuse_expand"),
            layers.Dense(dim, name="fuse_contract"),
        ]
        self.drop = tf.keras.layers.Dropout(model.dropout)

    def _encoder(
        self, specs: Sequence[features.Feature], sizes: Mapping[str, int], name: str
    ) -> layers.FeatureEncoder | None:
        return layers.FeatureEncoder(self.settings.dim, specs, sizes, name=name) if specs else None

    def build(self, shape: tf.TensorShape) -> None:
        del shape  # the weight does not depend on it
        self.bos = self.add_weight("bos", [self.settings.dim], initializer=layers.initializer())

    def call(
        self,
        inputs: Mapping[str, tf.Tensor],
        item_vectors: tf.Tensor,
        places: tf.Tensor | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """Queries for places of the sequences.

        Args:
          inputs: transformed features by name: events and contexts [batch, length], padded on the
              right; profile as `layers.FeatureEncoder` takes it, one row a sequence.
          item_vectors: float [batch, length, dim], the history's representation of each event's
              item.
          places: int [batch], the one place of each sequence that is asked for; None for all of
              them.
          training: whether units are dropped at random.

        Returns:
          float [batch, places, dim].
        """
        events = item_vectors * self.settings.dim**0.5
        for encoder in (self.time, self.events, self.contexts):
            if encoder is not None:
                events += encoder(inputs)
        batch, length = tf.unstack(tf.shape(item_vectors)[:2])
        bos = tf.broadcast_to(self.bos, [batch, 1, self.settings.dim])
        request = self._request(inputs)
        hidden = tf.concat([bos, events[:, :-1]], axis=1) + self.positions(tf.range(length))
        if request is not None:
            hidden += request
        if not self.settings.norm_first:
            hidden = self.norm(hidden)
        hidden = self.drop(hidden, training=training)
        elapsed = self._elapsed(inputs) if self.relative_time else None
        for block in self.blocks[:-1]:
            hidden = block(hidden, elapsed, training=training)
        hidden = self.blocks[-1](hidden, elapsed, places, training=training)
        if request is not None and places is not None:
            request = tf.gather(request, places[:, tf.newaxis], batch_dims=1)
        if self.settings.norm_first:
            hidden = self.norm(hidden)
        return self._fuse(hidden, inputs, request, training)

    def _elapsed(self, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Buckets of the time from each event to each query's request, int [batch, length, length].

        Without `request_time`, the time is that to the last event that the query knows.
        """
        times = tf.cumsum(inputs[features.transformed_name(features.TIME_DELTA)], axis=1)
        # one place later, as the events themselves
        events = tf.concat([times[:, :1], times[:, :-1]], axis=1)
        requests = times if self.settings.request_time else events
        return layers.log2_bucket(requests[:, :, tf.newaxis] - events[:, tf.newaxis])

    def _request(self, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor | None:
        encoders = (self.request_time, self.request_context)
        parts = [encoder(inputs) for encoder in encoders if encoder is not None]
        return tf.add_n(parts) if parts else None

    def _fuse(
        self,
        hidden: tf.Tensor,
        inputs: Mapping[str, tf.Tensor],
        request: tf.Tensor | None,
        training: bool,
    ) -> tf.Tensor:
        """Adds MLP(hidden, request, profile) to `hidden`, if there is a request or a profile."""
        parts = [hidden]
        if request is not None:
            parts.append(request)
        if self.users is not None:
            profile = self.users({s.transformed: inputs[s.transformed] for s in self.user_specs})
            parts.append(tf.broadcast_to(profile[:, tf.newaxis], tf.shape(hidden)))
        if len(parts) == 1:
            return hidden
        expand, contract = self.fuse
        return hidden + contract(self.drop(expand(tf.concat(parts, axis=-1)), training=training))
