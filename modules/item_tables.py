"""The tables of a SavedModel that have a row an item, and how new items get rows without training.

A row is an item's transformed id: 0 pads, 1..N stand for the items of the vocabulary in its order,
the last one is for unknown items. How many rows there are is no part of a graph that is saved: the
tables are variables without a fixed length, and the vocabulary is a file among the assets. So a
model learns of new items, M of them, by other files alone: a longer vocabulary and longer tables in
its checkpoint, in which the row of unknown items moves from N+1 to N+M+1. Its graph and all that
was learnt stay as they are.

What a new row holds follows from the table's kind, which its name says. New items have no history,
so what is counted in events is for them what it is for unknown items: nothing.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy import typing as npt
from tensorflow.core.protobuf import trackable_object_graph_pb2

from modules import features

IDS = "ids"  # bytes [N]: the items that a model recommends; without padding and unknown ones
ROWS = "rows"  # int64 [N]: of these items
FEATURE = "feature"  # [N+2, ...]: a transformed feature
CATEGORIES = "categories"  # int32 [N+2, any]: distinct categories of a feature, padded with -1
CROSSED = "crossed"  # int64 [N+2, any]: a feature's ids as crosses take them, padded with -1
ENCODED = "encoded"  # float32 [N+2, dim]: what the rank model makes of each item
FROM_TRAINING = "from_training"  # [N+2, ...]: what only training events say
BOUNDS = "bounds"  # float32 [any], not by item: the buckets of a number in CROSSED

_PREFIX = "by_item"
_OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"
_CHECKPOINT = os.path.join("variables", "variables")
_FINGERPRINT = "fingerprint.pb"  # of the checkpoint as it was

Array = npt.NDArray[Any]


class TablesError(ValueError):
    """A model whose tables cannot grow. The message says which and the remedy."""


def variable(values: Any, kind: str, name: str = "") -> tf.Variable:
    """A table as a variable that is saved and not trained, of any number of rows.

    Lists of ids may get longer, too, where a new item has more of them.
    """
    found = tf.convert_to_tensor(values)
    widths = found.shape[1:].as_list()
    if kind in (FEATURE, CATEGORIES, CROSSED) and found.dtype.is_integer:
        widths = [None] * len(widths)
    return tf.Variable(
        found, trainable=False, name=name_of(kind, name), shape=tf.TensorShape([None, *widths])
    )


def length(table: tf.Variable, dtype: tf.DType = tf.int32) -> tf.Tensor:
    """How many rows a table has, in a graph: `tf.shape` would copy the whole table each time."""
    return tf.raw_ops.VariableShape(input=table.handle, out_type=dtype)[0]


def longer(values: Array, new: int) -> Array:
    """A table with `new` more rows before the last one, which are like it."""
    return np.concatenate([values, np.repeat(values[-1:], new, axis=0)])


def wider(values: Array, width: int) -> Array:
    """[n, any] lists of ids as [n, width], padded with -1."""
    return np.pad(values, [(0, 0), (0, width - values.shape[1])], constant_values=-1)


class Tables:
    """The tables of one SavedModel's folder."""

    def __init__(self, folder: str | pathlib.Path) -> None:
        """Reads their names.

        Raises:
          TablesError: there are none.
        """
        self._folder = pathlib.Path(folder)  # grows only where it is no URL
        self._reader = tf.train.load_checkpoint(os.path.join(folder, _CHECKPOINT))
        objects = trackable_object_graph_pb2.TrackableObjectGraph.FromString(
            self._reader.get_tensor(_OBJECTS)
        )
        self._variables = [
            (attribute.full_name, attribute.checkpoint_key)
            for node in objects.nodes
            for attribute in node.attributes
        ]
        self._keys: dict[tuple[str, str], list[str]] = {}
        for full_name, key in self._variables:
            if full_name.startswith(f"{_PREFIX}."):
                _, kind, name = full_name.split(".", maxsplit=2)
                self._keys.setdefault((kind, name), []).append(key)
        if not self._keys:
            raise TablesError(
                f"{self._folder}: the model was made by an earlier version of this project, whose "
                "tables cannot grow. Train it again with `recsys run`."
            )

    def variables(self) -> Sequence[tuple[str, str]]:
        """The names and keys of all variables of the model, those that are no tables too."""
        return self._variables

    def read(self, key: str) -> Array:
        """The values of a variable, by its key."""
        found: Array = self._reader.get_tensor(key)
        return found

    def names(self, kind: str) -> list[str]:
        """Of the tables of a kind, in order."""
        return sorted(name for found, name in self._keys if found == kind)

    def get(self, kind: str, name: str = "") -> Array:
        """The values of a table."""
        found: Array = self._reader.get_tensor(self._keys[kind, name][0])
        return found

    def grow(self, new: int, values: Mapping[tuple[str, str], Array]) -> None:
        """Writes the model's checkpoint with new tables; all other variables stay as they are.

        Args:
          new: rows that tables of FROM_TRAINING get, which are like the last one.
          values: of all tables of the other kinds, by (kind, name).
        """
        changed: dict[str, Array] = {}
        for (kind, name), keys in self._keys.items():
            for key in keys if kind != BOUNDS else ():
                changed[key] = (
                    longer(self._reader.get_tensor(key), new)
                    if kind == FROM_TRAINING
                    else values[kind, name]
                )
        names = sorted(self._reader.get_variable_to_shape_map())
        tensors = [
            changed[name] if name in changed else self._reader.get_tensor(name) for name in names
        ]
        target = self._folder / f"{_CHECKPOINT}-new"
        tf.raw_ops.SaveV2(
            prefix=str(target),
            tensor_names=names,
            shape_and_slices=[""] * len(names),
            tensors=[tf.convert_to_tensor(tensor) for tensor in tensors],
        )
        for path in list(target.parent.iterdir()):
            if path.name.startswith(f"{target.name}."):
                path.rename(path.with_name(path.name.replace("-new", "", 1)))
        (self._folder / _FINGERPRINT).unlink(missing_ok=True)


def vocabulary_file(folder: str | pathlib.Path) -> pathlib.Path:
    """The item vocabulary of a SavedModel, one id a line.

    Raises:
      TablesError: there is none.
    """
    path = pathlib.Path(folder) / "assets" / features.ITEM_VOCABULARY
    if not path.is_file():
        raise TablesError(
            f"{path}: is missing, expected the item vocabulary. Train the model again with "
            "`recsys run`."
        )
    return path


def write_vocabulary(folder: str | pathlib.Path, item_ids: Iterable[bytes]) -> None:
    """Replaces a SavedModel's item vocabulary."""
    vocabulary_file(folder).write_bytes(b"".join(item_id + b"\n" for item_id in item_ids))


def name_of(kind: str, name: str = "") -> str:
    """Of the variable that is a table."""
    return f"{_PREFIX}.{kind}.{name}"
