"""What a client of TensorFlow Serving's REST API may rely on; see test_grpc.py for the address."""

from __future__ import annotations

import base64
import json
import math

import pytest

from tests.serving import small_models

ECHO = {"text": "é", "numbers": [0.1, 2.0], "flag": True, "count": 1 << 53}
RECALL = {**small_models.REQUEST, "exclude_item_id": ["m2"]}
RANK = {**small_models.REQUEST, "candidate_item_id": ["m1", "m2"], "recall_score": [0.5, 1.0]}


def _post(client, path, body):
    content = body if isinstance(body, (bytes, str)) else json.dumps(body)
    return client.http.post(f"/v1/models/{path}", content=content)


def _refused(client, path, body, status, text):
    answer = _post(client, path, body)
    assert text in answer.json()["error"]
    assert answer.status_code == status


def test_rows(client):
    answer = _post(
        client, "recall:predict", {"instances": [RECALL, {**RECALL, "event_item_id": ["m3"]}]}
    )
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json() == {
        "predictions": [
            {"item_id": ["m3", "m4", "m5", "m6", "m7"], "score": [-1.0, -2.0, -3.0, -4.0, -5.0]},
            {"item_id": ["m4", "m5", "m6", "m7", "m8"], "score": [0.0, -1.0, -2.0, -3.0, -4.0]},
        ]
    }


def test_columns(client):
    answer = _post(
        client, "recall:predict", {"inputs": {name: [value] for name, value in RECALL.items()}}
    )
    assert answer.json() == {
        "outputs": {
            "item_id": [["m3", "m4", "m5", "m6", "m7"]],
            "score": [[-1.0, -2.0, -3.0, -4.0, -5.0]],
        }
    }


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("rank", 2),
        ("rank/versions/1", 1),
        ("rank/versions/2", 2),
        ("rank/labels/stable", 1),
        ("rank/labels/canary", 2),
    ],
)
def test_versions_and_labels(client, path, version):
    answer = _post(client, f"{path}:predict", {"instances": [RANK]}).json()
    assert answer["predictions"][0]["score"] == [0.5 + version, 1.0]


def test_one_input_and_one_output_need_no_names(client):
    body = {"signature_name": "half_plus_two", "instances": [1.0, 3.0]}
    assert _post(client, "echo:predict", body).json() == {"predictions": [2.5, 3.5]}
    body = {"signature_name": "half_plus_two", "inputs": [1.0, 3]}
    assert _post(client, "echo:predict", body).json() == {"outputs": [2.5, 3.5]}
    body = {"signature_name": "half_plus_two", "instances": [{"x": 1.0}]}
    assert _post(client, "echo:predict", body).json() == {"predictions": [2.5]}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"instances": [2.0, 3.0, 4.0]}, {"predictions": [3.0, 3.5, 4.0]}),
        ({"instances": [[2.0], [4.0]]}, {"predictions": [[3.0], [4.0]]}),
        ({"inputs": 2.0}, {"outputs": 3.0}),
        ({"inputs": [2.0, 4.0]}, {"outputs": [3.0, 4.0]}),
        ({"inputs": {"x": [[2.0, 4.0]]}}, {"outputs": [[3.0, 4.0]]}),
    ],
)
def test_values_of_any_rank_where_the_signature_has_none(client, body, expected):
    answer = _post(client, "echo:predict", {"signature_name": "any_rank", **body})
    assert answer.json() == expected


def test_types_and_bytes_come_back_as_they_were_sent(client):
    raw = b"\x00\xff\x00"
    encoded = {"b64": base64.b64encode(raw).decode()}
    answer = _post(client, "echo:predict", {"instances": [ECHO]}).json()["predictions"][0]
    assert answer == {**ECHO, "text_bytes": {"b64": base64.b64encode("é".encode()).decode()}}
    answer = _post(client, "echo:predict", {"instances": [{**ECHO, "text": encoded}]})
    assert json.loads(answer.content.decode("latin-1"))["predictions"][0]["text_bytes"] == encoded


def test_numbers_that_are_not_finite(client):
    body = '{"signature_name": "half_plus_two", "instances": [NaN, Infinity, -Infinity]}'
    found = json.loads(_post(client, "echo:predict", body).content)["predictions"]
    assert math.isnan(found[0]) and found[1:] == [math.inf, -math.inf]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b"{", "JSON Parse error"),
        (b"this is junk", "JSON Parse error: Invalid value"),
        (b"\xff\xfe{}", "JSON Parse error"),
        (b"[" * 100_000, ""),
        (b"[1]", "Is not object"),
        (b"{}", "Missing 'inputs' or 'instances' key"),
        (b'{"instances": [], "inputs": []}', "expecting only one of 'inputs' or 'instances'"),
        (b'{"instances": 1}', "'instances' to be an list/array"),
        (b'{"instances": []}', "No values in 'instances'"),
        (b'{"signature_name": 100}', "'signature_name' key must be a string value."),
        (
            b'{"signature_name": "double", "instances": [1]}',
            'Serving signature name: "double" not found in signature def',
        ),
        (
            b'{"instances": [1]}',
            (
                "instances is a plain list, but expecting list of objects as multiple input "
                "tensors required as per tensorinfo_map"
            ),
        ),
        (
            b'{"inputs": [1]}',
            "inputs is a plain value/list, but expecting an object as multiple input tensors",
        ),
        (b'{"inputs": {"text": ["a"]}}', "Missing named input: count in 'inputs' object."),
    ],
)
def test_bodies_that_are_no_request(client, body, text):
    if body.startswith(b"[["):
        assert _post(client, "echo:predict", body).status_code == 400
    else:
        _refused(client, "echo:predict", body, 400, text)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"numbers": ["a", "b"]}, "is not of expected type: float"),
        ({"count": 1.5}, "is not of expected type: int64"),
        ({"count": 1 << 64}, "is not of expected type: int64"),
        ({"count": True}, "is not of expected type: int64"),
        ({"flag": 1}, "is not of expected type: bool"),
        ({"text": 1}, "is not of expected type: string"),
        ({"text": None}, "is not of expected type: string"),
        ({"text": {"b64": "*"}}, "Unable to base64 decode"),
        ({"text": {"b64": "YQ==", "x": 1}}, "not formatted correctly for base64 data"),
        ({"numbers": [1, [2]]}, "Encountered list at unexpected level: 1 expected < 1"),
        ({"numbers": [1e39, 1]}, "without loss of precision"),
        ({"more": 1}, "does not have named input: more"),
    ],
)
def test_values_that_do_not_fit(client, change, text):
    _refused(client, "echo:predict", {"instances": [{**ECHO, **change}]}, 400, text)


def test_rows_that_do_not_fit_together(client):
    longer = {**RECALL, "event_item_id": ["m1", "m2"]}
    _refused(
        client,
        "recall:predict",
        {"instances": [RECALL, longer]},
        400,
        "Failed to process element: 1 key: event_item_id of 'instances' list. Error: ",
    )
    missing = {name: value for name, value in ECHO.items() if name != "flag"}
    _refused(
        client,
        "echo:predict",
        {"instances": [missing]},
        400,
        "keys must be equal to: count,flag,numbers,text",
    )
    _refused(
        client,
        "echo:predict",
        {"instances": [ECHO, 1]},
        400,
        "Expecting object but got list at item 1 of input list",
    )


def test_a_value_of_another_rank(client):
    answer = _post(client, "recall:predict", {"instances": [{**RECALL, "event_item_id": "m1"}]})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("nobody:predict", 404, "Servable not found for request: Latest(nobody)"),
        ("rank/versions/7:predict", 404, "Servable not found for request: Specific(rank, 7)"),
        ("rank/labels/gold:predict", 400, "Unrecognized servable version label: gold"),
        ("rank/versions/99999999999999999999:predict", 400, "Failed to convert version"),
        (f"rank/versions/{'9' * 5000}:predict", 400, "Failed to convert version"),
        (
            "rank/versions/one:predict",
            400,
            "Malformed request: POST /v1/models/rank/versions/one:predict",
        ),
        ("rank", 400, "Malformed request: POST /v1/models/rank"),
    ],
)
def test_paths_of_nothing(client, path, status, text):
    _refused(client, path, {"instances": [RANK]}, status, text)


def test_a_failure_inside_the_graph(client):
    assert (
        _post(client, "echo:predict", {"signature_name": "divide", "instances": [0]}).status_code
        == 400
    )


def test_status(client):
    ok = {"error_code": "OK", "error_message": ""}
    assert client.http.get("/v1/models/rank").json() == {
        "model_version_status": [
            {"version": "2", "state": "AVAILABLE", "status": ok},
            {"version": "1", "state": "AVAILABLE", "status": ok},
        ]
    }
    for path in ("versions/1", "labels/stable"):
        found = client.http.get(f"/v1/models/rank/{path}").json()["model_version_status"]
        assert [version["version"] for version in found] == ["1"]


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("nobody", 404, "Could not find any versions of model nobody"),
        ("rank/versions/7", 404, "Could not find version 7 of model rank"),
        ("nobody/metadata", 404, "Servable not found for request: Latest(nobody)"),
    ],
)
def test_status_of_what_is_not_there(client, path, status, text):
    answer = client.http.get(f"/v1/models/{path}")
    assert (answer.status_code, answer.json()["error"]) == (status, text)


def test_status_of_no_name(client):
    answer = client.http.get("/v1/models")
    assert (answer.status_code, answer.json()["error"]) == (400, "Missing model name in request.")


def test_metadata(client):
    answer = client.http.get("/v1/models/rank/versions/1/metadata").json()
    assert answer["model_spec"] == {"name": "rank", "signature_name": "", "version": "1"}
    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"]["recall_score"]["dtype"] == "DT_FLOAT"
    assert [dim["size"] for dim in signature["inputs"]["recall_score"]["tensor_shape"]["dim"]] == [
        "-1",
        "-1",
    ]


def test_metrics(client):
    _post(client, "nobody:predict", {"instances": [1]})
    _post(client, "rank:predict", {"instances": [RANK]})
    text = client.http.get("/monitoring/prometheus/metrics").text
    assert "# TYPE :tensorflow:serving:request_count" in text
    assert ':tensorflow:serving:request_count{model_name="rank",status="OK"}' in text
    assert ":tensorflow:serving:request_latency_bucket{" in text
