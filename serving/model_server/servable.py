"""One loaded SavedModel.

It runs in a session of its own, as in TensorFlow Serving: inputs are fed and outputs fetched by the
names of the signature, only what the fetched outputs need is computed, and a run can be given a
time limit.

The operations of a request are many and small. Handing them from thread to thread costs more than
it brings, so each run has one thread, and the cores are used by several requests.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import queue
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf
from numpy import typing as npt
from tensorflow.core.protobuf import meta_graph_pb2

from modules import saved_recall
from serving.model_server import errors

_TAGS = ["serve"]
_THREADS = 2 * (os.cpu_count() or 1)  # runs that have a thread each; more at once share a pool


class _Threads:
    """TensorFlow thread pools for this process's sessions: one shared, then many of one thread."""

    def __init__(self, number: int) -> None:
        self.config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1)
        for place in range(number + 1):  # loading takes the first; 0 threads are as many as cores
            self.config.session_inter_op_thread_pool.add(
                num_threads=1 if place else 0, global_name=f"serving-{place}"
            )
        # the last used one first: its caches are warm
        self._free: queue.LifoQueue[int] = queue.LifoQueue()
        for place in range(number, 0, -1):
            self._free.put(place)

    @contextlib.contextmanager
    def one(self) -> Iterator[int]:
        """The number of a pool for a run."""
        try:
            place = self._free.get_nowait()
        except queue.Empty:
            yield 0
            return
        try:
            yield place
        finally:
            self._free.put(place)


_threads = _Threads(_THREADS)


class Servable:
    """A SavedModel that can be run.

    Attributes:
      signatures: its SignatureDefs by name.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        """Loads the SavedModel.

        Raises:
          ServingError: it is cut off, or cannot be loaded for another reason.
        """
        try:
            saved_recall.import_ops(str(folder))
            graph = tf.Graph()
            self._session = tf.compat.v1.Session(graph=graph, config=_threads.config)
            with graph.as_default():
                found = tf.compat.v1.saved_model.loader.load(self._session, _TAGS, str(folder))
        except Exception as error:  # whatever is wrong with a file must not take the server down
            raise errors.of(error) from error
        self.signatures: dict[str, meta_graph_pb2.SignatureDef] = dict(found.signature_def)

    def run(
        self,
        signature: meta_graph_pb2.SignatureDef,
        inputs: Mapping[str, npt.NDArray[Any]],
        outputs: Sequence[str],
        timeout: float | None,
    ) -> dict[str, npt.NDArray[Any]]:
        """Computes outputs by their name in the signature.

        Args:
          signature: one of `signatures`.
          inputs: checked against the signature, by name.
          outputs: names of the outputs to compute.
          timeout: seconds; None for no limit.

        Raises:
          ServingError: DEADLINE_EXCEEDED, or whatever the graph says to these inputs.
        """
        feeds = {signature.inputs[name].name: value for name, value in inputs.items()}
        fetches = {name: signature.outputs[name].name for name in outputs}
        limit = 0 if timeout is None else max(int(timeout * 1000), 1)  # 0 for none
        try:
            with _threads.one() as pool:
                options = tf.compat.v1.RunOptions(timeout_in_ms=limit, inter_op_thread_pool=pool)
                found: dict[str, npt.NDArray[Any]] = self._session.run(
                    fetches, feeds, options=options
                )
                return found
        except (tf.errors.OpError, ValueError, TypeError) as error:
            raise _run_error(error) from error

    def close(self) -> None:
        """Frees what the model holds; it must not be running."""
        self._session.close()


def _run_error(error: Exception) -> errors.ServingError:
    if isinstance(error, tf.errors.OpError):
        return errors.of(error)
    return errors.invalid(str(error))  # values that the session cannot feed
