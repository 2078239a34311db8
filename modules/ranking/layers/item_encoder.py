"""What the ranker knows of an item: the recall model's vector, and its features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy import typing as npt

from modules import features, item_tables, signatures
from modules.recall import item_tower, layers


class ItemEncoder(tf.keras.layers.Layer):
    """The projected fixed vector + the feature embeddings; an id embedding where neither exists."""

    def __init__(
        self,
        dim: int,
        catalogue: item_tower.Catalogue,
        specs: Sequence[features.Feature],
        sizes: Mapping[str, int],
        vectors: npt.NDArray[np.floating[Any]] | None,
        **kwargs: Any,
    ) -> None:
        """Keeps the catalogue's features and vectors as variables that are not trained.

        Args:
          dim: of the encoded items.
          catalogue: the items' features by row.
          specs: the item features to use.
          sizes: for each categorical feature its number of ids.
          vectors: float [N+2, any], by row of the catalogue; None to do without.
          **kwargs: of Keras's layer.
        """
        super().__init__(**kwargs)
        self.rows = catalogue.size + 2
        self.encoder = (
            layers.FeatureEncoder(dim, specs, sizes, name="item_features") if specs else None
        )
        self.table = {
            spec.transformed: item_tables.variable(
                catalogue.features[spec.transformed], item_tables.FEATURE, spec.transformed
            )
            for spec in specs
        }
        self.vectors = self.projection = self.embedding = None
        if vectors is not None:
            scale = np.sqrt(np.mean(np.square(vectors))) or 1.0
            self.scale = tf.Variable(scale, trainable=False, dtype=tf.float32, name="scale")
            self.vectors = tf.Variable(
                vectors / scale, trainable=False, dtype=tf.float32, name="vectors"
            )
            self.projection = layers.Dense(dim, use_bias=False, name="projection")
        elif not specs:
            self.embedding = tf.keras.layers.Embedding(
                self.rows, dim, layers.initializer(), name="item_id"
            )

    @property
    def learnt(self) -> list[tf.Variable]:
        """All variables but those with a row an item."""
        scale = [] if self.vectors is None else [self.scale]
        return scale if self.embedding is not None else [*self.trainable_variables, *scale]

    def specs_of_new(self) -> dict[str, tf.TensorSpec]:
        """Of the inputs that `encode_new` takes, the vectors by the name of signatures.VECTOR."""
        tables = dict(self.table)
        if self.vectors is not None:
            tables[signatures.VECTOR] = self.vectors
        return {
            name: tf.TensorSpec([None, *table.shape[1:]], table.dtype, name=name)
            for name, table in tables.items()
        }

    def call(self, rows: tf.Tensor) -> tf.Tensor:
        """`rows`: int64 [...], of the catalogue; returns float [..., dim].

        Encodes each item once.
        """
        distinct, places = tf.unique(tf.reshape(rows, [-1]))
        encoded = self.encode(distinct)
        shape = tf.concat([tf.shape(rows), tf.shape(encoded)[-1:]], axis=0)
        return tf.reshape(tf.gather(encoded, places), shape)

    def encode(self, rows: tf.Tensor) -> tf.Tensor:
        """As `call`, of int64 [n]."""
        if self.embedding is not None:
            return self.embedding(rows)
        vectors = None if self.vectors is None else tf.gather(self.vectors, rows)
        return self._encoded(vectors, {n: tf.gather(t, rows) for n, t in self.table.items()})

    def encode_new(self, vectors: tf.Tensor | None, known: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """As `encode`, of items that have no row.

        Args:
          vectors: float [n, any], of the recall model that gave the others; None to do without.
          known: the items' transformed features by name, as in the catalogue.
        """
        return self._encoded(None if vectors is None else vectors / self.scale, known)

    def _encoded(self, vectors: tf.Tensor | None, known: Mapping[str, tf.Tensor]) -> tf.Tensor:
        parts = []
        if self.projection is not None:
            parts.append(self.projection(vectors))
        if self.encoder is not None:
            parts.append(self.encoder(known))
        return tf.add_n(parts)
