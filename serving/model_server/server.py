"""The server as a whole: load, listen, answer, and stop without losing a request."""

from __future__ import annotations

import dataclasses
import functools
import logging
import pathlib
import threading
import time

import uvicorn

from serving import http_protocol, request_log
from serving.model_server import (
    batching,
    grpc_api,
    manager,
    metrics,
    predictor,
    rest_api,
    servable,
    ssl_config,
)

_KEEP_ALIVE = 30  # seconds that an idle HTTP connection stays open
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Settings:
    """How to serve.

    Attributes:
      config: models.config.
      host: address to listen on.
      grpc_port: 0 for any free one.
      rest_port: 0 for any free one.
      poll_seconds: between looks at models.config and the folders.
      linger_seconds: see manager.Manager.
      drain_seconds: for requests under way when the server is told to stop.
      header_seconds: to send the headers of an HTTP request.
      max_connections: HTTP connections; more get 503.
      batching: how requests are run together; None: each by itself.
      limits: of a request, for gRPC as for REST.
      log: which requests are logged, and where.
      allow_reload: whether a request by gRPC may replace the configuration.
      ssl_config: of the gRPC port, see ssl_config.py; None: it is plain.
    """

    config: pathlib.Path
    host: str = "127.0.0.1"
    grpc_port: int = 8500
    rest_port: int = 8501
    poll_seconds: float = 1.0
    linger_seconds: float = 2.0
    drain_seconds: float = 30.0
    header_seconds: float = http_protocol.HEADER_SECONDS
    max_connections: int = 1000
    batching: batching.Parameters | None = None
    limits: rest_api.Limits = rest_api.Limits()
    log: request_log.Settings = request_log.Settings()
    allow_reload: bool = False
    ssl_config: pathlib.Path | None = None


class Server:
    """Runs until `stop`.

    Attributes:
      models: knows the versions of all models.
      predictions: runs them.
      grpc_port: where it listens for gRPC.
      rest_port: where it listens for REST.
    """

    def __init__(self, settings: Settings) -> None:
        """Reads the configuration and takes the ports; nothing is loaded yet.

        Raises:
          ServingError: the configuration cannot be used.
          OSError: a port is taken.
        """
        self._settings = settings
        measured = metrics.Metrics()
        load = (
            servable.Servable
            if settings.batching is None
            else functools.partial(batching.BatchingServable, parameters=settings.batching)
        )
        self.models = manager.Manager(
            settings.config, measured, linger=settings.linger_seconds, load=load
        )
        self.models.read_config()
        secure = None if settings.ssl_config is None else ssl_config.read(settings.ssl_config)
        self._log = request_log.RequestLog(
            settings.log, self.models.logging_config, measured.logged
        )
        self.predictions = predictor.Predictor(self.models, measured, self._log)
        self._rest = rest_api.RestApi(self.models, self.predictions, measured, settings.limits)
        self._socket = http_protocol.bind(settings.host, settings.rest_port)
        self._health = grpc_api.Health()
        self._health.serving(False)
        limits = settings.limits
        self._grpc = grpc_api.make_server(
            self.models,
            self.predictions,
            self._health,
            threads=limits.threads,
            max_waiting=limits.max_waiting,
            max_bytes=limits.max_bytes,
            allow_reload=settings.allow_reload,
        )
        self.rest_port = self._socket.getsockname()[1]
        address = f"{settings.host}:{settings.grpc_port}"
        try:
            self.grpc_port = (
                self._grpc.add_secure_port(address, secure)
                if secure
                else self._grpc.add_insecure_port(address)
            )
        except RuntimeError as error:
            raise OSError(f"{address}: {error}") from None
        self._http = uvicorn.Server(
            uvicorn.Config(
                self._rest.app,
                http=http_protocol.with_header_seconds(settings.header_seconds),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                limit_concurrency=settings.max_connections,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=int(settings.drain_seconds),
                server_header=False,
            )
        )
        self._threads = [
            threading.Thread(target=self._http.run, args=([self._socket],), daemon=True),
            threading.Thread(target=self.models.run, args=(settings.poll_seconds,), daemon=True),
        ]

    def start(self) -> None:
        """Loads the models and listens; a model that cannot be loaded shows in the status."""
        started = time.monotonic()
        self.models.poll()
        self.models.wait_settled(None)
        self._grpc.start()
        for thread in self._threads:
            thread.start()
        while not self._http.started:
            time.sleep(0.01)
        self._health.serving(self.models.ready())
        _log.info(
            "listening on %s: gRPC port %d, REST port %d; %s after %.1f s",
            self._settings.host,
            self.grpc_port,
            self.rest_port,
            "ready" if self.models.ready() else "NOT ready, a model has no version that loads",
            time.monotonic() - started,
        )

    def watch(self, stop: threading.Event) -> None:
        """Keeps the health check up to date until `stop` is set."""
        while not stop.wait(self._settings.poll_seconds):
            self._health.serving(self.models.ready())

    def stop(self) -> None:
        """Takes no new requests, answers those under way, and frees the models."""
        _log.info("stopping: requests under way have %g s", self._settings.drain_seconds)
        self._health.enter_graceful_shutdown()
        stopped = self._grpc.stop(self._settings.drain_seconds)
        self._http.should_exit = True
        stopped.wait()
        self._threads[0].join(self._settings.drain_seconds)
        self.models.close()
        self._rest.close()
        self._log.close()
