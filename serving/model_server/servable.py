"""One loaded SavedModel.

It runs in a session of its own, as in TensorFlow Serving: inputs are fed and outputs fetched by the
names of the signature, and only what the fetched outputs need is computed.

The operations of a request are many and small, so handing them from thread to thread costs more
than it brings: a run stays in the thread that asks for it, and the cores are used by several
requests. TensorFlow does that by callables, which can have no time limit. A graph without loops
needs none; one with loops could run on and on, and is run with its limit, in a pool of threads.
"""

from __future__ import annotations

import pathlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import tensorflow as tf
from numpy import typing as npt
from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
from tensorflow.python.framework import ops

from modules import saved_recall
from serving.model_server import errors

_TAGS = ["serve"]
_CALLER = -1  # TensorFlow's number for the thread that runs a callable
_MAY_RUN_ON = frozenset({"While", "StatelessWhile", "Enter", "PyFunc", "EagerPyFunc"})
_Run: TypeAlias = Callable[..., list[npt.NDArray[Any]]]
_Key: TypeAlias = tuple[
    tuple[str, ...], tuple[str, ...]
]  # names of the tensors that are fed and fetched


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
            self._graph = tf.Graph()
            self._session = tf.compat.v1.Session(
                graph=self._graph, config=tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1)
            )
            with self._graph.as_default():
                found = tf.compat.v1.saved_model.loader.load(self._session, _TAGS, str(folder))
        except Exception as error:  # whatever is wrong with a file must not take the server down
            raise errors.of(error) from error
        self.signatures: dict[str, meta_graph_pb2.SignatureDef] = dict(found.signature_def)
        self._may_run_on = not _MAY_RUN_ON.isdisjoint(_operations(found.graph_def))
        self._callables: dict[_Key, _Run] = {}
        self._making = threading.Lock()

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
        names = sorted(inputs)  # one callable, in whatever order they came
        feeds, values = _names(signature.inputs, names), [inputs[name] for name in names]
        fetches = _names(signature.outputs, outputs)
        try:
            if timeout is not None and self._may_run_on:
                limit = tf.compat.v1.RunOptions(timeout_in_ms=max(int(timeout * 1000), 1))
                given = dict(zip(feeds, values))
                found = self._session.run(fetches, given, options=limit)
            else:
                found = self._callable((feeds, fetches))(*values)
        except (tf.errors.OpError, ValueError, TypeError) as error:
            raise _run_error(error) from error
        return dict(zip(outputs, found))

    def _callable(self, key: _Key) -> _Run:
        """Runs the part of the graph that is between some tensors; made once."""
        if (found := self._callables.get(key)) is not None:
            return found
        with self._making:  # takes as long as hundreds of runs
            if (found := self._callables.get(key)) is not None:  # another thread has made it
                return found
            options = config_pb2.CallableOptions(feed=key[0], fetch=key[1])
            options.run_options.inter_op_thread_pool = _CALLER
            # the C++ session's MakeCallable, which TensorFlow has no public name for
            made: _Run = self._session._make_callable_from_options(options)
            self._callables[key] = made
        return made

    def close(self) -> None:
        """Frees what the model holds; it must not be running."""
        self._callables.clear()
        self._session.close()
        # A graph is full of cycles, and large. Without them it goes at once, and nobody has to wait
        # until the collector has walked through everything that there is.
        ops.dismantle_graph(self._graph)


def _run_error(error: Exception) -> errors.ServingError:
    if isinstance(error, tf.errors.OpError):
        return errors.of(error)
    return errors.invalid(str(error))  # values that the session cannot feed


def _names(
    tensors: Mapping[str, meta_graph_pb2.TensorInfo], names: Sequence[str]
) -> tuple[str, ...]:
    return tuple(tensors[name].name for name in names)


def _operations(graph: graph_pb2.GraphDef) -> set[str]:
    """Kinds of operations of a graph and its functions."""
    functions = (node.op for function in graph.library.function for node in function.node_def)
    return {node.op for node in graph.node}.union(functions)
