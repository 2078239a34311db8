"""A file of TensorFlow Serving's `--ssl_config_file`: who gets an answer, and what is refused."""

from __future__ import annotations

import pathlib

import grpc
import pytest
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from serving.model_server import errors, ssl_config
from tests.serving import certificates, conftest

Pairs = dict[str, certificates.Pair]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Pairs:
    folder = tmp_path_factory.mktemp("certificates")
    root = certificates.make(folder, "root")
    others = {name: certificates.make(folder, name, root) for name in ("server", "client")}
    return {"root": root, **others, "stranger": certificates.make(folder, "stranger")}


def _code(address: str, root: certificates.Pair, own: certificates.Pair | None) -> grpc.StatusCode:
    """Of a client's first request."""
    credentials = grpc.ssl_channel_credentials(
        root.certificate.read_bytes(),
        own and own.key.read_bytes(),
        own and own.certificate.read_bytes(),
    )
    request = get_model_status_pb2.GetModelStatusRequest()
    with grpc.secure_channel(address, credentials) as channel:
        try:
            model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request, timeout=10)
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK


ANSWERED = grpc.StatusCode.INVALID_ARGUMENT  # the request names no model
NOT_LET_IN = grpc.StatusCode.UNAVAILABLE


def test_clients_know_the_server_and_it_knows_them(
    pairs: Pairs, models_config: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    root, client, stranger = (pairs[name] for name in ("root", "client", "stranger"))
    plain = certificates.ssl_config(tmp_path / "plain", pairs["server"])
    with conftest.serve(models_config, ssl_config=plain) as server:
        assert _code(server.grpc_address, root, None) == ANSWERED
        assert _code(server.grpc_address, stranger, None) == NOT_LET_IN
        with pytest.raises(grpc.RpcError):  # without TLS
            server.states("echo")
        assert server.http.get("/v1/models/echo").status_code == 200  # REST stays plain
    mutual = certificates.ssl_config(tmp_path / "mutual", pairs["server"], root)
    with conftest.serve(models_config, ssl_config=mutual) as server:
        assert _code(server.grpc_address, root, client) == ANSWERED
        assert _code(server.grpc_address, root, None) == NOT_LET_IN
        assert _code(server.grpc_address, root, stranger) == NOT_LET_IN


def test_a_file_as_the_readme_makes_it(pairs: Pairs, tmp_path: pathlib.Path) -> None:
    server = pairs["server"]
    key, certificate = (
        file.read_text().replace("\n", "\\n") for file in (server.key, server.certificate)
    )
    file = tmp_path / "ssl.config"
    file.write_text(f'server_key: "{key}"\nserver_cert: "{certificate}"\n')
    assert ssl_config.read(file) is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("server_cert: {server}\nserver_key: {other}", "KEY_VALUES_MISMATCH"),
        ('server_cert: "tls.crt"\nserver_key: "tls.key"', "server_cert, server_key: expected a"),
        ("", "server_cert, server_key: expected a certificate and its key as PEM"),
        ("{pair}\nclient_verify: true", "client_verify: expected custom_ca"),
        ('{pair}\ncustom_ca: "ca.pem"', "custom_ca: expected certificates as PEM"),
        ("server_certificate: {server}", "line 1, column 1: expected server_key, server_cert, "),
    ],
)
def test_what_cannot_be_used(
    pairs: Pairs, tmp_path: pathlib.Path, text: str, expected: str
) -> None:
    server, key, other = (
        f'"{file.read_text()}"'.replace("\n", "\\n")
        for file in (pairs["server"].certificate, pairs["server"].key, pairs["client"].key)
    )
    pair = f"server_cert: {server}\nserver_key: {key}"
    for name, value in {"{server}": server, "{other}": other, "{pair}": pair}.items():
        text = text.replace(name, value)
    file = tmp_path / "ssl.config"
    file.write_text(text)
    with pytest.raises(errors.ServingError, match=rf"(?s){file}[:,] .*{expected}"):
        ssl_config.read(file)


@pytest.mark.parametrize("quoted", ['"-----BEGIN\nSECRET\n"', "SECRET", "'SECRET"])
def test_an_error_does_not_show_the_key(tmp_path: pathlib.Path, quoted: str) -> None:
    file = tmp_path / "ssl.config"
    file.write_text(f"server_key: {quoted}\n")
    with pytest.raises(errors.ServingError, match="line 1, column 13") as failure:
        ssl_config.read(file)
    assert "SECRET" not in str(failure.value)


def test_a_file_that_is_not_there(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.ServingError, match=r"INVALID_ARGUMENT: .*nowhere"):
        ssl_config.read(tmp_path / "nowhere")
