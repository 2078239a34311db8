"""Tables by item in a SavedModel: more rows and another vocabulary, the same graph."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from modules import features, item_tables


class _Model(tf.Module):
    """Looks an id up, and then what is known of its row."""

    def __init__(self, vocabulary: str) -> None:
        super().__init__()
        initializer = tf.lookup.TextFileInitializer(
            vocabulary, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )  # fmt: skip
        self.ids = tf.lookup.StaticVocabularyTable(initializer, 1)
        self.counts = item_tables.variable([0.0, 5.0, 7.0, -1.0], item_tables.FROM_TRAINING, "n")
        self.tags = item_tables.variable(
            np.array([[-1], [3], [4], [-1]]), item_tables.FEATURE, "tags"
        )
        self.other = tf.Variable([1.0, 2.0], name="other")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def ask(self, item: tf.Tensor) -> dict[str, tf.Tensor]:
        rows = 1 + self.ids.lookup(item)
        return {
            "row": rows,
            "count": tf.gather(self.counts, rows),
            "tags": tf.gather(self.tags, rows),
            "other": self.other + 0.0,
        }


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    vocabulary = tmp_path / features.ITEM_VOCABULARY
    vocabulary.write_bytes(b"a\nb\n")
    tf.saved_model.save(_Model(str(vocabulary)), str(tmp_path / "model"))
    vocabulary.unlink()
    return tmp_path / "model"


def _ask(folder: pathlib.Path, *items: bytes) -> dict[str, list]:
    model = tf.saved_model.load(str(folder))  # keeps the variables alive
    found = model.ask(tf.constant(items))
    return {name: value.numpy().tolist() for name, value in found.items()}


def test_new_items_get_rows_before_the_unknown_one(folder: pathlib.Path) -> None:
    assert _ask(folder, b"a", b"new")["row"] == [1, 3]
    graph = (folder / "saved_model.pb").read_bytes()
    model = item_tables.Tables(folder)
    assert model.names(item_tables.FEATURE) == ["tags"]
    np.testing.assert_array_equal(model.get(item_tables.FEATURE, "tags")[:, 0], [-1, 3, 4, -1])
    tags = np.array([[-1, -1], [3, -1], [4, -1], [8, 9], [2, -1], [-1, -1]])
    item_tables.write_vocabulary(folder, [b"a", b"b", b"new", b"newer"])
    model.grow(2, {(item_tables.FEATURE, "tags"): tags})
    assert _ask(folder, b"b", b"new", b"newer", b"nobody") == {
        "row": [2, 3, 4, 5],
        "count": [7, -1, -1, -1],
        "tags": [[4, -1], [8, 9], [2, -1], [-1, -1]],
        "other": [1, 2],
    }
    assert (folder / "saved_model.pb").read_bytes() == graph
    assert sorted(path.name for path in (folder / "variables").iterdir()) == [
        "variables.data-00000-of-00001",
        "variables.index",
    ]


def test_a_model_without_such_tables(tmp_path: pathlib.Path) -> None:
    module = tf.Module()
    module.x = tf.Variable(1.0)
    tf.saved_model.save(module, str(tmp_path))
    with pytest.raises(item_tables.TablesError, match=r"earlier version.*Train it again"):
        item_tables.Tables(tmp_path)
    with pytest.raises(item_tables.TablesError, match=r"item_id: is missing"):
        item_tables.write_vocabulary(tmp_path, [b"a"])


def test_longer_and_wider() -> None:
    np.testing.assert_array_equal(item_tables.longer(np.array([0, 1, 9]), 2), [0, 1, 9, 9, 9])
    np.testing.assert_array_equal(item_tables.wider(np.array([[1], [2]]), 2), [[1, -1], [2, -1]])
