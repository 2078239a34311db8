"""TLS of servers: certificates from files, which are read again when they change."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
import ssl

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Files:
    """Of a server, in PEM.

    Attributes:
      certificate: its own, with those that lead to the root.
      key: of it.
      client_ca: who signs the certificates that clients have to show (mTLS); None: they need none.
    """

    certificate: pathlib.Path
    key: pathlib.Path
    client_ca: pathlib.Path | None = None


class Server:
    """What new connections are made with.

    Attributes:
      context: for them.
    """

    def __init__(self, files: Files) -> None:
        """Reads the files.

        Raises:
          ValueError: one of them cannot be used; the message names it.
        """
        self._files = files
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self._seen = self._changes()
        self._load()
        if files.client_ca is not None:
            self.context.verify_mode = ssl.CERT_REQUIRED

    def look(self) -> None:
        """Reads files again that have changed; unusable ones leave the old ones in force."""
        if (changes := self._changes()) == self._seen:
            return
        self._seen = changes
        try:
            self._load()
        except ValueError as error:
            _log.error("the certificate in force stays: %s", error)
        else:
            _log.info("%s: read again", self._files.certificate)

    def _changes(self) -> tuple[int, ...]:
        """Times of the files' last changes, in nanoseconds; 0 of one that is away."""
        files = (self._files.certificate, self._files.key, self._files.client_ca)
        return tuple(
            path.stat().st_mtime_ns if path is not None and path.is_file() else 0 for path in files
        )

    def _load(self) -> None:
        files = self._files
        try:
            # else half of a new pair would be in force where they do not belong together
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.certificate, files.key)
            self.context.load_cert_chain(files.certificate, files.key)
        except (OSError, ssl.SSLError) as error:
            raise ValueError(
                f"{files.certificate} and {files.key}: expected a certificate and its key in PEM, "
                f"found {error}"
            ) from None
        if files.client_ca is None:
            return
        try:
            self.context.load_verify_locations(files.client_ca)
        except (OSError, ssl.SSLError) as error:
            raise ValueError(
                f"{files.client_ca}: expected certificates in PEM, found {error}"
            ) from None
