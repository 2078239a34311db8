"""Writes the servable recall model: the Trainer's SavedModel, the index and the warm-up records."""

from __future__ import annotations

import json
import pathlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy import typing as npt

from modules import graphs, release, requests, signatures, warmup
from modules.index import additional, body, recall_module

DESCRIPTION_FILE = "assets.extra/index.json"

Request = Mapping[str, npt.NDArray[Any]]


class ServableRecall(tf.Module):
    """The Trainer's model and the index behind it, with the signatures of the SavedModel."""

    def __init__(self, trained: Any, recall: recall_module.RecallModule) -> None:
        """Puts an index behind a trained model.

        Args:
          trained: a loaded SavedModel with the signatures `query` and `candidates`.
          recall: the index, with the ids of its items.
        """
        super().__init__()
        self.trained = trained  # tracked, so that its variables, tables and assets are saved again
        self.recall = recall
        query = trained.signatures[signatures.QUERY]

        def serve(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            asked = {n: v for n, v in inputs.items() if n != requests.EXCLUDE_ITEM_ID}
            return recall.recommend(query(**asked)[signatures.QUERY], inputs)

        self.serve = graphs.function(serve)

    def signatures(self) -> dict[str, Any]:
        """All signatures by name."""
        specs = dict(self.trained.signatures[signatures.QUERY].structured_input_signature[1])
        specs[requests.EXCLUDE_ITEM_ID] = tf.TensorSpec(
            [None, None], tf.string, name=requests.EXCLUDE_ITEM_ID
        )
        kept = [
            name
            for name in (signatures.QUERY, signatures.CANDIDATES, signatures.FEATURES)
            if name in self.trained.signatures
        ]
        return {signatures.DEFAULT: self.serve.get_concrete_function(**specs)} | {
            name: self.trained.signatures[name] for name in kept
        }


def candidates(trained: Any) -> tuple[list[bytes], npt.NDArray[np.float32]]:
    """The catalogue of a trained model: N ids and float32 [N, D] vectors.

    Raises:
      ValueError: an id that a vocabulary file cannot hold or that occurs twice, or a vector that is
          not finite.
    """
    found = trained.signatures[signatures.CANDIDATES]()
    item_ids, vectors = found[signatures.ITEM_ID].numpy().tolist(), found[signatures.VECTOR].numpy()
    if bad := [i for i in item_ids if not i or b"\n" in i or b"\r" in i]:
        raise ValueError(
            f"An item id is not empty and holds no line break, found {bad[0]!r}. Rename the item."
        )
    if len(set(item_ids)) != len(item_ids):
        raise ValueError(
            f"The item ids of the catalogue are distinct, found {len(item_ids)} ids of "
            f"{len(set(item_ids))} items. Remove the duplicates."
        )
    if not np.isfinite(vectors).all():
        bad_rows = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        raise ValueError(
            f"Item vectors are finite, found NaN or infinity in {len(bad_rows)} of "
            f"{len(vectors)}, first of item {item_ids[bad_rows[0]]!r}. Lower "
            "training.learning_rate."
        )
    return item_ids, np.ascontiguousarray(vectors, np.float32)


def save(
    trained: Any,
    index: body.Body,
    item_ids: list[bytes],
    target: str,
    *,
    k: int,
    max_exclusions: int,
    own_items: int = 0,
    more: Sequence[additional.Table] = (),
    sample: Request,
    description: Mapping[str, Any],
) -> None:
    """Writes the SavedModel.

    Args:
      trained: the Trainer's SavedModel, loaded.
      index: of the vectors of `item_ids`.
      item_ids: the N ids, by position.
      target: the folder to write.
      k: items returned for each request, without additional ones.
      max_exclusions: by how many items a search is widened at most.
      own_items: of a request's history that are candidates, at most; where repeats are allowed.
      more: tables of additional candidates.
      sample: real requests, as `modules.requests.input_specs(..., exclusions=True)`; they become
          warm-up records.
      description: what `assets.extra/index.json` says.
    """
    with tempfile.TemporaryDirectory() as folder:
        vocabulary = pathlib.Path(folder, "index_item_id")
        vocabulary.write_bytes(b"".join(item_id + b"\n" for item_id in item_ids))
        places = k + sum(table.number for table in more)
        retrieval = recall_module.Retrieval(index, k=places, max_exclusions=max_exclusions)
        model = ServableRecall(
            trained,
            recall_module.RecallModule(retrieval, item_ids, str(vocabulary), own_items, more),
        )
        tf.saved_model.save(
            model,
            target,
            signatures=model.signatures(),
            options=tf.saved_model.SaveOptions(namespace_whitelist=["Scann"]),
        )
    warmup.write(target, release.RECALL, _warmup(sample))
    with tf.io.gfile.GFile(f"{target}/{DESCRIPTION_FILE}", "w") as file:
        file.write(json.dumps(description, indent=2))


def _warmup(sample: Request) -> Iterator[warmup.Request]:
    """Requests for the signatures that are served, at several batch sizes.

    The first one builds ScaNN's searcher. None for `candidates`: with batching, TensorFlow Serving
    refuses a request without inputs, and a warm-up request that is refused keeps the version from
    loading.
    """
    for size in warmup.BATCH_SIZES:
        inputs = warmup.repeated(sample, size)
        yield warmup.Request(signatures.DEFAULT, inputs, signatures.RECOMMENDED)
        yield warmup.Request(signatures.DEFAULT, inputs)
        query = {n: v for n, v in inputs.items() if n != requests.EXCLUDE_ITEM_ID}
        yield warmup.Request(signatures.QUERY, query)
