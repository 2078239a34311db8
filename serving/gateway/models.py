"""Calls to models via TensorFlow Serving's gRPC: deadlines, retries, versions, what went wrong."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

import grpc
from numpy import typing as npt

from serving import tensors
from serving.protos import serving_pb2, stubs

_OPTIONS = (
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.max_send_message_length", 64 << 20),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.enable_http_proxy", 0),
)
_STATE = serving_pb2.ModelVersionStatus.State


class ModelError(Exception):
    """A model gave no answer.

    Attributes:
      reason: a word for programs: `unavailable`, `deadline`, `not_found`, `overloaded`, `refused`.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a model said.

    Attributes:
      version: of the model that answered.
      outputs: arrays by name.
    """

    version: int
    outputs: dict[str, npt.NDArray[Any]]


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


def add(request: serving_pb2.PredictRequest, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Adds inputs to a request; both models get most of them."""
    for name, array in arrays.items():
        tensors.fill(request.inputs[name], array)


class Model:
    """One model of a server.

    Attributes:
      name: as models.config has it.
    """

    def __init__(self, name: str, channel: grpc.aio.Channel, budget: RetryBudget) -> None:
        self.name, self._stub, self._budget = name, stubs.Stub(channel), budget

    async def predict(
        self,
        request: serving_pb2.PredictRequest,
        *,
        until: float,
        version: int | None = None,
        label: str = "",
        signature: str = "",
        outputs: tuple[str, ...] = (),
    ) -> Answer:
        """Asks for a prediction.

        Args:
          request: its inputs; all else is set here.
          until: the deadline, as time.monotonic() counts.
          version: that has to answer; without it and a label, the newest.
          label: of the version that has to answer.
          signature: of the model; "" is serving_default.
          outputs: that are wanted; none: all.

        Raises:
          ModelError: there is no answer.
        """
        request.output_filter[:] = outputs
        request.model_spec.Clear()
        request.model_spec.name, request.model_spec.signature_name = self.name, signature
        if version is not None:
            request.model_spec.version.value = version
        elif label:
            request.model_spec.version_label = label
        response = await self._call(self._stub.predict, request, until)
        try:
            found = {name: tensors.decode(tensor) for name, tensor in response.outputs.items()}
        except tensors.TensorError as error:
            raise ModelError("refused", f"{self.name}: {error}") from None
        return Answer(response.model_spec.version.value, found)

    async def states(self, seconds: float) -> dict[int, str]:
        """The state of each version, such as AVAILABLE.

        Raises:
          ModelError: the server does not answer, or does not know the model.
        """
        request = serving_pb2.GetModelStatusRequest()
        request.model_spec.name = self.name
        response = await self._call(self._stub.status, request, time.monotonic() + seconds)
        return {found.version: _STATE.Name(found.state) for found in response.model_version_status}

    async def labelled(self, label: str, seconds: float) -> int:
        """The version that a label points to.

        Raises:
          ModelError: the server does not answer, or knows no such label.
        """
        request = serving_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name, request.model_spec.version_label = self.name, label
        response = await self._call(self._stub.metadata, request, time.monotonic() + seconds)
        version: int = response.model_spec.version.value
        return version

    async def _call(self, method: Any, request: Any, until: float) -> Any:
        """Calls; once more if the server could not be reached: safe, as nothing changes there."""
        self._budget.earn()
        try:
            return await method(request, timeout=_left(self.name, until))
        except grpc.aio.AioRpcError as error:
            if error.code() != grpc.StatusCode.UNAVAILABLE or not self._budget.spend():
                raise _model_error(self.name, error) from None
        try:
            return await method(request, timeout=_left(self.name, until))
        except grpc.aio.AioRpcError as error:
            raise _model_error(self.name, error) from None


def _left(name: str, until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise ModelError("deadline", f"{name}: no time was left to ask")
    return left


def _model_error(name: str, error: grpc.aio.AioRpcError) -> ModelError:
    reasons = {
        grpc.StatusCode.UNAVAILABLE: "unavailable",
        grpc.StatusCode.DEADLINE_EXCEEDED: "deadline",
        grpc.StatusCode.NOT_FOUND: "not_found",
        grpc.StatusCode.RESOURCE_EXHAUSTED: "overloaded",
    }
    reason = reasons.get(error.code(), "refused")
    return ModelError(reason, f"{name}: {error.code().name}: {error.details()}")


def connect(address: str) -> grpc.aio.Channel:
    """A channel to a model server; several addresses behind one name share the load."""
    return grpc.aio.insecure_channel(
        address,
        options=(
            *_OPTIONS,
            ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),
        ),
    )
