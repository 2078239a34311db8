"""Losses of lists, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from modules.ranking import losses

SCORES = np.array([[2.0, 1.0, 0.0, losses.MASKED], [0.5, 0.5, 1.5, -1.0]], np.float32)
ONE = np.array([[0, 1, 0, 0], [1, 0, 0, 0]], np.float32)
SEVERAL = np.array([[1, 1, 0, 0], [1, 0, 1, 1]], np.float32)


def test_the_softmax_of_several_targets_has_equal_shares() -> None:
    """Cross entropy: log of the sum of exp(score), less the mean score of the targets."""
    whole = np.log(np.exp(SCORES.astype(np.float64)).sum(axis=1))
    for labels, own in ((ONE, [1.0, 0.5]), (SEVERAL, [1.5, 1 / 3])):
        found = losses.of_lists("softmax")(labels, SCORES)
        assert float(found) == pytest.approx(np.mean(whole - own), rel=1e-6)


def test_of_one_target_it_is_the_categorical_cross_entropy() -> None:
    expected = tf.keras.losses.CategoricalCrossentropy(from_logits=True)(ONE, SCORES)
    assert float(losses.of_lists("softmax")(ONE, SCORES)) == float(expected)


def test_lists_count_by_their_weights() -> None:
    weights = np.array([3.0, 0.5], np.float32)
    whole = np.log(np.exp(SCORES.astype(np.float64)).sum(axis=1))
    expected = np.mean(weights * (whole - [1.5, 1 / 3]))  # Keras divides by the number of lists
    found = losses.of_lists("softmax")(SEVERAL, SCORES, sample_weight=weights)
    assert float(found) == pytest.approx(expected, rel=1e-6)


def test_the_binary_cross_entropy_takes_each_candidate_on_its_own() -> None:
    scores = SCORES.astype(np.float64)
    costs = np.log1p(np.exp(np.where(SEVERAL > 0, -scores, scores)))
    expected = np.mean([costs[0, :3].sum(), costs[1].sum()])  # padding aside
    assert float(losses.of_lists("bce")(SEVERAL, SCORES)) == pytest.approx(expected, rel=1e-6)
