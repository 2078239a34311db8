"""Clients that send too much, too slowly or too often do not stop the server answering others."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from serving.model_server import rest_api
from tests.serving import conftest

GOOD = {"signature_name": "half_plus_two", "instances": [1.0]}
SLOW = {"signature_name": "slow", "instances": [30.0]}  # seconds
POST = b"POST /v1/models/echo:predict HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture(scope="module")
def strict(models_config):
    """A server with one thread, one place to wait, 1 MiB, and 1 s for headers and requests."""
    with conftest.serve(
        models_config,
        header_seconds=1.0,
        limits=rest_api.Limits(threads=1, max_waiting=1, max_bytes=1 << 20, seconds=1.0),
    ) as client:
        yield client


def _echo(signature: str, x: np.ndarray) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "echo", signature
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(x))
    return request


def _answers(client: conftest.Client) -> bool:
    body = client.http.post("/v1/models/echo:predict", content=json.dumps(GOOD)).json()
    found = client.prediction.Predict(_echo("half_plus_two", np.float32([3])), timeout=30)
    return body == {"predictions": [2.5]} and found.outputs["y"].float_val[0] == 3.5


def _connect(client: conftest.Client) -> socket.socket:
    host, port = client.rest_address.split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def _received(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def test_a_rest_body_of_100_mb_is_refused_before_it_is_read(strict):
    with _connect(strict) as connection:
        connection.sendall(POST + b"Content-Length: 104857600\r\n\r\n")
        answer = _received(connection)
    assert (
        answer.startswith(b"HTTP/1.1 413 ")
        and b"expected a body of at most 1048576 bytes" in answer
    )
    assert b"connection: close" in answer.lower()
    assert _answers(strict)


def test_a_rest_body_without_a_length_is_refused_when_it_grows_too_large(strict):
    with _connect(strict) as connection:
        connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"%x\r\n%s\r\n" % (1 << 18, b" " * (1 << 18))
        for _ in range(4):
            connection.sendall(chunk)
        # one byte too many, and nothing after it that would be left unread
        connection.sendall(b"1\r\n ")
        assert _received(connection).startswith(b"HTTP/1.1 413 ")
    assert _answers(strict)


def test_a_grpc_message_of_100_mb_is_refused(strict):
    with pytest.raises(grpc.RpcError) as failure:
        strict.prediction.Predict(
            _echo("half_plus_two", np.zeros(25_000_000, np.float32)), timeout=60
        )
    assert failure.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert _answers(strict)


def test_a_tensor_that_claims_to_be_huge_is_refused(strict):
    request = _echo("half_plus_two", np.float32([1]))
    request.inputs["x"].tensor_shape.dim[0].size = 1 << 40
    with pytest.raises(grpc.RpcError) as failure:
        strict.prediction.Predict(request, timeout=60)
    assert failure.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "tensor parsing error: x" in failure.value.details()


def test_slow_loris(strict):
    """50 connections that send a byte of their headers now and then are closed after a second."""
    slow = [_connect(strict) for _ in range(50)]
    started = time.monotonic()
    for step in range(3):
        for connection in slow:
            with contextlib.suppress(ConnectionError):  # it is closed already
                connection.sendall(b"GET / HTTP/1.1\r\nX: y"[step : step + 1])
        assert _answers(strict)
        time.sleep(0.2)
    for connection in slow:
        with connection, contextlib.suppress(ConnectionResetError):
            assert connection.recv(100) == b""
    assert time.monotonic() - started < 10


def test_a_body_that_does_not_arrive(strict):
    with _connect(strict) as connection:
        connection.sendall(POST + b"Content-Length: 100\r\n\r\n{")
        answer = _received(connection)
    assert answer.startswith(b"HTTP/1.1 408 ") and b"expected the body within 1 s" in answer


def test_bytes_that_are_no_http(strict):
    with _connect(strict) as connection:
        connection.sendall(b"\x16\x03\x01\x00\xa5 hello\r\n\r\n")
        assert _received(connection).startswith(b"HTTP/1.1 400 ")
    assert _answers(strict)


def test_a_run_past_its_deadline_frees_its_thread(strict):
    """The only thread is free again after the deadline."""
    started = time.monotonic()
    with pytest.raises(grpc.RpcError) as failure:
        strict.prediction.Predict(_echo("slow", np.float32([30])), timeout=0.5)
    assert failure.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert _answers(strict)
    answer = strict.http.post("/v1/models/echo:predict", json=SLOW)
    assert answer.status_code == 504
    assert _answers(strict)
    assert time.monotonic() - started < 6


def test_more_requests_than_may_wait_are_refused(strict):
    """Of 8 at once, one is worked on and one waits."""
    codes = []

    def ask() -> None:
        answer = strict.http.post("/v1/models/echo:predict", json=SLOW)
        codes.append(answer.status_code)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [429] * 6 + [504] * 2
    futures = [
        strict.prediction.Predict.future(_echo("slow", np.float32([30])), timeout=1)
        for _ in range(8)
    ]
    found = [future.code() for future in futures]
    assert found.count(grpc.StatusCode.RESOURCE_EXHAUSTED) == 6
    time.sleep(0.5)  # the clients have given up; so has the server, a moment later
    assert _answers(strict)
