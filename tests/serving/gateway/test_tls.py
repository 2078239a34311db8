"""TLS: who has a certificate gets in, a new certificate is taken without a restart."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import ssl
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from serving import http_protocol, tls
from serving.gateway import __main__ as command
from serving.gateway import server, settings, state
from serving.history import store
from tests.serving import certificates
from tests.serving import conftest as serving_conftest
from tests.serving.gateway import conftest


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, certificates.Pair]:
    folder = tmp_path_factory.mktemp("certificates")
    root = certificates.make(folder, "root")
    others = {name: certificates.make(folder, name, root) for name in ("server", "client")}
    return {"root": root, **others}


@contextlib.contextmanager
def listening(given: settings.Settings) -> Iterator[str]:
    """The address of a gateway that listens."""
    running = server.Server(
        state.Gateway(given, store.connect(given.store, 100))  # without models: probes answer
    )
    with http_protocol.bind("127.0.0.1", 0, waiting=10) as taken:
        thread = threading.Thread(target=running.run, kwargs={"sockets": [taken]})
        thread.start()
        try:
            while not running.started:
                time.sleep(0.01)
            yield f"https://127.0.0.1:{taken.getsockname()[1]}"
        finally:
            running.should_exit = True
            thread.join()


def _given(folder: pathlib.Path, files: tls.Files) -> settings.Settings:
    return settings.Settings(
        folder, recall=conftest.closed_port(), store=f"sqlite:///{folder / 'store'}", tls=files
    )


def _client(pairs: dict[str, certificates.Pair], own: str | None = None) -> httpx.Client:
    context = ssl.create_default_context(cafile=pairs["root"].certificate)
    if own:
        context.load_cert_chain(pairs[own].certificate, pairs[own].key)
    return httpx.Client(verify=context, trust_env=False, timeout=10)


def _problem(pairs: dict[str, certificates.Pair], base: str) -> str:
    """Why a client gets no connection; "" if it does."""
    with _client(pairs) as client:
        try:
            client.get(f"{base}/healthz")
        except httpx.ConnectError as error:
            return str(error)
    return ""


def test_the_certificate_is_shown_and_a_new_one_is_taken(pairs, tmp_path, monkeypatch):
    monkeypatch.setattr(server, "_LOOK_TICKS", 1)
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"

    def put(pair: certificates.Pair) -> None:
        key.write_bytes(pair.key.read_bytes())
        certificate.write_bytes(pair.certificate.read_bytes())

    put(pairs["server"])
    with listening(_given(tmp_path, tls.Files(certificate, key))) as base:
        with _client(pairs) as client:
            assert client.get(f"{base}/healthz").json() == {"status": "ok"}
        certificate.write_text("damaged")
        time.sleep(0.3)
        with _client(pairs) as client:
            assert client.get(f"{base}/healthz").status_code == 200
        put(certificates.make(tmp_path, "stranger"))  # whom nobody has signed
        end = time.monotonic() + 10
        while not (problem := _problem(pairs, base)):
            assert time.monotonic() < end
            time.sleep(0.05)
        assert "certificate verify failed" in problem


def test_clients_have_to_show_a_certificate(pairs, tmp_path):
    files = tls.Files(pairs["server"].certificate, pairs["server"].key, pairs["root"].certificate)
    with listening(_given(tmp_path, files)) as base:
        with _client(pairs, "client") as client:
            assert client.get(f"{base}/healthz").status_code == 200
        with _client(pairs) as client, pytest.raises(httpx.TransportError):
            client.get(f"{base}/healthz")


def test_models_are_asked_by_tls(remote, pairs, serving, tmp_path):
    """As TensorFlow Serving's `--ssl_config_file` has it; both sides show a certificate."""
    file = certificates.ssl_config(tmp_path / "ssl.config", pairs["server"], pairs["root"])
    own = pairs["client"]
    shown = settings.ModelsTls(pairs["root"].certificate, own.certificate, own.key)
    unknown = settings.ModelsTls(pairs["root"].certificate)
    with serving_conftest.serve(serving / "models.config", ssl_config=file) as server:
        address = server.grpc_address
        for tls_files, degraded in ((shown, []), (unknown, ["recall"]), (None, ["recall"])):
            secure = dataclasses.replace(
                remote, recall=address, rank=address, models_tls=tls_files, seconds=5
            )
            with conftest.running(secure) as gateway:
                answer = gateway.recommend(k=1)
                assert [part["stage"] for part in answer["degraded"]] == degraded


def test_models_have_to_show_a_certificate(remote, pairs):
    secure = dataclasses.replace(
        remote, models_tls=settings.ModelsTls(pairs["root"].certificate), seconds=2
    )
    with conftest.running(secure) as gateway:
        (part,) = gateway.recommend(k=1)["degraded"]
        assert part["stage"] == "recall" and part["reason"] in ("unavailable", "deadline")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--tls-certificate", "{root}"], "expected both --tls-certificate and --tls-key"),
        (["--tls-certificate", "{root}", "--tls-key", "{root}"], "expected a certificate and its"),
        (["--models-certificate", "{root}"], "expected --models-ca"),
        (["--models-ca", "/no/such/file"], "/no/such/file"),
    ],
)
def test_what_cannot_be_used(pairs, tmp_path, capsys, options, expected):
    root = str(pairs["root"].certificate)
    given = [option.replace("{root}", root) for option in options]
    store_url = f"sqlite:///{tmp_path}/s"
    assert (
        command.main(["--releases", str(tmp_path), "--store", store_url, "--port", "0", *given])
        == 1
    )
    assert expected in capsys.readouterr().err
