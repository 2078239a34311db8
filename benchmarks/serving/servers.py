"""The measured servers: processes of their own, as in production, on free ports of this machine."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator

import psutil

from modules import release
from pipeline import child_process
from serving import deploy

HOST = "127.0.0.1"
BATCHING = pathlib.Path(deploy.__file__).parent / "tf_serving" / "batching_parameters.config"
_STOP_SECONDS = 40.0
_START_SECONDS = 120.0
_POLL_SECONDS = 0.02


@dataclasses.dataclass(frozen=True)
class Layout:
    """How models and gateway are laid out.

    Attributes:
      name: for people.
      together: whether in one process, as `recsys serve` has it; else in two, as in production.
      tree: checkout whose servers run; None: this one.
    """

    name: str
    together: bool
    tree: pathlib.Path | None = None


ONE, TWO = Layout("one process", together=True), Layout("two processes", together=False)


@dataclasses.dataclass(frozen=True)
class Server:
    """A process that serves on `port`: gRPC of models, HTTP of a gateway."""

    process: subprocess.Popen[bytes]
    port: int
    log: pathlib.Path

    @property
    def cpu_seconds(self) -> float:
        """Of user and system, since it started."""
        times = psutil.Process(self.process.pid).cpu_times()
        seconds: float = times.user + times.system
        return seconds

    @property
    def megabytes(self) -> float:
        """Resident memory."""
        size: float = psutil.Process(self.process.pid).memory_info().rss / 2**20
        return size

    def kill(self) -> None:
        """As `kill -9` does."""
        self.process.kill()
        self.process.wait()

    def check(self) -> None:
        """Raises RuntimeError with the log's end if the process has stopped."""
        if (code := self.process.poll()) is not None:
            lines = self.log.read_text(errors="replace").splitlines()[-10:]
            raise RuntimeError(f"{self.log.stem} stopped with code {code}:\n" + "\n".join(lines))


@contextlib.contextmanager
def both(
    layout: Layout, serving: pathlib.Path, store: str, logs: pathlib.Path
) -> Iterator[tuple[Server, Server]]:
    """(who answers for the models, the gateway), which may be one process."""
    if not layout.together:
        with (
            model_server(serving, logs, tree=layout.tree) as models,
            gateway(serving, models, store, logs, tree=layout.tree) as found,
        ):
            yield models, found
        return
    port, models_port = _free_port(), _free_port()
    arguments = ["--embedded", "--grpc-port", str(models_port)]
    with _gateway(serving, arguments, store, port, logs, layout.tree) as found:
        yield dataclasses.replace(found, port=models_port), found


@contextlib.contextmanager
def model_server(
    serving: pathlib.Path,
    logs: pathlib.Path,
    *,
    batching: bool = False,
    tree: pathlib.Path | None = None,
) -> Iterator[Server]:
    """The development model server on the release in force of a serving folder."""
    port = _free_port()
    options = ["--batching-parameters-file", str(BATCHING)] if batching else []
    with _running(
        "serving.model_server",
        port,
        logs,
        [
            "--models-config",
            str(serving / release.POINTER),
            "--grpc-port",
            str(port),
            "--rest-port",
            "0",
            *options,
        ],
        tree,
    ) as server:
        yield server


@contextlib.contextmanager
def gateway(
    serving: pathlib.Path,
    models: Server,
    store: str,
    logs: pathlib.Path,
    *,
    tree: pathlib.Path | None = None,
) -> Iterator[Server]:
    """The gateway, as `recsys serve --separate` starts it."""
    arguments = ["--models", f"{HOST}:{models.port}"]
    with _gateway(serving, arguments, store, _free_port(), logs, tree) as found:
        yield found


@contextlib.contextmanager
def _gateway(
    serving: pathlib.Path,
    arguments: list[str],
    store: str,
    port: int,
    logs: pathlib.Path,
    tree: pathlib.Path | None,
) -> Iterator[Server]:
    given = ["--releases", str(serving), "--store", store, "--port", str(port), *arguments]
    with _running("serving.gateway", port, logs, given, tree) as server:
        yield server


def wait_listening(server: Server) -> None:
    """Until a model server has printed its ports, which it does when its models are loaded."""
    _wait(server, lambda: "\ngrpc=" in "\n" + server.log.read_text(errors="replace"))


def wait_ready(server: Server) -> None:
    """Until the gateway says that it can recommend, and has opened its store."""
    url = f"http://{HOST}:{server.port}/readyz"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ready() -> bool:
        with contextlib.suppress(OSError), direct.open(url, timeout=5) as answer:
            is_open: bool = json.load(answer)["store"] == "ok"
            return is_open
        return False

    _wait(server, ready)


def _wait(server: Server, done: Callable[[], bool]) -> None:
    until = time.monotonic() + _START_SECONDS
    while not done():
        server.check()
        if time.monotonic() > until:
            raise RuntimeError(f"{server.log}: not ready after {_START_SECONDS:g} s")
        time.sleep(_POLL_SECONDS)


@contextlib.contextmanager
def _running(
    module: str, port: int, logs: pathlib.Path, arguments: list[str], tree: pathlib.Path | None
) -> Iterator[Server]:
    log = logs / f"{module}-{port}.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", module, "--host", HOST, *arguments]
        if tree is not None:
            command = ["env", "--chdir", str(tree), f"PYTHONPATH={tree}", *command]
        with child_process.running(command, output, _STOP_SECONDS) as process:
            yield Server(process, port, log)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((HOST, 0))
        port: int = found.getsockname()[1]
        return port
