"""Declared crosses (`features.crosses`) of the user, the item, the request and the last event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy import typing as npt

from modules import config, features, item_tables, strict
from modules.ranking.layers import hashed_cross, history_encoder, shapes
from modules.recall import item_tower

QUANTILES = 10  # buckets of a number
_DIM = 8
_NONE = -1


def boundaries(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
    """float32 [at most QUANTILES - 1], ascending: what divides numbers [any] into like parts."""
    values = values[np.isfinite(values)]
    if not values.size:
        return np.zeros(0, np.float32)
    cuts: npt.NDArray[np.float32] = np.unique(
        np.quantile(values, np.arange(1, QUANTILES) / QUANTILES)
    ).astype(np.float32)
    return cuts


def crossed(crosses: Sequence[config.Cross], data: config.Data) -> tuple[features.Feature, ...]:
    """The features that occur in a cross, each once.

    Raises:
      strict.ConfigError: one of them is a vector.
    """
    names = {name for cross in crosses for name in cross.features}
    found = tuple(f for f in features.all_features(data) if f.name in names)
    for feature in found:
        if feature.kind == "vector":
            raise strict.ConfigError(
                f"features.crosses: {feature.name} is a vector, which has no values to "
                "combine; cross categorical or numeric features."
            )
    return found


class CrossFeatures(tf.keras.layers.Layer):
    """The crosses' embeddings side by side. Numbers are put into buckets of like size before.

    Attributes:
      sizes: for each crossed feature its number of ids or buckets.
    """

    def __init__(
        self,
        crosses: Sequence[config.Cross],
        data: config.Data,
        catalogue: item_tower.Catalogue,
        sizes: Mapping[str, int],
        boundaries: Mapping[str, npt.NDArray[np.float32]],
        **kwargs: Any,
    ) -> None:
        """Makes one embedding table for each cross.

        Args:
          crosses: which features are crossed, and into how many buckets.
          data: the declared columns.
          catalogue: the items' features by row.
          sizes: for each categorical feature its number of ids.
          boundaries: for each crossed number the bounds of its buckets, ascending.
          **kwargs: of Keras's layer.
        """
        super().__init__(**kwargs)
        self.names = [cross.features for cross in crosses]
        self.specs = crossed(crosses, data)
        self.bounds = {
            s.name: tf.Variable(
                boundaries[s.name],
                trainable=False,
                dtype=tf.float32,
                shape=[len(boundaries[s.name])],
                name=item_tables.name_of(item_tables.BOUNDS, s.name),
            )
            for s in self.specs
            if s.kind == "numeric"
        }
        self.sizes = {
            s.name: len(boundaries[s.name]) + 1 if s.kind == "numeric" else sizes[s.name]
            for s in self.specs
        }
        self.table = {s.name: self._item_ids(s, catalogue) for s in self.specs if s.table == "item"}
        self.layers = [
            hashed_cross.HashedCross(
                _DIM,
                cross.buckets,
                [self.sizes[n] for n in cross.features],
                name="_x_".join(cross.features),
            )
            for cross in crosses
        ]

    def _item_ids(self, spec: features.Feature, catalogue: item_tower.Catalogue) -> tf.Variable:
        """int64 [N+2, any]: the ids of all items, padded with -1."""
        values = self._ids(spec, tf.constant(catalogue.features[spec.transformed]))
        return item_tables.variable(
            tf.reshape(values, [catalogue.size + 2, -1]), item_tables.CROSSED, spec.name
        )

    def call(self, inputs: Mapping[str, tf.Tensor], rows: tf.Tensor) -> tf.Tensor:
        """Looks the crosses up.

        Args:
          inputs: see request_graph.
          rows: int64 [B, C], of the candidates.

        Returns:
          float [B, C, crosses * 8], or [B, 1, ...] if no cross has a feature of the item.
        """
        values = {spec.name: self._values(spec, inputs, rows) for spec in self.specs}
        found = [layer([values[n] for n in names]) for names, layer in zip(self.names, self.layers)]
        return shapes.side_by_side(found)

    def _values(
        self, spec: features.Feature, inputs: Mapping[str, tf.Tensor], rows: tf.Tensor
    ) -> tf.Tensor:
        """int64 [B, C or 1, any]: ids, padded with -1."""
        if spec.table == "item":
            return tf.gather(self.table[spec.name], rows)
        values = inputs[spec.transformed]
        if spec.table == "user":
            values = self._ids(spec, values)
            return (
                values[:, tf.newaxis, :]
                if spec.kind == "multi_categorical"
                else values[:, tf.newaxis, tf.newaxis]
            )
        place = history_encoder.lengths(inputs) - (1 if spec.table == "context" else 2)
        ids = self._ids(spec, tf.gather(values, tf.maximum(place, 0), batch_dims=1))
        return tf.where(place >= 0, ids, _NONE)[:, tf.newaxis, tf.newaxis]

    def _ids(self, spec: features.Feature, values: tf.Tensor) -> tf.Tensor:
        """int64: ids as they are, numbers as their buckets."""
        if spec.kind != "numeric":
            return values
        above = values[..., tf.newaxis] >= self.bounds[spec.name]
        return tf.reduce_sum(tf.cast(above, tf.int64), axis=-1)
