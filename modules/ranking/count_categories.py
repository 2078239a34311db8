"""Reads on Beam which items are of which categories: examples of the catalogue -> tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from modules import config, features, requests
from modules.beam import sparse_counts
from modules.ranking import layout, shards


class WriteCategories(beam.PTransform):
    """Serialized catalogue examples -> tables of the items' categories; (split, file) of each."""

    def __init__(
        self, data: config.Data, transform_folder: str, folders: Mapping[str, Sequence[str]]
    ) -> None:
        super().__init__()
        self._data, self._folder, self._folders = data, transform_folder, folders

    def expand(self, catalogue: beam.PCollection) -> beam.PCollection:
        return (
            catalogue
            | "BatchItems" >> beam.BatchElements(min_batch_size=64, max_batch_size=1024)
            | "TransformItems" >> beam.ParDo(_TransformItems(self._data, self._folder))
            | "SumCategories" >> beam.CombinePerKey(sparse_counts.Sum())
            | "ForEachSplit"
            >> beam.FlatMap(
                lambda found, splits: [((split, *found[0]), found[1]) for split in splits],
                list(self._folders),
            )
            | "CategoryColumns" >> beam.MapTuple(lambda key, found: (key, _columns(key, found)))
            | "WriteCategories" >> beam.FlatMap(shards.write, self._folders)
        )


def _columns(key: shards.Key, found: sparse_counts.Cells) -> shards.Columns:
    return layout.columns(key[1], found, 0)  # their width does not depend on the rows


@beam.typehints.with_output_types(tuple[tuple[str, int], sparse_counts.Cells])
class _TransformItems(beam.DoFn):
    """Batch of serialized items -> cells (row, transformed category) of each feature's table."""

    def __init__(self, data: config.Data, transform_folder: str) -> None:
        self._features, self._folder = layout.categorical(data), transform_folder
        self._names = (features.ITEM_ID, *(f.name for f in self._features))

    def setup(self) -> None:
        self._layer = tft.TFTransformOutput(self._folder).transform_features_layer()

    def process(
        self, element: list[bytes]
    ) -> Iterator[tuple[tuple[str, int], sparse_counts.Cells]]:
        examples = [requests.read_raw_example(item, set(self._names)) for item in element]
        raw = {}
        for name in self._names:
            lists = [example.get(name, []) for example in examples]
            flat = np.array([value for values in lists for value in values], object)
            lengths = np.array([len(values) for values in lists], np.int64)
            raw[name] = tf.RaggedTensor.from_row_lengths(tf.constant(flat, tf.string), lengths)
        found = self._layer(raw)
        rows = _ragged(found[features.transformed_name(features.ITEM_ID)]).flat_values
        for number, feature in enumerate(self._features):
            ids = _ragged(found[feature.transformed])
            of_items = np.repeat(rows.numpy(), ids.row_lengths().numpy())
            keys = of_items * layout.CATEGORIES_WIDTH + ids.flat_values.numpy()
            table = layout.categories_table(number)
            cut = sparse_counts.blocks(sparse_counts.Cells.counted(keys), layout.CATEGORIES_WIDTH)
            for block, part in cut:
                yield (table, block), part


def _ragged(values: tf.Tensor | tf.RaggedTensor) -> tf.RaggedTensor:
    """[B, (n)], also of a dense [B, n]."""
    if isinstance(values, tf.RaggedTensor):
        return values
    return tf.RaggedTensor.from_tensor(values, row_splits_dtype=tf.int64)
