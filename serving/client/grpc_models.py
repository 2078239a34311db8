"""Model clients via TensorFlow Serving's gRPC, for TensorFlow Serving or the development server."""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping
from typing import Any

import grpc
import grpc.aio

from serving import tensors
from serving.client import errors, predictions
from serving.protos import serving_pb2, stubs

if typing.TYPE_CHECKING:
    from typing_extensions import Self, Unpack

_TIMEOUT = 5.0  # seconds
# A server that goes away says UNAVAILABLE; a prediction changes nothing, so it is safe to ask
# again. gRPC stops retrying when more than a few calls in a row fail.
_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
    "methodConfig": [
        {
            "name": [{"service": "tensorflow.serving.PredictionService"}],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.05s",
                "maxBackoff": "0.5s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
}
_CHANNEL = (("grpc.service_config", json.dumps(_CONFIG)), ("grpc.max_receive_message_length", -1))


class ModelClient:
    """Asks models; several threads may share one. To be closed, or used in a `with`."""

    def __init__(
        self,
        address: str,
        *,
        timeout: float = _TIMEOUT,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        """Makes a client; the connection is made when it is needed.

        Args:
          address: HOST:PORT of the gRPC port.
          timeout: seconds for a call.
          credentials: for TLS; without them, nothing is encrypted.
        """
        self._channel = (
            grpc.insecure_channel(address, _CHANNEL)
            if credentials is None
            else grpc.secure_channel(address, credentials, _CHANNEL)
        )
        self._stub, self._timeout = stubs.Stub(self._channel), timeout

    def predict(
        self, model: str, inputs: Mapping[str, Any], **options: Unpack[predictions.Options]
    ) -> predictions.Prediction:
        """Asks a model.

        Args:
          model: its name, such as `recall`.
          inputs: arrays or nested lists by name, all rows of a batch (see `predictions.arrays`).
          **options: see `predictions.Options`.

        Raises:
          errors.ModelError: the server refuses, fails, or is not reached in time.
        """
        request = predict_request(predictions.Target(model, **options), inputs)
        try:
            return _prediction(self._stub.predict(request, timeout=self._timeout))
        except grpc.RpcError as error:
            raise _failure(error) from error

    def versions(self, model: str) -> tuple[predictions.Version, ...]:
        """The versions of a model that the server has or had, by number."""
        try:
            return _versions(self._stub.status(_status_request(model), timeout=self._timeout))
        except grpc.RpcError as error:
            raise _failure(error) from error

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncModelClient:
    """`ModelClient` for asyncio; see there. To be made where the event loop runs."""

    def __init__(
        self,
        address: str,
        *,
        timeout: float = _TIMEOUT,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        """As `ModelClient`."""
        self._channel = (
            grpc.aio.insecure_channel(address, _CHANNEL)
            if credentials is None
            else grpc.aio.secure_channel(address, credentials, _CHANNEL)
        )
        self._stub, self._timeout = stubs.Stub(self._channel), timeout

    async def predict(
        self, model: str, inputs: Mapping[str, Any], **options: Unpack[predictions.Options]
    ) -> predictions.Prediction:
        request = predict_request(predictions.Target(model, **options), inputs)
        try:
            return _prediction(await self._stub.predict(request, timeout=self._timeout))
        except grpc.RpcError as error:
            raise _failure(error) from error

    async def versions(self, model: str) -> tuple[predictions.Version, ...]:
        try:
            return _versions(await self._stub.status(_status_request(model), timeout=self._timeout))
        except grpc.RpcError as error:
            raise _failure(error) from error

    async def close(self) -> None:
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()


def predict_request(
    target: predictions.Target, inputs: Mapping[str, Any]
) -> serving_pb2.PredictRequest:
    """The message that asks a model."""
    request = serving_pb2.PredictRequest(output_filter=target.output_filter)
    request.model_spec.name = target.model
    request.model_spec.signature_name = target.signature
    if target.version is not None:
        request.model_spec.version.value = target.version
    elif target.label is not None:
        request.model_spec.version_label = target.label
    for name, array in predictions.arrays(inputs).items():
        request.inputs[name].CopyFrom(tensors.encode(array))
    return request


def _prediction(response: serving_pb2.PredictResponse) -> predictions.Prediction:
    outputs = {name: tensors.decode(proto) for name, proto in response.outputs.items()}
    return predictions.Prediction(outputs, response.model_spec.version.value)


def _status_request(model: str) -> serving_pb2.GetModelStatusRequest:
    return serving_pb2.GetModelStatusRequest(model_spec=serving_pb2.ModelSpec(name=model))


def _versions(response: serving_pb2.GetModelStatusResponse) -> tuple[predictions.Version, ...]:
    name = serving_pb2.ModelVersionStatus.State.Name
    return tuple(
        sorted(
            (
                predictions.Version(found.version, name(found.state), found.status.error_message)
                for found in response.model_version_status
            ),
            key=lambda found: found.version,
        )
    )


def _failure(error: Any) -> errors.ModelError:
    return errors.ModelError(error.code().name, error.details() or "")
