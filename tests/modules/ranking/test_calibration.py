"""Calibration recovers what made the data, and survives what cannot be fitted."""

import numpy as np
import pytest
import tensorflow as tf

from modules.ranking import calibration, losses


def test_the_temperature_that_made_the_targets_is_found():
    rng = np.random.default_rng(0)
    scores = rng.normal(scale=4, size=(20_000, 5))
    share = np.exp(scores / 2.5)
    share /= share.sum(axis=1, keepdims=True)
    targets = (share.cumsum(axis=1) > rng.random([len(scores), 1])).argmax(axis=1)
    scores = np.pad(scores, [(0, 0), (0, 2)], constant_values=losses.MASKED)
    assert calibration.temperature(scores, targets) == pytest.approx(2.5, rel=0.05)


def test_without_requests_the_temperature_is_1():
    assert calibration.temperature(np.zeros([0, 3]), np.zeros(0, int)) == 1.0


def test_platt_s_slope_and_offset_that_made_the_labels_are_found():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=20_000)
    labels = rng.random(20_000) < 1 / (1 + np.exp(-(0.5 * logits - 1.0)))
    found = calibration.platt(logits, labels.astype(float))
    assert (found.slope, found.offset) == (
        pytest.approx(0.5, abs=0.06),
        pytest.approx(-1.0, abs=0.06),
    )


@pytest.mark.parametrize(
    ("logits", "labels"),
    [([], []), ([1.0, 2.0], [1.0, 1.0]), ([-1.0, 1.0], [0.0, 1.0]), ([0.0, 0.0], [0.0, 1.0])],
)
def test_labels_that_cannot_be_fitted_leave_finite_numbers(logits, labels):
    found = calibration.platt(np.array(logits), np.array(labels))
    assert np.isfinite([found.slope, found.offset]).all()
    if not logits:
        assert found == calibration.Platt(1.0, 0.0)


def test_losses_of_a_list_by_hand():
    scores = tf.constant([[1.0, 0.0, losses.MASKED], [0.0, 0.0, 0.0]])
    labels = tf.constant([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    softmax = [np.log1p(np.exp(-1)), np.log(3)]
    bce = [np.log1p(np.exp(-1)) + np.log(2), 3 * np.log(2)]
    for kind, expected in (("softmax", softmax), ("bce", bce)):
        assert float(losses.of_lists(kind)(labels, scores)) == pytest.approx(
            np.mean(expected), rel=1e-5
        )


def test_several_targets_recover_what_made_them():
    """Each candidate is taken with a chance that its share of the softmax says."""
    rng = np.random.default_rng(4)
    scores = rng.normal(scale=2, size=(4_000, 8))
    share = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    chance = 1 / (1 + np.exp(-(0.7 * np.log(share / (1 - share)) + 0.9)))
    taken = rng.random(scores.shape) < chance
    targets = np.where(taken, np.arange(8), -1)
    padded = np.pad(scores, [(0, 0), (0, 2)], constant_values=losses.MASKED)
    given = np.pad(np.ones_like(taken), [(0, 0), (0, 2)], constant_values=False)
    found = calibration.several(padded, targets, given)
    assert found.slope == pytest.approx(0.7, abs=0.03)
    assert found.offset == pytest.approx(0.9, abs=0.06)
    # so that probabilities add up to what is taken
    again = 1 / (1 + np.exp(-(found.slope * calibration.log_odds(share, np) + found.offset)))
    assert again.sum() == pytest.approx(taken.sum(), rel=1e-3)


def test_log_odds_are_finite_and_alike_in_numpy_and_tensorflow():
    shares = np.array([0.0, 1e-12, 0.25, 0.5, 1.0], np.float32)
    found = calibration.log_odds(shares, np)
    assert np.isfinite(found).all()
    assert found[2:4] == pytest.approx([-np.log(3), 0.0], rel=1e-6)
    assert found[0] == found[1] == pytest.approx(np.log(1e-9), rel=1e-6)
    np.testing.assert_allclose(calibration.log_odds(tf.constant(shares), tf.math), found, rtol=1e-6)


def test_several_of_nothing_are_finite():
    found = calibration.several(np.zeros([0, 3]), np.zeros([0, 2], int), np.zeros([0, 3], bool))
    assert (found.slope, found.offset) == (1.0, 0.0)
