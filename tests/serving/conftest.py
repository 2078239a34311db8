"""Servers for the tests: the development server on loopback, or the one the environment names."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import pytest
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

from serving.model_server import server
from tests.serving import small_models

GRPC, REST = "TF_SERVING_GRPC", "TF_SERVING_REST"  # such as localhost:8500 and localhost:8501


@dataclasses.dataclass(frozen=True)
class Client:
    """Both ways to ask a server."""

    grpc_address: str
    rest_address: str
    channel: grpc.Channel
    http: httpx.Client

    @property
    def prediction(self) -> prediction_service_pb2_grpc.PredictionServiceStub:
        return prediction_service_pb2_grpc.PredictionServiceStub(self.channel)

    @property
    def models(self) -> model_service_pb2_grpc.ModelServiceStub:
        return model_service_pb2_grpc.ModelServiceStub(self.channel)

    def states(self, model: str) -> dict[int, tuple[str, str]]:
        """(state, error) by version."""
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = model
        found = self.models.GetModelStatus(request, timeout=30).model_version_status
        name = get_model_status_pb2.ModelVersionStatus.State.Name
        return {v.version: (name(v.state), v.status.error_message) for v in found}

    def wait(self, model: str, version: int, state: str, seconds: float = 60) -> str:
        """Waits until the version is in the state, and returns its error."""
        end = time.monotonic() + seconds
        while (found := self.states(model).get(version, ("", "")))[0] != state:
            assert time.monotonic() < end, f"{model} {version} is {found}, expected {state}"
            time.sleep(0.05)
        return found[1]


@contextlib.contextmanager
def connect(grpc_address: str, rest_address: str) -> Iterator[Client]:
    """A client of a server that runs."""
    with (
        grpc.insecure_channel(grpc_address) as channel,
        httpx.Client(base_url=f"http://{rest_address}", timeout=60, trust_env=False) as http,
    ):
        yield Client(grpc_address, rest_address, channel, http)


@contextlib.contextmanager
def serve(config: pathlib.Path, **settings: Any) -> Iterator[Client]:
    """Runs the development server while the block runs."""
    running = server.Server(
        server.Settings(
            config=config,
            **{
                "grpc_port": 0,
                "rest_port": 0,
                "poll_seconds": 0.1,
                "linger_seconds": 0.0,
                "drain_seconds": 10.0,
                "allow_reload": True,
                **settings,
            },
        )
    )
    running.start()
    try:
        with connect(f"127.0.0.1:{running.grpc_port}", f"127.0.0.1:{running.rest_port}") as client:
            yield client
    finally:
        running.stop()


@pytest.fixture(scope="session")
def models_config(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The small models; tests must not change them."""
    return small_models.write(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Of the server that the environment names, or of the development server."""
    named = os.environ.get(GRPC), os.environ.get(REST)
    if all(named):
        with connect(*named) as found:  # type: ignore[arg-type]
            yield found
    elif any(named):
        pytest.fail(f"expected both {GRPC} and {REST}, or neither; found {named}")
    else:
        with serve(request.getfixturevalue("models_config")) as found:
            yield found
