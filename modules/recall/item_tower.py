"""The item tower: item vectors from id and features, so that cold items have meaningful ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy import typing as npt

from modules import features, item_tables
from modules.recall import layers


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """What is known of the N items: row 0 is padding, 1..N are the vocabulary's, N+1 is unknown.

    Attributes:
      ids: bytes [N], in vocabulary order (row - 1).
      features: by transformed name, [N+2, ...]; multi_categorical int64 [N+2, most values], padded
          with -1.
      counts: int64 [N+2], how often each row is a target of the training split.
    """

    ids: Sequence[bytes]
    features: Mapping[str, npt.NDArray[Any]]
    counts: npt.NDArray[np.int64]

    @property
    def size(self) -> int:
        """N, the number of items."""
        return len(self.ids)

    @property
    def unknown(self) -> int:
        """The row of an item that is not in the vocabulary."""
        return self.size + 1


class ItemTower(tf.keras.layers.Layer):
    """Item vectors: the id's embedding plus those of the features.

    Items that training never saw use the unknown item's id embedding.
    """

    def __init__(
        self,
        dim: int,
        catalogue: Catalogue,
        specs: Sequence[features.Feature],
        sizes: Mapping[str, int],
        id_dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        """`specs`: the item features to use; `id_dropout`: share of ids hidden in training."""
        super().__init__(**kwargs)
        self.id_dropout = id_dropout
        self.unknown = catalogue.unknown
        size = catalogue.size + 2
        self.embedding = tf.keras.layers.Embedding(size, dim, layers.initializer(), name="item_id")
        rows = np.where(catalogue.counts > 0, np.arange(size), catalogue.unknown)
        self.id_row = item_tables.variable(
            rows.astype(np.int64), item_tables.FROM_TRAINING, "id_row"
        )
        self.encoder = (
            layers.FeatureEncoder(dim, specs, sizes, name="item_features") if specs else None
        )
        self.table = {
            spec.transformed: item_tables.variable(
                catalogue.features[spec.transformed], item_tables.FEATURE, spec.transformed
            )
            for spec in specs
        }

    def start_from(self, vectors: npt.NDArray[np.float32]) -> None:
        """Takes vectors [N+2, dim] of mean length 1 as id embeddings, as long as these are now.

        Rows of zeros keep what they have.
        """
        now = self.embedding.embeddings.numpy()
        length = np.linalg.norm(now, axis=1).mean()
        given = vectors.any(axis=1, keepdims=True)
        self.embedding.embeddings.assign(np.where(given, length * vectors, now))

    def id_rows(self, item_ids: tf.Tensor) -> tf.Tensor:
        """Rows of the id embeddings, for items int64 [n] and for a hidden id: int64 [n + 1]."""
        return tf.concat([tf.gather(self.id_row, item_ids), [self.unknown]], axis=0)

    def call(self, item_ids: tf.Tensor, training: bool = False) -> tf.Tensor:
        """`item_ids`: int64 [n], rows of the catalogue; returns float [n, dim]."""
        rows = tf.gather(self.id_row, item_ids)
        if training and self.id_dropout:
            hidden = tf.random.uniform(tf.shape(rows)) < self.id_dropout
            rows = tf.where(hidden, tf.constant(self.unknown, tf.int64), rows)
        vectors = self.embedding(rows)
        if self.encoder is not None:
            vectors += self.encoder(
                {name: tf.gather(table, item_ids) for name, table in self.table.items()}
            )
        return vectors
