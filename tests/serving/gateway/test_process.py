"""The gateway as a process: its command line, its imports, its end, and what a crash loses."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from serving.gateway import __main__ as command
from serving.gateway import settings
from serving.history import store
from tests import conftest as root
from tests.serving import conftest as servers
from tests.serving.gateway import conftest

KILLS = 3


@pytest.fixture(autouse=True)
def _own_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that runs in this process leaves the logs of the tests alone."""
    monkeypatch.setattr(command.logs, "configure", lambda level: None)


@contextlib.contextmanager
def _process(given: settings.Settings, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A gateway in a process of its own, killed at the end."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "serving.gateway",
            "--releases",
            str(given.releases),
            "--models",
            given.recall,
            "--store",
            given.store,
            "--port",
            "0",
            "--poll-seconds",
            "0.1",
            "--timeout",
            "30",
            *options,
        ],
        cwd=root.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def _client(process: subprocess.Popen[str]) -> Iterator[httpx.Client]:
    """Of the process, from when it has a port on."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("port="), line
    with httpx.Client(
        base_url=f"http://127.0.0.1:{int(line[5:])}", trust_env=False, timeout=30
    ) as http:
        yield http


def _wait(http: httpx.Client, **expected: object) -> None:
    """Until /readyz says so."""
    end = time.monotonic() + 30
    while not expected.items() <= (found := http.get("/readyz").json()).items():
        assert time.monotonic() < end, found
        time.sleep(0.02)


def test_it_needs_no_tensorflow(run_python):
    assert (
        run_python("""
        import sys
        import serving.gateway.__main__
        import serving.history.redis, serving.history.sqlite
        heavy = {"tensorflow", "tensorflow_serving.apis", "tfx", "apache_beam", "pipeline"}
        print(sorted(heavy & set(sys.modules)))
    """)
        == "[]\n"
    )


def test_help(capsys):
    with pytest.raises(SystemExit, match="0"):
        command.main(["--help"])
    text = capsys.readouterr().out
    assert "--releases FOLDER" in text and "--max-queue N" in text and "(default: 32)" in text


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            {"--store": "mysql://localhost"},
            "found 'mysql://localhost', expected sqlite:///FILE or redis://",
        ),
        (
            {"--releases": "{tmp}/nothing"},
            "nothing: is no folder; expected the serving folder of a run",
        ),
        ({"--api-keys": "{tmp}/nothing"}, "No such file"),
        ({"--api-keys": "{tmp}/empty"}, "empty: expected one key a line, found none"),
        ({"--host": "no.such.host.invalid"}, "no.such.host.invalid:0: "),
    ],
)
def test_a_command_line_that_cannot_be_used(tmp_path: pathlib.Path, capsys, changed, expected):
    (tmp_path / "empty").write_text("\n \n")
    wanted = {
        "--releases": "{tmp}",
        "--store": "sqlite:///{tmp}/h.sqlite",
        "--port": "0",
        **changed,
    }
    given = [part.replace("{tmp}", str(tmp_path)) for pair in wanted.items() for part in pair]
    assert command.main(given) == 1
    error = capsys.readouterr().err
    assert error.startswith("gateway: ") and expected in error


@pytest.mark.parametrize(
    "option", [["--max-queue", "0"], ["--timeout", "0"], ["--max-body-seconds", "-1"]]
)
def test_numbers_that_cannot_be_used(capsys, option):
    with pytest.raises(SystemExit, match="2"):
        command.main(["--releases", ".", "--store", "sqlite:///h.sqlite", *option])
    assert f"argument {option[0]}: expected" in capsys.readouterr().err


def test_a_port_that_is_taken(given, capsys):
    with _process(given) as process, _client(process) as http:
        port = str(http.base_url.port)
        assert (
            command.main(
                ["--releases", str(given.releases), "--store", given.store, "--port", port]
            )
            == 1
        )
    assert f"127.0.0.1:{port}: Address already in use" in capsys.readouterr().err


def test_it_starts_without_models_and_is_ready_when_they_are(given, serving):
    address = conftest.closed_port()
    with _process(dataclasses.replace(given, recall=address)) as process, _client(process) as http:
        assert http.get("/healthz").status_code == 200 and http.get("/readyz").status_code == 503
        answer = http.post("/v1/recommend", json={"k": 1}).json()
        assert answer["degraded"][0]["stage"] == "recall" and conftest.ids(answer) == ["m0"]
        _wait(http, store="ok")
        with servers.serve(serving / "models.config", grpc_port=int(address.rpartition(":")[2])):
            _wait(http, ready=True)
            answer = http.post("/v1/recommend", json={"k": 1}).json()
            assert answer["degraded"] == [] and conftest.ids(answer) == ["m5"]


def test_requests_under_way_are_answered_at_sigterm(given):
    # Recall's address takes connections and never answers, so that a request lasts until its
    # deadline.
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        concurrent.futures.ThreadPoolExecutor() as threads,
    ):
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with (
            _process(dataclasses.replace(given, recall=address)) as process,
            _client(process) as http,
        ):
            assert http.get("/healthz").status_code == 200
            slow = threads.submit(http.post, "/v1/recommend", json={"k": 1, "timeout_ms": 3000})
            end = time.monotonic() + 30
            while "gateway_recommendations_in_flight 1.0" not in http.get("/metrics").text:
                assert time.monotonic() < end
            process.send_signal(signal.SIGTERM)
            answer = slow.result()
            assert answer.status_code == 200 and conftest.ids(answer.json()) == ["m0"]
            assert process.wait(timeout=30) == 0
            with pytest.raises(httpx.ConnectError):
                httpx.get(http.base_url.join("/healthz"), trust_env=False)
            assert process.stderr is not None and '"message":"stopped"' in process.stderr.read()


def test_kills_lose_no_acknowledged_event(given):
    """Four clients add events, each for a user new with each start; then the process is killed."""
    acknowledged: list[tuple[str, str]] = []

    def add(http: httpx.Client, user: str, started: threading.Event) -> None:
        with contextlib.suppress(httpx.TransportError):
            for number in range(10_000):
                event = {
                    "user_id": user,
                    "item_id": "m1",
                    "event_id": f"{user}-{number}",
                    # in one second, a full history takes no more
                    "timestamp": conftest.TIME + number,
                }
                response = http.post("/v1/events", json=event)
                if response.status_code == 200:
                    acknowledged.append((user, f"{user}-{number}"))
                    started.set()

    for kill in range(KILLS):
        with (
            _process(given, "--log-level", "warning") as process,
            _client(process) as http,
            concurrent.futures.ThreadPoolExecutor(4) as threads,
        ):
            started = threading.Event()
            for client in range(4):
                threads.submit(add, http, f"u{kill}-{client}", started)
            assert started.wait(30)
            time.sleep(0.01 * kill)
            process.kill()
    assert len({user for user, _ in acknowledged}) >= KILLS

    async def kept() -> dict[str, set[str]]:
        history = store.connect(given.store, 20)
        await history.open()
        found = {user: await history.user(user) for user, _ in acknowledged}
        await history.close()
        return {
            user: {event.event_id for event in known.events}
            for user, known in found.items()
            if known
        }

    found = asyncio.run(kept())
    newest: dict[str, list[str]] = {}
    for user, event_id in acknowledged:
        newest.setdefault(user, []).append(event_id)
    # One more than what was acknowledged may be there, so the last 19 of each user's have to be.
    lost = {user: set(events[-19:]) - found.get(user, set()) for user, events in newest.items()}
    assert not any(lost.values())
