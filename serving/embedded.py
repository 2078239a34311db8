"""Models in this process: no call leaves it, and none of its arrays is copied into a message.

TensorFlow Serving's protocols are answered, too, by the same models. Imports TensorFlow.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import sys
from typing import Any

from numpy import typing as npt
from tensorflow_serving.apis import get_model_status_pb2, model_pb2

from modules import release
from serving import deadlines, request_log
from serving.gateway import models, settings
from serving.model_server import errors, predict, predictor, server

_STATE = get_model_status_pb2.ModelVersionStatus.State
_ENTRYPOINT = "EMBEDDED"
# How long a thread that runs Python may keep the others waiting, instead of 5 ms: a request changes
# between the event loop and a model several times, and waits each time while a release is loaded.
_SWITCH_SECONDS = 0.0005


class Engine:
    """A model server whose models can be asked without a call over the network.

    Attributes:
      server: its parts.
    """

    def __init__(self, given: settings.Settings) -> None:
        """Takes the ports; nothing is loaded yet.

        Raises:
          ServingError: the configuration of the models cannot be used.
          OSError: a port is taken.
        """
        about = given.embedded or settings.Embedded()
        self.server = server.Server(
            server.Settings(
                config=given.releases / release.POINTER,
                host=about.host,
                grpc_port=about.grpc_port,
                rest_port=about.rest_port,
                poll_seconds=given.poll_seconds,
                drain_seconds=given.drain_seconds,
                log=request_log.Settings(about.request_log, about.request_log_rate),
            )
        )
        sys.setswitchinterval(_SWITCH_SECONDS)
        self._threads = given.limits.concurrent  # one for each recommendation that is worked on
        self._pool = concurrent.futures.ThreadPoolExecutor(self._threads, "predict")
        self._late = 0

    def start(self) -> None:
        """Loads the models and listens."""
        self.server.start()

    def stop(self) -> None:
        """Answers what is under way, and frees the models."""
        self.server.stop()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def model(self, name: str) -> EmbeddedModel:
        """One of its models."""
        return EmbeddedModel(name, self)

    async def run(self, call: predictor.Call, until: float) -> predictor.Answer:
        """Runs a prediction in a thread of its own.

        Raises:
          ModelError: it was not done by `until`, which goes on in its thread, or all threads have
              predictions that are late so.
          ServingError: it failed.
        """
        name = call.spec.name
        if self._late >= self._threads:
            raise models.ModelError(
                "overloaded", f"{name}: {self._late} predictions are late and still run"
            )
        seconds = models.left(name, until)
        running = self._pool.submit(self.server.predictions.predict, call)
        try:
            return await deadlines.result(asyncio.wrap_future(running), seconds)
        except TimeoutError:
            if running.running():
                self._late += 1
                loop = asyncio.get_running_loop()
                running.add_done_callback(lambda _: loop.call_soon_threadsafe(self._is_over))
            raise models.ModelError(
                "deadline", f"{name}: no answer within {seconds:.3g} s"
            ) from None

    def _is_over(self) -> None:
        self._late -= 1


class EmbeddedModel:
    """One model of this process; see `models.Model`."""

    def __init__(self, name: str, engine: Engine) -> None:
        self.name, self._engine = name, engine

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
        spec = self._spec(version, label)

        def checked(found: predictor.Signature) -> dict[str, npt.NDArray[Any]]:
            predict.check_names(found, inputs)
            predict.check_types(found, inputs)
            return dict(inputs)  # the request log may read them later

        call = predictor.Call(
            spec=spec,
            signature=lambda model: predict.signature(model, signature),
            inputs=checked,
            output_filter=outputs,
            deadline=until,
            entrypoint=_ENTRYPOINT,
        )
        try:
            answer = await self._engine.run(call, until)
        except errors.ServingError as error:
            raise models.failure(self.name, error.code, error.text) from None
        return models.Answer(answer.version, dict(answer.outputs))

    async def states(self, seconds: float) -> dict[int, str]:
        del seconds  # nobody has to be waited for
        try:
            found = self._engine.server.models.statuses(self._spec())
        except errors.ServingError as error:
            raise models.failure(self.name, error.code, error.text) from None
        return {status.version: _STATE.Name(status.state) for status in found}

    async def labelled(self, label: str, seconds: float) -> int:
        del seconds
        try:
            with self._engine.server.models.lease(self._spec(label=label)) as (_, number):
                return number
        except errors.ServingError as error:
            raise models.failure(self.name, error.code, error.text) from None

    def _spec(self, version: int | None = None, label: str = "") -> model_pb2.ModelSpec:
        spec = model_pb2.ModelSpec(name=self.name)
        if version is not None:
            spec.version.value = version
        elif label:
            spec.version_label = label
        return spec
