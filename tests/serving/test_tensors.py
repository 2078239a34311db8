"""Our tensors and messages against TensorFlow's own."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import get_model_status_pb2, predict_pb2

from serving import tensors
from serving.protos import serving_pb2

ARRAYS = {
    "float": np.array([[1.5, -2.0], [np.inf, 0.0]], np.float32),
    "double": np.array([0.1], np.float64),
    "int": np.array([[1, -2, 3]], np.int32),
    "long": np.array(1 << 40, np.int64),
    "bool": np.array([True, False]),
    "text": np.array([[b"a", "\u00fc\u4e2d".encode()], [b"", b"\x00\xff"]], object),
    "no rows": np.zeros((0, 3), np.float32),
    "no text": np.zeros((2, 0), object),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_tensorflow_reads_what_we_write(name):
    wire = tensors.encode(ARRAYS[name]).SerializeToString()
    proto = tf.make_tensor_proto(0.0)
    proto.ParseFromString(wire)
    read = tf.make_ndarray(proto)
    assert read.dtype == ARRAYS[name].dtype
    np.testing.assert_array_equal(read, ARRAYS[name])


@pytest.mark.parametrize("name", ARRAYS)
def test_we_read_what_tensorflow_writes(name):
    wire = tf.make_tensor_proto(ARRAYS[name]).SerializeToString()
    read = tensors.decode(serving_pb2.TensorProto.FromString(wire))
    assert read.dtype == ARRAYS[name].dtype
    np.testing.assert_array_equal(read, ARRAYS[name])


def test_values_in_fields_and_one_value_for_all_are_read():
    fields = serving_pb2.TensorProto(dtype=serving_pb2.DT_INT64, int64_val=[7, 8])
    fields.tensor_shape.dim.add().size = 2
    assert tensors.decode(fields).tolist() == [7, 8]
    one = serving_pb2.TensorProto(dtype=serving_pb2.DT_FLOAT, float_val=[2.5])
    one.tensor_shape.dim.add().size = 3
    assert tensors.decode(one).tolist() == [2.5, 2.5, 2.5]


def test_what_cannot_be_translated_is_refused():
    with pytest.raises(tensors.TensorError, match="found an array of complex128"):
        tensors.encode(np.array([1j]))
    with pytest.raises(tensors.TensorError, match="holds bytes"):
        tensors.encode(np.array(["text"], object))
    with pytest.raises(tensors.TensorError, match="found a tensor of type 8"):
        tensors.decode(serving_pb2.TensorProto(dtype=8))  # DT_COMPLEX64
    short = serving_pb2.TensorProto(dtype=serving_pb2.DT_STRING, string_val=[b"a", b"b"])
    short.tensor_shape.dim.add().size = 3
    with pytest.raises(tensors.TensorError, match=r"found 2 values for the shape \[3\]"):
        tensors.decode(short)


def test_messages_are_those_of_tensorflow_serving():
    ours = serving_pb2.PredictRequest(output_filter=["score"])
    ours.model_spec.name, ours.model_spec.signature_name = "rank", "parts"
    ours.model_spec.version.value = 3
    ours.inputs["a"].CopyFrom(tensors.encode(ARRAYS["float"]))
    theirs = predict_pb2.PredictRequest.FromString(ours.SerializeToString())
    assert (theirs.model_spec.name, theirs.model_spec.signature_name) == ("rank", "parts")
    assert theirs.model_spec.version.value == 3
    assert list(theirs.output_filter) == ["score"]
    np.testing.assert_array_equal(tf.make_ndarray(theirs.inputs["a"]), ARRAYS["float"])
    label = serving_pb2.PredictRequest()
    label.model_spec.version_label = "canary"
    assert (
        predict_pb2.PredictRequest.FromString(label.SerializeToString()).model_spec.version_label
        == "canary"
    )

    status = get_model_status_pb2.GetModelStatusResponse()
    status.model_version_status.add(
        version=4, state=30, status={"error_code": 5, "error_message": "gone"}
    )
    (read,) = serving_pb2.GetModelStatusResponse.FromString(
        status.SerializeToString()
    ).model_version_status
    assert (read.version, read.state) == (4, serving_pb2.ModelVersionStatus.AVAILABLE)
    assert (read.status.error_code, read.status.error_message) == (5, "gone")


def test_every_field_has_the_number_and_type_of_the_original():
    for ours, theirs in (
        (serving_pb2.PredictRequest, predict_pb2.PredictRequest),
        (serving_pb2.PredictResponse, predict_pb2.PredictResponse),
        (serving_pb2.GetModelStatusResponse, get_model_status_pb2.GetModelStatusResponse),
    ):
        _same_fields(ours.DESCRIPTOR, theirs.DESCRIPTOR)


def _same_fields(ours, theirs):
    originals = {field.name: field for field in theirs.fields}
    for field in ours.fields:
        original = originals[field.name]
        assert (field.number, _wire(field), field.label) == (
            original.number,
            _wire(original),
            original.label,
        )
        if field.message_type and field.message_type.file.package == "recsys.tfserving":
            _same_fields(field.message_type, original.message_type)


def _wire(field):
    """The type; an enumeration travels as an int32."""
    return field.TYPE_INT32 if field.type == field.TYPE_ENUM else field.type


def test_tensorflow_is_not_imported():
    code = (
        "import sys; from serving import tensors; from serving.protos import stubs; "
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
