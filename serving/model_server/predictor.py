"""Predict, as gRPC and REST share it: find the model, check the inputs, run, count."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from numpy import typing as npt
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import model_pb2

from serving import request_log
from serving.model_server import errors, manager, metrics, predict, servable

Signature: TypeAlias = meta_graph_pb2.SignatureDef
_UNKNOWN = "unknown"  # counted for names that clients made up


@dataclasses.dataclass(frozen=True)
class Call:
    """What gRPC and REST read differently.

    Attributes:
      spec: the model, its version and signature.
      signature: finds the signature in a model.
      inputs: reads and checks the inputs, given the signature.
      output_filter: names of the outputs; none for all.
      deadline: of time.monotonic, or None.
      entrypoint: GRPC or REST.
      logged: whether it may be among the requests that are logged.
    """

    spec: model_pb2.ModelSpec
    signature: Callable[[servable.Servable], Signature]
    inputs: Callable[[Signature], dict[str, npt.NDArray[Any]]]
    output_filter: Sequence[str]
    deadline: float | None
    entrypoint: str
    logged: bool = True


@dataclasses.dataclass(frozen=True)
class Answer:
    """Outputs by name, and the version that computed them."""

    outputs: dict[str, npt.NDArray[Any]]
    version: int


class Predictor:
    """Answers predictions; may be used from any thread."""

    def __init__(
        self, models: manager.Manager, measured: metrics.Metrics, log: request_log.RequestLog
    ) -> None:
        self._models, self._metrics, self._log = models, measured, log

    def predict(self, call: Call) -> Answer:
        """Computes an answer.

        Raises:
          ServingError: with TensorFlow Serving's code and text.
        """
        started, code = time.monotonic(), errors.Code.OK
        try:
            return self._predict(call)
        except Exception as error:
            code = errors.of(error).code
            raise errors.of(error) from error
        finally:
            name = call.spec.name if self._models.knows(call.spec.name) else _UNKNOWN
            self._metrics.requested(name, call.entrypoint, code.name, time.monotonic() - started)

    def _predict(self, call: Call) -> Answer:
        with self._models.lease(call.spec) as (model, version):
            signature = call.signature(model)
            inputs = call.inputs(signature)
            wanted = predict.outputs(signature, call.output_filter)
            started = time.monotonic()
            outputs = predict.run(model, signature, inputs, wanted, call.deadline)
            self._metrics.ran(call.spec.name, time.monotonic() - started)
        if call.logged:
            self._log.offer(request_log.Served(call.spec, inputs, outputs, version))
        return Answer(outputs, version)
