"""Models behind TensorFlow Serving's gRPC."""

from __future__ import annotations

import time
from typing import Any

import grpc

from serving import tensors
from serving.gateway import models, settings
from serving.protos import serving_pb2, stubs

_OPTIONS = (
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.max_send_message_length", 64 << 20),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.enable_http_proxy", 0),
)
_STATE = serving_pb2.ModelVersionStatus.State


class RetryBudget:
    """Retries as a share of the calls, so they cannot multiply the load of a server that is down.

    See "Addressing Cascading Failures" in Beyer et al., Site Reliability Engineering, 2016.
    """

    def __init__(self, share: float, most: float = 10.0) -> None:
        """Starts with a full budget.

        Args:
          share: of a retry that a call earns.
          most: retries that can be saved up.
        """
        self._share, self._most = share, most
        self._saved = most

    def earn(self) -> None:
        self._saved = min(self._most, self._saved + self._share)

    def spend(self) -> bool:
        """Whether one more retry is allowed, which is then spent."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True


class RemoteModel:
    """One model of a server; see `models.Model`."""

    def __init__(self, name: str, channel: grpc.aio.Channel, budget: RetryBudget) -> None:
        self.name, self._stub, self._budget = name, stubs.Stub(channel), budget

    async def predict(
        self,
        inputs: models.Inputs,
        *,
        until: float,
        version: int | None = None,
        label: str = "",
        signature: str = "",
        outputs: tuple[str, ...] = (),
    ) -> models.Answer:
        request = serving_pb2.PredictRequest(output_filter=outputs)
        request.model_spec.name, request.model_spec.signature_name = self.name, signature
        if version is not None:
            request.model_spec.version.value = version
        elif label:
            request.model_spec.version_label = label
        for name, array in inputs.items():
            tensors.fill(request.inputs[name], array)
        response = await self._call(self._stub.predict, request, until)
        try:
            found = {name: tensors.decode(tensor) for name, tensor in response.outputs.items()}
        except tensors.TensorError as error:
            raise models.ModelError("refused", f"{self.name}: {error}") from None
        return models.Answer(response.model_spec.version.value, found)

    async def states(self, seconds: float) -> dict[int, str]:
        request = serving_pb2.GetModelStatusRequest()
        request.model_spec.name = self.name
        response = await self._call(self._stub.status, request, time.monotonic() + seconds)
        return {found.version: _STATE.Name(found.state) for found in response.model_version_status}

    async def labelled(self, label: str, seconds: float) -> int:
        request = serving_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name, request.model_spec.version_label = self.name, label
        response = await self._call(self._stub.metadata, request, time.monotonic() + seconds)
        version: int = response.model_spec.version.value
        return version

    async def _call(self, method: Any, request: Any, until: float) -> Any:
        """Calls; once more if the server could not be reached: safe, as nothing changes there."""
        self._budget.earn()
        try:
            return await method(request, timeout=models.left(self.name, until))
        except grpc.aio.AioRpcError as error:
            if error.code() != grpc.StatusCode.UNAVAILABLE or not self._budget.spend():
                raise _model_error(self.name, error) from None
        try:
            return await method(request, timeout=models.left(self.name, until))
        except grpc.aio.AioRpcError as error:
            raise _model_error(self.name, error) from None


def _model_error(name: str, error: grpc.aio.AioRpcError) -> models.ModelError:
    return models.failure(name, error.code(), error.details() or "")


def connect(address: str, tls: settings.ModelsTls | None = None) -> grpc.aio.Channel:
    """A channel to a model server; several addresses behind one name share the load.

    Raises:
      OSError: a file of `tls` cannot be read.
    """
    options = (
        *_OPTIONS,
        ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),
    )
    if tls is None:
        return grpc.aio.insecure_channel(address, options=options)
    credentials = grpc.ssl_channel_credentials(
        tls.ca.read_bytes(),
        tls.key and tls.key.read_bytes(),
        tls.certificate and tls.certificate.read_bytes(),
    )
    return grpc.aio.secure_channel(address, credentials, options=options)
