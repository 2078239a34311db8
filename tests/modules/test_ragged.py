"""Parts of ragged rows, against slices of ragged tensors."""

import numpy as np
import pytest
import tensorflow as tf

from modules import ragged

ROWS = {
    "usual": [[3, 1, 2], [5], [], [7, 8]],
    "last_empty": [[4, 6], []],
    "all_empty": [[], []],
    "none": [],
}


def _rows(name, dtype=tf.int64):
    flat = tf.constant([value for row in ROWS[name] for value in row], tf.int64)
    values = tf.strings.as_string(flat) if dtype == tf.string else tf.cast(flat, dtype)
    return tf.RaggedTensor.from_row_lengths(
        values, tf.constant([len(row) for row in ROWS[name]], tf.int64)
    )


@pytest.mark.parametrize("dtype", [tf.int64, tf.float32, tf.string])
@pytest.mark.parametrize("name", ROWS)
def test_first(name, dtype):
    default = "9" if dtype == tf.string else 9
    rows = _rows(name, dtype)
    expected = rows[:, :1].to_tensor(tf.constant(default, dtype), shape=[None, 1])
    found = ragged.first(rows, default)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", [tf.int64, tf.float32, tf.string])
@pytest.mark.parametrize("skip", [0, 1])
@pytest.mark.parametrize("most", [1, 2, 10])
@pytest.mark.parametrize("name", ROWS)
def test_last(name, most, skip, dtype):
    rows = _rows(name, dtype)
    expected = rows[:, -(most + skip) : -skip if skip else None]
    last = ragged.Last.of(rows, most, skip)
    np.testing.assert_array_equal(last.lengths, expected.row_lengths())
    np.testing.assert_array_equal(last.given, tf.sequence_mask(expected.row_lengths()))
    np.testing.assert_array_equal(last.dense(rows), expected.to_tensor())
    assert last.dense(rows).dtype == dtype


def test_columns_of_the_same_rows_share_the_places():
    rows = _rows("usual")
    last = ragged.Last.of(rows, 2)
    expected = [[10, 20], [50, 0], [0, 0], [70, 80]]
    assert last.dense(rows.with_values(10 * rows.values)).numpy().tolist() == expected


def test_nan_beside_padding_stays_where_it_is():
    rows = tf.ragged.constant([[np.nan, 1.0], [2.0]])
    np.testing.assert_array_equal(ragged.Last.of(rows, 2).dense(rows), [[np.nan, 1.0], [2.0, 0.0]])
