"""What a client of TensorFlow Serving's gRPC services may rely on.

The address is that of the development server, or of TF_SERVING_GRPC and TF_SERVING_REST, which has
to serve the models that `python -m tests.serving.small_models FOLDER` writes.
"""

from __future__ import annotations

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    predict_pb2,
)

from tests.serving import small_models

TIMEOUT = 60  # seconds


def _echo(signature: str = "half_plus_two", x: object = (1.0, 3.0)) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "echo", signature
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(x))
    return request


def _recall(rows: int = 1) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "recall"
    for name, value in {**small_models.REQUEST, "exclude_item_id": ["m2"]}.items():
        request.inputs[name].CopyFrom(small_models.tensor(name, [value] * rows))
    return request


def _refused(client, request, code, text, method="Predict", timeout=TIMEOUT):
    with pytest.raises(grpc.RpcError) as failure:
        getattr(client.prediction, method)(request, timeout=timeout)
    assert failure.value.code() == code
    assert text in failure.value.details()


def test_recall_answers_with_its_version_and_the_default_signature(client):
    """After m1 come m2 (excluded), m3, ...; item j is -((j - 1 - 1) mod 10)."""
    answer = client.prediction.Predict(_recall(rows=2), timeout=TIMEOUT)
    assert (answer.model_spec.name, answer.model_spec.signature_name) == (
        "recall",
        "serving_default",
    )
    assert answer.model_spec.version.value == 1
    assert (
        tf.make_ndarray(answer.outputs["item_id"]).tolist()
        == [[b"m3", b"m4", b"m5", b"m6", b"m7"]] * 2
    )
    assert tf.make_ndarray(answer.outputs["score"]).tolist() == [[-1, -2, -3, -4, -5]] * 2


def test_values_are_in_the_fields_of_their_type(client):
    """Many clients read them without a library of tensors."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "echo"
    for name, value in {
        "text": ["a", ""],
        "flag": [True, False],
        "count": np.int64([1 << 53, -1]),
        "numbers": np.float32([[0.5, 1], [2, 3]]),
    }.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    found = client.prediction.Predict(request, timeout=TIMEOUT).outputs
    assert list(found["numbers"].float_val) == [0.5, 1, 2, 3]
    assert [dim.size for dim in found["numbers"].tensor_shape.dim] == [2, 2]
    assert list(found["count"].int64_val) == [1 << 53, -1]
    assert list(found["flag"].bool_val) == [True, False]
    assert list(found["text"].string_val) == [b"a", b""]


@pytest.mark.parametrize(
    ("version", "label", "expected"),
    [(None, "", 2), (1, "", 1), (2, "", 2), (None, "stable", 1), (None, "canary", 2)],
)
def test_versions_and_labels(client, version, label, expected):
    answer = client.prediction.Predict(small_models.rank_request(version, label), timeout=TIMEOUT)
    assert answer.model_spec.version.value == expected
    assert tf.make_ndarray(answer.outputs["score"]).tolist() == [[0.5 + expected, 1.0]]


def test_output_filter(client):
    request = _recall()
    request.output_filter.append("score")
    assert set(client.prediction.Predict(request, timeout=TIMEOUT).outputs) == {"score"}


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (
            ["scores"],
            (
                "output tensor alias not found in signature: scores Outputs expected to be in the "
                "set {item_id,score}."
            ),
        ),
        (["score", "score"], "duplicate output tensor alias: score"),
    ],
)
def test_output_filters_that_do_not_fit(client, names, text):
    request = _recall()
    request.output_filter.extend(names)
    _refused(client, request, grpc.StatusCode.INVALID_ARGUMENT, text)


@pytest.mark.parametrize("x", [2.0, [2.0], [[2.0, 4.0]]])
def test_values_of_any_rank_where_the_signature_has_none(client, x):
    answer = client.prediction.Predict(_echo("any_rank", x), timeout=TIMEOUT)
    found = tf.make_ndarray(answer.outputs["y"])
    np.testing.assert_array_equal(found, np.float32(x) / 2 + 2)
    assert found.shape == np.shape(x)


def test_a_named_signature(client):
    answer = client.prediction.Predict(_echo(), timeout=TIMEOUT)
    assert answer.model_spec.signature_name == "half_plus_two"
    np.testing.assert_array_equal(tf.make_ndarray(answer.outputs["y"]), np.float32([2.5, 3.5]))


@pytest.mark.parametrize(
    ("version", "label", "code", "text"),
    [
        (7, "", grpc.StatusCode.NOT_FOUND, "Servable not found for request: Specific(rank, 7)"),
        (
            None,
            "gold",
            grpc.StatusCode.INVALID_ARGUMENT,
            "Unrecognized servable version label: gold",
        ),
    ],
)
def test_unknown_versions(client, version, label, code, text):
    _refused(client, small_models.rank_request(version, label), code, text)


def test_an_unknown_model(client):
    request = _echo()
    request.model_spec.name = "nobody"
    _refused(
        client, request, grpc.StatusCode.NOT_FOUND, "Servable not found for request: Latest(nobody)"
    )


def test_a_request_without_a_model(client):
    _refused(
        client, predict_pb2.PredictRequest(), grpc.StatusCode.INVALID_ARGUMENT, "Missing ModelSpec"
    )


def test_an_unknown_signature(client):
    _refused(
        client,
        _echo("double"),
        grpc.StatusCode.FAILED_PRECONDITION,
        'Serving signature key "double" not found.',
    )


def test_a_missing_input(client):
    request = _recall()
    del request.inputs["event_timestamp"]
    _refused(
        client,
        request,
        grpc.StatusCode.INVALID_ARGUMENT,
        "input size does not match signature: 4!=5 "
        "len({event_item_id,exclude_item_id,request_timestamp,user_taste}) != "
        "len({event_item_id,event_timestamp,exclude_item_id,request_timestamp,user_taste}). Sent "
        "extra: {}. Missing but required: {event_timestamp}.",
    )


def test_a_surplus_input(client):
    request = _echo()
    request.inputs["z"].CopyFrom(tf.make_tensor_proto([1.0]))
    _refused(
        client,
        request,
        grpc.StatusCode.INVALID_ARGUMENT,
        "Sent extra: {z}. Missing but required: {}.",
    )


def test_an_input_of_another_name(client):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "echo", "half_plus_two"
    request.inputs["z"].CopyFrom(tf.make_tensor_proto([1.0]))
    _refused(client, request, grpc.StatusCode.INVALID_ARGUMENT, "x")


def test_an_input_of_another_type(client):
    _refused(client, _echo(x=["a"]), grpc.StatusCode.INVALID_ARGUMENT, "Expects arg[0] to be float")


def test_an_input_of_another_shape(client):
    request = _recall()
    request.inputs["event_item_id"].CopyFrom(tf.make_tensor_proto(["m1"]))
    with pytest.raises(grpc.RpcError) as failure:
        client.prediction.Predict(request, timeout=TIMEOUT)
    assert failure.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_a_failure_inside_the_graph(client):
    _refused(client, _echo("divide", np.int64([3, 0])), grpc.StatusCode.INVALID_ARGUMENT, "")
    answer = client.prediction.Predict(_echo("divide", np.int64([3, 4])), timeout=TIMEOUT)
    assert tf.make_ndarray(answer.outputs["y"]).tolist() == [4, 3]


def test_a_tensor_whose_content_is_cut_off(client):
    request = _echo()
    request.inputs["x"].tensor_content = b"123"
    request.inputs["x"].ClearField("float_val")
    with pytest.raises(grpc.RpcError) as failure:
        client.prediction.Predict(request, timeout=TIMEOUT)
    assert failure.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_bytes_that_are_no_protobuf(client):
    call = client.channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    with pytest.raises(grpc.RpcError) as failure:
        call(b"\xff\xff\xff no protobuf", timeout=TIMEOUT)
    assert failure.value.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT)


def test_the_deadline_ends_a_run(client):
    _refused(client, _echo("slow", [30.0]), grpc.StatusCode.DEADLINE_EXCEEDED, "", timeout=0.3)
    client.prediction.Predict(_echo(), timeout=TIMEOUT)


def test_an_empty_batch(client):
    answer = client.prediction.Predict(_echo(x=np.zeros(0, np.float32)), timeout=TIMEOUT)
    assert tf.make_ndarray(answer.outputs["y"]).shape == (0,)


def test_metadata(client):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "recall"
    answer = client.prediction.GetModelMetadata(request, timeout=TIMEOUT)
    assert (answer.model_spec.name, answer.model_spec.version.value) == ("recall", 1)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(signatures)
    found = signatures.signature_def["serving_default"]
    assert found.method_name == "tensorflow/serving/predict"
    assert set(found.outputs) == {"item_id", "score"}
    assert found.inputs["event_timestamp"].dtype == tf.int64.as_datatype_enum
    assert [dim.size for dim in found.inputs["event_timestamp"].tensor_shape.dim] == [-1, -1]


def test_metadata_of_nothing(client):
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = "recall"
    _refused(
        client,
        request,
        grpc.StatusCode.INVALID_ARGUMENT,
        "GetModelMetadataRequest must specify at least one metadata_field",
        "GetModelMetadata",
    )


def test_status(client):
    assert client.states("rank") == {1: ("AVAILABLE", ""), 2: ("AVAILABLE", "")}


@pytest.mark.parametrize(
    ("name", "version", "text"),
    [
        ("rank", 7, "Could not find version 7 of model rank"),
        ("nobody", None, "Could not find any versions of model nobody"),
    ],
)
def test_status_of_what_is_not_there(client, name, version, text):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = name
    if version:
        request.model_spec.version.value = version
    with pytest.raises(grpc.RpcError) as failure:
        client.models.GetModelStatus(request, timeout=TIMEOUT)
    assert (failure.value.code(), failure.value.details()) == (grpc.StatusCode.NOT_FOUND, text)


def test_reload_of_no_model_list_is_refused(client):
    with pytest.raises(grpc.RpcError) as failure:
        client.models.HandleReloadConfigRequest(
            model_management_pb2.ReloadConfigRequest(), timeout=TIMEOUT
        )
    assert failure.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_health(client):
    stub = health_pb2_grpc.HealthStub(client.channel)
    answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
