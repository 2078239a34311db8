"""Engines and worker pools on loopback, in a clean environment; they end with the block."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import psutil

from modules import environment
from pipeline import child_process

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_SECONDS, STOP_SECONDS = 300.0, 10.0
LOCAL, PRISM = "local job service", "Prism"
# Connections of a worker that has data. Beam's job service waits for ever for one that dies before;
# Prism has one port for all.
_AT_WORK = {LOCAL: 2, PRISM: 1}


@dataclasses.dataclass(frozen=True)
class Engine:
    """An engine and its pool of workers.

    Attributes:
      kind: LOCAL or PRISM.
      endpoint: of its job server.
      pool: address of the pool.
      pool_process: the pool's process, whose children are the workers.
    """

    kind: str
    endpoint: str
    pool: str
    pool_process: subprocess.Popen[bytes]

    @property
    def options(self) -> list[str]:
        """Of `recsys run`."""
        overrides = (
            "runner.kind=portable",
            "runner.workers=1",
            f"runner.job_endpoint={self.endpoint}",
            f"runner.environment={{kind: external, address: '{self.pool}'}}",
        )
        return [part for override in overrides for part in ("-o", override)]

    def workers(self) -> list[psutil.Process]:
        """Workers that are at work for the engine now."""
        return [
            child
            for child in psutil.Process(self.pool_process.pid).children()
            if _connections(child) >= _AT_WORK[self.kind]
        ]


@contextlib.contextmanager
def running(kind: str, worker: pathlib.Path, folder: pathlib.Path) -> Iterator[Engine]:
    """Starts an engine and a pool of workers.

    Args:
      kind: LOCAL or PRISM.
      worker: the workers' virtual environment.
      folder: takes logs and what is staged; also where the processes run.
    """
    folder.mkdir(parents=True)
    (pool_port, port), python = _free_ports(), str(worker / "bin/python")
    pool_command = [python, "-m", "apache_beam.runners.worker.worker_pool_main"]
    pool_command.append(f"--service_port={pool_port}")
    with (
        _started(worker, folder, "pool", pool_port, pool_command) as pool,
        _started(worker, folder, "engine", port, _engine(kind, python, port, folder)),
    ):
        yield Engine(kind, f"localhost:{port}", f"localhost:{pool_port}", pool)


def prism() -> pathlib.Path | None:
    """The binary that `make test-engines` builds where Go is there."""
    binary = pathlib.Path(os.environ["RECSYS_ENGINES"], "bin/prism")
    return binary if binary.is_file() else None


def recsys(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command of this checkout."""
    command = [sys.executable, "-m", "pipeline.cli", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=5400, check=False
    )


def _engine(kind: str, python: str, port: int, folder: pathlib.Path) -> list[str]:
    if kind == PRISM:
        return [str(prism()), "-job_port", str(port), "-serve_http=false"]
    service = "apache_beam.runners.portability.local_job_service_main"
    return [python, "-m", service, "--port", str(port), "--staging_dir", str(folder / "staging")]


@contextlib.contextmanager
def _started(
    worker: pathlib.Path, folder: pathlib.Path, name: str, port: int, command: Sequence[str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that knows nothing of this checkout, from when its port is open on."""
    path = f"PATH={worker / 'bin'}:{os.environ['PATH']}"  # pools start the bare word `python`
    keras = f"{environment.LEGACY_KERAS}=1"
    clean = ["env", "-C", str(folder), "-u", "PYTHONPATH", path, keras]
    log = folder / f"{name}.log"
    with (
        log.open("wb") as output,
        child_process.running([*clean, *command], output, STOP_SECONDS) as process,
    ):
        try:
            _wait(port, process, log)
            yield process
        finally:
            with contextlib.suppress(
                ProcessLookupError
            ):  # workers outlive a pool that SIGTERM ends
                os.killpg(process.pid, signal.SIGKILL)


def _wait(port: int, process: subprocess.Popen[bytes], log: pathlib.Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.2)
    raise AssertionError(f"{log} says why nothing listens at {port}: {log.read_text()[-2000:]}")


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as two:
        for found in (one, two):
            found.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def _connections(process: psutil.Process) -> int:
    """To engines; none of a process that has ended."""
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        found = process.net_connections("tcp")
        return sum(connection.status == psutil.CONN_ESTABLISHED for connection in found)
    return 0
