"""`recsys serve` serves the release in force on this machine: the models, the gateway and its page.

One process does it all, or with `separate` two, as in production: the development model server in
place of TensorFlow Serving, and the gateway. Each is a command of its own, shown by --verbose, is
started again when it ends, and ends with this one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Iterator, Sequence

from modules import catalogue, config, release
from pipeline import release_writer, runs, supervise
from serving.history.store import URL_VARIABLE

LOOPBACK = "127.0.0.1"
_POLL_SECONDS = 0.1


class ServeError(RuntimeError):
    """The servers cannot run. The message is for the person at the terminal."""


@dataclasses.dataclass(frozen=True)
class Ports:
    """Where to listen."""

    page: int = 8080
    grpc: int = 8500
    rest: int = 8501


@dataclasses.dataclass(frozen=True)
class Models:
    """How the models are served.

    Attributes:
      separate: whether in a process of their own.
      host: address at which they answer TensorFlow Serving's protocols, with neither keys nor
          encryption.
      request_log: folder for a sample of their requests; None: they are not logged.
      request_log_rate: the share of the requests that is logged.
    """

    separate: bool = False
    host: str = LOOPBACK
    request_log: pathlib.Path | None = None
    request_log_rate: float = 0.01


class Stopped(Exception):
    """SIGTERM or SIGINT came."""


def main(
    cfg: config.Config,
    run: runs.Run,
    *,
    host: str = LOOPBACK,
    models: Models = Models(),
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
      models: how they are served.
      ports: of the gateway, and of the models' two protocols.
      store: URL of the history store; by default an SQLite file in the run's folder, filled from
          the data set when it is empty.
      api_keys: file with the keys that the gateway accepts, one a line.
      open_page: shows the page in the browser when it is ready.
      verbose: shows the servers' commands and logs; without it, they go to files in the run's
          folder.

    Raises:
      release.NoRelease, release.ReleaseError, catalogue.CatalogueError: there is nothing to serve.
      ServeError: a port is taken, or the run is served already.
      supervise.Ended: a server did not start, or stopped by itself again and again.
    """
    started = time.monotonic()
    base = f"http://{_reached(host)}:{ports.page}"
    chosen = release.in_force(run.serving)
    items = catalogue.Catalogue.read(chosen.recall)
    from pipeline import store as store_loader

    url = store or store_loader.default_url(run)
    with contextlib.suppress(Stopped), contextlib.ExitStack() as stack:
        stack.enter_context(_alone(run, base))
        _check_free(host, models.host, ports)
        if release_writer.repoint(run.serving):
            print(f"{run.serving}: was moved or copied; models.config now names its new place.")
        _stop_on_signals()
        logs = None if verbose else run.folder / "logs"
        print(
            f"release {chosen.id}: {len(items.ids):,} items, "
            f"{'recall and rank' if chosen.rank else 'recall alone'}; loading the models ...",
            flush=True,
        )
        servers = []
        if models.separate:
            command = _model_server(run, models, ports)
            servers.append(stack.enter_context(supervise.Supervised("model server", command, logs)))
        command = _gateway(run, host, models, ports, api_keys)
        servers.append(
            stack.enter_context(supervise.Supervised("gateway", command, logs, {URL_VARIABLE: url}))
        )
        if store is None:
            store_loader.fill_if_empty(cfg, url)  # while the models are loaded
        _wait_ready(f"{base}/readyz", servers)
        print(
            _READY.format(
                seconds=time.monotonic() - started,
                base=base,
                host=models.host,
                ports=ports,
                example=json.dumps({"user_id": "42", "k": 5}),
            ),
            flush=True,
        )
        if open_page:
            webbrowser.open(base)
        while True:
            for server in servers:
                server.check()
            time.sleep(_POLL_SECONDS)


_READY = """\
ready after {seconds:.1f} s
  page and API  {base}
  models        gRPC {host}:{ports.grpc}, REST {host}:{ports.rest} (TensorFlow Serving's protocol)

  curl -H 'Content-Type: application/json' {base}/v1/recommend -d '{example}'

Ctrl-C stops."""


@contextlib.contextmanager
def _alone(run: runs.Run, base: str) -> Iterator[None]:
    """Keeps a second process from serving the same run: both would write its store and logs."""
    with (run.folder / ".serve.lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise ServeError(
                f"{run.folder}: is served already, by {lock.read()}. Stop that process, or serve "
                "another run."
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} at {base}")
        lock.flush()
        yield


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


def _model_server(run: runs.Run, models: Models, ports: Ports) -> list[str]:
    return [
        *(sys.executable, "-m", "serving.model_server"),
        *("--models-config", str(run.serving / release.POINTER)),
        *("--host", models.host),
        *("--grpc-port", str(ports.grpc)),
        *("--rest-port", str(ports.rest)),
        *_request_log(models),
    ]


def _gateway(
    run: runs.Run, host: str, models: Models, ports: Ports, api_keys: pathlib.Path | None
) -> list[str]:
    if models.separate:
        served = ["--models", f"{_reached(models.host)}:{ports.grpc}"]
    else:
        served = [
            "--embedded",
            *("--models-host", models.host),
            *("--grpc-port", str(ports.grpc)),
            *("--rest-port", str(ports.rest)),
            *_request_log(models),
        ]
    return [
        *(sys.executable, "-m", "serving.gateway"),
        *("--releases", str(run.serving)),
        *served,
        *("--host", host),
        *("--port", str(ports.page)),
        *([] if api_keys is None else ["--api-keys", str(api_keys)]),
    ]


def _request_log(models: Models) -> list[str]:
    if models.request_log is None:
        return []
    rate = str(models.request_log_rate)
    return ["--request-log", str(models.request_log), "--request-log-rate", rate]


def _reached(host: str) -> str:
    """Where this machine reaches what listens there."""
    return LOOPBACK if host in ("0.0.0.0", "::", "") else host


def _wait_ready(url: str, servers: Sequence[supervise.Supervised]) -> None:
    """Waits until the gateway can recommend; however long the models take, as long as all run."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        for server in servers:
            server.check()
        with contextlib.suppress(urllib.error.URLError, OSError), direct.open(url, timeout=5):
            break
        time.sleep(_POLL_SECONDS)
    for server in servers:
        server.settled()


def _stop_on_signals() -> None:
    numbers = (signal.SIGTERM, signal.SIGINT)

    def stop(*_: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)  # once is enough
        print("stopping: requests under way are answered first", flush=True)
        raise Stopped

    for number in numbers:
        signal.signal(number, stop)
