"""TLS of the gRPC port, as TensorFlow Serving's --ssl_config_file has it; REST stays plain."""

from __future__ import annotations

import os
import pathlib
import ssl
import tempfile

import grpc
from google.protobuf import text_format

from serving.model_server import errors
from serving.protos import serving_pb2


def read(path: pathlib.Path) -> grpc.ServerCredentials:
    """Reads an `SSLConfig` as text: its fields hold what else stands in files in PEM.

    With `client_verify`, clients have to show a certificate that `custom_ca` has signed.

    Raises:
      ServingError: INVALID_ARGUMENT, it cannot be used; the message names the field.
    """
    try:
        found = text_format.Parse(path.read_text(encoding="utf-8"), serving_pb2.SSLConfig())
        _check(found)
    except text_format.ParseError as error:  # its own words quote the line, which may be the key's
        raise errors.invalid(
            f"{path}, line {error.GetLine()}, column {error.GetColumn()}: expected "
            f"{', '.join(serving_pb2.SSLConfig.DESCRIPTOR.fields_by_name)}; a text in quotes on "
            "one line, with \\n for each end of a line"
        ) from None
    except (OSError, ValueError) as error:
        raise errors.invalid(f"{path}: {error}") from None
    return grpc.ssl_server_credentials(
        [(found.server_key.encode(), found.server_cert.encode())],
        root_certificates=found.custom_ca.encode() or None,
        require_client_auth=found.client_verify,
    )


def _check(config: serving_pb2.SSLConfig) -> None:
    """GRPC itself would listen, and then refuse every client without a reason."""
    if config.client_verify and not config.custom_ca:
        raise ValueError("client_verify: expected custom_ca, who signs the clients' certificates")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:  # OpenSSL reads keys from files alone
        pair = [os.path.join(folder, name) for name in ("certificate", "key")]
        for name, text in zip(pair, (config.server_cert, config.server_key)):
            with open(name, "w", encoding="utf-8") as file:
                file.write(text)
        try:
            context.load_cert_chain(*pair)
        except ssl.SSLError as error:
            raise ValueError(
                "server_cert, server_key: expected a certificate and its key as PEM, with \\n for "
                f"each end of a line ({error.reason or error})"
            ) from None
    if config.custom_ca:
        try:
            context.load_verify_locations(cadata=config.custom_ca)
        except ssl.SSLError as error:
            raise ValueError(
                f"custom_ca: expected certificates as PEM ({error.reason or error})"
            ) from None
