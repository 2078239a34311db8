"""Requests with their candidates in a file on disk, of which training reads a batch at a time.

Memory holds one batch, however many requests there are. The file has no name: the system frees it
with the process, whatever ends it. It lies in the folder for temporary files (`TMPDIR`).
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import IO, Any

import numpy as np
import tensorflow as tf
from numpy import typing as npt

from modules.ranking import model as model_lib

Inputs = dict[str, npt.NDArray[Any]]


class Spool:
    """Batches as they come, whose widths differ, until all of them are known.

    A batch's arrays have one row a request; the names, dtypes and numbers of axes are the same in
    all batches.
    """

    def __init__(self) -> None:
        self._file = _unnamed_file()
        self._widest: dict[str, tuple[int, ...]] = {}
        self._dtypes: dict[str, np.dtype[Any]] = {}
        self._shapes: list[list[tuple[int, ...]]] = []
        self.size = 0  # requests

    def add(self, batch: Inputs) -> None:
        """Appends a batch."""
        for name, values in batch.items():
            known = self._widest.get(name, values.shape[1:])
            self._widest[name] = tuple(np.maximum(known, values.shape[1:]))
            self._dtypes.setdefault(name, values.dtype)
        with _named_when_full():
            for name in self._dtypes:
                self._file.write(batch[name].tobytes())
        self._shapes.append([batch[name].shape for name in self._dtypes])
        self.size += len(next(iter(batch.values())))

    def record(self) -> np.dtype[Any]:
        """Of one request, wide enough for all."""
        return np.dtype([(n, dtype, self._widest[n]) for n, dtype in self._dtypes.items()])

    def __iter__(self) -> Iterator[Inputs]:
        """The batches, once."""
        self._file.seek(0)
        for shapes in self._shapes:
            yield {n: self._read(t, s) for (n, t), s in zip(self._dtypes.items(), shapes)}

    def _read(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
        size = math.prod(shape) * dtype.itemsize
        return np.frombuffer(self._file.read(size), dtype).reshape(shape)


class Lists:
    """Requests with their candidates.

    Attributes:
      size: their number.
      sample: the raw inputs of the first of them, as `request_graph.input_specs` says.
    """

    def __init__(self, spool: Spool, sample: Inputs, change: Callable[[Inputs], Inputs]) -> None:
        """Writes the requests, each padded on the right to the widest.

        Args:
          spool: the requests.
          sample: see the class.
          change: done to each batch before it is written.

        Raises:
          OSError: the folder for temporary files is full.
        """
        self.size, self.sample = spool.size, sample
        self._record, self._file = spool.record(), _unnamed_file()
        with _named_when_full(self.size * self._record.itemsize):
            for batch in spool:
                self._file.write(_padded(change(batch), self._record).tobytes())
            self._file.flush()

    def rows(self, chosen: npt.NDArray[np.integer[Any]]) -> Inputs:
        """Requests by their numbers, int [n]: arrays [n, ...] by name."""
        found = np.empty(len(chosen), self._record)
        size = self._record.itemsize
        for place, row in zip(found.view(np.uint8).reshape(len(chosen), size), chosen):
            if os.preadv(self._file.fileno(), [place], int(row) * size) != size:
                raise IndexError(f"Request {row}: expected 0 to {self.size - 1}.")
        return {name: found[name] for name in self._record.names or ()}

    def spread(self, most: int) -> Inputs:
        """At most so many requests, evenly spread over all of them; arrays as of `rows`."""
        return self.rows(np.linspace(0, self.size - 1, min(self.size, most)).round().astype(int))

    def batches(self, size: int, order: npt.NDArray[np.int64] | None = None) -> tf.data.Dataset:
        """Batches of `size` requests, the last smaller; in their order, or as int64 [n] says."""
        fields = {name: self._record[name] for name in self._record.names or ()}
        dtypes = [tf.as_dtype(field.base) for field in fields.values()]

        def read(chosen: tf.Tensor) -> dict[str, tf.Tensor]:
            values = tf.numpy_function(
                lambda rows: list(self.rows(rows).values()), [chosen], dtypes
            )
            return {
                name: tf.ensure_shape(value, [None, *field.shape])
                for (name, field), value in zip(fields.items(), values, strict=True)
            }

        numbers = np.arange(self.size) if order is None else order
        return tf.data.Dataset.from_tensor_slices(numbers).batch(size).map(read).prefetch(2)


def _padded(batch: Inputs, record: np.dtype[Any]) -> npt.NDArray[np.void]:
    """A batch as records, padded on the right: -1 where a list may hold a 0, else 0."""
    found = np.zeros(len(next(iter(batch.values()))), record)
    for name, values in batch.items():
        lists = name.startswith("user_") and values.ndim == 2 and values.dtype == np.int64
        if lists or name == model_lib.TARGET:
            found[name] = -1
        found[name][tuple(slice(0, n) for n in values.shape)] = values
    return found


def _unnamed_file() -> IO[bytes]:
    return tempfile.TemporaryFile(prefix="recsys-lists-")


@contextlib.contextmanager
def _named_when_full(needed: int | None = None) -> Iterator[None]:
    """Says of a full disk which folder is meant, and how many bytes are needed if that is known."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        size = f" of {needed / 2**30:.1f} GiB" if needed else ""
        raise OSError(
            errno.ENOSPC,
            f"no space left for the ranker's lists{size}; set TMPDIR to a folder with more",
            tempfile.gettempdir(),
        ) from error
