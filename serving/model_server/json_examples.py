"""JSON and tf.Examples, as TensorFlow Serving's REST API converts them.

{"context": {...}, "examples": [{...}, ...]} -> {"results": [...]}: an example is an object by
feature, of a value or a list of values of one type. Whole numbers and booleans are int64s, other
numbers floats, strings and {"b64": "..."} bytes. A result is a number, or a list of [label, score].
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import inference_pb2, input_pb2

from serving.model_server import errors, json_tensors

_CONTEXT, _EXAMPLES, _RESULTS = "context", "examples", "results"
_SHOWN = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}


def read(request: Mapping[str, Any]) -> input_pb2.Input:
    """The examples of a request."""
    made, given = input_pb2.Input(), request.get(_EXAMPLES)
    if _EXAMPLES not in request:
        raise errors.invalid(
            f"JSON Value: {json_tensors.show(request)} When method is classify, key '{_EXAMPLES}' "
            "is expected and was not found"
        )
    if not isinstance(given, list):
        raise errors.invalid(
            f"JSON Value: {json_tensors.show(request)} Expecting '{_EXAMPLES}' value to be an "
            "list/array"
        )
    if not given:
        raise errors.invalid(
            f"JSON Value: {json_tensors.show(request)} '{_EXAMPLES}' value is an empty array"
        )
    into = made.example_list
    if _CONTEXT in request:
        into = made.example_list_with_context
        into.context.CopyFrom(_example(request[_CONTEXT]))
    into.examples.extend(map(_example, given))
    return made


def to_json(result: inference_pb2.InferenceResult) -> bytes:
    """The answer."""
    found: list[Any] = [
        [[one.label, _digits(one.score)] for one in each.classes]
        for each in result.classification_result.classifications
    ] or [_digits(each.value) for each in result.regression_result.regressions]
    return json.dumps({_RESULTS: found}, ensure_ascii=False).encode("utf-8", "surrogateescape")


def _digits(value: float) -> float:
    """With the fewest digits that mean the same float32."""
    return float(str(np.float32(value)))


def _example(value: Any) -> tf.train.Example:
    if not isinstance(value, dict):
        raise errors.invalid(
            f"Example must be JSON object but got JSON {json_tensors.TYPES[type(value)]}"
        )
    made = tf.train.Example()
    for name, content in value.items():
        feature = made.features.feature[name]
        for one in content if isinstance(content, list) else [content]:
            _add(feature, name, one)
    return made


def _add(feature: tf.train.Feature, name: str, value: Any) -> None:
    """Adds a value to a feature, all of whose values have one type."""
    kind, converted = _converted(name, value)
    before = feature.WhichOneof("kind")
    if before not in (None, kind):
        raise errors.invalid(
            f"Unexpected element type in feature: {name} expecting type: {_SHOWN[before]}"
        )
    getattr(feature, kind).value.append(converted)


def _converted(name: str, value: Any) -> tuple[str, Any]:
    """(kind of a feature, value)."""
    if isinstance(value, (bool, int)):
        if not tf.int64.min <= value <= tf.int64.max:
            raise errors.invalid(f"Feature: {name} has uint64 element. Only int64 is supported.")
        return "int64_list", int(value)
    if isinstance(value, float):
        return "float_list", json_tensors.to_float(value, tf.float32)
    if isinstance(value, str) or (isinstance(value, dict) and not json_tensors.is_object(value)):
        return "bytes_list", json_tensors.to_bytes(value)
    raise errors.invalid(
        f"Feature: {name} has element with unexpected JSON type: {json_tensors.TYPES[type(value)]}"
    )
