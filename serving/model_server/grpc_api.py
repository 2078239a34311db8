"""The gRPC services of TensorFlow Serving: PredictionService, ModelService and health."""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Callable
from typing import NoReturn, TypeVar

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.model_server import errors, manager, predict, predictor

SERVICES = ("", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")
SIGNATURE_DEF = "signature_def"
_Answer = TypeVar("_Answer")


class Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata; Classify, Regress and MultiInference are UNIMPLEMENTED."""

    def __init__(self, models: manager.Manager, predictions: predictor.Predictor) -> None:
        self._models, self._predictor = models, predictions

    def Predict(
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        return _answer(context, lambda: self._predict(request, context))

    def GetModelMetadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        return _answer(context, lambda: metadata(self._models, request))

    def _predict(
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        if not request.HasField("model_spec"):
            raise errors.invalid("Missing ModelSpec")
        remaining, name = context.time_remaining(), request.model_spec.signature_name
        answer = self._predictor.predict(
            predictor.Call(
                spec=request.model_spec,
                signature=lambda model: predict.signature(model, name),
                inputs=lambda signature: predict.arrays(signature, request.inputs),
                output_filter=tuple(request.output_filter),
                deadline=None if remaining is None else time.monotonic() + remaining,
                entrypoint="GRPC",
            )
        )
        response = predict_pb2.PredictResponse()
        response.model_spec.name = request.model_spec.name
        response.model_spec.signature_name = name or predict.DEFAULT_SIGNATURE
        response.model_spec.version.value = answer.version
        for output, value in answer.outputs.items():
            predict.fill(response.outputs[output], value)
        return response


class Models(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus and HandleReloadConfigRequest.

    The latter has any folder loaded and requests logged anywhere, so it is answered only where that
    is allowed.
    """

    def __init__(self, models: manager.Manager, *, allow_reload: bool) -> None:
        self._models, self._allow_reload = models, allow_reload

    def GetModelStatus(
        self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.ServicerContext
    ) -> get_model_status_pb2.GetModelStatusResponse:
        return _answer(context, lambda: status(self._models, request))

    def HandleReloadConfigRequest(
        self, request: model_management_pb2.ReloadConfigRequest, context: grpc.ServicerContext
    ) -> model_management_pb2.ReloadConfigResponse:
        def reload() -> model_management_pb2.ReloadConfigResponse:
            if not self._allow_reload:
                raise errors.ServingError(
                    errors.Code.PERMISSION_DENIED,
                    "This server takes its configuration from its file alone; start it with "
                    "--allow-reload to change it by a request",
                )
            self._models.reload(request.config, context.time_remaining())
            response = model_management_pb2.ReloadConfigResponse()
            response.status.SetInParent()
            return response

        return _answer(context, reload)


class Health(health.HealthServicer):
    """grpc.health.v1.Health of all services at once."""

    def serving(self, yes: bool) -> None:
        """Says whether requests can be answered."""
        status = health_pb2.HealthCheckResponse
        for name in SERVICES:
            self.set(name, status.SERVING if yes else status.NOT_SERVING)


def status(
    models: manager.Manager,
    request: get_model_status_pb2.GetModelStatusRequest,
) -> get_model_status_pb2.GetModelStatusResponse:
    """The state of each version of a model, or of one."""
    if not request.HasField("model_spec"):
        raise errors.invalid("Missing ModelSpec")
    found = models.statuses(request.model_spec)
    return get_model_status_pb2.GetModelStatusResponse(model_version_status=found)


def metadata(
    models: manager.Manager,
    request: get_model_metadata_pb2.GetModelMetadataRequest,
) -> get_model_metadata_pb2.GetModelMetadataResponse:
    """The signatures of a model."""
    if not request.HasField("model_spec"):
        raise errors.invalid("Missing ModelSpec")
    if not request.metadata_field:
        raise errors.invalid("GetModelMetadataRequest must specify at least one metadata_field")
    for field in request.metadata_field:
        if field != SIGNATURE_DEF:
            raise errors.invalid(f"Metadata field {field} is not supported")
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    with models.lease(request.model_spec) as (model, version):
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for name, signature in model.signatures.items():
            signatures.signature_def[name].CopyFrom(signature)
    response.model_spec.name = request.model_spec.name
    response.model_spec.version.value = version
    response.metadata[SIGNATURE_DEF].Pack(signatures)
    return response


def make_server(
    models: manager.Manager,
    predictions: predictor.Predictor,
    healthy: Health,
    *,
    threads: int,
    max_waiting: int,
    max_bytes: int,
    allow_reload: bool,
) -> grpc.Server:
    """A server without a port.

    Args:
      models: knows the versions of all models and their states.
      predictions: runs the models.
      healthy: the health service.
      threads: requests that are worked on at once.
      max_waiting: requests that may wait for a thread; more are RESOURCE_EXHAUSTED.
      max_bytes: size of a request; larger ones are RESOURCE_EXHAUSTED.
      allow_reload: whether a request may replace the configuration.
    """
    server = grpc.server(
        concurrent.futures.ThreadPoolExecutor(threads, "grpc"),
        maximum_concurrent_rpcs=threads + max_waiting,
        options=[
            ("grpc.max_receive_message_length", max_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),
        ],
    )
    prediction = Prediction(models, predictions)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(prediction, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(
        Models(models, allow_reload=allow_reload), server
    )
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    return server


def _answer(context: grpc.ServicerContext, make: Callable[[], _Answer]) -> _Answer:
    try:
        return make()
    except errors.ServingError as error:
        _abort(context, error)


def _abort(context: grpc.ServicerContext, error: errors.ServingError) -> NoReturn:
    context.abort(error.code, error.text)
    raise AssertionError("abort raises")
