"""Certificates for 127.0.0.1 that are made for a test."""

from __future__ import annotations

import dataclasses
import datetime
import ipaddress
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from google.protobuf import text_format

from serving.protos import serving_pb2


@dataclasses.dataclass(frozen=True)
class Pair:
    """A certificate and its key, in files."""

    certificate: pathlib.Path
    key: pathlib.Path
    signer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def make(folder: pathlib.Path, name: str, issuer: Pair | None = None) -> Pair:
    """Signs a certificate for 127.0.0.1, by itself or by another one."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    by = issuer.signer if issuer else None
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by[0].subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .sign(by[1] if by else key, hashes.SHA256())
    )
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key", (made, key))
    pair.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pair.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pair


def ssl_config(path: pathlib.Path, server: Pair, client_ca: Pair | None = None) -> pathlib.Path:
    """Writes what TensorFlow Serving's `--ssl_config_file` reads; returns its path."""
    config = serving_pb2.SSLConfig(
        server_key=server.key.read_text(),
        server_cert=server.certificate.read_text(),
        custom_ca=client_ca.certificate.read_text() if client_ca else "",
        client_verify=client_ca is not None,
    )
    path.write_text(text_format.MessageToString(config))
    return path
