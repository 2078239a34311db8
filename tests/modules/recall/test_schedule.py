"""The learning rate by hand, and what decays."""

import numpy as np
import pytest
import tensorflow as tf

from modules import config
from modules.recall import schedule
from tests import close


def test_warm_up_then_cosine():
    rate = schedule.WarmupCosine(peak=0.8, steps=12, warmup_steps=4)
    # 0.2, 0.4, 0.6, 0.8 in the four warm-up steps; then 0.4 * (1 + cos(pi * done)), done = 0, 1/4,
    # 1/2, 1.
    half = 0.4 * np.sqrt(0.5)
    values = [float(rate(tf.constant(step))) for step in (0, 1, 2, 3, 4, 6, 8, 12, 20)]
    expected = [0.2, 0.4, 0.6, 0.8, 0.8, 0.4 + half, 0.4, 0.0, 0.0]
    close.assert_close(values, expected, roundings=close.FUNCTIONS, scale=0.8)


def test_without_warm_up_it_starts_at_the_peak():
    rate = schedule.WarmupCosine(peak=0.8, steps=10, warmup_steps=0)
    close.assert_close(rate(tf.constant(0)), 0.8, roundings=close.FUNCTIONS)


def test_warm_up_as_long_as_the_training_is_refused():
    with pytest.raises(ValueError, match=r"found 10 of 10; lower training\.warmup_fraction"):
        schedule.WarmupCosine(peak=0.1, steps=10, warmup_steps=10)


def test_schedule_survives_its_configuration():
    rate = schedule.WarmupCosine(peak=0.8, steps=12, warmup_steps=4)
    again = tf.keras.optimizers.schedules.deserialize(tf.keras.optimizers.schedules.serialize(rate))
    assert float(again(tf.constant(6))) == float(rate(tf.constant(6)))


def test_constant_rate():
    optimizer = schedule.optimizer(
        config.Training(lr_schedule="constant", learning_rate=0.25), steps=10
    )
    assert float(optimizer.learning_rate) == 0.25


def test_weights_decay_and_biases_do_not():
    optimizer = schedule.optimizer(
        config.Training(lr_schedule="constant", learning_rate=0.1, weight_decay=0.5), steps=10
    )
    kernel, bias = tf.Variable([1.0], name="dense/kernel"), tf.Variable([1.0], name="dense/bias")
    optimizer.build([kernel, bias])
    optimizer.apply_gradients([(tf.zeros([1]), kernel), (tf.zeros([1]), bias)])
    close.assert_close(kernel, [0.95], roundings=close.FUNCTIONS)  # 1 - 0.1 * 0.5
    assert bias.numpy().tolist() == [1.0]
