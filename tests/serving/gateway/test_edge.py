"""What every request goes through: ids, keys, sizes, the log, the metrics; and slow clients."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import json
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from serving import http_protocol
from serving.gateway import logs, server, settings, state
from serving.history import store
from tests.serving.gateway import conftest

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("abc-123~!", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("with space", False),
        ("é", False),
        ("", False),
    ],
)
def test_request_ids(gateway, sent, kept):
    headers = {"x-request-id": sent.encode("latin-1")}
    response = gateway.http.post("/v1/recommend", json={"k": 1}, headers=headers)
    found = response.headers["x-request-id"]
    assert response.json()["request_id"] == found and (found == sent) == kept
    assert kept or len(found) == 32
    refused = gateway.http.get("/v1/items/nothing", headers=headers)
    assert (refused.headers["x-request-id"] == sent) == kept


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json-patch", 415),
        (None, 415),
    ],
)
def test_content_types(gateway, kind, status):
    headers = {} if kind is None else {"content-type": kind}
    response = gateway.http.post("/v1/recommend", content=b'{"k": 1}', headers=headers)
    assert response.status_code == status, response.text
    if status == 415:
        message = conftest.problem(response, 415, "unsupported_media_type")[1]
        assert message == f"found Content-Type {kind or 'none'!r}, expected application/json"


@pytest.fixture(scope="module")
def locked(shared_settings: settings.Settings, tmp_path_factory) -> Iterator[conftest.Gateway]:
    """A gateway that wants a key, and small bodies."""
    file = tmp_path_factory.mktemp("locked") / "history.sqlite"
    given = dataclasses.replace(
        shared_settings,
        store=f"sqlite:///{file}",
        api_keys=("key-a", "schlüssel"),
        limits=settings.Limits(body_bytes=1000),
    )
    with conftest.running(given) as found:
        yield found


@pytest.mark.parametrize(
    ("headers", "is_right"),
    [
        ({"x-api-key": b"key-a"}, True),
        ({"authorization": b"Bearer key-a"}, True),
        ({"authorization": b"bearer  key-a"}, True),
        ({"x-api-key": b"key-b"}, False),
        ({}, False),
        ({"x-api-key": b""}, False),
        ({"authorization": b"Basic key-a"}, False),
        ({"authorization": b"key-a"}, False),
        ({"x-api-key": b"key-a,key-b"}, False),
        ({"x-api-key": b"\xff"}, False),
    ],
)
def test_keys(locked, headers, is_right):
    for method, path, ask in (
        ("POST", "/v1/recommend", {"k": 1}),
        ("GET", "/v1/items", None),
        ("GET", "/v1/release", None),
    ):
        response = locked.http.request(method, path, json=ask, headers=headers)
        if is_right:
            assert response.status_code == 200, response.text
        else:
            conftest.problem(response, 401, "unauthenticated")


def test_probes_and_the_page_need_no_key(locked):
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/", "/web/main.js"):
        response = locked.http.get(path)
        assert response.status_code == 200
        assert ("content-security-policy" in response.headers) == (path in ("/", "/web/main.js"))


def test_bodies_over_the_limit(locked):
    headers = {**JSON, "x-api-key": "key-a"}
    read = []

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            read.append(100)
            yield b" " * 100

    fits = locked.http.post("/v1/recommend", content=b'{"k": 1}' + b" " * 992, headers=headers)
    assert fits.status_code == 200
    too_large = locked.http.post("/v1/recommend", content=b'{"k": 1}' + b" " * 993, headers=headers)
    assert (
        conftest.problem(too_large, 413, "too_large")[1] == "expected a body of at most 1,000 bytes"
    )
    assert too_large.headers["connection"] == "close"
    conftest.problem(
        locked.http.post("/v1/recommend", content=chunks(), headers=headers), 413, "too_large"
    )
    assert sum(read) == 1100  # and no more


def test_logs_and_metrics_name_nobody(gateway, caplog):
    secrets = ["geheim-user", "geheim-item", "geheim-value", "geheim-key"]
    user, item, value, key = secrets
    caplog.set_level(logging.DEBUG)
    past = [{"item_id": item, "timestamp": conftest.TIME, "device": value}]
    gateway.add(user, item, device=value, event_id=key)
    gateway.recommend(
        user_id=user, profile={"gender": value}, history=past, exclude=[item], k=8, explain=True
    )
    gateway.refusal({"user_id": user, "profile": {value: 1}})
    gateway.http.get(f"/v1/users/{user}")
    gateway.http.request(
        "PUT",
        f"/v1/users/{user}",
        json={"profile": {"gender": value}},
        headers={"x-request-id": "the-last"},
    )
    gateway.http.get(f"/v1/users?prefix={user}")
    gateway.http.get(f"/{user}")
    ours = [
        record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))
    ]
    lines = [json.loads(logs.JsonFormatter().format(record)) for record in ours]
    text = json.dumps(lines) + gateway.http.get("/metrics").text
    assert not [secret for secret in secrets if secret in text]
    requests = [line for line in lines if line["message"] == "request"]
    assert [(line["route"], line["status"]) for line in requests] == [
        ("/v1/events", 200),
        ("/v1/recommend", 200),
        ("/v1/recommend", 400),
        ("/v1/users/{user_id:path}", 200),
        ("/v1/users/{user_id:path}", 200),
        ("/v1/users", 200),
        ("other", 404),
    ]
    recommended = requests[1]
    assert recommended["k"] == recommended["items"] == 8 and recommended["degraded"] == []
    assert set(recommended["timings_ms"]) == {
        "queue",
        "store",
        "recall",
        "rank",
        "explain",
        "total",
    }
    assert requests[4]["request_id"] == "the-last" and requests[4]["method"] == "PUT"


def test_metrics(gateway):
    gateway.recommend(k=1)
    text = gateway.http.get("/metrics").text
    for name in (
        "gateway_requests_total",
        "gateway_request_seconds_bucket",
        "gateway_stage_seconds_bucket",
        "gateway_recommendations_in_flight",
        "gateway_recommendations_waiting",
        "gateway_release",
        "process_resident_memory_bytes",
    ):
        assert f"\n{name}" in text
    for stage in ("queue", "store", "recall", "rank"):
        assert f'gateway_stage_seconds_count{{stage="{stage}"}}' in text


@contextlib.contextmanager
def _listening(given: settings.Settings) -> Iterator[int]:
    """Runs the real server in a thread; its port."""
    found = server.Server(state.Gateway(given, store.connect(given.store, 20)))
    with http_protocol.bind("127.0.0.1", 0, waiting=100) as taken:
        thread = threading.Thread(target=found.run, kwargs={"sockets": [taken]})
        thread.start()
        try:
            while not found.started:
                assert thread.is_alive()
                time.sleep(0.01)
            yield taken.getsockname()[1]
        finally:
            found.should_exit = True
            thread.join()


def _answer(client: socket.socket) -> bytes:
    """All until the server closes the connection."""
    client.settimeout(10)
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(65536):
            found += part
    return found


def test_slow_and_huge_clients_hold_nobody_up(given):
    limits = settings.Limits(body_seconds=2.0, header_seconds=2.0)
    head = (
        b"POST /v1/recommend HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nContent-Length: "
    )
    with (
        _listening(dataclasses.replace(given, limits=limits)) as port,
        contextlib.ExitStack() as stack,
    ):

        def connect(first: bytes) -> socket.socket:
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(first)
            return client

        start = time.monotonic()
        loris = [connect(b"POST /v1/recommend HTTP/1.1\r\nX-Slow: ") for _ in range(50)]
        silent = connect(b"")
        body = connect(head + b'10\r\n\r\n{"k"')
        huge = connect(head + b"104857600\r\n\r\n" + b" " * 1000)
        assert b"HTTP/1.1 413" in _answer(huge)
        assert time.monotonic() - start < 1.9  # before the others' time is over
        good = connect(head + b'8\r\nConnection: close\r\n\r\n{"k": 1}')
        assert b"HTTP/1.1 200 OK" in _answer(good)
        for client in loris[:5]:
            client.sendall(b"a")  # puts nothing off
        answer = _answer(body)
        assert b"HTTP/1.1 408" in answer and b"expected the body within 2 s" in answer
        assert [_answer(client) for client in (*loris, silent)] == [b""] * 51
        assert time.monotonic() - start < 9


def test_more_connections_than_are_served(given):
    limits = settings.Limits(connections=2)
    with (
        _listening(dataclasses.replace(given, limits=limits)) as port,
        contextlib.ExitStack() as stack,
    ):
        url = f"http://127.0.0.1:{port}/v1/recommend"
        one, two, three = (stack.enter_context(httpx.Client(trust_env=False)) for _ in range(3))
        assert [client.post(url, json={"k": 1}).status_code for client in (one, two)] == [200, 200]
        refused = three.post(url, json={"k": 1}, headers={"X-Request-Id": "third"})
        assert conftest.problem(refused, 503, "overloaded") == (
            None,
            "3 connections are open, expected at most 2; close idle ones, or try again later",
        )
        assert refused.json()["request_id"] == "third"
        assert (refused.headers["retry-after"], refused.headers["connection"]) == ("1", "close")
        assert one.post(url, json={"k": 1}).status_code == 200  # three's connection is closed
        two.close()
        end = time.monotonic() + 10
        while three.post(url, json={"k": 1}).status_code != 200:
            assert time.monotonic() < end


def test_a_client_that_goes_away_while_it_sends(given, caplog):
    caplog.set_level(logging.INFO)
    with _listening(given) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(
                b"POST /v1/recommend HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{"
            )
            time.sleep(0.1)
        end = time.monotonic() + 10
        while not [r for r in caplog.records if getattr(r, "details", {}).get("status") == 499]:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def _limited(folder, **limits):
    """Settings of a gateway of small limits, without models."""
    return settings.Settings(
        releases=folder / "serving",
        recall=conftest.closed_port(),
        store=f"sqlite:///{folder / 'store'}",
        limits=dataclasses.replace(settings.Limits(), **limits),
    )


def test_bodies_of_all_requests_together_are_bounded(tmp_path):
    """One that is still being sent counts; when it is gone, the next one is taken."""
    body = json.dumps({"user_id": "x" * 400, "k": 1}).encode()
    with conftest.running(_limited(tmp_path, held_bytes=1000)) as gateway:
        waiting, go_on = threading.Event(), threading.Event()

        async def slowly():
            yield body
            waiting.set()
            await asyncio.to_thread(go_on.wait, 10)
            yield b" " * 300

        with concurrent.futures.ThreadPoolExecutor() as pool:
            slow = pool.submit(gateway.http.post, "/v1/recommend", content=slowly(), headers=JSON)
            assert waiting.wait(10)
            refused = gateway.http.post("/v1/recommend", content=body * 2, headers=JSON)
            found = conftest.problem(refused, 503, "overloaded")
            assert "hold more than 1,000 bytes" in found[1]
            assert refused.headers["connection"] == "close"
            go_on.set()
            assert slow.result(10).status_code in (200, 503)
        again = gateway.http.post("/v1/recommend", content=body + b" " * 500, headers=JSON)
        assert "hold more" not in again.text


def test_probes_are_answered_while_all_else_is_turned_away(tmp_path):
    with conftest.running(_limited(tmp_path, others=0)) as gateway:
        gateway.running.admission.connections = lambda: 10**6
        assert gateway.http.get("/healthz").status_code == 200
        assert gateway.http.get("/readyz").json()["ready"] is False
        conftest.problem(gateway.http.get("/v1/items"), 503, "overloaded")
        gateway.running.admission.connections = lambda: 0
        found = conftest.problem(gateway.http.get("/v1/items"), 429, "overloaded")
        assert "requests are under way already" in found[1]


@pytest.mark.parametrize(
    ("host", "hosts", "asked", "status"),
    [
        ("127.0.0.1", (), "127.0.0.1:8080", 200),
        ("127.0.0.1", (), "localhost", 200),
        ("127.0.0.1", (), "[::1]:8080", 200),
        ("127.0.0.1", (), "evil.example:8080", 421),
        ("0.0.0.0", (), "shop.example", 200),
        ("0.0.0.0", ("Shop.example",), "shop.example:443", 200),
        ("0.0.0.0", ("shop.example",), "127.0.0.1", 421),
    ],
)
def test_names_that_the_server_does_not_go_by(tmp_path, host, hosts, asked, status):
    """A page of the web may point its own name at this machine and would then be let in."""
    given = dataclasses.replace(_limited(tmp_path), host=host, hosts=hosts)
    with conftest.running(given) as gateway:
        found = gateway.http.get("/v1/users", headers={"host": asked})
        assert found.status_code == status
        if status == 421:
            name = asked.partition(":")[0]
            assert f"found the Host {name!r}" in conftest.problem(found, 421, "misdirected")[1]
        assert gateway.http.get("/healthz", headers={"host": "pod"}).status_code == 200


def test_keys_for_all_but_probes(tmp_path):
    given = dataclasses.replace(_limited(tmp_path), api_keys=("secret",), keys_for_all=True)
    with conftest.running(given) as gateway:
        for path in ("/metrics", "/", "/openapi.json", "/web/index.html"):
            conftest.problem(gateway.http.get(path), 401, "unauthenticated")
            assert gateway.http.get(path, headers={"x-api-key": "secret"}).status_code == 200
        assert gateway.http.get("/healthz").status_code == 200


def test_who_does_not_read_the_answers_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(http_protocol.Protocol, "write_seconds", 0.2)
    request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with _listening(_limited(tmp_path)) as port, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.sendall(request * 1000)
        time.sleep(1)
        found = _answer(client)  # what the buffers hold, then the end
        assert 0 < found.count(b"HTTP/1.1 200 OK") < 1000


def test_who_hangs_up_halfway_holds_nothing(tmp_path):
    head = (
        b"POST /v1/recommend HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    )
    with _listening(_limited(tmp_path)) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(head + b'{"k": 1')
            client.shutdown(socket.SHUT_WR)  # the rest never comes
            start = time.monotonic()
            assert _answer(client) == b""
        assert time.monotonic() - start < 5  # long before the time for a body is over
