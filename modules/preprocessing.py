"""The Transform graph: raw examples to ids, scaled numbers, time features, in training and serving.

Its outputs are named `features.transformed_name(raw name)`. Rows of the catalogue have empty
sequences, rows of the sequences have placeholders for the item: no output mixes the two, so that
the exported layer can be fed either alone.

  item_id_xf                            int64 [B, 1], 1..N in the vocabulary's order, N+1 unknown (0
                                        pads)
  event_item_id_xf, seen_item_id_xf,    int64 [B, (n)], the same ids
  target_item_id_xf, earlier_item_id_xf
  repeats_allowed_xf                    int64 [B, 1], as it is; 0 of the catalogue
  event_time_of_day_xf, ..._xf          int64 [B, (n)], see modules/time_features.py; where the
                                        events have times
  window_start_xf                       int64 [B, 1]
  event_weight_xf                       float32 [B, (n)], as it is, where a column has that role
  <categorical>_xf                      int64 [B, 1], 0..V-1, V unknown; of an event or its context
                                        [B, (n)]
  <multi_categorical>_xf                int64 [B, (any)]
  <numeric>_xf                          float32 [B, 1], scaled (modules/scaling.py); of an event or
                                        its context [B, (n)]
  <vector>_xf                           float32 [B, dimension], as it is

What is missing (the empty text, one of the column's `missing` texts, NaN, no value) becomes the
column's default before anything else is done with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from modules import config, features, ragged, scaling, strict, time_features

Tensors = dict[str, Any]  # tf.Tensor or tf.RaggedTensor, by name


def preprocessing_fn(
    inputs: Mapping[str, tf.RaggedTensor], custom_config: Mapping[str, Any]
) -> Tensors:
    """Builds the graph.

    Args:
      inputs: the raw features, all ragged [B, (n)], as the schema of modules/schemas.py has them
          read.
      custom_config: `config` holds the configuration's sections `data` and `features` as plain
          dictionaries.

    Returns:
      The transformed features, see the top of the file.
    """
    data = strict.read(config.Data, custom_config["config"]["data"], "data")
    options = strict.read(config.Features, custom_config["config"]["features"], "features")
    outputs = _item_ids(inputs)
    if features.time_features(data):
        outputs.update(_times(inputs[features.EVENT_TIMESTAMP], options.timezone))
    for name in (features.WINDOW_START, features.REPEATS_ALLOWED):
        outputs[name] = ragged.first(inputs[name], default=0)
    if features.event_weight(data):
        outputs[features.EVENT_WEIGHT] = inputs[features.EVENT_WEIGHT]
    starts = ragged.first(inputs[features.WINDOW_START], default=-1)
    first_windows = ragged.where(tf.squeeze(starts == 0, axis=1))
    numbers = {}
    for feature in features.all_features(data):
        values = _filled(inputs[feature.name], feature)
        shaped, analysed = _shaped(values, feature), _analysed(values, feature, first_windows)
        if feature.kind == "numeric":
            numbers[feature.name] = scaling.Numbers(shaped, analysed, feature.spec.scaling)
        elif feature.kind == "vector":
            outputs[feature.name] = shaped
        else:
            outputs[feature.name] = _ids(shaped, analysed, feature)
    outputs.update(scaling.scale(numbers))
    return {features.transformed_name(name): tensor for name, tensor in outputs.items()}


def _item_ids(inputs: Mapping[str, tf.RaggedTensor]) -> Tensors:
    """All item ids by one vocabulary, the catalogue's (`item_id` is empty in all other rows)."""
    catalogue = tft.vocabulary(
        inputs[features.ITEM_ID].values, vocab_filename=features.ITEM_VOCABULARY
    )

    def ids(names: Any) -> Any:
        return 1 + tf.ragged.map_flat_values(
            tft.apply_vocabulary, names, catalogue, num_oov_buckets=1
        )

    names = (
        features.EVENT_ITEM_ID,
        features.SEEN_ITEM_ID,
        features.TARGET_ITEM_ID,
        features.EARLIER_ITEM_ID,
    )
    result = {name: ids(inputs[name]) for name in names}
    result[features.ITEM_ID] = ids(ragged.first(inputs[features.ITEM_ID], ""))
    return result


def _times(timestamps: tf.RaggedTensor, timezone: str) -> Tensors:
    return {
        features.TIME_OF_DAY: time_features.time_of_day(timestamps, timezone),
        features.DAY_OF_WEEK: time_features.day_of_week(timestamps, timezone),
        features.TIME_DELTA: time_features.time_delta(timestamps),
    }


def _ids(shaped: Any, analysed: tf.Tensor, feature: features.Feature) -> Any:
    """A feature's categories by its vocabulary.

    Args:
      shaped: tf.Tensor or tf.RaggedTensor [B, (n)] of texts.
      analysed: [m], the texts that make the vocabulary.
      feature: names the vocabulary.
    """
    vocabulary = tft.vocabulary(analysed, vocab_filename=feature.vocabulary)
    return tf.ragged.map_flat_values(tft.apply_vocabulary, shaped, vocabulary, num_oov_buckets=1)


def _filled(values: tf.RaggedTensor, feature: features.Feature) -> tf.RaggedTensor:
    """Puts the default where a value is missing; drops the missing ones of a list of categories."""
    fill, fill_texts = feature.spec.fill, feature.spec.fill_texts
    if feature.kind in ("numeric", "vector"):
        missing = tf.math.is_nan(values.values)
    else:
        texts = tf.constant(["", *feature.spec.missing])
        missing = tf.reduce_any(values.values[:, tf.newaxis] == texts, axis=1)
    if feature.kind == "multi_categorical":
        present = ragged.kept(values, ~missing)
        default = [text for text in fill_texts if text not in feature.spec.missing] or fill_texts
        return _with_default(present, default) if default else present
    return values.with_values(tf.where(missing, tf.constant(fill, values.dtype), values.values))


def _with_default(values: tf.RaggedTensor, default: Sequence[str]) -> tf.RaggedTensor:
    """Gives each empty row the values `default`."""
    lacking = tf.cast(values.row_lengths() == 0, tf.int64)
    defaults = tf.RaggedTensor.from_row_lengths(
        tf.tile(tf.constant(default), [tf.reduce_sum(lacking)]), len(default) * lacking
    )
    return tf.concat([values, defaults], axis=1)


def _analysed(
    values: tf.RaggedTensor, feature: features.Feature, first_windows: tf.Tensor
) -> tf.Tensor:
    """The values [m] to take statistics of: a user's profile counts once, not once a window."""
    if feature.table != "user":
        return values.flat_values
    return tf.gather(values, first_windows).flat_values


def _shaped(values: tf.RaggedTensor, feature: features.Feature) -> tf.Tensor | tf.RaggedTensor:
    """Ragged where a feature has any number of values, else dense [B, 1] or [B, dimension]."""
    if feature.is_sequence or feature.kind == "multi_categorical":
        return values
    if feature.kind == "vector":
        return values.to_tensor(feature.spec.fill, shape=[None, feature.spec.dimension])
    return ragged.first(values, feature.spec.fill)
