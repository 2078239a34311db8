"""Cells of tables: by hand, and against dense NumPy tables."""

from __future__ import annotations

import pickle
import random

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.testing import util

from modules.beam import sparse_counts

WIDTH = 10


def _cells(*cells: tuple[int, int]) -> sparse_counts.Cells:
    """(key, value) each."""
    keys, values = zip(*cells)
    return sparse_counts.Cells.of(np.array(keys, np.int64), np.array(values, np.int64)[:, None])


def _plain(cells: sparse_counts.Cells) -> dict[int, int]:
    return dict(zip(cells.keys.tolist(), cells.values[:, 0].tolist()))


def test_equal_keys_are_added_up() -> None:
    assert _plain(_cells((7, 1), (3, 2), (7, 5), (0, 4))) == {0: 4, 3: 2, 7: 6}
    assert _plain(sparse_counts.Cells.counted(np.array([4, 1, 4], np.int64))) == {1: 1, 4: 2}


def test_each_value_is_added_up_by_itself() -> None:
    keys, values = np.array([2, 1, 2]), np.array([[1.0, 10.0], [2.0, 20.0], [0.5, 5.0]])
    found = sparse_counts.Cells.of(keys, values)
    assert found.keys.tolist() == [1, 2] and found.values.tolist() == [[2.0, 20.0], [1.5, 15.0]]


def test_nothing() -> None:
    empty = sparse_counts.Cells.of(np.zeros(0, np.int64), np.zeros((0, 3)))
    assert empty.keys.size == 0 and empty.values.shape == (0, 3)
    assert list(sparse_counts.blocks(empty, WIDTH)) == []
    assert sparse_counts.strongest(empty, WIDTH, 2).keys.size == 0


def test_blocks_hold_rows_and_all_cells_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparse_counts, "ROWS", 2)  # rows 0 and 1 are keys 0 to 19, and so on
    found = sparse_counts.blocks(_cells((5, 1), (19, 2), (20, 3), (85, 4)), WIDTH)
    assert [(block, _plain(part)) for block, part in found] == [
        (0, {5: 1, 19: 2}),
        (1, {20: 3}),
        (4, {85: 4}),
    ]


def test_the_strongest_of_each_row_and_of_equals_the_first() -> None:
    found = _cells((11, 3), (12, 9), (13, 3), (19, 3), (30, 1), (42, 2), (41, 2), (40, 2))
    assert _plain(sparse_counts.strongest(found, WIDTH, 2)) == {11: 3, 12: 9, 30: 1, 40: 2, 41: 2}
    assert _plain(sparse_counts.totals(found, WIDTH)) == {1: 18, 3: 1, 4: 6}


@pytest.mark.parametrize("most", [1, 3, 500])
def test_the_strongest_against_a_dense_table(most: int) -> None:
    dense = np.random.default_rng(4).integers(0, 5, (30, 40))
    keys = np.flatnonzero(dense)
    cells = sparse_counts.Cells(keys, dense.ravel()[keys][:, np.newaxis])
    kept = np.argsort(-dense, axis=1, kind="stable")[:, :most]
    expected = np.zeros_like(dense)
    np.put_along_axis(expected, kept, np.take_along_axis(dense, kept, axis=1), axis=1)
    found = np.zeros(dense.size, np.int64)
    strongest = sparse_counts.strongest(cells, 40, most)
    found[strongest.keys] = strongest.values[:, 0]
    np.testing.assert_array_equal(found.reshape(dense.shape), expected)


@pytest.mark.parametrize(
    "values",
    [
        np.array([[1], [255], [256]]),
        np.array([[0], [2**40], [3]]),
        np.array([[0.5, -1e300], [0.1, 2.0], [3.0, 4.0]]),
    ],
)
def test_what_is_shuffled_comes_back_as_it_was(values: np.ndarray) -> None:
    cells = sparse_counts.Cells(np.array([0, 2**20, 2**45]), values)
    found = pickle.loads(pickle.dumps(cells))
    np.testing.assert_array_equal(found.keys, cells.keys)
    np.testing.assert_array_equal(found.values, values)
    assert found.keys.dtype == np.int64 and found.values.dtype == values.dtype


def test_cells_that_occur_once_take_few_bytes() -> None:
    keys = np.cumsum(np.random.default_rng(1).integers(1, 50_000, 10_000))
    cells = sparse_counts.Cells(keys, np.ones((10_000, 1), np.int64))
    assert len(pickle.dumps(cells, pickle.HIGHEST_PROTOCOL)) < 3.1 * 10_000


def test_sums_do_not_depend_on_order_or_bundles() -> None:
    numbers = np.random.default_rng(2).integers(0, 50, (60, 30))
    elements = [("table", sparse_counts.Cells.counted(row)) for row in numbers]
    expected = {key: int(n) for key, n in enumerate(np.bincount(numbers.ravel())) if n}
    for seed in range(3):
        random.Random(seed).shuffle(elements)
        with beam.Pipeline() as pipeline:
            found = (
                pipeline
                | beam.Create(elements)
                | beam.Reshuffle()
                | beam.CombinePerKey(sparse_counts.Sum())
                | beam.MapTuple(lambda table, cells: (table, _plain(cells)))
            )
            util.assert_that(found, util.equal_to([("table", expected)]))


def test_accumulators_are_merged_in_any_way() -> None:
    combine = sparse_counts.Sum()
    parts = [_cells((n % 7, n)) for n in range(100)]
    expected = {key: sum(range(key, 100, 7)) for key in range(7)}
    for cut in (1, 16, 50, 99):
        accumulators = []
        for half in (parts[:cut], parts[cut:]):
            accumulator = combine.create_accumulator()
            for part in half:
                accumulator = combine.add_input(accumulator, part)
            accumulators.append(combine.compact(accumulator))
        merged = combine.merge_accumulators([*accumulators, combine.create_accumulator()])
        assert _plain(combine.extract_output(merged)) == expected
