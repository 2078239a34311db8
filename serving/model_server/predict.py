"""What is checked before a prediction runs, with TensorFlow Serving's texts, and the run itself."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy import typing as npt
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from serving.model_server import errors, servable

DEFAULT_SIGNATURE = "serving_default"
MAX_ELEMENTS = 1 << 24  # of an input; a few bytes of a tensor can claim any shape
_FIELDS = {
    tf.float32: "float_val",
    tf.float64: "double_val",
    tf.int64: "int64_val",
    tf.int32: "int_val",
    tf.int16: "int_val",
    tf.int8: "int_val",
    tf.uint8: "int_val",
    tf.bool: "bool_val",
    tf.string: "string_val",
    tf.uint32: "uint32_val",
    tf.uint64: "uint64_val",
}
_NUMPY = {dtype.as_datatype_enum: np.dtype(dtype.as_numpy_dtype) for dtype in _FIELDS}
_METHODS = (
    "tensorflow/serving/predict",
    "tensorflow/serving/classify",
    "tensorflow/serving/regress",
)


def signature(model: servable.Servable, name: str) -> meta_graph_pb2.SignatureDef:
    """The signature of that name; an empty name means `serving_default`."""
    name = name or DEFAULT_SIGNATURE
    found = model.signatures.get(name)
    if found is None:
        raise errors.ServingError(
            errors.Code.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.'
        )
    if found.method_name not in _METHODS:
        raise errors.ServingError(
            errors.Code.INTERNAL,
            "Expected prediction signature method_name to be one of "
            f"{{{', '.join(_METHODS)}}}. Was: {found.method_name}",
        )
    return found


def outputs(found: meta_graph_pb2.SignatureDef, wanted: Sequence[str]) -> tuple[str, ...]:
    """The outputs to compute: those of the filter, or all."""
    for place, name in enumerate(wanted):
        if name not in found.outputs:
            raise errors.invalid(
                f"output tensor alias not found in signature: {name} Outputs expected to be "
                f"in the set {{{','.join(sorted(found.outputs))}}}."
            )
        if name in wanted[:place]:
            raise errors.invalid(f"duplicate output tensor alias: {name}")
    return tuple(wanted) or tuple(sorted(found.outputs))


def arrays(
    found: meta_graph_pb2.SignatureDef, tensors: Mapping[str, tensor_pb2.TensorProto]
) -> dict[str, npt.NDArray[Any]]:
    """The inputs of a request as arrays, checked against the signature."""
    check_names(found, tensors.keys())
    result = {}
    for name, tensor in tensors.items():
        result[name] = _array(name, tensor)
    check_types(found, result)
    return result


def check_names(found: meta_graph_pb2.SignatureDef, names: Iterable[str]) -> None:
    """Refuses missing and surplus inputs."""
    given, expected = sorted(names), sorted(found.inputs)
    if len(given) != len(expected):
        extra, missing = sorted(set(given) - set(expected)), sorted(set(expected) - set(given))
        raise errors.invalid(
            f"input size does not match signature: {len(given)}!={len(expected)} "
            f"len({{{','.join(given)}}}) != len({{{','.join(expected)}}}). Sent extra: "
            f"{{{','.join(extra)}}}. Missing but required: {{{','.join(missing)}}}."
        )
    for name in given:
        if name not in found.inputs:
            raise errors.invalid(
                f"input tensor alias not found in signature: {name}. Inputs expected to be "
                f"in the set {{{','.join(expected)}}}."
            )


def check_types(found: meta_graph_pb2.SignatureDef, inputs: Mapping[str, npt.NDArray[Any]]) -> None:
    """Refuses inputs of another type or shape than the signature's."""
    for place, (name, value) in enumerate(sorted(inputs.items())):
        info = found.inputs[name]
        if _fits(info, value):
            continue
        expected, received = tf.as_dtype(info.dtype), _dtype(value)
        if expected != received:
            raise errors.invalid(
                f"Expects arg[{place}] to be {expected.name} but {received.name} is provided "
                f"(input {name})"
            )
        shape = tf.TensorShape(info.tensor_shape)
        if not shape.is_compatible_with(value.shape):
            raise errors.invalid(
                f"input {name}: expected the shape {shape}, received {value.shape}"
            )


def run(
    model: servable.Servable,
    found: meta_graph_pb2.SignatureDef,
    inputs: Mapping[str, npt.NDArray[Any]],
    wanted: Sequence[str],
    deadline: float | None,
) -> dict[str, npt.NDArray[Any]]:
    """Computes the outputs before `deadline` (of time.monotonic), or fails."""
    timeout = None if deadline is None else deadline - time.monotonic()
    if timeout is not None and timeout <= 0:
        raise errors.ServingError(
            errors.Code.DEADLINE_EXCEEDED, "Deadline exceeded before the model was run"
        )
    return model.run(found, inputs, wanted, timeout)


def fill(tensor: tensor_pb2.TensorProto, value: npt.NDArray[Any]) -> None:
    """Writes an output, values in its type's field (`float_val`...), as TensorFlow Serving does."""
    dtype = _dtype(value)
    field = _FIELDS.get(dtype)
    if field is None:
        tensor.CopyFrom(tf.make_tensor_proto(value))
        return
    tensor.dtype = dtype.as_datatype_enum
    tensor.tensor_shape.SetInParent()
    for size in value.shape:
        tensor.tensor_shape.dim.add(size=size)
    getattr(tensor, field).extend(value.ravel().tolist())


def _array(name: str, tensor: tensor_pb2.TensorProto) -> npt.NDArray[Any]:
    sizes = [dim.size for dim in tensor.tensor_shape.dim]
    number = math.prod(sizes)
    if tensor.tensor_shape.unknown_rank or min(sizes, default=0) < 0 or number > MAX_ELEMENTS:
        raise errors.invalid(
            f"tensor parsing error: {name}: its shape is {sizes}; expected sizes of at "
            f"least 0 and at most {MAX_ELEMENTS} elements"
        )
    if tensor.dtype == types_pb2.DT_STRING and len(tensor.string_val) == number:
        # what make_ndarray does, several times as fast; the same below
        texts = np.empty(number, object)
        texts[:] = tensor.string_val
        return texts.reshape(sizes)
    dtype = _NUMPY.get(tensor.dtype)
    try:
        if dtype is not None and number and len(tensor.tensor_content) == number * dtype.itemsize:
            return np.frombuffer(tensor.tensor_content, dtype).reshape(sizes)
        return np.asarray(tf.make_ndarray(tensor))
    except (ValueError, TypeError, IndexError) as error:
        raise errors.invalid(f"tensor parsing error: {name}: {error}") from None


def _fits(info: meta_graph_pb2.TensorInfo, value: npt.NDArray[Any]) -> bool:
    """Whether an input is certainly of the signature's type and shape, found out the fast way."""
    shape = info.tensor_shape
    return (
        info.dtype in _NUMPY
        and value.dtype == _NUMPY[info.dtype]
        and len(shape.dim) == value.ndim
        and all(dim.size in (-1, size) for dim, size in zip(shape.dim, value.shape))
    )


def _dtype(value: npt.NDArray[Any]) -> tf.DType:
    return tf.string if value.dtype == object else tf.as_dtype(value.dtype)
