"""The Transform graph inside other graphs, on a graph like TensorFlow Transform's."""

from __future__ import annotations

import pathlib
import types

import numpy as np
import pytest
import tensorflow as tf

from modules import graphs


class _Transform(tf.Module):
    """Ids of words, and twice a number."""

    def __init__(self) -> None:
        super().__init__()
        self._table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([0, 1], tf.int64)), 2
        )
        self._two = tf.Variable(2.0)
        specs = {
            "words": tf.RaggedTensorSpec([None, None], tf.string, row_splits_dtype=tf.int64),
            "number": tf.TensorSpec([None, 1]),
        }
        function = tf.function(self._of, input_signature=[specs])
        self.transform_fn = function.get_concrete_function()

    def _of(self, raw: dict) -> dict:
        words = raw["words"]
        return {
            "ids": words.with_values(self._table.lookup(words.values)),
            "twice": self._two * raw["number"],
            "both": tf.cast(words.row_lengths(), tf.float32)[:, tf.newaxis] + raw["number"],
        }


class _Served(tf.Module):
    def __init__(self, transform: graphs.TransformGraph) -> None:
        super().__init__()
        self._transform = transform

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.string)])
    def ids(self, words: tf.Tensor) -> dict[str, tf.Tensor]:
        ragged = tf.RaggedTensor.from_tensor(words, row_splits_dtype=tf.int64)
        return {"ids": self._transform({"words": ragged})["ids"].to_tensor()}


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> graphs.TransformGraph:
    folder = str(tmp_path_factory.mktemp("transform_fn"))
    tf.saved_model.save(_Transform(), folder)
    return graphs.TransformGraph(types.SimpleNamespace(transform_savedmodel_dir=folder))


WORDS = tf.ragged.constant([["b", "x"], [], ["a"]], row_splits_dtype=tf.int64)
NUMBER = tf.constant([[1.0], [2.0], [3.0]])


@pytest.mark.parametrize("wrapped", [False, True])
def test_gives_what_the_function_gives(graph: graphs.TransformGraph, wrapped: bool) -> None:
    call = graphs.function(lambda raw: graph(raw)) if wrapped else graph
    found = call({"words": WORDS, "number": NUMBER})
    assert found["ids"].to_list() == [[1, 2], [], [0]]
    np.testing.assert_array_equal(found["twice"], 2 * NUMBER)
    np.testing.assert_array_equal(found["both"], [[3.0], [2.0], [4.0]])


def test_leaves_out_what_needs_a_missing_feature(graph: graphs.TransformGraph) -> None:
    assert graph({"words": WORDS}).keys() == {"ids"}
    assert graph({"number": NUMBER}).keys() == {"twice"}


def test_refuses_a_feature_that_transform_does_not_know(graph: graphs.TransformGraph) -> None:
    with pytest.raises(ValueError, match=r"found \['word'\], expected some of \['number', 'words'"):
        graph({"word": WORDS})


def test_a_saved_model_holds_the_operations_and_the_tables(
    graph: graphs.TransformGraph, tmp_path: pathlib.Path
) -> None:
    served = _Served(graph)
    tf.saved_model.save(served, str(tmp_path), signatures=served.ids)
    given = tf.constant([["a", "x"], ["b", "b"]])
    loaded = tf.saved_model.load(str(tmp_path)).signatures["serving_default"]
    np.testing.assert_array_equal(loaded(words=given)["ids"], [[0, 2], [1, 1]])
