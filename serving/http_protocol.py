"""What both servers' HTTP shares: the port, and connections that slow clients cannot hold up."""

from __future__ import annotations

import asyncio
import socket

from uvicorn.protocols.http import httptools_impl

HEADER_SECONDS = 10.0  # to send the headers of a request
WRITE_SECONDS = 30.0  # without a byte of an answer being taken, once the buffers are full
MAX_HEADER_BYTES = 32 << 10
_TOO_LONG = f"The headers of a request may have {MAX_HEADER_BYTES:,} bytes."


class Protocol(httptools_impl.HttpToolsProtocol):
    """Gives up connections that take too long.

    Requests are refused whose headers are too long, or do not arrive in time (slow loris); and who
    does not read what is sent is left (slow read).
    """

    header_seconds = HEADER_SECONDS
    write_seconds = WRITE_SECONDS
    _timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None
    _in_head = True
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:  # what the parser still keeps to itself
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEADER_BYTES and not self.transport.is_closing():
                self.send_400_response(_TOO_LONG)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        self._stop_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client is behind by more than the buffers hold."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(self.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_writing()
        super().resume_writing()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self._watch()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop()
        super().on_headers_complete()

    def _count(self, number: int) -> None:
        """Adds bytes of a head; the parser takes the error for one of the request."""
        self._head_bytes += number
        if self._head_bytes > MAX_HEADER_BYTES:
            raise ValueError(_TOO_LONG)

    def _watch(self) -> None:
        if self._timer is None:  # bytes that come one by one do not put it off
            self._timer = self.loop.call_later(self.header_seconds, self.transport.abort)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_writing(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None


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
