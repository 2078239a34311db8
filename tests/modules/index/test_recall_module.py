"""Exclusions: never an excluded item, always k where there are k, in exact search's order."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from modules import config, features, requests, signatures
from modules.index import additional, bodies, body, parameters, recall_module
from tests import close

NOTHING = np.finfo(np.float32).min
ITEMS, K = 60, 10
OWN_ITEMS = signatures.SOURCES.index("own_items")


def expected(scores: np.ndarray, excluded: list[int], k: int = K) -> list[int]:
    """The best positions of one query by NumPy, -1 where none is left."""
    order = [p for p in np.argsort(-scores, kind="stable").tolist() if p not in excluded][:k]
    return order + [-1] * (k - len(order))


def padded(rows: list[list[int]]) -> tf.Tensor:
    width = max(map(len, rows), default=0)
    return tf.constant(
        [row + [-1] * (width - len(row)) for row in rows], tf.int32, shape=[len(rows), width]
    )


class Forgetful(body.Body):
    """An index that finds `pool` items, then ScaNN's fillers, id 0 with NaN, in fewer columns."""

    def __init__(self, vectors: np.ndarray, pool: int, fillers: int) -> None:
        super().__init__(vectors, parameters.Exact())
        self._vectors, self._pool, self._fillers = tf.constant(vectors), pool, fillers

    def search(self, queries, width, settings=None):
        scores, positions = tf.math.top_k(
            self.scores(queries), tf.minimum(self._pool, width - self._fillers)
        )
        filler = [[0, 0], [0, self._fillers]]
        return body.complete(
            tf.pad(positions, filler), tf.pad(scores, filler, constant_values=np.nan), width
        )

    def scores(self, queries):
        return tf.matmul(queries, self._vectors, transpose_b=True)

    def vectors(self, positions):
        return tf.gather(self._vectors, positions)


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(ITEMS, 4)).astype(np.float32)


@pytest.fixture(scope="module", params=["exact", "ivf", "scann", "forgetful", "with fillers"])
def retrieval(request: pytest.FixtureRequest, vectors: np.ndarray) -> recall_module.Retrieval:
    """Of every body, with room for 8 exclusions."""
    index = {
        "forgetful": lambda: Forgetful(vectors, 12, 0),
        "with fillers": lambda: Forgetful(vectors, 5, 2),
    }.get(
        request.param,
        lambda: bodies.build(
            vectors, parameters.derive(config.Index(body=request.param, k=K, leaves=1), ITEMS)
        ),
    )()
    return recall_module.Retrieval(index, k=K, max_exclusions=8)


@pytest.fixture(scope="module")
def retrieve(retrieval: recall_module.Retrieval):
    """Compiled."""
    return tf.function(
        retrieval.retrieve,
        input_signature=[tf.TensorSpec([None, 4]), tf.TensorSpec([None, None], tf.int32)],
    )


@pytest.fixture(scope="module")
def with_own(retrieval: recall_module.Retrieval):
    """Compiled."""
    return tf.function(
        lambda queries, excluded, own: retrieval.including(
            queries,
            excluded,
            retrieval.retrieve(queries, excluded),
            own,
            tf.fill(tf.shape(own)[1:], OWN_ITEMS),
            K,
        ),
        input_signature=[
            tf.TensorSpec([None, 4]),
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([None, None], tf.int32),
        ],
    )


@pytest.mark.parametrize("number", [0, 1, 7, 8, 9, 30, ITEMS - K, ITEMS - K + 1, ITEMS - 1, ITEMS])
def test_the_best_that_are_not_excluded_come_back(
    retrieve, vectors: np.ndarray, number: int
) -> None:
    random = np.random.default_rng(number)
    queries = random.normal(size=(4, 4)).astype(np.float32)
    scores = queries @ vectors.T
    best_first = np.argsort(-scores, axis=1)
    excluded = [
        random.choice(ITEMS, number, replace=False).tolist(),
        best_first[1, :number].tolist(),
        [],
        best_first[3, : min(number, 3)].tolist(),
    ]
    # with duplicates
    positions, found = retrieve(tf.constant(queries), padded([row * 2 + [-1] for row in excluded]))
    for row in range(4):
        wanted = expected(scores[row], excluded[row])
        assert positions.numpy()[row].tolist() == wanted
        close.assert_close(
            found[row],
            [scores[row][p] if p >= 0 else NOTHING for p in wanted],
            roundings=close.SUMS,
            scale=np.abs(scores[row]).max(),
        )


def test_no_exclusions_and_no_requests(retrieve, vectors: np.ndarray) -> None:
    queries = np.ones((2, 4), np.float32)
    positions, _ = retrieve(tf.constant(queries), tf.zeros([2, 0], tf.int32))
    assert positions.numpy()[0].tolist() == expected(queries[0] @ vectors.T, [])
    positions, scores = retrieve(tf.zeros([0, 4]), tf.zeros([0, 3], tf.int32))
    assert positions.shape == scores.shape == (0, K)


def test_a_nan_query_gets_an_empty_list_and_leaves_the_others_alone(
    retrieve, vectors: np.ndarray
) -> None:
    queries = np.array([[np.nan] * 4, [1] * 4], np.float32)
    positions, scores = retrieve(tf.constant(queries), padded([[3], [4]]))
    assert positions.numpy()[0].tolist() == [-1] * K
    assert scores.numpy()[0].tolist() == [NOTHING] * K
    assert positions.numpy()[1].tolist() == expected(queries[1] @ vectors.T, [4])


# own positions by their place in the order of scores, then excluded ones in the same way
OWN = {
    "none": ([], []),
    "the worst": ([59, 58, 57], []),
    "the best": ([0, 1, 2], []),
    "some of both": ([3, 59, 0, 40, 12], []),
    "as many as places": ([59, 2, 50, 0, 41, 30, 58, 7, 33, 20], []),
    "an excluded one": ([59, 58, 1], [58, 0, 5]),
    "all excluded": ([59, 1], [1, 59]),
    "only own ones are left": ([59, 30], [n for n in range(60) if n not in (59, 30)]),
}


@pytest.mark.parametrize("name", OWN)
def test_own_items_take_places_by_right(with_own, vectors: np.ndarray, name: str) -> None:
    queries = np.random.default_rng(5).normal(size=(3, 4)).astype(np.float32)
    scores = queries @ vectors.T
    order = np.argsort(-scores, axis=1)
    own, excluded = ([order[row][places].tolist() for row in range(3)] for places in OWN[name])
    own[2] = []  # its neighbours have some
    positions, found, sources = with_own(tf.constant(queries), padded(excluded), padded(own))
    assert positions.shape == found.shape == sources.shape == (3, K)
    for row in range(3):
        kept = [p for p in own[row] if p not in excluded[row]]
        others = [p for p in order[row].tolist() if p not in {*kept, *excluded[row]}]
        listed = {*kept, *others[: K - len(kept)]}
        wanted = expected(scores[row], [p for p in range(ITEMS) if p not in listed])
        assert positions.numpy()[row].tolist() == wanted
        of_own = [place for place, p in enumerate(wanted) if p in kept]
        assert (
            np.flatnonzero((sources[row] == OWN_ITEMS) & (positions[row] >= 0)).tolist() == of_own
        )
        close.assert_close(
            found[row],
            [scores[row][p] if p >= 0 else NOTHING for p in wanted],
            roundings=close.SUMS,
            scale=np.abs(scores[row]).max(),
        )


def test_the_vectors_are_not_copied_by_a_request(with_own) -> None:
    """As they are whenever a variable is read from which TensorFlow has gathered as such."""
    graph = with_own.get_concrete_function().graph.as_graph_def()
    functions = [function.node_def for function in graph.library.function]
    gathered = [
        node.name
        for nodes in (graph.node, *functions)
        for node in nodes
        if node.op == "ResourceGather" and node.attr["dtype"].type == types_pb2.DT_FLOAT
    ]
    assert gathered == []


def test_own_items_of_a_nan_query_are_nothing(with_own, vectors: np.ndarray) -> None:
    queries = np.array([[np.nan] * 4, [1] * 4], np.float32)
    positions, scores, _ = with_own(tf.constant(queries), padded([[], []]), padded([[3], [4]]))
    assert positions.numpy()[0].tolist() == [-1] * K
    assert scores.numpy()[0].tolist() == [NOTHING] * K
    assert 4 in positions.numpy()[1]


def test_no_requests_have_no_own_items(with_own) -> None:
    empty = tf.zeros([0, 2], tf.int32)
    positions, scores, _ = with_own(tf.zeros([0, 4]), empty, empty)
    assert positions.shape == scores.shape == (0, K)


@pytest.mark.parametrize(
    ("own_items", "expected_ids"),
    # scores 4, 3, 2, 1 of a, b, c, d; d was had three times, c twice, and the stranger most often
    [(0, "ab"), (1, "ad"), (2, "cd")],
)
def test_the_most_frequent_items_of_the_request_are_candidates(
    tmp_path: pathlib.Path, own_items: int, expected_ids: str
) -> None:
    item_ids = [b"a", b"b", b"c", b"d"]
    vocabulary = tmp_path / "ids"
    vocabulary.write_bytes(b"".join(i + b"\n" for i in item_ids))
    index = bodies.build(np.diag([4.0, 3.0, 2.0, 1.0]).astype(np.float32), parameters.Exact())
    module = recall_module.RecallModule(
        recall_module.Retrieval(index, k=2, max_exclusions=2), item_ids, str(vocabulary), own_items
    )
    inputs = {
        requests.EXCLUDE_ITEM_ID: tf.constant([[""]]),
        features.EVENT_ITEM_ID: tf.constant([["c", "stranger", "", "d", "stranger"]]),
        features.EVENT_TIMESTAMP: tf.constant([[7, 8, 0, 9, 9]], tf.int64),
        features.EARLIER_ITEM_ID: tf.constant([["stranger", "d", "c", ""]]),
        features.EARLIER_COUNT: tf.constant([[9, 2, 1, 0]], tf.int64),
        features.EARLIER_FIRST: tf.constant([[1, 1, 2, 0]], tf.int64),
        features.EARLIER_LAST: tf.constant([[3, 3, 2, 0]], tf.int64),
    }
    answer = module.recommend(tf.ones([1, 4]), inputs)
    assert b"".join(answer["item_id"].numpy()[0]).decode() == expected_ids


def test_ids_are_looked_up_whatever_they_are(tmp_path: pathlib.Path) -> None:
    item_ids = ["été".encode(), "映画 1".encode(), b" leading space", b"\xff\xfe"]
    vocabulary = tmp_path / "ids"
    vocabulary.write_bytes(b"".join(i + b"\n" for i in item_ids))
    index = bodies.build(np.diag([4.0, 3.0, 2.0, 1.0]).astype(np.float32), parameters.Exact())
    module = recall_module.RecallModule(
        recall_module.Retrieval(index, k=3, max_exclusions=2), item_ids, str(vocabulary)
    )
    answer = module.recommend(
        tf.ones([3, 4]),
        {
            requests.EXCLUDE_ITEM_ID: tf.constant(
                [[item_ids[1], b"nobody knows", item_ids[1], b""], [b"", b"", b"", b""], item_ids]
            )
        },
    )
    assert answer["item_id"].numpy().tolist() == [
        [item_ids[0], item_ids[2], item_ids[3]],
        item_ids[:3],
        [b""] * 3,
    ]
    np.testing.assert_allclose(answer["score"], [[4, 2, 1], [4, 3, 2], [NOTHING] * 3])


def _with_sources(tmp_path: pathlib.Path) -> recall_module.RecallModule:
    """Items a to h, of which the one query likes a best and h least, and k is 2 of 5 places.

    After c, co-occurrence has g, d and b; EASE has h, g and f.
    """
    item_ids = [letter.encode() for letter in "abcdefgh"]
    vocabulary = tmp_path / "ids"
    vocabulary.write_bytes(b"".join(i + b"\n" for i in item_ids))
    vectors = np.arange(8, 0, -1, dtype=np.float32)[:, np.newaxis]
    index = bodies.build(vectors, parameters.Exact())

    def table(source: str, columns: list[int], number: int) -> additional.Table:
        cells, weights = (np.full(3, 2), np.array(columns)), np.array([3.0, 2.0, 1.0])
        return additional.Table.of(source, cells, weights, 8, events=5, number=number)

    return recall_module.RecallModule(
        recall_module.Retrieval(index, k=5, max_exclusions=2),
        item_ids,
        str(vocabulary),
        own_items=1,
        more=[table("co_occurrence", [6, 3, 1], 2), table("ease", [7, 6, 5], 1)],
    )


def _answer(
    module: recall_module.RecallModule,
    past: list[bytes],
    excluded: list[bytes],
    **others: tf.Tensor,
) -> list[tuple[str, float, str]]:
    """(item, score, source) of each place that is not empty."""
    found = module.recommend(
        tf.ones([1, 1]),
        {
            requests.EXCLUDE_ITEM_ID: tf.constant([excluded], tf.string, [1, len(excluded)]),
            features.EVENT_ITEM_ID: tf.constant([past], tf.string, [1, len(past)]),
            **others,
        },
    )
    assert {name: values.shape for name, values in found.items()} == dict.fromkeys(
        ("item_id", "score", "source"), (1, 5)
    )
    ids, scores, sources = (found[name].numpy()[0] for name in ("item_id", "score", "source"))
    return [
        (item.decode(), score, signatures.SOURCES[source])
        for item, score, source in zip(ids, scores.tolist(), sources)
        if item
    ]


@pytest.mark.parametrize(
    ("past", "excluded", "more"),
    [
        ([b"c"], [], [("d", 5, "co_occurrence"), ("g", 2, "co_occurrence"), ("h", 1, "ease")]),
        # one source finds no more than d: the index fills up
        ([b"c", b""], [b"g"], [("c", 6, "index"), ("d", 5, "co_occurrence"), ("h", 1, "ease")]),
        ([b"c"], [b"h", b"d"], [("c", 6, "index"), ("f", 3, "ease"), ("g", 2, "co_occurrence")]),
        ([b"a"], [], [("c", 6, "index"), ("d", 5, "index"), ("e", 4, "index")]),
        ([b"nobody knows"], [], [("c", 6, "index"), ("d", 5, "index"), ("e", 4, "index")]),
        ([], [], [("c", 6, "index"), ("d", 5, "index"), ("e", 4, "index")]),
    ],
)
def test_other_sources_have_the_last_places_by_right(
    tmp_path: pathlib.Path,
    past: list[bytes],
    excluded: list[bytes],
    more: list[tuple[str, float, str]],
) -> None:
    first = [("a", 8, "index"), ("b", 7, "index")]
    assert _answer(_with_sources(tmp_path), past, excluded) == first + more


def test_own_items_are_among_the_k_and_told_apart(tmp_path: pathlib.Path) -> None:
    nothing = {name: tf.zeros([1, 0], tf.int64) for name in features.EARLIER_NUMBERS}
    answer = _answer(
        _with_sources(tmp_path),
        [b"c"],
        [b"b"],
        **{features.EARLIER_ITEM_ID: tf.zeros([1, 0], tf.string)},
        **nothing,
    )
    assert answer == [
        ("a", 8, "index"),
        ("c", 6, "own_items"),
        ("d", 5, "co_occurrence"),
        ("g", 2, "co_occurrence"),
        ("h", 1, "ease"),
    ]


def test_a_query_that_is_nan_has_no_other_candidates_either(tmp_path: pathlib.Path) -> None:
    module = _with_sources(tmp_path)
    found = module.recommend(
        tf.constant([[np.nan]]),
        {
            requests.EXCLUDE_ITEM_ID: tf.zeros([1, 0], tf.string),
            features.EVENT_ITEM_ID: tf.constant([[b"c"]]),
        },
    )
    assert found["item_id"].numpy().tolist() == [[b""] * 5]
