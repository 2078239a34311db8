"""Requests that arrive together run together, as TensorFlow Serving's `batching_parameters` say.

The first request of a batch waits `batch_timeout_micros` for others, and for one of
`num_batch_threads` places to run; then it runs the batch and hands out the rows. Only requests of
one signature, one choice of outputs and one shape (but for the number of rows) go together: nothing
is padded, since what is a padding differs from input to input.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy import typing as npt
from tensorflow.core.protobuf import meta_graph_pb2

from modules import strict
from serving.model_server import errors, servable

_WRAPPED = re.compile(r"(\w+)\s*\{\s*value\s*:\s*(\d+)\s*\}|(\w+)\s*:\s*(\d+)|\s+")


@dataclasses.dataclass(frozen=True)
class Parameters:
    """TensorFlow Serving's BatchingParameters, with its defaults.

    Attributes:
      max_batch_size: rows of a batch; a request with more is refused.
      batch_timeout_micros: how long a batch waits for more requests.
      max_enqueued_batches: batches that may wait; requests for more are UNAVAILABLE.
      num_batch_threads: batches that run at once.
      allowed_batch_sizes: a batch is filled up to the next of them; none for any size.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = dataclasses.field(default_factory=lambda: os.cpu_count() or 1)
    allowed_batch_sizes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if min(self.max_batch_size, self.max_enqueued_batches, self.num_batch_threads) < 1:
            raise ValueError(f"expected sizes and numbers of at least 1, found {self}")
        sizes = self.allowed_batch_sizes
        if sizes and (list(sizes) != sorted(set(sizes)) or sizes[-1] != self.max_batch_size):
            raise ValueError(
                f"allowed_batch_sizes must rise and end with max_batch_size "
                f"{self.max_batch_size}, found {list(sizes)}"
            )


def read(path: pathlib.Path) -> Parameters:
    """Reads a --batching_parameters_file.

    Raises:
      ServingError: INVALID_ARGUMENT, it cannot be used.
    """
    try:
        text = re.sub("#.*", "", path.read_text(encoding="utf-8"))
        values: dict[str, Any] = {}
        place = 0
        while place < len(text):
            match = _WRAPPED.match(text, place)
            if match is None:
                found = text[place : place + 40]
                raise ValueError(f"expected `name {{ value: N }}` or `name: N`, found {found!r}")
            place = match.end()
            if match[1]:
                values[match[1]] = int(match[2])
            elif match[3]:
                values.setdefault(match[3], []).append(int(match[4]))
        return strict.read(Parameters, values)
    except (OSError, ValueError) as error:
        raise errors.invalid(f"{path}: {error}") from None


class _Task:
    """A request in a batch; `done` is set when it has an answer or an error."""

    def __init__(
        self, inputs: Mapping[str, npt.NDArray[Any]], rows: int, timeout: float | None
    ) -> None:
        self.inputs, self.rows = inputs, rows
        self.deadline = None if timeout is None else time.monotonic() + timeout
        self.done = threading.Event()
        self.answer: dict[str, npt.NDArray[Any]] = {}
        self.error: errors.ServingError | None = None


class _Batch:
    def __init__(self) -> None:
        self.tasks: list[_Task] = []
        self.rows = 0
        self.full = threading.Event()


class BatchingServable(servable.Servable):
    """A model whose runs are batched."""

    def __init__(self, folder: pathlib.Path, parameters: Parameters) -> None:
        super().__init__(folder)
        self._parameters = parameters
        self._lock = threading.Lock()
        self._places = threading.Semaphore(parameters.num_batch_threads)
        self._open: dict[tuple[Any, ...], _Batch] = {}
        self._waiting = 0

    def run(
        self,
        signature: meta_graph_pb2.SignatureDef,
        inputs: Mapping[str, npt.NDArray[Any]],
        outputs: Sequence[str],
        timeout: float | None,
    ) -> dict[str, npt.NDArray[Any]]:
        if not inputs:
            return super().run(signature, inputs, outputs, timeout)
        task = _Task(inputs, self._rows(inputs), timeout)
        # with their names, by which a batch is answered: signatures may share tensors
        shapes = tuple(
            (name, signature.inputs[name].name, inputs[name].shape[1:]) for name in sorted(inputs)
        )
        key = (shapes, tuple((name, signature.outputs[name].name) for name in outputs))
        batch, first = self._join(key, task)
        if first:
            self._lead(key, batch, signature, outputs)
        elif not task.done.wait(timeout):
            raise errors.ServingError(
                errors.Code.DEADLINE_EXCEEDED, "Deadline exceeded while in a batch"
            )
        if task.error is not None:
            raise task.error
        return task.answer

    def _rows(self, inputs: Mapping[str, npt.NDArray[Any]]) -> int:
        if any(not value.ndim for value in inputs.values()):
            raise errors.invalid("Batching Run() input tensors must have at least one dimension")
        rows = {len(value) for value in inputs.values()}
        if len(rows) > 1:
            raise errors.invalid("Batching Run() input tensors must have equal 0th-dimension size")
        if max(rows) > self._parameters.max_batch_size:
            raise errors.invalid(
                f"Task size {max(rows)} is larger than maximum input batch size "
                f"{self._parameters.max_batch_size}"
            )
        return max(rows)

    def _join(self, key: tuple[Any, ...], task: _Task) -> tuple[_Batch, bool]:
        """The batch that the task is in now, and whether it is the first."""
        with self._lock:
            batch = self._open.get(key)
            first = batch is None or batch.rows + task.rows > self._parameters.max_batch_size
            if first:
                if self._waiting >= self._parameters.max_enqueued_batches:
                    raise errors.ServingError(
                        errors.Code.UNAVAILABLE,
                        "The batch scheduling queue to which this task was submitted is full",
                    )
                if batch is not None:
                    batch.full.set()
                batch = self._open[key] = _Batch()
                self._waiting += 1
            assert batch is not None
            batch.tasks.append(task)
            batch.rows += task.rows
            if batch.rows == self._parameters.max_batch_size:
                batch.full.set()
            return batch, first

    def _lead(
        self,
        key: tuple[Any, ...],
        batch: _Batch,
        signature: meta_graph_pb2.SignatureDef,
        outputs: Sequence[str],
    ) -> None:
        """Waits, then runs the batch for all that have joined it."""
        batch.full.wait(self._parameters.batch_timeout_micros / 1e6)
        with self._places:
            with self._lock:
                self._waiting -= 1
                if self._open.get(key) is batch:
                    del self._open[key]
            try:
                self._run_batch(batch, signature, outputs)
            except Exception as error:  # noqa: BLE001 - everybody in the batch has to hear of it
                for task in batch.tasks:
                    task.error = errors.of(error)
            for task in batch.tasks:
                task.done.set()

    def _run_batch(
        self, batch: _Batch, signature: meta_graph_pb2.SignatureDef, outputs: Sequence[str]
    ) -> None:
        allowed = (size for size in self._parameters.allowed_batch_sizes if size >= batch.rows > 0)
        size = next(allowed, batch.rows)
        # the last one again and again, to fill up
        rows = np.minimum(np.arange(size), batch.rows - 1)
        inputs = {
            name: np.concatenate([task.inputs[name] for task in batch.tasks])[rows]
            for name in batch.tasks[0].inputs
        }
        answer = super().run(signature, inputs, outputs, _seconds_left(batch.tasks))
        start = 0
        for task in batch.tasks:
            for name, value in answer.items():
                if not value.ndim or len(value) != size:
                    raise errors.ServingError(
                        errors.Code.FAILED_PRECONDITION,
                        "Batched output tensor's 0th dimension does not "
                        "equal the sum of the 0th dimension sizes of the input tensors",
                    )
                task.answer[name] = value[start : start + task.rows]
            start += task.rows


def _seconds_left(tasks: Sequence[_Task]) -> float | None:
    """Until the last deadline of a batch; None if a task has none."""
    deadlines = [task.deadline for task in tasks if task.deadline is not None]
    if len(deadlines) < len(tasks):
        return None
    left = max(deadlines) - time.monotonic()
    if left <= 0:
        raise errors.ServingError(
            errors.Code.DEADLINE_EXCEEDED, "Deadline exceeded while waiting in a batch"
        )
    return left
