"""What models' tables by item hold of a new catalogue (see modules/item_tables.py)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from numpy import typing as npt

from modules import config, features, graphs, item_tables, request_arrays, signatures

_BATCH = 4096  # items
Values = dict[tuple[str, str], item_tables.Array]  # by kind and name


@dataclasses.dataclass(frozen=True)
class Known:
    """The n items of a catalogue, in the order of their rows.

    Attributes:
      ids: bytes, of each.
      rows: int64 [n], in a vocabulary that holds also the items that are gone.
      values: by transformed name, [n, ...]; multi_categorical int64 [n, any], padded with -1.
      specs: the features, by transformed name.
      new: rows that have been added to the vocabulary.
    """

    ids: Sequence[bytes]
    rows: npt.NDArray[np.int64]
    values: Mapping[str, item_tables.Array]
    specs: Mapping[str, features.Feature]
    new: int

    def with_features(self, table: item_tables.Array, name: str) -> item_tables.Array:
        """A model's table of a feature, with more rows, and those of the catalogue anew."""
        found = self.values[name]
        if self.specs[name].kind == "multi_categorical":
            width = max(table.shape[1], found.shape[1])
            table, found = item_tables.wider(table, width), item_tables.wider(found, width)
        return self._put(table, found)

    def _put(self, table: item_tables.Array, values: item_tables.Array) -> item_tables.Array:
        result = item_tables.longer(table, self.new)
        result[self.rows] = values
        return result

    def of_recall(self, model: item_tables.Tables) -> Values:
        """The tables of a recall model, which recommends these items."""
        kind = item_tables.FEATURE
        found: Values = {
            (kind, name): self.with_features(model.get(kind, name), name)
            for name in model.names(kind)
        }
        found[item_tables.IDS, ""] = np.array(self.ids, object)
        found[item_tables.ROWS, ""] = self.rows
        return found

    def of_rank(
        self, model: item_tables.Tables, folder: str, vectors: npt.NDArray[np.float32]
    ) -> Values:
        """The tables of a rank model.

        Args:
          model: as it was trained.
          folder: of the same model.
          vectors: float32 [n, any], of the recall model with whose vectors it was trained.
        """
        by_name = {spec.name: name for name, spec in self.specs.items()}
        found: Values = {}
        for name in model.names(item_tables.CATEGORIES):
            old = model.get(item_tables.CATEGORIES, name)
            new = _distinct(_lists(self.values[by_name[name]]))
            width = max(old.shape[1], new.shape[1])
            found[item_tables.CATEGORIES, name] = self._put(
                item_tables.wider(old, width), item_tables.wider(new, width)
            )
        for name in model.names(item_tables.CROSSED):
            old = model.get(item_tables.CROSSED, name)
            new = self.values[by_name[name]]
            if self.specs[by_name[name]].kind == "numeric":
                bounds = model.get(item_tables.BOUNDS, name)
                new = np.searchsorted(bounds, new, side="right").astype(np.int64)
            width = max(old.shape[1], _lists(new).shape[1])
            found[item_tables.CROSSED, name] = self._put(
                item_tables.wider(old, width), item_tables.wider(_lists(new), width)
            )
        old = model.get(item_tables.ENCODED)
        found[item_tables.ENCODED, ""] = self._put(old, self._encoded(folder, vectors, old))
        return found

    def _encoded(
        self, folder: str, vectors: npt.NDArray[np.float32], old: item_tables.Array
    ) -> item_tables.Array:
        """What the rank model makes of the items, float32 [n, dim]."""
        model = tf.saved_model.load(folder)
        if signatures.ITEMS not in model.signatures:  # it knows ids alone
            return item_tables.longer(old, self.new)[self.rows]
        ask = model.signatures[signatures.ITEMS]
        inputs = {**self.values, signatures.VECTOR: vectors}
        wanted = ask.structured_input_signature[1]
        return np.concatenate(
            [
                ask(**{n: tf.constant(inputs[n][at : at + _BATCH]) for n in wanted})[
                    signatures.VECTOR
                ].numpy()
                for at in range(0, len(self.rows), _BATCH)
            ]
        )


def known(
    rows: Sequence[Mapping[str, Any]],
    transform: tft.TFTransformOutput,
    data: config.Data,
    new: int,
) -> Known:
    """Transforms a catalogue.

    Args:
      rows: of the items, as ExampleGen makes them (`histories.RawFeatures`).
      transform: the release's graph with a vocabulary that holds all items.
      data: the declared columns.
      new: ids that the vocabulary has got.
    """
    specs = features.item_features(data)
    graph = graphs.TransformGraph(transform)
    item_id = features.transformed_name(features.ITEM_ID)
    parts: dict[str, list[item_tables.Array]] = {}
    for at in range(0, len(rows), _BATCH):
        found = graph(_raw(rows[at : at + _BATCH], specs))
        for name in (item_id, *(spec.transformed for spec in specs)):
            value = found[name]
            is_list = isinstance(value, tf.RaggedTensor)
            parts.setdefault(name, []).append((value.to_tensor(-1) if is_list else value).numpy())
    columns = {name: _joined(of_batches) for name, of_batches in parts.items()}
    places = columns.pop(item_id)[:, 0]
    order = np.argsort(places)
    return Known(
        [rows[n][features.ITEM_ID][0].encode() for n in order],
        places[order],
        {s.transformed: _shaped(columns[s.transformed][order], s.kind) for s in specs},
        {spec.transformed: spec for spec in specs},
        new,
    )


def _raw(
    rows: Sequence[Mapping[str, Any]], specs: Sequence[features.Feature]
) -> dict[str, tf.RaggedTensor]:
    """The raw features of items, all ragged [B, (n)]."""
    raw = {features.ITEM_ID: tf.ragged.constant([row[features.ITEM_ID] for row in rows])}
    for spec in specs:
        dtype = tf.float32 if request_arrays.is_number(spec) else tf.string
        raw[spec.name] = tf.ragged.constant([row[spec.name] for row in rows], dtype, ragged_rank=1)
    return {name: value.with_row_splits_dtype(tf.int64) for name, value in raw.items()}


def _joined(parts: Sequence[item_tables.Array]) -> item_tables.Array:
    width = max(part.shape[1] for part in parts)
    return np.concatenate([item_tables.wider(part, width) for part in parts])


def _shaped(values: item_tables.Array, kind: str) -> item_tables.Array:
    """As `item_tower.Catalogue` has them: one value an item has no axis of its own."""
    return values if kind in ("multi_categorical", "vector") else values[:, 0]


def _lists(values: item_tables.Array) -> item_tables.Array:
    """[n] or [n, any] as [n, any]."""
    return values if values.ndim > 1 else values[:, np.newaxis]


def _distinct(values: item_tables.Array) -> npt.NDArray[np.int32]:
    """Each row's distinct ids, ascending: int [n, any] -> int32 [n, most], padded with -1."""
    lists = [sorted({value for value in row if value >= 0}) for row in values.tolist()]
    table = np.full([len(lists), max([1, *map(len, lists)])], -1, np.int32)
    for row, ids in zip(table, lists):
        row[: len(ids)] = ids
    return table
