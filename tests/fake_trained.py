"""A trained recall SavedModel, as the Trainer exports it, with given vectors, for index tests.

The query of a user is the vector `user_taste` as it was sent; turned round, when the history holds
the first item of the catalogue, which the model looks up in a vocabulary file as a real one does.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from modules import config, features, lineage, requests, strict

TASTE = "user_taste"
LINEAGE = lineage.Lineage(transform="transform1", catalogue="catalogue1", recall="recall1")


def data(dimension: int, repeats: str = "auto") -> config.Data:
    """Events, and users with a vector of so many numbers."""
    return strict.read(
        config.Data,
        {
            "repeats": repeats,
            "events": {
                "path": "events.csv",
                "format": "csv",
                "columns": {"user_id": "user_id", "item_id": "item_id", "timestamp": "timestamp"},
            },
            "users": {
                "path": "users.csv",
                "format": "csv",
                "columns": {
                    "user_id": "user_id",
                    "taste": {"kind": "vector", "dimension": dimension},
                },
            },
        },
    )


class FakeTrained(tf.Module):
    """Holds vectors float32 [N, D] of the ids."""

    def __init__(self, item_ids: Sequence[bytes], vectors: np.ndarray, vocabulary: str) -> None:
        super().__init__()
        self._item_ids, self._vectors = (
            tf.Variable(list(item_ids)),
            tf.Variable(vectors, dtype=tf.float32),
        )
        self._table = tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(
                vocabulary,
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            -1,
        )

    @tf.function
    def query(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        turned = tf.reduce_any(
            self._table.lookup(inputs[features.EVENT_ITEM_ID]) == 0, axis=1, keepdims=True
        )
        return {"query": tf.where(turned, -inputs[TASTE], inputs[TASTE])}

    @tf.function(input_signature=[])
    def candidates(self) -> dict[str, tf.Tensor]:
        return {"item_id": tf.identity(self._item_ids), "vector": tf.identity(self._vectors)}


def save(
    folder: str | pathlib.Path,
    item_ids: Sequence[bytes],
    vectors: np.ndarray,
    made_of: lineage.Lineage = LINEAGE,
    repeats: str = "auto",
) -> str:
    """Writes the SavedModel and removes the vocabulary file it was made of."""
    vocabulary = pathlib.Path(f"{folder}-vocabulary")
    vocabulary.parent.mkdir(parents=True, exist_ok=True)
    vocabulary.write_bytes(b"\n".join(item_ids))
    model = FakeTrained(item_ids, vectors, str(vocabulary))
    specs = requests.input_specs(data(vectors.shape[1], repeats), exclusions=False)
    tf.saved_model.save(
        model,
        str(folder),
        signatures={
            "query": model.query.get_concrete_function(**specs),
            "candidates": model.candidates,
        },
    )
    vocabulary.unlink()
    lineage.write(str(folder), made_of)
    return str(folder)


def request(
    queries: np.ndarray, excluded: Sequence[Sequence[bytes]], history: bytes = b""
) -> dict[str, np.ndarray]:
    """A batch of requests with queries [B, D], a list of excluded ids each, and one past event."""
    rows, widest = len(queries), max(map(len, excluded), default=0)
    exclusions = np.full((rows, widest), b"", object)
    for place, ids in zip(exclusions, excluded):
        place[: len(ids)] = ids
    return {
        TASTE: np.asarray(queries, np.float32),
        features.EVENT_ITEM_ID: np.full((rows, 1), history, object),
        features.EVENT_TIMESTAMP: np.zeros((rows, 1), np.int64),
        features.REQUEST_TIMESTAMP: np.full(rows, 10, np.int64),
        requests.EXCLUDE_ITEM_ID: exclusions,
    }


def examples(queries: np.ndarray, seen: Sequence[Sequence[bytes]]) -> list[dict[str, list]]:
    """Raw validation examples as from `requests.read_raw_example`: a past event, then a target."""
    return [
        {
            TASTE: list(map(float, query)),
            features.USER_ID: [b"u"],
            features.EVENT_ITEM_ID: [b"never", b"target"],
            features.EVENT_TIMESTAMP: [1, 2],
            features.WINDOW_START: [0],
            features.REPEATS_ALLOWED: [0],
            features.SEEN_ITEM_ID: list(ids),
        }
        for query, ids in zip(queries, seen)
    ]
