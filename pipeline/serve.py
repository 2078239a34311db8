"""`recsys serve` serves the release in force on this machine: the models, the gateway and its page.

Two processes are started and watched, as they run in production: the development model server in
place of TensorFlow Serving, and the gateway. Each is a command of its own, shown by --verbose, and
ends with this one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Iterator, Mapping, Sequence

from modules import catalogue, config, release
from pipeline import child_process, release_writer, runs
from serving.history.store import URL_VARIABLE

LOOPBACK = "127.0.0.1"
_STOP_SECONDS = 40.0  # for requests under way; the servers themselves give them 30
_POLL_SECONDS = 0.1


class ServeError(RuntimeError):
    """The servers cannot run. The message is for the person at the terminal."""


@dataclasses.dataclass(frozen=True)
class Ports:
    """Where to listen."""

    page: int = 8080
    grpc: int = 8500
    rest: int = 8501


class Stopped(Exception):
    """SIGTERM or SIGINT came."""


def main(
    cfg: config.Config,
    run: runs.Run,
    *,
    host: str = LOOPBACK,
    models_host: str = LOOPBACK,
    ports: Ports = Ports(),
    store: str | None = None,
    api_keys: pathlib.Path | None = None,
    open_page: bool = False,
    verbose: bool = False,
) -> None:
    """Serves until SIGTERM or SIGINT.

    Args:
      cfg: the configuration of the run.
      run: whose release in force is served.
      host: address at which the gateway listens.
      models_host: that of the models, which have neither keys nor encryption.
      ports: of the gateway, and of the model server's two protocols.
      store: URL of the history store; by default an SQLite file in the run's folder, filled from
          the data set when it is empty.
      api_keys: file with the keys that the gateway accepts, one a line.
      open_page: shows the page in the browser when it is ready.
      verbose: shows the servers' commands and logs; without it, they go to files in the run's
          folder.

    Raises:
      release.NoRelease, release.ReleaseError, catalogue.CatalogueError: there is nothing to serve.
      ServeError: a port is taken, or a server did not start, or stopped by itself.
    """
    started = time.monotonic()
    _check_free(host, models_host, ports)
    chosen = release.in_force(run.serving)
    items = catalogue.Catalogue.read(chosen.recall)
    if release_writer.repoint(run.serving):
        print(f"{run.serving}: was moved or copied; models.config now names its new place.")
    from pipeline import store as store_loader

    url = store or store_loader.default_url(run)
    with contextlib.suppress(Stopped), contextlib.ExitStack() as stack:
        _stop_on_signals()
        logs = None if verbose else run.folder / "logs"
        models = stack.enter_context(
            _running("model server", _model_server(run, models_host, ports), logs)
        )
        print(
            f"release {chosen.id}: {len(items.ids):,} items, "
            f"{'recall and rank' if chosen.rank else 'recall alone'}; loading the models ...",
            flush=True,
        )
        if store is None:
            store_loader.fill_if_empty(cfg, url)
        gateway = stack.enter_context(
            _running(
                "gateway",
                _gateway(run, host, models_host, ports, api_keys),
                logs,
                {URL_VARIABLE: url},
            )
        )
        base = f"http://{_reached(host)}:{ports.page}"
        _wait_ready(f"{base}/readyz", (models, gateway))
        print(
            _READY.format(
                seconds=time.monotonic() - started,
                base=base,
                host=models_host,
                ports=ports,
                example=json.dumps({"user_id": "42", "k": 5}),
            ),
            flush=True,
        )
        if open_page:
            webbrowser.open(base)
        while True:
            _check((models, gateway))
            time.sleep(_POLL_SECONDS)


_READY = """\
ready after {seconds:.1f} s
  page and API  {base}
  models        gRPC {host}:{ports.grpc}, REST {host}:{ports.rest} (TensorFlow Serving's protocol)

  curl -H 'Content-Type: application/json' {base}/v1/recommend -d '{example}'

Ctrl-C stops."""


@dataclasses.dataclass(frozen=True)
class _Server:
    """A process that serves."""

    name: str
    process: subprocess.Popen[bytes]
    log: pathlib.Path | None


def _check_free(host: str, models_host: str, ports: Ports) -> None:
    """Else what listens there already would be taken for ours."""
    for option, address, port in (
        ("--port", host, ports.page),
        ("--grpc-port", models_host, ports.grpc),
        ("--rest-port", models_host, ports.rest),
    ):
        try:
            socket.create_server((address, port)).close()
        except OSError as error:
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            raise ServeError(
                f"{option}: {address}:{port} cannot be listened on ({why}); stop what listens "
                "there, or choose another port."
            ) from None


def _model_server(run: runs.Run, host: str, ports: Ports) -> list[str]:
    return [
        sys.executable,
        "-m",
        "serving.model_server",
        "--models-config",
        str(run.serving / release.POINTER),
        "--host",
        host,
        "--grpc-port",
        str(ports.grpc),
        "--rest-port",
        str(ports.rest),
    ]


def _gateway(
    run: runs.Run, host: str, models_host: str, ports: Ports, api_keys: pathlib.Path | None
) -> list[str]:
    keys = [] if api_keys is None else ["--api-keys", str(api_keys)]
    return [
        sys.executable,
        "-m",
        "serving.gateway",
        "--releases",
        str(run.serving),
        "--models",
        f"{_reached(models_host)}:{ports.grpc}",
        "--host",
        host,
        "--port",
        str(ports.page),
        *keys,
    ]


def _reached(host: str) -> str:
    """Where this machine reaches what listens there."""
    return LOOPBACK if host in ("0.0.0.0", "::", "") else host


@contextlib.contextmanager
def _running(
    name: str,
    command: Sequence[str],
    logs: pathlib.Path | None,
    secrets: Mapping[str, str] | None = None,
) -> Iterator[_Server]:
    """Runs the command while the block runs; then lets it answer what is under way.

    `secrets` are variables of its environment.
    """
    log = logs and logs / f"{name.replace(' ', '-')}.log"
    if log is None:
        print(shlex.join(command), flush=True)
    else:
        log.parent.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(log.open("wb")) if log else None
        yield _Server(
            name,
            stack.enter_context(child_process.running(command, output, _STOP_SECONDS, secrets)),
            log,
        )


def _wait_ready(url: str, servers: Sequence[_Server]) -> None:
    """Waits until the gateway can recommend; however long the models take, as long as both run."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        _check(servers)
        with contextlib.suppress(urllib.error.URLError, OSError), direct.open(url, timeout=5):
            return
        time.sleep(_POLL_SECONDS)


def _check(servers: Sequence[_Server]) -> None:
    for server in servers:
        code = server.process.poll()
        if code is None:
            continue
        said = ""
        if server.log is not None:
            lines = server.log.read_text(errors="replace").splitlines()
            said = "".join(f"\n  {line}" for line in lines[-5:]) + f"\nIts log: {server.log}"
        raise ServeError(f"the {server.name} stopped with code {code}.{said}")


def _stop_on_signals() -> None:
    numbers = (signal.SIGTERM, signal.SIGINT)

    def stop(*_: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)  # once is enough
        print("stopping: requests under way are answered first", flush=True)
        raise Stopped

    for number in numbers:
        signal.signal(number, stop)
