"""Hashed crosses: which embedding row a combination has, and the mean over several values."""

import numpy as np
import tensorflow as tf

from modules.ranking.layers import hashed_cross


def _ids(*rows):
    return tf.constant(rows, tf.int64)


def test_few_combinations_have_a_row_each():
    layer = hashed_cross.HashedCross(2, buckets=6, sizes=[2, 3])
    keys, given = layer.keys([_ids([[1]]), _ids([[0, 2], [1, -1]])])
    np.testing.assert_array_equal(keys, [[[3, 5], [4, 0]]])  # 1 * 3 + 0, 1 * 3 + 2, 1 * 3 + 1
    np.testing.assert_array_equal(given, [[[True, True], [True, False]]])


def test_several_values_count_as_their_mean():
    layer = hashed_cross.HashedCross(1, buckets=6, sizes=[2, 3])
    layer([_ids([[0]]), _ids([[0]])])  # builds it
    layer.embedding.set_weights([np.array([[1], [2], [4], [8], [16], [32]], np.float32)])
    found = layer([_ids([[1]]), _ids([[0, 2], [1, -1], [-1, -1]])])
    np.testing.assert_allclose(found, [[[20], [16], [0]]])  # (8 + 32) / 2; 16 alone; nothing


def _splitmix(key):
    mask = 2**64 - 1
    key = ((key ^ (key >> 30)) * 0xBF58476D1CE4E5B9) & mask
    key = ((key ^ (key >> 27)) * 0x94D049BB133111EB) & mask
    return key ^ (key >> 31)


def test_many_combinations_are_hashed_by_splitmix64():
    layer = hashed_cross.HashedCross(2, buckets=10, sizes=[4, 5])
    keys, _ = layer.keys([_ids([[3, 0]]), _ids([[2, 4]])])
    assert keys.numpy().ravel().tolist() == [_splitmix(k) % 10 for k in (17, 19, 2, 4)]
    assert layer([_ids([[3]]), _ids([[2]])]).shape == (1, 1, 2)
    assert layer.embedding.input_dim == 10


def test_a_reloaded_layer_gives_the_same():
    values = [_ids([[3, 0]]), _ids([[2, 4]])]
    layer = hashed_cross.HashedCross(2, buckets=10, sizes=[4, 5])
    expected = layer(values)
    other = hashed_cross.HashedCross.from_config(layer.get_config())
    other(values)
    other.set_weights(layer.get_weights())
    np.testing.assert_array_equal(other(values), expected)
