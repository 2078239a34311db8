"""Classify, Regress and MultiInference; see test_grpc.py for the address.

What TensorFlow Serving's own tensorflow_model_server_test.py expects, and its texts for what is
wrong.
"""

from __future__ import annotations

import base64
import json

import grpc
import pytest
from tensorflow_serving.apis import classification_pb2, inference_pb2, input_pb2, regression_pb2

TIMEOUT = 60  # seconds
CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"
INVALID, FAILED = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION


def _input(*numbers: float, bias: float | None = None) -> input_pb2.Input:
    """Examples of these x; with a bias, which all of them have, in the context."""
    made = input_pb2.Input()
    examples = made.example_list if bias is None else made.example_list_with_context
    for x in numbers:
        feature = examples.examples.add().features.feature
        feature["x"].float_list.value.append(x)
        feature["word"].bytes_list.value.append(f"x{x:g}".encode())
    if bias is not None:
        made.example_list_with_context.context.features.feature["bias"].float_list.value[:] = [bias]
    return made


def _of(request, signature: str, given: input_pb2.Input, model: str = "echo"):
    request.model_spec.name, request.model_spec.signature_name = model, signature
    request.input.CopyFrom(given)
    return request


def _classify(signature: str = "classify", *, given: input_pb2.Input | None = None):
    return _of(classification_pb2.ClassificationRequest(), signature, given or _input(2.0))


def _regress(signature: str = "regress", *, given: input_pb2.Input | None = None):
    return _of(regression_pb2.RegressionRequest(), signature, given or _input(2.0))


def _several(*tasks: tuple[str, str], given: input_pb2.Input | None = None):
    request = inference_pb2.MultiInferenceRequest(input=given or _input(2.0, 4.0))
    for signature, method in tasks:
        task = request.tasks.add(method_name=method)
        task.model_spec.name, task.model_spec.signature_name = "echo", signature
    return request


def _refused(client, method: str, request, code: grpc.StatusCode, text: str) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        getattr(client.prediction, method)(request, timeout=TIMEOUT)
    assert failure.value.code() == code
    assert text in failure.value.details()


def _pairs(result: classification_pb2.ClassificationResult) -> list[list[tuple[str, float]]]:
    return [[(c.label, c.score) for c in each.classes] for each in result.classifications]


def test_classify(client):
    answer = client.prediction.Classify(_classify(given=_input(2.0, -1.0)), timeout=TIMEOUT)
    assert _pairs(answer.result) == [
        [("x2", 3.0), ("other", 0.0)],
        [("x-1", 1.5), ("other", 0.0)],
    ]
    spec = answer.model_spec
    assert (spec.name, spec.signature_name, spec.version.value) == ("echo", "classify", 1)


def test_scores_without_labels(client):
    answer = client.prediction.Classify(_classify("scores"), timeout=TIMEOUT)
    assert _pairs(answer.result) == [[("", 3.0), ("", 0.0)]]


def test_regress(client):
    answer = client.prediction.Regress(_regress(given=_input(2.0, 3.0, bias=0.25)), timeout=TIMEOUT)
    assert [each.value for each in answer.result.regressions] == [3.25, 3.75]
    spec = answer.model_spec
    assert (spec.name, spec.signature_name, spec.version.value) == ("echo", "regress", 1)


def test_several_tasks_in_one_run(client):
    request = _several(("regress", REGRESS), ("classify", CLASSIFY))
    one, other = client.prediction.MultiInference(request, timeout=TIMEOUT).results
    assert [each.value for each in one.regression_result.regressions] == [3.0, 4.0]
    assert [each[0] for each in _pairs(other.classification_result)] == [("x2", 3.0), ("x4", 4.0)]
    assert [each.model_spec.signature_name for each in (one, other)] == ["regress", "classify"]
    assert {each.model_spec.version.value for each in (one, other)} == {1}


@pytest.mark.parametrize(
    ("method", "request_", "text"),
    [
        (
            "Classify",
            _classify("regress"),
            f"Expected classification signature method_name to be {CLASSIFY}. Was: {REGRESS}",
        ),
        (
            "Regress",
            _regress("classify"),
            f"Expected regression signature method_name to be {REGRESS}. Was: {CLASSIFY}",
        ),
        (
            "Classify",
            _classify(""),
            f"signature method_name to be {CLASSIFY}. Was: tensorflow/serving/predict",
        ),
        ("Classify", _classify("nothing"), "No signature was found with the name: nothing"),
        ("Classify", _classify(given=input_pb2.Input()), "Input is empty."),
        ("Regress", _regress(given=_input()), "Input is empty."),
        (
            "Regress",
            _regress("wide"),
            "to be either [batch_size] or [batch_size, 1] but got [1,2]",
        ),
        (
            "MultiInference",
            _several(("regress", REGRESS), ("nothing", CLASSIFY)),
            "Requested signature not found in model graph: nothing",
        ),
        (
            "MultiInference",
            _several(("regress", REGRESS), ("regress", REGRESS)),
            "Duplicate evaluation of signature: regress",
        ),
        (
            "MultiInference",
            _several(("regress", REGRESS), ("wide", REGRESS)),
            "Input tensor must be the same for all Signatures.",
        ),
        ("Classify", classification_pb2.ClassificationRequest(), "Missing ModelSpec"),
    ],
)
def test_what_cannot_be_answered(client, method, request_, text):
    _refused(client, method, request_, INVALID, text)


def test_models_and_methods_of_several_tasks(client):
    request = _several(("regress", REGRESS), ("classify", CLASSIFY))
    request.tasks[1].model_spec.name = "rank"
    text = "All ModelSpecs in a MultiInferenceRequest must access the same model name."
    _refused(client, "MultiInference", request, INVALID, text)
    request.tasks[1].model_spec.name = ""
    text = "Found ModelSpec with an empty model name."
    _refused(client, "MultiInference", request, INVALID, text)
    request = _several(("half_plus_two", "tensorflow/serving/predict"))
    text = "Unsupported signature method_name: tensorflow/serving/predict"
    _refused(client, "MultiInference", request, grpc.StatusCode.UNIMPLEMENTED, text)


def test_examples_that_lack_a_feature(client):
    given = input_pb2.Input()
    given.example_list.examples.add()
    _refused(client, "Regress", _regress(given=given), INVALID, "x")


def _post(client, path: str, body: object):
    return client.http.post(f"/v1/models/{path}", content=json.dumps(body))


def test_classify_by_json(client):
    examples = [{"x": 2.0, "word": "wörd"}, {"x": [4.5], "word": [{"b64": _b64(b"y")}]}]
    answer = _post(client, "echo:classify", {"signature_name": "classify", "examples": examples})
    assert answer.json() == {
        "results": [[["wörd", 3.0], ["other", 0.0]], [["y", 4.25], ["other", 0.0]]]
    }


def test_regress_by_json(client):
    body = {"signature_name": "regress", "context": {"bias": 0.1}, "examples": [{"x": 2.0}]}
    assert _post(client, "echo/versions/1:regress", body).json() == {"results": [3.1]}


def _b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "key 'examples' is expected and was not found"),
        ({"examples": {}}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": [3]}, "Example must be JSON object but got JSON Number"),
        ({"examples": [{"x": None}]}, "Feature: x has element with unexpected JSON type: Null"),
        ({"examples": [{"x": [[1.0]]}]}, "Feature: x has element with unexpected JSON type: Array"),
        ({"examples": [{"x": {"a": 1}}]}, "unexpected JSON type: Object"),
        (
            {"examples": [{"x": [1.5, "a"]}]},
            "Unexpected element type in feature: x expecting type: float",
        ),
        ({"examples": [{"x": [1 << 63]}]}, "Feature: x has uint64 element. Only int64"),
        ({"examples": [{"x": 1e39}]}, "without loss of precision"),
        ({"context": [], "examples": [{}]}, "Example must be JSON object but got JSON Array"),
        ({"signature_name": "half_plus_two", "examples": [{"x": 1.0}]}, "Was: tensorflow/serving"),
    ],
)
def test_json_that_is_no_example(client, body, text):
    answer = _post(client, "echo:regress", {"signature_name": "regress", **body})
    assert text in answer.json()["error"]
    assert answer.status_code == 400


def test_booleans_and_whole_numbers_are_int64s(client):
    """Which `x` is not."""
    for value in (True, 2):
        body = {"signature_name": "regress", "examples": [{"x": value}]}
        answer = _post(client, "echo:regress", body)
        assert answer.status_code == 400 and "int64" in answer.json()["error"]
