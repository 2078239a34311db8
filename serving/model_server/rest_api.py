"""The REST API of TensorFlow Serving.

POST /v1/models/NAME[/versions/N|/labels/L]:predict, :classify or :regress
GET  /v1/models/NAME[/versions/N|/labels/L]            the state of its versions
GET  /v1/models/NAME[/versions/N|/labels/L]/metadata   its signatures
GET  /monitoring/prometheus/metrics
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import dataclasses
import json
import logging
import re
import time
import urllib.parse
from typing import Any

from google.protobuf import json_format
from starlette import applications, requests, responses, routing
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_pb2,
)

from serving.model_server import (
    connections,
    errors,
    grpc_api,
    inference,
    json_examples,
    json_tensors,
    manager,
    metrics,
    predict,
    predictor,
    servable,
)

_MODEL = (
    r"(?i:/v1/models/)(?P<name>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
)
_PREDICT = re.compile(_MODEL + r":(?P<method>classify|regress|predict)")
_LOOK = re.compile(_MODEL + r"(?P<metadata>/metadata)?")
_OF_EXAMPLES = {"classify": inference.CLASSIFY, "regress": inference.REGRESS}
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_MAX_VERSION = (1 << 63) - 1
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a request may take.

    Attributes:
      threads: requests that are worked on at once.
      max_waiting: requests that may wait for a thread; more get 429.
      max_bytes: of a body.
      seconds: for a request, also to send its body.
    """

    threads: int = 4
    max_waiting: int = 200
    max_bytes: int = 64 << 20
    seconds: float = 30.0


class RestApi:
    """The ASGI application `app`."""

    def __init__(
        self,
        models: manager.Manager,
        predictions: predictor.Predictor,
        measured: metrics.Metrics,
        limits: Limits,
    ) -> None:
        self._models, self._predictor, self._metrics, self._limits = (
            models,
            predictions,
            measured,
            limits,
        )
        self._pool = concurrent.futures.ThreadPoolExecutor(limits.threads, "rest")
        self._at_work = 0
        self.app = applications.Starlette(
            routes=[
                routing.Route(metrics.PATH, self._prometheus, methods=["GET"]),
                routing.Route("/v1/{rest:path}", self._answer, methods=_METHODS),
            ]
        )

    async def _prometheus(self, _request: requests.Request) -> responses.Response:
        return responses.Response(self._metrics.text(), media_type="text/plain; version=0.0.4")

    async def _answer(self, request: requests.Request) -> responses.Response:
        headers = {}
        try:
            content, status = await self._process(request), 200
        except Exception as error:  # noqa: BLE001 - it becomes the answer
            failure = errors.of(error)
            if failure.code == errors.Code.INTERNAL:
                _log.error("%s %s: %s", request.method, request.url.path, failure, exc_info=error)
            status, content = failure.http_status, json.dumps({"error": failure.text}).encode()
            if isinstance(failure, connections.Refused):
                headers["connection"] = "close"
        return responses.Response(content, status, headers, media_type="application/json")

    async def _process(self, request: requests.Request) -> bytes:
        path = request.scope["raw_path"].decode("ascii")
        started = time.monotonic()
        if request.method == "POST" and (match := _PREDICT.fullmatch(path)):
            body = await connections.read_body(
                request, max_bytes=self._limits.max_bytes, seconds=self._limits.seconds
            )
            return await self._in_thread(self._predict, match, body, started + self._limits.seconds)
        if request.method == "GET" and (match := _LOOK.fullmatch(path)):
            return self._metadata(match) if match["metadata"] else self._status(match)
        if request.method == "GET" and re.fullmatch("(?i)/v1/models/?", path):
            raise errors.invalid("Missing model name in request.")
        raise errors.invalid(f"Malformed request: {request.method} {path}")

    async def _in_thread(self, function: Any, *args: Any) -> bytes:
        if self._at_work >= self._limits.threads + self._limits.max_waiting:
            raise errors.ServingError(
                errors.Code.RESOURCE_EXHAUSTED,
                f"{self._at_work} requests are waiting; try again later",
            )
        self._at_work += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, function, *args)
        finally:
            self._at_work -= 1

    def _predict(self, match: re.Match[str], body: bytes, deadline: float) -> bytes:
        spec = _spec(match)
        request = json_tensors.parse(body)
        spec.signature_name = request.get(json_tensors.SIGNATURE_NAME, "")
        if method := _OF_EXAMPLES.get(match["method"]):
            (result,) = inference.run(
                self._predictor,
                [inference_pb2.InferenceTask(model_spec=spec, method_name=method)],
                json_examples.read(request),
                deadline=deadline,
                entrypoint="REST",
            )
            return json_examples.to_json(result)
        answer = self._predictor.predict(
            predictor.Call(
                spec=spec,
                signature=lambda model: _signature(model, spec.signature_name),
                inputs=lambda signature: _inputs(request, signature),
                output_filter=(),
                deadline=deadline,
                entrypoint="REST",
            )
        )
        return json_tensors.to_json(answer.outputs, rows=json_tensors.is_row_format(request))

    def _status(self, match: re.Match[str]) -> bytes:
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=_spec(match))
        return _json(grpc_api.status(self._models, request)).encode()

    def _metadata(self, match: re.Match[str]) -> bytes:
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=_spec(match), metadata_field=[grpc_api.SIGNATURE_DEF]
        )
        found = grpc_api.metadata(self._models, request)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        found.metadata[grpc_api.SIGNATURE_DEF].Unpack(signatures)
        return (
            f'{{\n"model_spec":{_json(found.model_spec, names=True)},\n'
            f'"metadata": {{"signature_def": {_json(signatures, names=True)}}}\n}}\n'
        ).encode()

    def close(self) -> None:
        """Ends the threads; no request may be under way."""
        self._pool.shutdown(wait=True)


def _spec(match: re.Match[str]) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=urllib.parse.unquote(match["name"], errors="replace"))
    if match["version"]:
        digits = match["version"].lstrip("0") or "0"  # Python refuses to read thousands of digits
        if len(digits) > len(str(_MAX_VERSION)) or int(digits) > _MAX_VERSION:
            raise errors.invalid(f"Failed to convert version: {match['version']} to numeric.")
        spec.version.value = int(digits)
    elif match["label"]:
        spec.version_label = urllib.parse.unquote(match["label"], errors="replace")
    return spec


def _signature(model: servable.Servable, name: str) -> json_tensors.Signature:
    name = name or predict.DEFAULT_SIGNATURE
    if name not in model.signatures:
        raise errors.invalid(f'Serving signature name: "{name}" not found in signature def')
    found = predict.signature(model, name)
    if not found.inputs:
        raise errors.invalid(f"Failed to get input map for signature: {name}")
    return found


def _inputs(request: dict[str, Any], signature: json_tensors.Signature) -> dict[str, Any]:
    found = json_tensors.inputs(request, signature)
    predict.check_names(signature, found)
    predict.check_types(signature, found)
    return found


def _json(message: Any, *, names: bool = False) -> str:
    text: str = json_format.MessageToJson(
        message, including_default_value_fields=True, preserving_proto_field_name=names
    )
    return text
