"""Vectors that start from who stands near whom."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from modules.recall import initial_vectors, training_events


def _events(*windows: list[int], first_is_target: bool = True) -> training_events.Events:
    return training_events.Events.of(
        (
            np.array(items),
            np.array([first_is_target, *[True] * (len(items) - 1)]),
            np.zeros(len(items), bool),
        )
        for items in windows
    )


def test_pairs_within_five_events_are_counted_once_whatever_the_windows() -> None:
    """The second window goes on with the first one's last two events; it targets the last alone."""
    one = _events([1, 2, 3], [4, 1])
    more = training_events.Events(
        np.append(one.items, [2, 3, 1]).astype(np.int32),
        np.append(one.windows, [2, 2, 2]).astype(np.int32),
        np.append(one.targets, [False, False, True]),
        np.append(one.tied, [False, False, False]),
    )
    found = initial_vectors._pairs(more, 4).toarray()
    expected = np.zeros((4, 4))
    # 1-2, 2-3 and 4-1 next to each other, 1-3 two apart; then 3-1 next to, and 2-1 two apart
    for a, b, weight in [(1, 2, 1.5), (2, 3, 1), (4, 1, 1), (1, 3, 1.5)]:
        expected[a - 1, b - 1] = expected[b - 1, a - 1] = weight
    np.testing.assert_allclose(found, expected)


def test_padding_the_unknown_item_and_repeats_are_no_pairs() -> None:
    found = initial_vectors._pairs(_events([1, 1, 4, 0, 2]), 3).toarray()
    expected = np.zeros((3, 3))
    expected[0, 1] = expected[1, 0] = 1 / 4 + 1 / 3
    np.testing.assert_allclose(found, expected)


def test_the_factors_give_the_matrix_back() -> None:
    """The matrix of two groups has positive eigenvalues alone, as many as the vectors are wide."""
    generator = np.random.default_rng(0)
    windows = [(10 * (n % 2) + 1 + generator.permutation(10)).tolist() for n in range(40)]
    matrix = initial_vectors._pmi(initial_vectors._pairs(_events(*windows), 20)).toarray()
    assert (matrix == matrix.T).all() and not matrix[:10, 10:].any()
    vectors = initial_vectors.of(_events(*windows), 20, 19)[1:21]
    values = np.linalg.svd(matrix)[1]
    grams = np.linalg.eigvalsh(vectors @ vectors.T)[::-1]
    np.testing.assert_allclose(grams[:19] / grams[0], values[:19] / values[0], atol=1e-3)
    near = vectors @ vectors.T
    assert near[:10, :10].mean() > 0.4 and abs(near[:10, 10:]).max() < 0.01


def test_items_alone_have_none_and_the_others_the_mean_length_1() -> None:
    vectors = initial_vectors.of(_events([1, 2, 3], [5], [2, 3]), 5, 3)
    assert vectors.shape == (7, 3) and vectors.dtype == np.float32
    lengths = np.linalg.norm(vectors, axis=1)
    assert lengths[1:4].all() and not lengths[[0, 4, 5, 6]].any()
    assert lengths[lengths > 0].mean() == pytest.approx(1, abs=1e-5)
    again = initial_vectors.of(_events([1, 2, 3], [5], [2, 3]), 5, 3)
    np.testing.assert_array_equal(vectors, again)


@pytest.mark.parametrize(
    ("windows", "items", "dim"),
    [
        pytest.param([], 3, 4, id="nothing"),
        pytest.param([[1]], 1, 4, id="one-item"),
        pytest.param([[1, 2]], 2, 8, id="wider-than-the-catalogue"),
        pytest.param([[1, 2]] * 9, 50, 16, id="of-lower-rank-than-wide"),
        pytest.param([[n, n + 1] for n in range(1, 60, 2)], 60, 16, id="many-equal-values"),
        pytest.param([list(range(1, 9))] * 3, 8, 4, id="everybody-alike"),
    ],
)
def test_thin_data_have_finite_vectors(windows: list[list[int]], items: int, dim: int) -> None:
    vectors = initial_vectors.of(_events(*windows), items, dim)
    assert vectors.shape == (items + 2, dim) and np.isfinite(vectors).all()


def test_they_are_wanted_where_items_have_few_events() -> None:
    few = _events([1, 2, 3], [1, 2, 3])
    many = _events(*[[1, 2]] * initial_vectors.FEW)
    first_alone = _events(*[[1, 2]] * initial_vectors.FEW, first_is_target=False)
    for events, auto in ((few, True), (many, False), (first_alone, False), (_events(), False)):
        assert initial_vectors.are_wanted("auto", events) is auto
        assert initial_vectors.are_wanted("co_occurrence", events)
        assert not initial_vectors.are_wanted("random", events)


def test_the_tower_takes_them_as_long_as_its_own(transformed) -> None:
    model = transformed.model(transformed.settings())
    tower = model.item_tower
    tower(tf.range(2, dtype=tf.int64))
    before = tower.embedding.embeddings.numpy()
    given = np.zeros_like(before)
    given[3] = np.arange(before.shape[1])
    given[3] /= np.linalg.norm(given[3])
    tower.start_from(given)
    after = tower.embedding.embeddings.numpy()
    assert (after != before).any(axis=1).nonzero()[0].tolist() == [3]
    mean = np.linalg.norm(before, axis=1).mean()
    assert np.linalg.norm(after[3]) == pytest.approx(mean, rel=1e-5)
    assert np.argmax(after[3]) == before.shape[1] - 1
