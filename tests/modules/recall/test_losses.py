"""The losses against values worked out by hand, and against TFRS."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_recommenders as tfrs

from modules.recall import losses
from tests import close


def test_infonce_by_hand():
    # Row 0: exp(1) of exp(1) + exp(0) + exp(2); row 1: all logits alike, one of three.
    logits = tf.constant([[1.0, 0.0, 2.0], [5.0, 5.0, 5.0]])
    expected = [-math.log(math.e / (math.e + 1 + math.e**2)), math.log(3)]
    np.testing.assert_allclose(
        losses.infonce(logits, tf.constant([0, 2]), None, None), expected, rtol=1e-5
    )


def test_infonce_leaves_out_what_is_excluded_but_never_the_positive():
    logits = tf.constant([[1.0, 0.0, 2.0]])
    excluded = tf.constant([[True, False, True]])  # candidate 0 is the positive
    value = losses.infonce(logits, tf.constant([0]), None, excluded)
    np.testing.assert_allclose(value, [-math.log(math.e / (math.e + 1))], rtol=1e-5)


def test_infonce_subtracts_log_q():
    # log Q of (1/2, 1/8): exp(0)/(1/2) = 2 against exp(0)/(1/8) = 8, so the positive has 2 of 10.
    log_q = tf.math.log(tf.constant([0.5, 0.125]))
    value = losses.infonce(tf.zeros([1, 2]), tf.constant([0]), log_q, None)
    np.testing.assert_allclose(value, [-math.log(0.2)], rtol=1e-5)


def test_log_inclusion_by_hand():
    # Shares 1/4 and 3/4 (an item never seen counts as seen once: 1 + 3 = 4). One draw: the shares
    # themselves. Two draws: 1 - (3/4)^2 = 7/16 and 1 - (1/4)^2 = 15/16.
    share = losses.shares(np.array([0, 3]))
    np.testing.assert_allclose(share, [1 / 4, 3 / 4])
    np.testing.assert_allclose(tf.exp(losses.log_inclusion(share, 1.0)), [1 / 4, 3 / 4], rtol=1e-5)
    np.testing.assert_allclose(
        tf.exp(losses.log_inclusion(share, 2.0)), [7 / 16, 15 / 16], rtol=1e-5
    )


def test_log_inclusion_is_how_often_a_sampled_batch_holds_the_item():
    rng = np.random.default_rng(0)
    counts = np.array([1.0, 2.0, 5.0, 12.0])
    batches = rng.choice(4, p=counts / counts.sum(), size=(20_000, 6))
    frequency = [np.mean(np.any(batches == item, axis=1)) for item in range(4)]
    value = losses.log_inclusion(losses.shares(counts), 6.0)
    np.testing.assert_allclose(np.exp(value), frequency, atol=0.01)


def test_one_candidate_a_target_is_the_task_of_tfrs():
    rng = np.random.default_rng(0)
    queries, candidates = rng.normal(size=(2, 4, 3)).astype(np.float32)
    ids, probability = tf.constant([7, 8, 7, 9]), tf.constant([0.2, 0.1, 0.2, 0.5])
    task = tfrs.tasks.Retrieval(temperature=0.5, remove_accidental_hits=True)
    expected = task(
        queries, candidates, candidate_sampling_probability=probability, candidate_ids=ids
    )
    same = ids[:, tf.newaxis] == ids[tf.newaxis]
    value = losses.infonce(
        queries @ candidates.T / 0.5, tf.range(4), tf.math.log(probability), same
    )
    np.testing.assert_allclose(tf.reduce_sum(value), expected, rtol=1e-4)


def test_in_batch_bce_by_hand():
    # Positive: log(1 + e^-1). Negatives 0 and 2 (3 is excluded): mean of log(1 + e^0) and log(1 +
    #     e^2).
    logits = tf.constant([[0.0, 1.0, 2.0, 9.0]])
    excluded = tf.constant([[False, True, False, True]])  # the positive's own place does not matter
    expected = math.log1p(math.exp(-1)) + (math.log(2) + math.log1p(math.exp(2))) / 2
    np.testing.assert_allclose(
        losses.in_batch_bce(logits, tf.constant([1]), excluded), [expected], rtol=1e-5
    )


def test_pairwise_bce_by_hand():
    # -log sigmoid(2) - log(1 - sigmoid(-1)) = log(1 + e^-2) + log(1 + e^-1)
    value = losses.pairwise_bce(tf.constant([2.0]), tf.constant([-1.0]))
    np.testing.assert_allclose(
        value, [math.log1p(math.exp(-2)) + math.log1p(math.exp(-1))], rtol=1e-5
    )


def test_random_negatives_are_unseen_and_uniform():
    seen = np.zeros([2, 7], bool)  # items 1..5; 0 pads, 6 is unknown
    seen[0, [1, 3]] = True
    rows = tf.constant([0] * 3000 + [1] * 3000, tf.int64)
    drawn = losses.random_negatives(tf.constant(seen), rows, items=5, tries=20).numpy()
    assert set(drawn[:3000]) == {2, 4, 5}
    assert set(drawn[3000:]) == {1, 2, 3, 4, 5}
    np.testing.assert_allclose(np.bincount(drawn[3000:], minlength=6)[1:] / 3000, 0.2, atol=0.04)


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
def test_infonce_takes_positives_of_either_width(dtype):
    excluded = tf.constant([[True, True]])
    value = losses.infonce(tf.constant([[3.0, 1.0]]), tf.constant([0], dtype), None, excluded)
    # nothing but the positive is left, whose logit 3 cancels out
    close.assert_close(value, [0.0], roundings=close.FUNCTIONS, scale=3)
