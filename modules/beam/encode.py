"""Raw features to serialised tf.Examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import apache_beam as beam
import tensorflow as tf

from modules import config, features
from modules.beam import histories

ValueType = Literal["bytes", "int64", "float"]


def value_types(data: config.Data) -> dict[str, ValueType]:
    """The type of every raw feature, by name."""
    types: dict[str, ValueType] = {
        features.USER_ID: "bytes",
        features.ITEM_ID: "bytes",
        features.ITEM_TITLE: "bytes",
        features.EVENT_ITEM_ID: "bytes",
        features.SEEN_ITEM_ID: "bytes",
        features.TARGET_ITEM_ID: "bytes",
        features.EARLIER_ITEM_ID: "bytes",
        **dict.fromkeys(features.EARLIER_NUMBERS, "int64"),
        features.REPEATS_ALLOWED: "int64",
        features.EVENT_TIMESTAMP: "int64",
        features.WINDOW_START: "int64",
    }
    for feature in (*features.all_features(data), *histories.event_columns(data)):
        types[feature.name] = "float" if feature.kind in ("numeric", "vector") else "bytes"
    return types


@beam.typehints.with_input_types(histories.RawFeatures)
@beam.typehints.with_output_types(bytes)
class Encode(beam.DoFn):
    """Serialises one example, the same way every time."""

    def __init__(self, types: Mapping[str, ValueType]) -> None:
        self._types = dict(types)

    def process(self, element: histories.RawFeatures) -> Iterator[bytes]:
        example = tf.train.Example()
        for name, values in element.items():
            feature = example.features.feature[name]
            kind = self._types[name]
            if kind == "bytes":
                feature.bytes_list.value.extend([value.encode() for value in values])
                feature.bytes_list.SetInParent()
            elif kind == "int64":
                feature.int64_list.value.extend(values)
            else:
                feature.float_list.value.extend(values)
        yield example.SerializeToString(deterministic=True)
