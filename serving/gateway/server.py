"""The process: listens, and stops without losing a request."""

from __future__ import annotations

import logging
from types import FrameType
from typing import Any

import uvicorn
from starlette import types

from serving import http_protocol, tls
from serving.gateway import api, state

_LOOK_TICKS = 50  # between looks at the certificate's files
_KEEP_ALIVE = 30  # seconds that an idle connection stays open
_log = logging.getLogger(__name__)


class _Config(uvicorn.Config):
    """Uvicorn's, with a context for TLS that is made elsewhere."""

    def __init__(self, secure: tls.Server | None, app: types.ASGIApp, **options: Any) -> None:
        super().__init__(app, **options)
        self._secure = secure

    def load(self) -> None:
        super().load()
        if self._secure is not None:
            self.ssl = self._secure.context


class Server(uvicorn.Server):
    """Refuses new recommendations once it is told to stop, and answers those under way."""

    def __init__(self, gateway: state.Gateway) -> None:
        self._gateway = gateway
        given = gateway.settings
        self._tls = None if given.tls is None else tls.Server(given.tls)
        super().__init__(
            _Config(
                self._tls,
                api.create(gateway),
                host=given.host,
                port=given.port,
                loop="uvloop",
                lifespan="on",
                ws="none",
                http=http_protocol.with_header_seconds(given.limits.header_seconds),
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=int(given.drain_seconds),
            )
        )
        # Instead of uvicorn's limit_concurrency, whose answer is plain text without a request's id.
        gateway.admission.connections = lambda: len(self.server_state.connections)

    async def on_tick(self, counter: int) -> bool:
        """Each tenth of a second."""
        if self._tls is not None and counter % _LOOK_TICKS == 0:
            self._tls.look()
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """On SIGTERM and SIGINT, lets the requests under way finish."""
        del sig, frame
        _log.info("stopping: requests under way have %g s", self._gateway.settings.drain_seconds)
        self._gateway.admission.drain()
        self.should_exit = True  # uvicorn's own would end the process by the signal, with its code
