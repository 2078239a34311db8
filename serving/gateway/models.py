"""What the gateway asks of a model, wherever it runs: deadlines, versions, what went wrong.

`remote_models` asks TensorFlow Serving, `serving/embedded.py` models in this process.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import grpc
from numpy import typing as npt

Inputs: TypeAlias = Mapping[str, npt.NDArray[Any]]  # numbers, or bytes objects, by name
_REASONS = {
    grpc.StatusCode.UNAVAILABLE: "unavailable",
    grpc.StatusCode.DEADLINE_EXCEEDED: "deadline",
    grpc.StatusCode.NOT_FOUND: "not_found",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "overloaded",
}


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


class Model(Protocol):
    """A model with all its versions.

    Attributes:
      name: as models.config has it.
    """

    name: str

    async def predict(
        self,
        inputs: Inputs,
        *,
        until: float,
        version: int | None = None,
        label: str = "",
        signature: str = "",
        outputs: tuple[str, ...] = (),
    ) -> Answer:
        """Asks for a prediction.

        Args:
          inputs: of the signature.
          until: the deadline, as time.monotonic() counts.
          version: that has to answer; without it and a label, the newest.
          label: of the version that has to answer.
          signature: of the model; "" is serving_default.
          outputs: that are wanted; none: all.

        Raises:
          ModelError: there is no answer.
        """

    async def states(self, seconds: float) -> dict[int, str]:
        """The state of each version, such as AVAILABLE.

        Raises:
          ModelError: the model does not answer in so many seconds, or nobody knows it.
        """

    async def labelled(self, label: str, seconds: float) -> int:
        """The version that a label points to.

        Raises:
          ModelError: the model does not answer in so many seconds, or has no such label.
        """


def left(name: str, until: float) -> float:
    """Seconds until a deadline; raises ModelError if there are none."""
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise ModelError("deadline", f"{name}: no time was left to ask")
    return seconds


def failure(name: str, code: grpc.StatusCode, text: str) -> ModelError:
    """The error for a status of gRPC."""
    return ModelError(_REASONS.get(code, "refused"), f"{name}: {code.name}: {text}")
