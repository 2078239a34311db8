"""The sparse table against a dense one, in NumPy and in TensorFlow, and after it was saved."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from modules.ranking import sparse_table

ROWS, WIDTH = 7, 5


@pytest.fixture(scope="module")
def dense() -> np.ndarray:
    random = np.random.default_rng(3)
    table = np.where(random.random((ROWS, WIDTH)) < 0.4, random.random((ROWS, WIDTH)), 0).astype(
        np.float32
    )
    table[2] = 0  # a row without cells
    return table


def _sparse(dense: np.ndarray) -> sparse_table.SparseTable:
    rows, columns = np.nonzero(dense)
    order = np.random.default_rng(4).permutation(len(rows))  # cells come in any order
    return sparse_table.SparseTable.of(
        rows[order], columns[order], dense[rows, columns][order], WIDTH
    )


def _last(dense: np.ndarray, row: int, column: int) -> float:
    return next((float(value) for value in dense[row, : max(column + 1, 0)][::-1] if value), 0.0)


def test_keys_and_values_by_hand() -> None:
    table = sparse_table.SparseTable.of(np.array([2, 0]), np.array([1, 3]), np.array([5.0, 7.0]), 4)
    assert table.keys.tolist() == [-1, 3, 9] and table.values.tolist() == [0, 7, 5]
    assert (table.keys.dtype, table.values.dtype) == (np.int64, np.float32)


def test_every_cell_is_found(dense: np.ndarray) -> None:
    rows, columns = np.mgrid[:ROWS, :WIDTH]
    np.testing.assert_array_equal(_sparse(dense).lookup(rows, columns), dense)
    found = sparse_table.TensorTable(_sparse(dense), "t").lookup(
        tf.constant(rows), tf.constant(columns)
    )
    np.testing.assert_array_equal(found, dense)


def test_the_last_cell_at_or_before_a_column_within_or_without_the_table(dense: np.ndarray) -> None:
    rows, columns = np.meshgrid(np.arange(ROWS), np.arange(-3, WIDTH + 3), indexing="ij")
    expected = [[_last(dense, r, c) for c in range(-3, WIDTH + 3)] for r in range(ROWS)]
    np.testing.assert_array_equal(_sparse(dense).last(rows, columns), np.float32(expected))
    found = sparse_table.TensorTable(_sparse(dense), "t").last(
        tf.constant(rows), tf.constant(columns)
    )
    np.testing.assert_array_equal(found, np.float32(expected))


@pytest.mark.parametrize("shape", [(0,), (2, 0), (2, 3)])
def test_an_empty_table_and_empty_questions(shape: tuple[int, ...]) -> None:
    nothing = np.zeros(0, np.int64)
    table = sparse_table.SparseTable.of(nothing, nothing, nothing, 4)
    places = np.zeros(shape, np.int64)
    for found in (
        table.lookup(places, places),
        table.last(places, places),
        sparse_table.TensorTable(table, "t").lookup(tf.constant(places), tf.constant(places)),
        sparse_table.TensorTable(table, "t").last(tf.constant(places), tf.constant(places)),
    ):
        np.testing.assert_array_equal(found, np.zeros(shape))


@pytest.mark.parametrize("column", [-1, 4])
def test_a_column_beyond_the_width_is_refused(column: int) -> None:
    with pytest.raises(ValueError, match=rf"below the width \(4\), found {column} to {column}"):
        sparse_table.SparseTable.of(np.array([1]), np.array([column]), np.array([1.0]), 4)


def test_a_saved_table_answers_alike_and_is_not_trained(
    dense: np.ndarray, tmp_path: pathlib.Path
) -> None:
    table = sparse_table.TensorTable(_sparse(dense), "t")
    assert len(table.variables) == 2 and not table.trainable_variables
    spec = tf.TensorSpec([None], tf.int64)
    tf.saved_model.save(
        table, str(tmp_path), tf.function(table.lookup).get_concrete_function(spec, spec)
    )
    call = tf.saved_model.load(str(tmp_path)).signatures["serving_default"]
    rows, columns = (array.ravel() for array in np.mgrid[:ROWS, :WIDTH])
    (answer,) = call(rows=tf.constant(rows), columns=tf.constant(columns)).values()
    np.testing.assert_array_equal(answer, dense.ravel())
