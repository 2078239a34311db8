"""The recall SavedModel as its users see it: a batch of requests in, item ids and scores out."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy import typing as npt
from tensorflow.core.protobuf import saved_model_pb2

from modules import signatures

_SCANN_OP = b"Scann>"  # how the names of its ops begin


class SavedRecall:
    """One loaded model.

    Attributes:
      inputs: names of the inputs of its signature.
    """

    def __init__(self, path: str) -> None:
        """Loads the SavedModel in the folder `path`, and ScaNN's ops first if it holds any."""
        self._model = _load(path)  # keeps the variables alive
        self._signature = self._model.signatures[signatures.DEFAULT]
        specs = self._signature.structured_input_signature[1]
        self.inputs = tuple(sorted(specs))
        self._dtypes = {name: spec.dtype for name, spec in specs.items()}

    def __call__(
        self, request: Mapping[str, npt.NDArray[Any]]
    ) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.float32]]:
        """Recommends.

        Args:
          request: arrays as `modules.requests` says; those that the model does not know are left
              out.

        Returns:
          (ids: bytes objects [B, k], best first; scores: float32 [B, k]). Places that could not be
          filled hold the id b"".
        """
        ids, scores, _ = self.candidates(request)
        return ids, scores

    def candidates(
        self, request: Mapping[str, npt.NDArray[Any]]
    ) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.float32], npt.NDArray[np.int32]]:
        """As a call, and the source of each item: its number in `signatures.SOURCES`, [B, k]."""
        answer = self._signature(**self._constants(request, self.inputs))
        ids, scores = answer[signatures.ITEM_ID].numpy(), answer[signatures.SCORE].numpy()
        if signatures.SOURCE not in answer:
            return ids, scores, np.zeros(ids.shape, np.int32)
        return ids, scores, answer[signatures.SOURCE].numpy()

    def knows(self, item_id: bytes) -> bool:
        """Whether the item is in the model's catalogue."""
        return item_id in self._catalogue[0]

    def score(
        self,
        request: Mapping[str, npt.NDArray[Any]],
        item_ids: npt.NDArray[np.object_],
        rows: npt.NDArray[np.integer[Any]] | None = None,
    ) -> npt.NDArray[np.float32]:
        """The scores of given items, whether or not they would be recommended.

        Args:
          request: as of a call, B requests.
          item_ids: bytes objects [n].
          rows: int [n], the request of each item; None for one item a request.

        Returns:
          float32 [n], the dot products of queries and items; NaN for an item outside the catalogue.
        """
        query = self._model.signatures[signatures.QUERY]
        names = query.structured_input_signature[1]
        queries = query(**self._constants(request, names))[signatures.QUERY].numpy()
        known, vectors = self._catalogue
        places = np.array([known.get(item_id, -1) for item_id in item_ids], np.int64)
        if rows is not None:
            queries = queries[rows]
        scores = np.einsum("bd,bd->b", queries, vectors[places])
        return np.where(places >= 0, scores, np.nan).astype(np.float32)

    @functools.cached_property
    def _catalogue(self) -> tuple[dict[bytes, int], npt.NDArray[np.float32]]:
        """Row by item id, and vectors float32 [N, dim]."""
        found = self._model.signatures[signatures.CANDIDATES]()
        rows = {item_id: row for row, item_id in enumerate(found[signatures.ITEM_ID].numpy())}
        return rows, found[signatures.VECTOR].numpy()

    def _constants(
        self, request: Mapping[str, npt.NDArray[Any]], names: Iterable[str]
    ) -> dict[str, tf.Tensor]:
        return {name: tf.constant(request[name], self._dtypes[name]) for name in names}


def input_types(path: str) -> dict[str, tuple[str, int]]:
    """Dtype name and rank of each input of a SavedModel's signature, without loading its graph."""
    saved = saved_model_pb2.SavedModel.FromString(_definition(path))
    inputs = saved.meta_graphs[0].signature_def[signatures.DEFAULT].inputs
    return {
        name: (tf.as_dtype(info.dtype).name, len(info.tensor_shape.dim))
        for name, info in inputs.items()
    }


def import_ops(path: str) -> None:
    """Registers the ops that the SavedModel in the folder `path` has beyond TensorFlow's own."""
    if _SCANN_OP in _definition(path):
        importlib.import_module("scann")  # the ops of its index


def _load(path: str) -> Any:
    import_ops(path)
    return tf.saved_model.load(path)


def _definition(path: str) -> bytes:
    """The serialized SavedModel, without its variables."""
    with tf.io.gfile.GFile(f"{path}/saved_model.pb", "rb") as file:
        content: bytes = file.read()
    return content
