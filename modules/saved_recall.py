"""The recall SavedModel as its users see it: a batch of requests in, item ids and scores out."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

SIGNATURE = "serving_default"
ITEM_ID, SCORE = "item_id", "score"
_SCANN_OP = b"Scann>"  # how the names of its ops begin


class SavedRecall:
    """One loaded model.

    Attributes:
      inputs: names of the inputs of its signature.
    """

    def __init__(self, path: str) -> None:
        """Loads the SavedModel in the folder `path`, and ScaNN's ops first if it holds any."""
        self._model = _load(path)  # keeps the variables alive
        self._signature = self._model.signatures[SIGNATURE]
        specs = self._signature.structured_input_signature[1]
        self.inputs = tuple(sorted(specs))
        self._dtypes = {name: spec.dtype for name, spec in specs.items()}

    def __call__(self, request: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Recommends.

        Args:
          request: arrays as `modules.requests` says; those that the model does not know are left out.

        Returns:
          (ids: bytes objects [B, k], best first; scores: float32 [B, k]). Places that could not be filled
          hold the id b"".
        """
        answer = self._signature(**{n: tf.constant(request[n], self._dtypes[n]) for n in self.inputs})
        return answer[ITEM_ID].numpy(), answer[SCORE].numpy()


def input_types(path: str) -> dict[str, tuple[str, int]]:
    """(name of the dtype, rank) of each input of a SavedModel's signature, without loading its graph."""
    saved = saved_model_pb2.SavedModel.FromString(_definition(path))
    inputs = saved.meta_graphs[0].signature_def[SIGNATURE].inputs
    return {name: (tf.as_dtype(info.dtype).name, len(info.tensor_shape.dim)) for name, info in inputs.items()}


def _load(path: str) -> Any:
    if _SCANN_OP in _definition(path):
        importlib.import_module("scann")  # registers the ops of its index
    return tf.saved_model.load(path)


def _definition(path: str) -> bytes:
    """The serialized SavedModel, without its variables."""
    with tf.io.gfile.GFile(f"{path}/saved_model.pb", "rb") as file:
        return file.read()
