"""Tensors on the wire: NumPy arrays to TensorProto and back, without TensorFlow."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy import typing as npt

from serving.protos import serving_pb2

_TYPES: dict[np.dtype[Any], int] = {
    np.dtype(np.float32): serving_pb2.DT_FLOAT,
    np.dtype(np.float64): serving_pb2.DT_DOUBLE,
    np.dtype(np.int32): serving_pb2.DT_INT32,
    np.dtype(np.int64): serving_pb2.DT_INT64,
    np.dtype(bool): serving_pb2.DT_BOOL,
}
_DTYPES = {number: dtype for dtype, number in _TYPES.items()}
_FIELDS = {  # where values are that are not in tensor_content
    serving_pb2.DT_FLOAT: "float_val",
    serving_pb2.DT_DOUBLE: "double_val",
    serving_pb2.DT_INT32: "int_val",
    serving_pb2.DT_INT64: "int64_val",
    serving_pb2.DT_BOOL: "bool_val",
}


class TensorError(ValueError):
    """An array or a TensorProto that cannot be translated."""


def encode(array: npt.NDArray[Any]) -> serving_pb2.TensorProto:
    """The TensorProto of an array, see `fill`."""
    proto = serving_pb2.TensorProto()
    fill(proto, array)
    return proto


def fill(proto: serving_pb2.TensorProto, array: npt.NDArray[Any]) -> None:
    """Puts an array of any shape into an empty TensorProto.

    The array is of numbers or booleans, or (dtype object) of bytes.

    Raises:
      TensorError: values of another type.
    """
    for size in array.shape:
        proto.tensor_shape.dim.add().size = size
    if array.dtype == object:
        proto.dtype = serving_pb2.DT_STRING
        try:
            proto.string_val.extend(array.ravel().tolist())
        except TypeError as error:
            raise TensorError(f"an array of objects holds bytes, found {error}") from None
    elif array.dtype in _TYPES:
        proto.dtype = _TYPES[array.dtype]
        proto.tensor_content = array.tobytes()
    else:
        raise TensorError(
            f"found an array of {array.dtype}, expected one of "
            f"{', '.join(map(str, _TYPES))}, or bytes in an array of objects"
        )


def decode(proto: serving_pb2.TensorProto) -> npt.NDArray[Any]:
    """The array of a TensorProto; strings come as bytes in an array of objects.

    Raises:
      TensorError: an unknown type, or not as many values as the shape says.
    """
    shape = [dim.size for dim in proto.tensor_shape.dim]
    values: npt.NDArray[Any]
    if proto.dtype == serving_pb2.DT_STRING:
        values = np.empty(len(proto.string_val), object)
        values[:] = proto.string_val
    elif proto.dtype not in _DTYPES:
        raise TensorError(
            f"found a tensor of type {proto.dtype}, expected one of {sorted(_DTYPES)}, or "
            f"{serving_pb2.DT_STRING} (string)"
        )
    elif proto.tensor_content:
        values = np.frombuffer(proto.tensor_content, _DTYPES[proto.dtype])
    else:
        values = np.array(list(getattr(proto, _FIELDS[proto.dtype])), _DTYPES[proto.dtype])
    number = math.prod(shape)
    if len(values) == 1 and number > 1:  # one value stands for all
        values = np.repeat(values, number)
    if len(values) != number:
        raise TensorError(f"found {len(values)} values for the shape {shape}")
    return values.reshape(shape)
