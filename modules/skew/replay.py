"""Asks a release again what it was asked when a request was logged, and compares the answers.

A server that runs requests together adds in another order, so numbers may differ in their last
digits, and items whose scores are that near to each other may change places. Items are therefore
compared by their score, not by their place.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy import typing as npt

from modules import saved_recall, signatures
from modules.skew import logs

TOLERANCE = 1e-4  # of a score


@dataclasses.dataclass(frozen=True)
class Answers:
    """The answers of one model.

    Attributes:
      requests: that were asked again.
      bitwise: those that were answered with the same bits.
      unequal: those that were answered otherwise.
      greatest: the greatest absolute difference of a number in the others.
      example: what differs in the first unequal one, in words; "" where none is.
    """

    requests: int
    bitwise: int
    unequal: int
    greatest: float
    example: str


class Model:
    """A SavedModel with all its signatures."""

    def __init__(self, folder: str) -> None:
        saved_recall.import_ops(folder)
        self._model = tf.saved_model.load(folder)  # keeps the variables alive

    def __contains__(self, signature: str) -> bool:
        return signature in self._model.signatures

    def ask(
        self, signature: str, inputs: Mapping[str, npt.NDArray[Any]]
    ) -> dict[str, npt.NDArray[Any]]:
        """The outputs of a signature; inputs that it does not know are left out."""
        call = self._model.signatures[signature]
        specs = call.structured_input_signature[1]
        answer = call(
            **{name: tf.constant(inputs[name], spec.dtype) for name, spec in specs.items()}
        )
        return {name: value.numpy() for name, value in answer.items()}


def replay(model: Model, requests: Sequence[logs.Logged]) -> Answers:
    """Asks the model each request again; only outputs that were logged are compared."""
    bitwise, unequal, greatest, example = 0, 0, 0.0, ""
    for request in requests:
        now = model.ask(request.signature, request.inputs)
        if all(_same_bits(logged, now.get(name)) for name, logged in request.outputs.items()):
            bitwise += 1
            continue
        apart, wrong = _compare(request.outputs, now)
        greatest = max(greatest, apart)
        if wrong:
            unequal += 1
            example = example or f"logged at {request.seconds}: {wrong}"
    return Answers(len(requests), bitwise, unequal, greatest, example)


def _same_bits(logged: npt.NDArray[Any], now: npt.NDArray[Any] | None) -> bool:
    if now is None or logged.shape != now.shape or logged.dtype != now.dtype:
        return False
    if logged.dtype == object:
        return bool(np.array_equal(logged, now))
    return logged.tobytes() == now.tobytes()


def _compare(
    logged: Mapping[str, npt.NDArray[Any]], now: Mapping[str, npt.NDArray[Any]]
) -> tuple[float, str]:
    """(the greatest difference of a number, what is wrong); "" if nothing is."""
    greatest = 0.0
    for name, before in sorted(logged.items()):
        after = now.get(name)
        if after is None or before.shape != after.shape:
            return (
                greatest,
                f"{name} {before.shape} then, {'none' if after is None else after.shape} now",
            )
        if before.dtype == object:
            continue
        apart = float(
            np.max(np.abs(before.astype(np.float64) - after.astype(np.float64)), initial=0.0)
        )
        greatest = max(greatest, apart)
        if not apart <= (TOLERANCE if before.dtype.kind == "f" else 0):
            return greatest, f"{name} differs by {apart:.3g}"
    return greatest, _moved(logged, now)


def _moved(logged: Mapping[str, npt.NDArray[Any]], now: Mapping[str, npt.NDArray[Any]]) -> str:
    """Which text has another score than before, or none."""
    scores = logged.get(signatures.SCORE), now.get(signatures.SCORE)
    for name, before in sorted(logged.items()):
        if before.dtype != object or np.array_equal(before, now[name]):
            continue
        if scores[0] is None or scores[1] is None or scores[0].shape != before.shape:
            return f"{name} {_first(before, now[name])}"
        for row in range(len(before)):
            after = dict(zip(now[name][row], scores[1][row]))
            # one that is as good as the last may be missing
            last = scores[1][row].min(initial=np.inf)
            for item, score in zip(before[row], scores[0][row]):
                if abs(after.get(item, last) - score) > TOLERANCE:
                    return f"{name} {_first(before[row], now[name][row])}"
    return ""


def _first(before: npt.NDArray[Any], after: npt.NDArray[Any]) -> str:
    place = int(np.flatnonzero((before != after).ravel())[0])
    return f"{before.ravel()[place]!r} then, {after.ravel()[place]!r} now"
