"""Graphs as this project makes them: traced without AutoGraph, saved without Keras's own copies."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow.core.framework import graph_pb2

function = functools.partial(tf.function, autograph=False)
"""`tf.function`, for code whose Python control flow depends on no tensor.

AutoGraph would rewrite the source of every layer that is called, at every trace, which takes about
half of the time until a first batch is learnt or a model is exported. Without it TensorFlow refuses
an `if` or a loop over a tensor (`OperatorNotAllowedInGraphError`) instead of turning it into graph
operations: use `tf.cond`, `tf.where` and `tf.while_loop`.
"""

_Values: TypeAlias = "tf.Tensor | tf.RaggedTensor"


class TransformGraph(tf.Module):
    """The Transform graph as it is part of a SavedModel: its operations, tables and vocabularies.

    TensorFlow Transform gives it as a Keras layer, which calls it as a function. TensorFlow cannot
    inline that function ("can't guarantee execution of a side-effectful node": it looks up tables
    and has no control outputs), so that each request would start it apart, and nothing in it would
    be optimised together with what is made of it. Here its operations are put into the graph that
    calls it. And a tf.Module that holds a Keras layer makes Keras trace and save it once more.
    """

    def __init__(self, transform: tft.TFTransformOutput) -> None:
        super().__init__()
        # tracked, with its tables; without them saving fails, "untracked resource"
        self._loaded = tf.saved_model.load(transform.transform_savedmodel_dir)
        self._operations = _Operations(self._loaded.transform_fn.graph)

    def __call__(self, raw: Mapping[str, _Values]) -> dict[str, _Values]:
        """The transformed features of raw ones; what needs features that are missing is left out.

        Raises:
          ValueError: a feature is none that Transform takes.
        """
        if tf.executing_eagerly():
            transformed: dict[str, _Values] = function(self._operations.put)(dict(raw))
            return transformed
        return self._operations.put(raw)


class _Operations:
    """The operations of a function of one dictionary, to be put into other graphs."""

    def __init__(self, graph: Any) -> None:
        """`graph` is that of the function (a FuncGraph), whose tables are only read.

        The order in which they are looked up says nothing, so all control dependencies go; they
        would make each output wait for all lookups, and need all features.
        """
        self._captured = [
            (inside.name, outside)
            for inside, outside in zip(graph.internal_captures, graph.external_captures)
        ]
        self._definition = graph.as_graph_def()
        for node in self._definition.node:
            data = [source for source in node.input if not source.startswith("^")]
            node.ClearField("input")
            node.input.extend(data)
        (specs,), _ = graph.structured_input_signature
        tensors = iter(graph.inputs)  # in the order of the names; the captured ones come last
        self._inputs = {
            name: [next(tensors).name for _ in _flat(specs[name])] for name in sorted(specs)
        }
        self._outputs = tf.nest.pack_sequence_as(
            graph.structured_outputs, graph.outputs, expand_composites=True
        )
        self._needed = {
            name: self._reached([tensor.op.name for tensor in _flat(found)])
            for name, found in self._outputs.items()
        }

    def put(self, given: Mapping[str, _Values]) -> dict[str, _Values]:
        """Puts those that `given` suffices for into the graph that is being made."""
        if unknown := given.keys() - self._inputs.keys():
            raise ValueError(
                f"Transform: found {sorted(unknown)}, expected some of {sorted(self._inputs)}."
            )
        values = {
            tensor: value
            for name, found in given.items()
            for tensor, value in zip(self._inputs[name], _flat(found), strict=True)
        }
        lacking = {
            _node(tensor)
            for name in self._inputs.keys() - given.keys()
            for tensor in self._inputs[name]
        }
        wanted = {
            name: found
            for name, found in self._outputs.items()
            if lacking.isdisjoint(self._needed[name])
        }
        needed = set().union(*(self._needed[name] for name in wanted))
        graph = tf.compat.v1.get_default_graph()
        values |= {tensor: graph.capture(outside) for tensor, outside in self._captured}
        outputs = _flat(wanted)
        made = tf.graph_util.import_graph_def(
            self._part(needed),
            {tensor: value for tensor, value in values.items() if _node(tensor) in needed},
            [tensor.name for tensor in outputs],
            name="transform",
        )
        for ours, theirs in zip(made, outputs):
            ours.set_shape(theirs.shape)
        packed: dict[str, _Values] = tf.nest.pack_sequence_as(wanted, made, expand_composites=True)
        return packed

    def _part(self, names: set[str]) -> graph_pb2.GraphDef:
        nodes = [node for node in self._definition.node if node.name in names]
        return graph_pb2.GraphDef(
            node=nodes, library=self._definition.library, versions=self._definition.versions
        )

    def _reached(self, names: Sequence[str]) -> set[str]:
        """The nodes of these names, and all that they depend on."""
        nodes = {node.name: node for node in self._definition.node}
        found, waiting = set(names), list(names)
        while waiting:
            sources = set(map(_node, nodes[waiting.pop()].input)) - found
            found |= sources
            waiting += sources
        return found


def _node(tensor: str) -> str:
    """The node that makes the tensor of a name."""
    return tensor.split(":", maxsplit=1)[0]


def _flat(values: Any) -> list[Any]:
    """The tensors of a structure, also those of ragged ones."""
    found: list[Any] = tf.nest.flatten(values, expand_composites=True)
    return found
