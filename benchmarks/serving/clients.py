"""Clients that cost little: what is sent was encoded before, and answers are only looked at.

A client on the same two cores as the servers takes from what it measures.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Container
from typing import Any

import grpc
import grpc.aio
import orjson

from benchmarks.serving import open_loop, servers
from modules import features, release, request_arrays, signatures
from serving.protos import serving_pb2, stubs

SECONDS = 5.0  # that a client waits for an answer
_CHANNEL = (("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", -1))
_SHED = (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE)


class Http:
    """POST over kept connections; for answers with Content-Length, as the gateway gives them."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """(status, body) of the answer.

        Raises:
          OSError, EOFError, asyncio.TimeoutError: there is none.
        """
        return await asyncio.wait_for(self._post(path, body), SECONDS)

    async def _post(self, path: str, body: bytes) -> tuple[int, bytes]:
        reader, writer = await self._connection()
        try:
            writer.write(
                f"POST {path} HTTP/1.1\r\nHost: {servers.HOST}\r\nContent-Type: "
                f"application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            answer = await reader.readexactly(length)
        except BaseException:
            writer.close()
            raise
        self._idle.append((reader, writer))
        return int(head.split(b" ", 2)[1]), answer

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(servers.HOST, self._port)

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()


class Recommend:
    """The gateway's recommendations; `releases` are those that may answer."""

    def __init__(self, port: int, bodies: list[bytes], releases: Container[int]) -> None:
        self._http, self._bodies, self._releases = Http(port), bodies, releases

    async def __call__(self, number: int) -> open_loop.Answer:
        try:
            status, body = await self._http.post(
                "/v1/recommend", self._bodies[number % len(self._bodies)]
            )
        except (OSError, EOFError, asyncio.TimeoutError) as error:
            return open_loop.Answer(open_loop.FAILED, detail=repr(error))
        return judge(status, body, self._releases)

    def close(self) -> None:
        self._http.close()


def judge(status: int, body: bytes, releases: Container[int]) -> open_loop.Answer:
    """What the gateway's answer to a recommendation is worth; whole answers have both stages."""
    if status in (429, 503):
        return open_loop.Answer(open_loop.SHED, detail=str(status))
    if status != 200:
        return open_loop.Answer(open_loop.FAILED, detail=f"status {status}: {body[:200]!r}")
    answer = orjson.loads(body)
    if answer["degraded"]:
        return open_loop.Answer(
            open_loop.DEGRADED, answer["release"], json.dumps(answer["degraded"])
        )
    if answer["release"] not in releases:
        return open_loop.Answer(open_loop.WRONG, answer["release"], f"release {answer['release']}")
    if not answer["items"] or any(item["rank"] is None for item in answer["items"]):
        return open_loop.Answer(open_loop.DEGRADED, answer["release"], "items without a rank")
    return open_loop.Answer(open_loop.GOOD, answer["release"])


class Models:
    """The models of a server by gRPC, with requests that are encoded already."""

    def __init__(self, port: int) -> None:
        self._channel = grpc.aio.insecure_channel(f"{servers.HOST}:{port}", _CHANNEL)
        self._predict = self._channel.unary_unary(stubs.PREDICT)

    async def predict(self, request: bytes) -> serving_pb2.PredictResponse:
        """Raises grpc.RpcError."""
        return serving_pb2.PredictResponse.FromString(await self._predict(request, timeout=SECONDS))

    async def close(self) -> None:
        await self._channel.close()


class Predict:
    """One model, asked with these requests in turn."""

    def __init__(self, models: Models, requests: list[bytes]) -> None:
        self._models, self._requests = models, requests

    async def __call__(self, number: int) -> open_loop.Answer:
        try:
            response = await self._models.predict(self._requests[number % len(self._requests)])
        except grpc.RpcError as error:
            return _failure(error)
        return open_loop.Answer(open_loop.GOOD, response.model_spec.version.value)


class Pair:
    """Recall by label, then rank by the version that recall answered with, as the gateway does."""

    def __init__(self, models: Models, requests: list[bytes], releases: Container[int]) -> None:
        """Asks for recommendations of these requests.

        Args:
          models: where recall and rank are asked.
          requests: inputs of recall.
          releases: ids of the releases that may answer.
        """
        self._models, self._requests, self._releases = models, requests, releases

    async def __call__(self, number: int) -> open_loop.Answer:
        request = self._requests[number % len(self._requests)]
        try:
            recalled = await self._models.predict(request)
            ranked = await self._models.predict(rank_request(request, recalled))
        except grpc.RpcError as error:
            return _failure(error)
        version, other = recalled.model_spec.version.value, ranked.model_spec.version.value
        if version != other or version not in self._releases:
            return open_loop.Answer(open_loop.WRONG, version, f"recall {version}, rank {other}")
        return open_loop.Answer(open_loop.GOOD, version)


def rank_request(request: bytes, recalled: serving_pb2.PredictResponse) -> bytes:
    """The request that ranks what recall answered to `request`."""
    made = serving_pb2.PredictRequest.FromString(request)
    del made.inputs[request_arrays.EXCLUDE_ITEM_ID]
    made.ClearField("output_filter")
    made.model_spec.name = release.RANK
    made.model_spec.version.value = recalled.model_spec.version.value
    made.inputs[features.CANDIDATE_ITEM_ID].CopyFrom(recalled.outputs[signatures.ITEM_ID])
    made.inputs[features.RECALL_SCORE].CopyFrom(recalled.outputs[signatures.SCORE])
    content: bytes = made.SerializeToString()
    return content


def _failure(error: Any) -> open_loop.Answer:
    verdict = open_loop.SHED if error.code() in _SHED else open_loop.FAILED
    return open_loop.Answer(verdict, detail=f"{error.code().name}: {error.details()}")
