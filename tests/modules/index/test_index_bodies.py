"""The three bodies against a NumPy search, one by one and alive at the same time."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from modules import config
from modules.index import bodies, body, parameters
from tests import close

BODIES = ("exact", "ivf", "scann")
LARGEST = 10.0  # of the products that a score is the sum of


def build(name: str, vectors: np.ndarray, **settings: int) -> body.Body:
    return bodies.build(
        vectors, parameters.derive(config.Index(body=name, **settings), len(vectors))
    )


def by_numpy(vectors: np.ndarray, queries: np.ndarray, width: int) -> np.ndarray:
    return np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :width]


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """1,500 vectors in 30 clusters, with norms between 0.5 and 5."""
    random = np.random.default_rng(3)
    points = random.normal(size=(30, 1, 8)) + 0.3 * random.normal(size=(30, 50, 8))
    return (points.reshape(-1, 8) * random.uniform(0.5, 2, size=(1500, 1))).astype(np.float32)


@pytest.fixture(scope="module")
def queries() -> np.ndarray:
    return np.random.default_rng(4).normal(size=(5, 8)).astype(np.float32)


@pytest.mark.parametrize("name", BODIES)
def test_search_finds_what_numpy_finds(name: str, vectors: np.ndarray, queries: np.ndarray) -> None:
    settings = {"leaves": 30, "leaves_to_search": 30} if name != "exact" else {}
    index = build(name, vectors, k=20, **settings)
    positions, scores = index.search(tf.constant(queries), 20)
    expected = by_numpy(vectors, queries, 20)
    assert positions.dtype == tf.int32
    np.testing.assert_array_equal(positions, expected)
    products = np.take_along_axis(queries @ vectors.T, expected, 1)
    close.assert_close(scores, products, roundings=close.SUMS, scale=LARGEST)


@pytest.mark.parametrize("name", BODIES)
def test_scores_are_in_the_order_of_positions(
    name: str, vectors: np.ndarray, queries: np.ndarray
) -> None:
    scores = build(name, vectors).scores(tf.constant(queries))
    close.assert_close(scores, queries @ vectors.T, roundings=close.SUMS, scale=LARGEST)


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("items", [1, 2, 17])
def test_a_width_beyond_the_catalogue_is_filled_with_nothing(
    name: str, items: int, vectors: np.ndarray, queries: np.ndarray
) -> None:
    positions, scores = build(name, vectors[:items]).search(tf.constant(queries), 20)
    np.testing.assert_array_equal(positions[:, :items], by_numpy(vectors[:items], queries, items))
    assert positions.shape == scores.shape == (5, 20)
    assert (positions.numpy()[:, items:] == -1).all()
    assert (scores.numpy()[:, items:] == np.finfo(np.float32).min).all()


@pytest.mark.parametrize("name", ["ivf", "scann"])
def test_too_few_leaves_give_fewer_items_but_neither_nan_nor_a_repeated_one(
    name: str, vectors: np.ndarray, queries: np.ndarray
) -> None:
    index = build(name, vectors, leaves=100, leaves_to_search=1)
    positions, scores = (part.numpy() for part in index.search(tf.constant(queries), 200))
    assert positions.shape == (5, 200)
    assert np.isfinite(scores).all()
    for row, (found, own) in enumerate(zip(positions, scores)):
        real = found[found >= 0]
        assert len(real) < 200 and (len(real) > 0 or name == "scann")  # whose leaf may be empty
        assert len(set(real.tolist())) == len(real)
        products = vectors[real] @ queries[row]
        close.assert_close(own[found >= 0], products, roundings=close.SUMS, scale=LARGEST)


@pytest.mark.parametrize("name", BODIES)
def test_a_nan_query_finds_nothing(name: str, vectors: np.ndarray) -> None:
    positions, scores = build(name, vectors).search(tf.fill([1, 8], np.nan), 20)
    assert (positions.numpy() == -1).all()
    assert (scores.numpy() == np.finfo(np.float32).min).all()


@pytest.mark.parametrize("name", BODIES)
def test_equal_and_zero_vectors_can_be_indexed(name: str) -> None:
    vectors = np.vstack([np.zeros((40, 4)), np.ones((40, 4))]).astype(np.float32)
    positions, scores = build(name, vectors, k=40).search(tf.ones([1, 4]), 40)
    assert set(positions.numpy()[0].tolist()) == set(range(40, 80))
    np.testing.assert_allclose(scores, 4)


def test_two_scann_indexes_in_one_process_keep_apart(
    vectors: np.ndarray, queries: np.ndarray
) -> None:
    pairs = [(rows, build("scann", rows, k=10)) for rows in (vectors, vectors[::-1].copy())]
    searches = [tf.function(lambda q, index=index: index.search(q, 10)) for _, index in pairs]
    for (rows, _), search in [*zip(pairs, searches), *zip(pairs, searches)]:
        positions, scores = search(tf.constant(queries))
        products = np.take_along_axis(queries @ rows.T, positions.numpy(), 1)
        close.assert_close(scores, products, roundings=close.SUMS, scale=LARGEST)


def test_partitions_are_bounded_and_hold_every_item_once(vectors: np.ndarray) -> None:
    index = build("ivf", vectors, leaves=30)
    starts = index._starts.numpy()
    assert starts[0] == 0 and starts[-1] == 1500
    assert np.diff(starts).min() > 0 and np.diff(starts).max() <= 100  # twice 1,500 / 30
    assert sorted(index._positions.numpy().tolist()) == list(range(1500))


@pytest.mark.parametrize("name", BODIES)
def test_one_query_finds_what_it_finds_in_a_batch(
    name: str, vectors: np.ndarray, queries: np.ndarray
) -> None:
    index = build(name, vectors, k=20)
    search = tf.function(lambda q: index.search(q, 20), input_signature=[tf.TensorSpec([None, 8])])
    together = search(tf.constant(queries))
    for row in range(len(queries)):
        for alone, batched in zip(search(tf.constant(queries[row : row + 1])), together):
            close.assert_close(alone[0], batched[row], roundings=close.SUMS, scale=LARGEST)
