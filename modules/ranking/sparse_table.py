"""A table with few nonzero cells, as sorted keys and values, in NumPy and in a saved graph."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf
from numpy import typing as npt

_NO_KEY = -1  # stands first in every table, so that each search finds a cell; its value is 0


@dataclasses.dataclass(frozen=True)
class SparseTable:
    """Cells by the key row * width + column.

    Attributes:
      width: number of columns.
      keys: int64 [1 + n], ascending; the first is -1, of no cell.
      values: float32 [1 + n]; the first is 0.
    """

    width: int
    keys: npt.NDArray[np.int64]
    values: npt.NDArray[np.float32]

    @classmethod
    def of(
        cls,
        rows: npt.NDArray[np.integer[Any]],
        columns: npt.NDArray[np.integer[Any]],
        values: npt.NDArray[np.floating[Any]],
        width: int,
    ) -> SparseTable:
        """Sorts cells, all [n], each given once, with 0 <= column < width."""
        columns = np.asarray(columns, np.int64)
        if columns.size and not 0 <= columns.min() <= columns.max() < width:
            raise ValueError(
                f"A column is a number from 0 to below the width ({width}), found "
                f"{columns.min()} to {columns.max()}; give the table its full width."
            )
        keys = np.asarray(rows, np.int64) * width + columns
        order = np.argsort(keys, kind="stable")
        return cls(
            width,
            np.concatenate([[_NO_KEY], keys[order]]).astype(np.int64),
            np.concatenate([[0.0], np.asarray(values)[order]]).astype(np.float32),
        )

    def lookup(
        self, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """Values of cells, float32; `rows` and `columns` are int64 of one shape.

        0 where there is none.
        """
        keys = rows * self.width + columns
        places = np.searchsorted(self.keys, keys, side="right") - 1
        return np.where(self.keys[places] == keys, self.values[places], np.float32(0))

    def last(
        self, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """As `lookup`, of the row's last cell at or before the column; columns may lie outside."""
        starts = rows * self.width
        keys = starts + np.clip(columns, -1, self.width - 1)
        places = np.searchsorted(self.keys, keys, side="right") - 1
        return np.where(self.keys[places] >= starts, self.values[places], np.float32(0))


class TensorTable(tf.Module):
    """A `SparseTable` in a graph, as variables that are saved and not trained.

    They are read before anything is gathered from them: TensorFlow copies a variable that it has
    gathered from, each time that it is read.
    """

    def __init__(self, table: SparseTable, name: str) -> None:
        super().__init__(name=name)
        self._width = table.width
        self._keys = tf.Variable(table.keys, trainable=False, name="keys")
        self._values = tf.Variable(table.values, trainable=False, name="values")

    def lookup(self, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        """As of `SparseTable`: int64 of one shape -> float32 of that shape."""
        keys = rows * self._width + columns
        places, found = self._places(keys)
        # rows that a table by item has got since (modules/item_tables.py) are columns of none
        known = (found == keys) & (columns < self._width)
        return tf.where(known, tf.gather(self._values, places), 0.0)

    def last(self, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        """As of `SparseTable`: int64 of one shape -> float32 of that shape."""
        starts = rows * self._width
        places, found = self._places(starts + tf.clip_by_value(columns, -1, self._width - 1))
        return tf.where(found >= starts, tf.gather(self._values, places), 0.0)

    def _places(self, keys: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Where the greatest key of the table at or below each key stands, int32, and that key."""
        known = tf.convert_to_tensor(self._keys)
        found = tf.raw_ops.UpperBound(  # tf.searchsorted fails where there is nothing to search for
            sorted_inputs=known[tf.newaxis], values=tf.reshape(keys, [1, -1])
        )
        places = tf.reshape(found, tf.shape(keys)) - 1
        return places, tf.gather(known, places)
