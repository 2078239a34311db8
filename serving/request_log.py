"""A log of randomly sampled served requests: TensorFlow Serving's PredictionLog in TFRecord files.

A request is never made to wait: it is put into a queue that a thread of its own writes from, and is
dropped, and counted, when the queue is full. The files of a model are
`<prefix>-<time>-<process>-<number>.tfrecord`. A full one is followed by the next, and the oldest
are removed, so that all together stay below a limit. When nothing can be written, because the disk
is full, logging stops and says so, and is tried again after a while; serving goes on.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import pathlib
import queue
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf
from numpy import typing as npt
from tensorflow_serving.apis import model_pb2, prediction_log_pb2
from tensorflow_serving.config import logging_config_pb2

from modules.skew import logs

WRITTEN, DROPPED, FAILED = "written", "dropped", "failed"  # what became of a sampled request
MAX_QUEUED, MAX_QUEUED_BYTES = 1000, 64 << 20
RETRY_SECONDS = 60.0  # after a failure to write
_FILES = 8  # that the limit is divided among
_END = None
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Settings:
    """What is logged of models whose `logging_config` in models.config says nothing else.

    Attributes:
      folder: of the files, whose prefix is the model's name; None: such models are not logged.
      rate: the share of requests that is logged, 0 to 1.
      max_bytes: of the files with one prefix.
    """

    folder: pathlib.Path | None = None
    rate: float = 0.01
    max_bytes: int = 256 << 20


@dataclasses.dataclass(frozen=True)
class Served:
    """A request that was answered; the arrays are not changed any more.

    Attributes:
      spec: that was asked for.
      inputs: by name.
      outputs: by name.
      version: that answered.
    """

    spec: model_pb2.ModelSpec
    inputs: Mapping[str, npt.NDArray[Any]]
    outputs: Mapping[str, npt.NDArray[Any]]
    version: int


@dataclasses.dataclass(frozen=True)
class _Record:
    served: Served
    prefix: pathlib.Path
    rate: float
    seconds: int
    size: int


class RequestLog:
    """Logs requests; `offer` may be called from any thread."""

    def __init__(
        self,
        settings: Settings,
        declared: Callable[[str], logging_config_pb2.LoggingConfig],
        count: Callable[[str, str], None],
    ) -> None:
        """Starts the thread that writes.

        Args:
          settings: for models that models.config says nothing of.
          declared: the `logging_config` of a model, which goes before.
          count: is told (model, what became of a sampled request).
        """
        self._settings, self._declared, self._count = settings, declared, count
        self._queue: queue.Queue[_Record | None] = queue.Queue(MAX_QUEUED)
        self._queued_bytes, self._lock = 0, threading.Lock()
        self._files: dict[pathlib.Path, _Files] = {}
        self._thread = threading.Thread(target=self._run, name="request log", daemon=True)
        self._thread.start()

    def offer(self, served: Served) -> None:
        """Puts the request into the queue, if chance chooses it and there is room."""
        prefix, rate = self._target(served.spec.name)
        if prefix is None or random.random() >= rate:
            return
        size = _size(served.inputs) + _size(served.outputs)
        with self._lock:
            room = self._queued_bytes + size <= MAX_QUEUED_BYTES
            if room:
                self._queued_bytes += size
        try:
            if not room:
                raise queue.Full
            self._queue.put_nowait(_Record(served, prefix, rate, int(time.time()), size))
        except queue.Full:
            if room:
                self._release(size)
            self._count(served.spec.name, DROPPED)

    def close(self) -> None:
        """Writes what is queued and ends the thread."""
        self._queue.put(_END)
        self._thread.join()

    def _target(self, model: str) -> tuple[pathlib.Path | None, float]:
        """Prefix of the files and rate of a model."""
        declared = self._declared(model)
        prefix = declared.log_collector_config.filename_prefix
        if prefix and declared.sampling_config.sampling_rate > 0:
            return pathlib.Path(prefix), declared.sampling_config.sampling_rate
        folder = self._settings.folder
        return folder and folder / _file_name(model), self._settings.rate

    def _release(self, size: int) -> None:
        with self._lock:
            self._queued_bytes -= size

    def _run(self) -> None:
        while (record := self._queue.get()) is not _END:
            self._release(record.size)
            try:
                written = self._write(record)
            except Exception:  # noqa: BLE001 - whatever is wrong with a request, the thread goes on
                _log.exception("a request of %s could not be logged", record.served.spec.name)
                written = False
            self._count(record.served.spec.name, WRITTEN if written else FAILED)
        for files in self._files.values():
            files.close()

    def _write(self, record: _Record) -> bool:
        if record.prefix not in self._files:
            self._files[record.prefix] = _Files(record.prefix, self._settings.max_bytes)
        return self._files[record.prefix].write(_serialized(record), flush=self._queue.empty())


class _Files:
    """The files of one prefix, the newest of which is written."""

    def __init__(self, prefix: pathlib.Path, max_bytes: int) -> None:
        self._prefix, self._max_bytes = prefix, max_bytes
        self._writer: tf.io.TFRecordWriter | None = None
        self._size = self._number = 0
        self._retry = 0.0  # of time.monotonic

    def write(self, record: bytes, *, flush: bool) -> bool:
        """Whether it could be written; `flush`: nothing else follows at once."""
        if time.monotonic() < self._retry:
            return False
        try:
            if self._writer is None or self._size + len(record) > self._max_bytes // _FILES:
                self._next(len(record))
            assert self._writer is not None
            self._writer.write(record)
            self._size += len(record) + logs.FRAME_BYTES
            if flush:
                self._writer.flush()
        except (tf.errors.OpError, OSError) as error:
            self._retry = time.monotonic() + RETRY_SECONDS
            self.close()
            _log.error(
                "%s: requests are NOT logged, they cannot be written; tried again in %g s: %s",
                self._prefix,
                RETRY_SECONDS,
                error,
            )
            return False
        return True

    def close(self) -> None:
        """Ends the newest file."""
        writer, self._writer = self._writer, None
        try:
            if writer is not None:
                writer.close()
        except (tf.errors.OpError, OSError) as error:
            _log.error("%s: the last logged requests are lost: %s", self._prefix, error)

    def _next(self, size: int) -> None:
        """Begins a file, and removes the oldest ones for it."""
        self.close()
        self._prefix.parent.mkdir(parents=True, exist_ok=True)
        self._remove(max(self._max_bytes // _FILES, size))
        self._number += 1
        moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        name = f"{self._prefix.name}-{moment}-{os.getpid()}-{self._number:04d}{logs.SUFFIX}"
        path = self._prefix.with_name(name)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))  # it holds profiles and histories
        self._writer, self._size = tf.io.TFRecordWriter(str(path)), 0

    def _remove(self, room: int) -> None:
        """Removes the oldest files until another one of `room` bytes stays below the limit."""
        found = sorted(
            (path.stat().st_mtime_ns, path, path.stat().st_size) for path in self._existing()
        )
        total = sum(size for _, _, size in found)
        for _, path, size in found:
            if total + room <= self._max_bytes:
                return
            path.unlink(missing_ok=True)
            total -= size

    def _existing(self) -> Iterator[pathlib.Path]:
        name = re.compile(
            re.escape(self._prefix.name) + r"-\d{8}T\d{6}-\d+-\d+" + re.escape(logs.SUFFIX)
        )
        return (path for path in self._prefix.parent.iterdir() if name.fullmatch(path.name))


def _serialized(record: _Record) -> bytes:
    served = record.served
    log = prediction_log_pb2.PredictionLog()
    log.log_metadata.model_spec.CopyFrom(served.spec)
    log.log_metadata.sampling_config.sampling_rate = record.rate
    log.log_metadata.timestamp_secs = record.seconds
    request, response = log.predict_log.request, log.predict_log.response
    request.model_spec.CopyFrom(served.spec)
    response.model_spec.CopyFrom(served.spec)
    response.model_spec.version.value = served.version
    for tensors, values in ((request.inputs, served.inputs), (response.outputs, served.outputs)):
        for name, value in values.items():
            tensors[name].CopyFrom(tf.make_tensor_proto(value))
    content: bytes = log.SerializeToString()
    return content


def _size(arrays: Mapping[str, npt.NDArray[Any]]) -> int:
    """Bytes that the values take, about."""
    return sum(
        a.nbytes + (sum(map(len, a.ravel())) if a.dtype == object else 0) for a in arrays.values()
    )


def _file_name(model: str) -> str:
    """The model's name without what a path would take for a folder."""
    return model.replace("/", "_").replace("\0", "_")
