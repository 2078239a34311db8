"""The gRPC services of TensorFlow Serving: PredictionService, ModelService and health."""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeVar

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    input_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from serving.model_server import errors, inference, manager, predict, predictor

SERVICES = ("", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")
SIGNATURE_DEF = "signature_def"
_Answer = TypeVar("_Answer")


class Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict, Classify, Regress, MultiInference and GetModelMetadata."""

    def __init__(self, models: manager.Manager, predictions: predictor.Predictor) -> None:
        self._models, self._predictor = models, predictions

    def Predict(
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        return _answer(context, lambda: self._predict(request, context))

    def Classify(
        self, request: classification_pb2.ClassificationRequest, context: grpc.ServicerContext
    ) -> classification_pb2.ClassificationResponse:
        found = _answer(context, lambda: self._infer_one(request, inference.CLASSIFY, context))
        return classification_pb2.ClassificationResponse(
            model_spec=found.model_spec, result=found.classification_result
        )

    def Regress(
        self, request: regression_pb2.RegressionRequest, context: grpc.ServicerContext
    ) -> regression_pb2.RegressionResponse:
        found = _answer(context, lambda: self._infer_one(request, inference.REGRESS, context))
        return regression_pb2.RegressionResponse(
            model_spec=found.model_spec, result=found.regression_result
        )

    def MultiInference(
        self, request: inference_pb2.MultiInferenceRequest, context: grpc.ServicerContext
    ) -> inference_pb2.MultiInferenceResponse:
        found = _answer(context, lambda: self._infer(request.tasks, request.input, context))
        return inference_pb2.MultiInferenceResponse(results=found)

    def GetModelMetadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        return _answer(context, lambda: metadata(self._models, request))

    def _infer_one(
        self,
        request: classification_pb2.ClassificationRequest | regression_pb2.RegressionRequest,
        method: str,
        context: grpc.ServicerContext,
    ) -> inference_pb2.InferenceResult:
        if not request.HasField("model_spec"):
            raise errors.invalid("Missing ModelSpec")
        task = inference_pb2.InferenceTask(model_spec=request.model_spec, method_name=method)
        (found,) = self._infer([task], request.input, context)
        return found

    def _infer(
        self,
        tasks: Sequence[inference_pb2.InferenceTask],
        examples: input_pb2.Input,
        context: grpc.ServicerContext,
    ) -> list[inference_pb2.InferenceResult]:
        return inference.run(
            self._predictor, tasks, examples, deadline=_deadline(context), entrypoint="GRPC"
        )

    def _predict(
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        if not request.HasField("model_spec"):
            raise errors.invalid("Missing ModelSpec")
        name = request.model_spec.signature_name
        answer = self._predictor.predict(
            predictor.Call(
                spec=request.model_spec,
                signature=lambda model: predict.signature(model, name),
                inputs=lambda signature: predict.arrays(signature, request.inputs),
                output_filter=tuple(request.output_filter),
                deadline=_deadline(context),
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


def _deadline(context: grpc.ServicerContext) -> float | None:
    """Of time.monotonic."""
    remaining = context.time_remaining()
    return None if remaining is None else time.monotonic() + remaining


def _answer(context: grpc.ServicerContext, make: Callable[[], _Answer]) -> _Answer:
    try:
        return make()
    except errors.ServingError as error:
        _abort(context, error)


def _abort(context: grpc.ServicerContext, error: errors.ServingError) -> NoReturn:
    context.abort(error.code, error.text)
    raise AssertionError("abort raises")
