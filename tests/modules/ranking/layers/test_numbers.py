"""Numbers of the session and of recall's answer by hand, and their standardisation."""

import math

import numpy as np
import pytest
import tensorflow as tf

from modules.ranking.layers import recall_place, session, standardise
from tests import close

NAN = float("nan")


@pytest.mark.parametrize(
    ("deltas", "length", "expected"),
    [
        (
            [0, 10, 0, 60, 0],
            4,
            [60, 2, 3, 3],
        ),  # one session: events at 0, 10, 10; the request at 70
        ([0, 10, 1801, 5, 0], 4, [5, 1, 1, 3]),  # the third event opened the session
        ([0, 10, 1800, 5, 0], 4, [5, 3, 3, 3]),  # a gap of exactly 30 minutes does not
        ([0, 10, 5, 9000, 0], 4, [9000, 0, 0, 3]),  # the request itself does
        ([0, 0, 0, 0, 0], 1, [0, 0, 0, 0]),  # no history
        ([0, 10, 60, 9000, 7], 3, [60, 2, 2, 2]),  # what stands behind the request is padding
    ],
)
def test_session(deltas, length, expected):
    found = session.numbers(tf.constant([deltas], tf.int64), tf.constant([length]))
    close.assert_close(found, np.log1p([expected]), roundings=close.FUNCTIONS)


def _place(scores, given=None, longest=200):
    given = np.ones_like(scores, bool) if given is None else np.array(given)
    return recall_place.numbers(
        tf.constant(scores, tf.float32), tf.constant(given), longest
    ).numpy()


def test_recall_s_scores_ranks_and_distance_from_the_list_s_mean():
    found = _place([[3.0, 1.0, 1.0, -1.0]])
    np.testing.assert_allclose(found[0, :, 0], [3, 1, 1, -1])
    close.assert_close(found[0, :, 1], np.log([1, 2, 2, 4]), roundings=close.FUNCTIONS)
    expected = np.array([2, 0, 0, -2]) / math.sqrt(2)
    close.assert_close(found[0, :, 2], expected, roundings=close.FUNCTIONS, scale=3)


def test_scores_that_are_not_numbers_count_as_the_lowest():
    found = _place([[NAN, 5.0, 2.0, math.inf]])
    np.testing.assert_allclose(found[0, :, 0], [2, 5, 2, 2])
    close.assert_close(found[0, :, 1], np.log([3, 1, 2, 3]), roundings=close.FUNCTIONS)
    np.testing.assert_allclose(_place([[NAN, NAN]]), [[[0, 0, 0], [0, 0, 0]]])


def test_padding_has_no_part_and_ranks_are_capped():
    found = _place([[9.0, 1.0, 7.0]], [[False, True, True]], longest=1)
    np.testing.assert_allclose(found, [[[0, 0, 0], [1, 0, -1], [7, 0, 1]]], atol=1e-5)
    assert _place(np.zeros([2, 0])).shape == (2, 0, 3)


def test_recall_s_numbers_follow_their_candidate():
    scores = np.array([[0.3, NAN, 0.7, -0.2, 0.7]])
    order = [4, 2, 0, 1, 3]
    close.assert_close(
        _place(scores[:, order]), _place(scores)[:, order], roundings=close.FUNCTIONS, scale=1
    )


def test_standardised_numbers():
    layer = standardise.Standardise()
    layer.adapt(np.array([[1, 5, 0], [3, 5, 0]], np.float32))  # means 2, 5, 0; deviations 1, 0, 0
    found = layer(
        tf.constant([[4.0, 9.0, 1.0], [NAN, 5.0, 0.0], [1e9, 5.0, 0.0], [-math.inf, 5.0, 0.0]])
    )
    np.testing.assert_allclose(found, [[2, 0, 0], [0, 0, 0], [8, 0, 0], [-8, 0, 0]])


def test_a_reloaded_standardisation_gives_the_same():
    layer = standardise.Standardise()
    layer.adapt(np.array([[1.0], [4.0]], np.float32))
    other = standardise.Standardise.from_config(layer.get_config())
    other.build(tf.TensorShape([None, 1]))
    other.set_weights(layer.get_weights())
    values = tf.constant([[0.5], [7.0]])
    close.assert_close(other(values), layer(values), roundings=close.FUNCTIONS)
