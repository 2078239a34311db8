"""Asks model servers over REST which version they serve, and waits until it is the wanted one."""

from __future__ import annotations

import argparse
import dataclasses
import http.client
import json
import socket
import time

_POLL_SECONDS = 0.5
_REQUEST_SECONDS = 5.0
_AVAILABLE = "AVAILABLE"


class ServerError(RuntimeError):
    """A server has not, or will not have, the version.

    The message says which, and its own reason.
    """


@dataclasses.dataclass(frozen=True)
class Address:
    """Of the servers of one model; a host may stand for many, as a headless Service does."""

    model: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.model}={self.host}:{self.port}"


def address(text: str) -> Address:
    """Reads MODEL=HOST:PORT."""
    model, _, rest = text.partition("=")
    host, _, port = rest.rpartition(":")
    if not (model and host and port.isdigit()):
        raise argparse.ArgumentTypeError(
            f"expected MODEL=HOST:PORT such as recall=localhost:8501, found {text!r}"
        )
    return Address(model, host.strip("[]"), int(port))


def wait(wanted: Address, which: str, number: int, timeout: float) -> None:
    """Waits until every server behind the address serves a version.

    Args:
      wanted: the servers.
      which: what to look at, `versions/N` or `labels/NAME`.
      number: the version that has to be AVAILABLE there.
      timeout: seconds.

    Raises:
      ServerError: one of them says that it cannot load it, or has not after `timeout`.
    """
    end = time.monotonic() + timeout
    while True:
        waiting = [found for found in _ask_all(wanted, which, number) if found is not None]
        if not waiting:
            return
        if time.monotonic() > end:
            raise ServerError(
                f"{wanted}: {which} is not version {number} after {timeout:g} s: {waiting[0]}."
            )
        time.sleep(_POLL_SECONDS)


def _ask_all(wanted: Address, which: str, number: int) -> list[str | None]:
    """For each server why it is not there yet, or None."""
    try:
        found = socket.getaddrinfo(wanted.host, wanted.port, type=socket.SOCK_STREAM)
    except OSError as error:
        return [f"{wanted.host} cannot be resolved ({error})"]
    return [_ask(wanted, ip, which, number) for ip in sorted({str(entry[4][0]) for entry in found})]


def _ask(wanted: Address, ip: str, which: str, number: int) -> str | None:
    path = f"/v1/models/{wanted.model}/{which}"
    connection = http.client.HTTPConnection(ip, wanted.port, timeout=_REQUEST_SECONDS)
    try:
        connection.request("GET", path)
        answer = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"{ip} does not answer ({error})"
    finally:
        connection.close()
    states = {int(status["version"]): status for status in answer.get("model_version_status", ())}
    if number not in states:
        return f"{ip} says {answer.get('error') or sorted(states)}"
    state, status = states[number]["state"], states[number].get("status", {})
    if status.get("error_code", "OK") != "OK":
        raise ServerError(
            f"{wanted}: {ip} cannot load version {number}: {status.get('error_message')}."
        )
    return None if state == _AVAILABLE else f"{ip} says {state}"
