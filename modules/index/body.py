"""The interface of an index body. B is the batch, D the vectors' dimension, N the number of items.

A position is an item's row in the vectors that the index was built of; NO_POSITION stands where
nothing was found, with the score NO_SCORE. The score is the dot product of query and vector,
whatever their norms.
"""

from __future__ import annotations

import abc
from typing import Any

import numpy as np
import tensorflow as tf
from numpy import typing as npt

NO_POSITION = -1
NO_SCORE = tf.float32.min


class Body(tf.Module, abc.ABC):
    """A searchable set of vectors that can live in a SavedModel."""

    def __init__(self, vectors: npt.NDArray[np.float32], settings: Any) -> None:
        """Sets size and dimension.

        Args:
          vectors: float32 [N, D], N at least 1.
          settings: see `modules.index.parameters`.
        """
        super().__init__()
        self.size, self.dimension = vectors.shape
        self.settings = settings

    @abc.abstractmethod
    def search(
        self, queries: tf.Tensor, width: int | tf.Tensor, settings: Any = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds the items with the highest dot products.

        Args:
          queries: float32 [B, D].
          width: how many items to find for each query; more than N is legal.
          settings: to search with others than the body's own (the depth of the search, not what was
              built).

        Returns:
          Positions int32 [B, width] and scores float32 [B, width], best first. No position occurs
          twice in a row.
        """

    @abc.abstractmethod
    def scores(self, queries: tf.Tensor) -> tf.Tensor:
        """Dot products with all items, by position: float32 [B, N] of queries float32 [B, D]."""

    @abc.abstractmethod
    def vectors(self, positions: tf.Tensor) -> tf.Tensor:
        """The vectors float32 [..., D] at positions int32 [...], each from 0 to N - 1."""


def rows(table: tf.Variable, places: tf.Tensor) -> tf.Tensor:
    """Rows of a variable [N, D] that is read whole, too.

    A variable that TensorFlow gathers from as such is copied whenever it is read from then on.
    """
    return tf.gather(tf.convert_to_tensor(table), places)


def complete(
    positions: tf.Tensor, scores: tf.Tensor, width: int | tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Widens positions and scores [B, found] to [B, width], and makes nothing of NaN scores."""
    nothing = tf.math.is_nan(scores)
    positions = tf.where(nothing, NO_POSITION, positions)
    scores = tf.where(nothing, NO_SCORE, scores)
    missing = tf.maximum(width - tf.shape(positions)[1], 0)
    padding = [[0, 0], [0, missing]]
    positions = tf.pad(positions, padding, constant_values=NO_POSITION)
    scores = tf.pad(scores, padding, constant_values=NO_SCORE)
    shape = [tf.shape(positions)[0], width]
    return tf.reshape(positions, shape), tf.reshape(scores, shape)
