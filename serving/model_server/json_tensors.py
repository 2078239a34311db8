"""JSON and tensors, as TensorFlow Serving's REST API converts them.

Row format: {"instances": [...]} -> {"predictions": [...]}, one element a row; an element is an
object by input or, for a signature with one input, the value itself. Column format: {"inputs": ...}
-> {"outputs": ...}, each input with all its rows. Bytes are {"b64": "..."}; outputs called
`..._bytes` come back like that.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf
from numpy import typing as npt
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from serving.model_server import errors

INSTANCES, INPUTS, SIGNATURE_NAME = "instances", "inputs", "signature_name"
PREDICTIONS, OUTPUTS, BYTES_SUFFIX = "predictions", "outputs", "_bytes"
_B64 = "b64"
_SHOWN = 500  # characters of a value in an error
TYPES = {
    bool: "Bool",
    str: "String",
    int: "Number",
    float: "Number",
    dict: "Object",
    list: "Array",
    type(None): "Null",
}
Signature: TypeAlias = meta_graph_pb2.SignatureDef


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object of a request; NaN and Infinity are numbers."""
    if not body.strip():
        raise errors.invalid("JSON Parse error: The document is empty")
    try:
        found = json.loads(body)
    except json.JSONDecodeError as error:
        raise errors.invalid(
            f"JSON Parse error: Invalid value. ({error.msg}) at offset: {error.pos}"
        ) from None
    except (ValueError, RecursionError) as error:  # no UTF-8, too many digits, too deep
        raise errors.invalid(f"JSON Parse error: Invalid value. ({error})") from None
    if not isinstance(found, dict):
        raise errors.invalid(f"JSON Value: {show(found)} Is not object")
    if not isinstance(found.get(SIGNATURE_NAME, ""), str):
        raise errors.invalid(
            f"JSON Value: {show(found)} not formatted correctly. 'signature_name' key must "
            "be a string value."
        )
    return found


def is_row_format(request: Mapping[str, Any]) -> bool:
    """Whether it has `instances`; exactly one of `instances` and `inputs` has to be there."""
    if INSTANCES in request and INPUTS in request:
        raise errors.invalid(
            f"JSON Value: {show(request)} Not formatted correctly expecting only one of "
            "'inputs' or 'instances' keys to exist "
        )
    if INSTANCES not in request and INPUTS not in request:
        raise errors.invalid("Missing 'inputs' or 'instances' key")
    return INSTANCES in request


def inputs(request: Mapping[str, Any], signature: Signature) -> dict[str, npt.NDArray[Any]]:
    """The inputs of a request in either format."""
    try:
        if is_row_format(request):
            return _from_rows(request[INSTANCES], signature)
        return _from_columns(request[INPUTS], signature)
    except RecursionError:
        raise errors.invalid("JSON Value: is nested too deeply") from None


def to_json(outputs: Mapping[str, npt.NDArray[Any]], *, rows: bool) -> bytes:
    """The answer to a request, in its format."""
    values = {name: _plain(name, array) for name, array in sorted(outputs.items())}
    if rows:
        _check_batch(outputs)
        parts = (
            next(iter(values.values()))
            if len(values) == 1
            else [dict(zip(values, row)) for row in zip(*values.values())]
        )
        answer = {PREDICTIONS: parts}
    else:
        answer = {OUTPUTS: next(iter(values.values())) if len(values) == 1 else values}
    # Strings that are no UTF-8 go out as the bytes that they are.
    return json.dumps(answer, ensure_ascii=False).encode("utf-8", "surrogateescape")


def _from_rows(instances: Any, signature: Signature) -> dict[str, npt.NDArray[Any]]:
    if not isinstance(instances, list):
        raise errors.invalid(
            f"JSON Value: {show(instances)} Excepting 'instances' to be an list/array"
        )
    if not instances:
        raise errors.invalid("JSON Value: [] No values in 'instances' array")
    names = sorted(signature.inputs)
    named = is_object(instances[0])
    if not named and len(names) > 1:
        raise errors.invalid(
            "instances is a plain list, but expecting list of objects as multiple input "
            "tensors required as per tensorinfo_map"
        )
    rows: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in names}
    for place, element in enumerate(instances):
        if is_object(element) != named:
            raise errors.invalid(
                f"Expecting object but got list at item {place} of input list"
                if named
                else f"Expecting value/list but got object at item {place} of input list"
            )
        for name, value in (element if named else {names[0]: element}).items():
            try:
                rows_of = rows.get(name)
                if rows_of is None:
                    raise errors.invalid(f"JSON object: does not have named input: {name}")
                rows_of.append(_row(value, signature.inputs[name], rows_of))
            except errors.ServingError as error:
                raise errors.invalid(
                    f"Failed to process element: {place} key: {name} of 'instances' list. "
                    f"Error: {error}"
                ) from None
        if named and sorted(element) != names:
            raise errors.invalid(
                f"Failed to process element: {place} of 'instances' list. JSON object: "
                f"{show(element)} keys must be equal to: {','.join(names)}"
            )
    return {name: np.stack(values) for name, values in rows.items()}


def _row(
    value: Any, info: meta_graph_pb2.TensorInfo, before: list[npt.NDArray[Any]]
) -> npt.NDArray[Any]:
    array = _tensor(value, info.dtype)
    if before and array.size != before[0].size:
        raise errors.invalid(f"Expecting tensor size: {before[0].size} but got: {array.size}")
    if before and array.shape != before[0].shape:
        raise errors.invalid(
            f"Expecting shape {list(before[0].shape)} but got: {list(array.shape)}"
        )
    return array


def _from_columns(columns: Any, signature: Signature) -> dict[str, npt.NDArray[Any]]:
    names = sorted(signature.inputs)
    if not is_object(columns):
        if len(names) > 1:
            raise errors.invalid(
                "inputs is a plain value/list, but expecting an object as multiple input "
                "tensors required as per tensorinfo_map"
            )
        return {names[0]: _tensor(columns, signature.inputs[names[0]].dtype)}
    for name in names:
        if name not in columns:
            raise errors.invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: _tensor(columns[name], signature.inputs[name].dtype) for name in names}


def _tensor(value: Any, dtype: int) -> npt.NDArray[Any]:
    """A dense array of nested lists; its shape is that of the first elements."""
    shape, first = [], value
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first else None
    flat = list(_leaves(value, 0, shape, dtype))
    numpy = tf.as_dtype(dtype).as_numpy_dtype
    array = np.empty(len(flat), object if dtype == types_pb2.DT_STRING else numpy)
    array[:] = flat
    return array.reshape(shape)


def _leaves(value: Any, level: int, shape: list[int], dtype: int) -> Iterator[Any]:
    if not isinstance(value, list):
        if level != len(shape):
            raise errors.invalid(
                f"JSON Value: {show(value)} found at incorrect level: {level + 1} in the "
                f"JSON DOM. Expected at level: {len(shape)}"
            )
        yield _leaf(value, dtype)
        return
    if level >= len(shape):
        raise errors.invalid(
            f"Encountered list at unexpected level: {level} expected < {len(shape)}"
        )
    if len(value) != shape[level]:
        raise errors.invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected "
            f"size: {shape[level]}"
        )
    for element in value:
        yield from _leaves(element, level + 1, shape, dtype)


def _leaf(value: Any, dtype: int) -> Any:
    """A value of a tensor; its JSON type has to fit the tensor's."""
    kind = tf.as_dtype(dtype)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == tf.string and isinstance(value, (str, dict)):
        return to_bytes(value)
    if kind == tf.bool and isinstance(value, bool):
        return value
    if kind.is_floating and number:
        return to_float(value, kind)
    if kind.is_integer and number and isinstance(value, int) and kind.min <= value <= kind.max:
        return value
    raise errors.invalid(
        f"JSON Value: {show(value)} Type: {TYPES[type(value)]} is not of expected type: {kind.name}"
    )


def to_float(value: float, kind: tf.DType) -> float:
    """A number as it is, if the type can hold it."""
    limits = np.finfo(kind.as_numpy_dtype)
    lossless = (
        abs(value) < 2 ** (limits.nmant + 1)
        if isinstance(value, int)
        else not math.isfinite(value) or abs(value) <= limits.max
    )
    if not lossless:
        raise errors.invalid(
            f"Cannot convert JSON value: {show(value)} to {kind.name} without loss of precision."
        )
    return value


def to_bytes(value: str | dict[str, Any]) -> bytes:
    """Of a string, or of a `b64` object."""
    try:
        if isinstance(value, str):
            return value.encode()
        if set(value) != {_B64} or not isinstance(value[_B64], str):
            raise errors.invalid(
                f"JSON Value: {show(value)} not formatted correctly for base64 data"
            )
        return base64.b64decode(value[_B64], validate=True)
    except UnicodeEncodeError:
        raise errors.invalid("JSON Parse error: The surrogate pair in string is invalid.") from None
    except (binascii.Error, ValueError):
        raise errors.invalid("Unable to base64 decode") from None


def is_object(value: Any) -> bool:
    """Whether it is an object, and no `b64` one, which stands for bytes."""
    return isinstance(value, dict) and not (set(value) == {_B64} and isinstance(value[_B64], str))


def _plain(name: str, array: npt.NDArray[Any]) -> Any:
    """Nested lists for JSON."""
    if array.dtype == object and name.endswith(BYTES_SUFFIX):
        flat: list[Any] = [{_B64: base64.b64encode(v).decode()} for v in array.ravel()]
    elif array.dtype == object:
        flat = [v.decode("utf-8", "surrogateescape") for v in array.ravel()]
    elif array.dtype == np.float32:
        flat = [float(str(v)) for v in array.ravel()]  # the shortest digits that mean this float32
    else:
        return array.tolist()
    nested = np.empty(len(flat), object)
    nested[:] = flat
    return nested.reshape(array.shape).tolist()


def _check_batch(outputs: Mapping[str, npt.NDArray[Any]]) -> None:
    size = None
    for name, array in sorted(outputs.items()):
        if not array.ndim:
            raise errors.invalid(f"Tensor name: {name} has no shape information ")
        if size is not None and len(array) != size:
            raise errors.invalid(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {size}"
            )
        size = len(array)


def show(value: Any) -> str:
    """The beginning of a value, for errors."""
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
