"""The clients of models, by both protocols, plain and asyncio, with the development server."""

from __future__ import annotations

import concurrent.futures

import grpc
import httpx
import numpy as np
import pytest

from serving import client as clients
from serving.client import predictions
from serving.protos import serving_pb2, stubs
from tests.serving import small_models
from tests.serving.client import both

MADE = {
    ("grpc", "plain"): clients.ModelClient,
    ("grpc", "asyncio"): clients.AsyncModelClient,
    ("rest", "plain"): clients.RestModelClient,
    ("rest", "asyncio"): clients.AsyncRestModelClient,
}
REQUEST = {name: [value] for name, value in small_models.REQUEST.items()}  # a batch of one
RECALL = {**REQUEST, "exclude_item_id": [["m2"]]}
RANK = {
    **REQUEST,
    "candidate_item_id": np.array([[b"m1", b"m2"]], object),
    "recall_score": np.array([[0.5, 1.0]], np.float32),
}
ECHO = {
    "text": ["é", b"\xff\x00"],
    "numbers": [[0.1, 2.0], [np.nan, np.inf]],
    "flag": [True, False],
    "count": [1 << 53, -1],
}


@pytest.fixture(params=["grpc", "rest"])
def protocol(request):
    return request.param


def make(protocol, kind, address, **options):
    place = address if protocol == "grpc" else f"http://{address}"
    return both.running(kind, lambda: MADE[protocol, kind](place, **options))


@pytest.fixture
def models(protocol, kind, client, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    address = client.grpc_address if protocol == "grpc" else client.rest_address
    with make(protocol, kind, address, timeout=60) as found:
        yield found


def test_arrays_in_and_out(models, protocol):
    """After m1 come m2 (excluded), m3, ...; item j is -((j - 1 - 1) mod 10)."""
    answer = models.predict("recall", RECALL)
    assert answer["item_id"].tolist() == [[b"m3", b"m4", b"m5", b"m6", b"m7"]]
    assert (
        answer["score"].tolist() == [[-1, -2, -3, -4, -5]] and answer["score"].dtype == np.float32
    )
    assert answer.version == {"grpc": 1, "rest": None}[protocol]


def test_every_type_comes_back_as_it_was(models):
    outputs = models.predict("echo", ECHO).outputs
    assert outputs["text_bytes"].tolist() == ["é".encode(), b"\xff\x00"]
    np.testing.assert_array_equal(
        outputs["numbers"], np.array([[0.1, 2], [np.nan, np.inf]], np.float32)
    )
    assert outputs["flag"].tolist() == [True, False] and outputs["flag"].dtype == bool
    assert outputs["count"].tolist() == [1 << 53, -1] and outputs["count"].dtype == np.int64


@pytest.mark.parametrize(
    ("options", "version"),
    [
        ({}, 2),
        ({"version": 1}, 1),
        ({"version": 2}, 2),
        ({"label": "stable"}, 1),
        ({"label": "canary"}, 2),
    ],
)
def test_versions_and_labels(models, protocol, options, version):
    """m1's score is 0.5 + the version."""
    answer = models.predict("rank", RANK, **options)
    assert answer["score"].tolist() == [[0.5 + version, 1.0]]
    assert answer.version == {"grpc": version, "rest": None}[protocol]


def test_another_signature_whose_only_output_has_a_name(models):
    for _ in range(2):  # by REST, the second one knows the name
        answer = models.predict("echo", {"x": [1.0, 3.0]}, signature="half_plus_two")
        assert {name: array.tolist() for name, array in answer.outputs.items()} == {"y": [2.5, 3.5]}


def test_only_the_outputs_that_are_wanted(models):
    answer = models.predict("echo", ECHO, output_filter=["count"])
    assert list(answer.outputs) == ["count"] and answer["count"].tolist() == [1 << 53, -1]


@pytest.mark.parametrize(
    ("model", "inputs", "options", "codes", "text"),
    [
        ("nothing", RECALL, {}, "NOT_FOUND", "nothing"),
        ("rank", RANK, {"version": 9}, "NOT_FOUND", "9"),
        ("rank", RANK, {"label": "none"}, "INVALID_ARGUMENT", "none"),
        (
            "echo",
            {"x": [1.0]},
            {"signature": "half"},
            "FAILED_PRECONDITION INVALID_ARGUMENT",
            "half",
        ),
        ("echo", {"x": ["text"]}, {"signature": "half_plus_two"}, "INVALID_ARGUMENT", "float"),
        ("echo", ECHO, {"output_filter": ["missing"]}, "INVALID_ARGUMENT", "missing"),
    ],
)
def test_refusals(models, model, inputs, options, codes, text):
    """The protocols of TensorFlow Serving have different codes for an unknown signature."""
    with pytest.raises(clients.ModelError) as failure:
        models.predict(model, inputs, **options)
    assert failure.value.code in codes.split() and text in failure.value.message


def test_the_versions_that_are_served(models):
    assert models.versions("rank") == (
        predictions.Version(1, "AVAILABLE", ""),
        predictions.Version(2, "AVAILABLE", ""),
    )
    with pytest.raises(clients.ModelError, match="NOT_FOUND"):
        models.versions("nothing")


def test_a_deadline(protocol, kind, client, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    address = client.grpc_address if protocol == "grpc" else client.rest_address
    with (
        make(protocol, kind, address, timeout=0.1) as models,
        pytest.raises(clients.ModelError, match="DEADLINE_EXCEEDED"),
    ):
        models.predict("echo", {"x": [0.3]}, signature="slow")


def test_nobody_listens(protocol, kind, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with (
        make(protocol, kind, "127.0.0.1:1", timeout=20) as models,
        pytest.raises(clients.ModelError, match="UNAVAILABLE"),
    ):
        models.predict("recall", RECALL)


def test_version_and_label_together_are_refused(models):
    with pytest.raises(
        ValueError, match="rank: found version 1 and label 'stable', expected at most one"
    ):
        models.predict("rank", RANK, version=1, label="stable")


def test_an_answer_of_another_server(kind):
    def page(request):
        return httpx.Response(200, content=b"<html>")

    transport = httpx.MockTransport(page)
    with (
        make("rest", kind, "elsewhere", transport=transport) as models,
        pytest.raises(clients.ModelError, match="http://elsewhere: status 200 with an answer"),
    ):
        models.predict("recall", RECALL)


def test_outputs_that_a_new_version_renames_are_asked_for_again(kind):
    """The signature is asked for with the first answer, and with the one that does not fit it."""
    names = [["a"], ["a"], ["b", "c"]]  # of the outputs, by answer
    asked = []

    def server(request):
        asked.append(request.method)
        current = names[max(asked.count("POST") - 1, 0)]
        if request.method == "GET":
            outputs = {name: {"dtype": "DT_INT64"} for name in current}
            return httpx.Response(
                200,
                json={
                    "metadata": {
                        "signature_def": {
                            "signature_def": {"serving_default": {"outputs": outputs}}
                        }
                    }
                },
            )
        values = {name: [n] for n, name in enumerate(current)}
        return httpx.Response(200, json={"outputs": values if len(values) > 1 else [0]})

    with make("rest", kind, "models", transport=httpx.MockTransport(server)) as models:
        found = [
            {
                name: array.tolist()
                for name, array in models.predict("m", {"x": [1]}).outputs.items()
            }
            for _ in names
        ]
    assert found == [{"a": [0]}, {"a": [0]}, {"b": [0], "c": [1]}]
    assert asked == ["POST", "GET", "POST", "POST", "GET"]


@pytest.mark.parametrize("failures", [2, 3])
def test_grpc_asks_again_when_a_server_goes_away(kind, failures):
    """Three attempts are all."""
    asked = []

    def answer(request, context):
        asked.append(request.model_spec.name)
        if len(asked) <= failures:
            context.abort(grpc.StatusCode.UNAVAILABLE, "stopping")
        return serving_pb2.PredictResponse()

    handler = grpc.unary_unary_rpc_method_handler(
        answer, serving_pb2.PredictRequest.FromString, serving_pb2.PredictResponse.SerializeToString
    )
    service, method = stubs.PREDICT.strip("/").split("/")
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {method: handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with make("grpc", kind, f"127.0.0.1:{port}", timeout=20) as models:
            if failures == 2:
                assert models.predict("recall", {}).outputs == {}
            else:
                with pytest.raises(clients.ModelError, match="UNAVAILABLE: stopping"):
                    models.predict("recall", {})
    finally:
        server.stop(None)
    assert asked == ["recall"] * 3


@pytest.mark.parametrize(
    ("value", "dtype", "values"),
    [
        ([1.5, 2], np.float32, [1.5, 2]),
        ([1, 2], np.int64, [1, 2]),
        (np.array([1.5]), np.float64, [1.5]),
        (np.float32(2), np.float32, 2),
        ("ü", object, "ü".encode()),
        (["a", b"\x00"], object, [b"a", b"\x00"]),
        (np.array(["a", "bc"]), object, [b"a", b"bc"]),
        ([["a"], ["b"]], object, [[b"a"], [b"b"]]),
        ([[]], np.float32, [[]]),
        (np.zeros((1, 0), object), object, [[]]),
    ],
)
def test_what_becomes_of_inputs(value, dtype, values):
    array = predictions.arrays({"x": value})["x"]
    assert array.dtype == dtype and array.tolist() == values


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([["a"], ["b", "c"]], "x: found rows of differing length"),
        ([[1], [2, 3]], "x: found rows of differing"),
        ([np.zeros(2), np.zeros(3)], "x: found rows of differing"),
        (np.array(["a", None], object), "x: found None among texts"),
    ],
)
def test_inputs_that_are_no_tensor(value, text):
    with pytest.raises(ValueError, match=text):
        predictions.arrays({"x": value})
