"""Graphs as this project makes them: traced without AutoGraph, saved without Keras's own copies."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import tensorflow as tf
import tensorflow_transform as tft

function = functools.partial(tf.function, autograph=False)
"""`tf.function`, for code whose Python control flow depends on no tensor.

AutoGraph would rewrite the source of every layer that is called, at every trace, which takes about
half of the time until a first batch is learnt or a model is exported. Without it TensorFlow refuses
an `if` or a loop over a tensor (`OperatorNotAllowedInGraphError`) instead of turning it into graph
operations: use `tf.cond`, `tf.where` and `tf.while_loop`.
"""


class TransformGraph(tf.Module):
    """The Transform graph as it is part of a SavedModel: its operations, tables and vocabularies.

    TensorFlow Transform gives it as a Keras model. A tf.Module that holds one makes Keras trace and
    save that model once more, beside the functions that call it; only its resources are held here.
    """

    def __init__(self, transform: tft.TFTransformOutput) -> None:
        super().__init__()
        layer = transform.transform_features_layer()
        self._call = layer.__call__  # a function is not tracked
        # What the layer itself tracks (TFT 1.16); without it saving fails, "untracked resource".
        self._resources = layer._saved_model_loader_tracked_dict

    def __call__(self, raw: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The transformed features of raw ones; features that are missing are left out."""
        transformed: dict[str, tf.Tensor] = self._call(raw)
        return transformed
