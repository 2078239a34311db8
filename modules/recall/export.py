"""The recall model's SavedModel: raw requests to queries, and the vectors of the whole catalogue.

The signature `features` gives what the encoder gets of a request, so that anyone can hold the graph
that is served against the pipeline's Transform (modules/skew): a signature survives the index's
export, works in any server, and needs no look inside a SavedModel. It shares the graph's tables and
costs no request anything.
"""

from __future__ import annotations

import tensorflow as tf
import tensorflow_transform as tft

from modules import graphs, item_tables, lineage, requests, signatures
from modules.recall import input_data
from modules.recall import model as model_lib


class RecallModule(tf.Module):
    """What is saved. The Transform graph is inside; loading needs none of this package."""

    def __init__(
        self, model: model_lib.RecallModel, transform: tft.TFTransformOutput, item_ids: list[bytes]
    ):
        """`item_ids`: the N items in the vocabulary's order."""
        super().__init__()
        self._data = model.settings.data
        self._layout = input_data.Layout.of(self._data, model.settings.features.max_history)

        self._rows = rows = item_tables.variable(model.all_items(), item_tables.ROWS)

        def vectors() -> tf.Tensor:
            return model.candidates(tf.identity(rows))

        self._encode, self._vectors = model.last_queries, vectors
        # without the Keras layers, which would each be traced and saved
        self._weights = model.variables
        self._transform = graphs.TransformGraph(transform)
        self._item_ids = item_tables.variable(item_ids, item_tables.IDS)

    def query(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """`inputs` as `requests.input_specs` says; returns float [batch, dim]."""
        return {signatures.QUERY: self._encode(self.features(**inputs))}

    def features(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """`inputs` as `requests.input_specs` says; returns what `input_data.dense_request` does."""
        raw = requests.to_raw_features(inputs, self._data)
        return input_data.dense_request(self._transform(raw), self._layout)

    def candidates(self) -> dict[str, tf.Tensor]:
        """The ids, string [N], in the vocabulary's order, and their vectors, float [N, dim]."""
        return {signatures.ITEM_ID: tf.identity(self._item_ids), signatures.VECTOR: self._vectors()}


def save(
    model: model_lib.RecallModel,
    transform: tft.TFTransformOutput,
    item_ids: list[bytes],
    path: str,
    made_of: lineage.Lineage,
) -> None:
    """Writes the SavedModel with its three signatures, and its lineage, into `path`."""
    module = RecallModule(model, transform, item_ids)
    specs = requests.input_specs(model.settings.data, exclusions=False)
    tf.saved_model.save(
        module,
        path,
        signatures={
            signatures.QUERY: graphs.function(module.query).get_concrete_function(**specs),
            signatures.FEATURES: graphs.function(module.features).get_concrete_function(**specs),
            signatures.CANDIDATES: graphs.function(module.candidates).get_concrete_function(),
        },
    )
    lineage.write(path, made_of)
