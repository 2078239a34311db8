"""The requests that a server logged: PredictionLogs in TFRecord files.

A server that is killed leaves a record half written at the end of a file; what is before it is
read.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from google.protobuf import message
from numpy import typing as npt
from tensorflow_serving.apis import prediction_log_pb2

from modules import signatures

SUFFIX = ".tfrecord"
FRAME_BYTES = 16  # that a TFRecord file adds to a record


class LogsError(ValueError):
    """A folder without usable logs. The message says which, what is wrong and the remedy."""


@dataclasses.dataclass(frozen=True)
class Logged:
    """A request that was answered.

    Attributes:
      model: its name.
      signature: of the model.
      version: that answered.
      seconds: Unix time at which it was logged.
      inputs: by name, the first axis is the request's batch.
      outputs: by name, the first axis is the request's batch.
    """

    model: str
    signature: str
    version: int
    seconds: int
    inputs: dict[str, npt.NDArray[Any]]
    outputs: dict[str, npt.NDArray[Any]]


@dataclasses.dataclass(frozen=True)
class Logs:
    """All requests of a folder.

    Attributes:
      requests: in the order in which they were logged.
      cut_off: files whose end could not be read.
    """

    requests: tuple[Logged, ...]
    cut_off: tuple[pathlib.Path, ...]

    def of(self, model: str, signature: str = signatures.DEFAULT) -> list[Logged]:
        """Those of one signature of a model."""
        return [r for r in self.requests if (r.model, r.signature) == (model, signature)]


def read(folder: pathlib.Path) -> Logs:
    """Reads all files of a folder and of those below it.

    Raises:
      LogsError: there is no request in it.
    """
    files = sorted(folder.rglob(f"*{SUFFIX}"))
    requests: list[Logged] = []
    cut_off = []
    for path in files:
        try:
            requests += _records(path)
        except _CutOff as end:
            requests += end.before
            cut_off.append(path)
    if not requests:
        raise LogsError(
            f"{folder}: expected files that `python -m serving.model_server --request-log` wrote "
            f"(*{SUFFIX}), found {len(files)} without a request. Log some first, or name another "
            "folder."
        )
    return Logs(tuple(sorted(requests, key=lambda request: request.seconds)), tuple(cut_off))


class _CutOff(Exception):
    """The rest of a file cannot be read; `before` can."""

    def __init__(self, before: list[Logged]) -> None:
        super().__init__()
        self.before = before


def _records(path: pathlib.Path) -> list[Logged]:
    found: list[Logged] = []
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            log = prediction_log_pb2.PredictionLog.FromString(record)
            if log.WhichOneof("log_type") == "predict_log":
                found.append(_logged(log))
    except (tf.errors.DataLossError, message.DecodeError):
        raise _CutOff(found) from None
    return found


def _logged(log: prediction_log_pb2.PredictionLog) -> Logged:
    request, response = log.predict_log.request, log.predict_log.response
    return Logged(
        model=request.model_spec.name,
        signature=request.model_spec.signature_name or signatures.DEFAULT,
        version=response.model_spec.version.value,
        seconds=log.log_metadata.timestamp_secs,
        inputs=dict(_arrays(request.inputs)),
        outputs=dict(_arrays(response.outputs)),
    )


def _arrays(tensors: dict[str, tf.compat.v1.TensorProto]) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    for name, tensor in tensors.items():
        yield name, tf.make_ndarray(tensor)
