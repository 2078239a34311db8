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
