"""What both servers' HTTP shares: the port, and connections that slow clients cannot hold up."""

from __future__ import annotations

import asyncio
import socket

import h11
from uvicorn.protocols.http import h11_impl

HEADER_SECONDS = 10.0  # to send the headers of a request
MAX_HEADER_BYTES = 32 << 10


class Protocol(h11_impl.H11Protocol):
    """Closes a connection whose request headers do not arrive in time (slow loris)."""

    header_seconds = HEADER_SECONDS
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop()
        elif self._timer is None:  # bytes that come one by one do not put it off
            self._timer = self.loop.call_later(self.header_seconds, self.transport.abort)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def with_header_seconds(seconds: float) -> type[Protocol]:
    """The protocol, for uvicorn, that waits so long for the headers of a request."""
    return type("Protocol", (Protocol,), {"header_seconds": seconds})


def bind(host: str, port: int, *, waiting: int = 0) -> socket.socket:
    """Takes a port.

    Args:
      host: address.
      port: 0 for any free one.
      waiting: clients that can connect from now on, before they are accepted; 0: none can connect
          yet.

    Raises:
      OSError: it is taken; the message names it.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        found = socket.socket(family)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        if waiting:
            found.listen(waiting)
    except OSError as error:
        raise OSError(
            f"{host}:{port}: {error.strerror or error}; stop what listens there, or choose another "
            "port"
        ) from None
    return found
