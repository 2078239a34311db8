"""A real Redis server, and stores of both kinds."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import pathlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from serving.history import store


@dataclasses.dataclass
class RedisServer:
    """A Redis server on loopback that can be killed and started again; it forgets nothing."""

    folder: pathlib.Path
    options: tuple[str, ...] = ("--appendonly", "yes", "--appendfsync", "always")
    port: int = dataclasses.field(init=False)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self, answer: bytes = b"+PONG") -> None:
        """Returns when it answers a ping so."""
        command = [
            "redis-server",
            "--bind",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--dir",
            str(self.folder),
            "--save",
            "",
            *self.options,
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while not self._ping().startswith(answer):  # while it loads its file, it answers otherwise
            assert time.monotonic() < end and self.process.poll() is None, "Redis does not start"
            time.sleep(0.005)

    def kill(self) -> None:
        """As a crash would end it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _ping(self) -> bytes:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), 1) as client,
        ):
            client.sendall(b"PING\r\n")
            return client.recv(100)
        return b""


def require_redis() -> None:
    """Skips the test where there is no server to start; CI must have one."""
    if shutil.which("redis-server") is None:
        message = "needs redis-server (apt-get install redis-server)"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One server for all tests that leave it as it is."""
    require_redis()
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def own_redis(tmp_path: pathlib.Path) -> Iterator[RedisServer]:
    """A server for one test, not started."""
    require_redis()
    server = RedisServer(tmp_path)
    yield server
    server.kill()


@pytest.fixture(params=["sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> str:
    """Of an empty store of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'history.sqlite'}"
    found: str = request.getfixturevalue("shared_redis").url

    async def empty() -> None:
        opened = store.connect(found, 2)
        await opened.clear()
        await opened.close()

    asyncio.run(empty())
    return found
