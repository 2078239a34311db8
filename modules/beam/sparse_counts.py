"""Cells of large tables, counted and summed on Beam: sorted arrays, a block of rows an element.

A table of any number of rows and columns is divided into blocks of `ROWS` rows. Workers add up what
they count in many users' events before anything is shuffled (the combiner does, once more, before
the shuffle), so that a row that half of all events are of is, in the end, added up by one worker
from one element a worker. Whole numbers add up to the same in any order.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
from numpy import typing as npt

ROWS = 4096  # of a block

_MOST_APART = 16  # elements of a block that wait to be added up


class Cells:
    """Cells of one table, kept as steps between keys, in as few bytes as hold these and the values.

    Most neighbours of an item are met once: 3 to 5 bytes a cell instead of 16, also where they are
    shuffled.
    """

    __slots__ = ("_first", "_steps", "_values")

    def __init__(self, keys: npt.NDArray[np.int64], values: npt.NDArray[Any]) -> None:
        """Keeps cells.

        Args:
          keys: row * width + column, int64 [n], from 0, ascending, each once.
          values: whole numbers from 0 or float64, [n, m].
        """
        self._first = int(keys[0]) if keys.size else 0
        self._steps = _narrow(np.diff(keys, prepend=keys[:1]))
        self._values = values if values.dtype.kind == "f" else _narrow(values)

    @property
    def keys(self) -> npt.NDArray[np.int64]:
        """See `__init__`."""
        keys: npt.NDArray[np.int64] = self._first + np.cumsum(self._steps, dtype=np.int64)
        return keys

    @property
    def values(self) -> npt.NDArray[Any]:
        """See `__init__`; int64 or float64 [n, m]."""
        return self._values if self._values.dtype.kind == "f" else self._values.astype(np.int64)

    @classmethod
    def of(cls, keys: npt.NDArray[np.int64], values: npt.NDArray[Any]) -> Cells:
        """Adds up the values [n, m] of equal keys, int64 [n], in any order."""
        return _summed(keys, values, np.argsort(keys))

    @classmethod
    def counted(cls, keys: npt.NDArray[np.int64]) -> Cells:
        """How often each key occurs; int64 [n], in any order, becomes values [m, 1]."""
        found, counts = np.unique(keys, return_counts=True)
        return cls(found, counts[:, np.newaxis])


def added(cells: Iterable[Cells]) -> Cells:
    """The sums of the cells of at least one element of a table."""
    given = list(cells)
    if len(given) == 1:
        return given[0]
    keys = np.concatenate([one.keys for one in given])
    values = np.concatenate([one.values for one in given])
    return _summed(keys, values, np.argsort(keys, kind="stable"))  # merges what is in order


def blocks(cells: Cells, width: int) -> Iterator[tuple[int, Cells]]:
    """Divides cells by row: (number of the block, its cells), of those that have any."""
    size = ROWS * width
    keys, values = cells.keys, cells.values
    if not keys.size:
        return
    first, last = int(keys[0]) // size, int(keys[-1]) // size
    bounds = np.searchsorted(keys, size * np.arange(first, last + 2))
    for block, start, stop in zip(range(first, last + 1), bounds, bounds[1:]):
        if stop > start:
            yield block, Cells(keys[start:stop], values[start:stop])


def strongest(cells: Cells, width: int, most: int) -> Cells:
    """The `most` cells of each row with the greatest value; of equals the smaller columns."""
    keys, values = cells.keys, cells.values
    rows = keys // width
    order = np.lexsort((keys, -values[:, 0], rows))
    places = np.arange(len(order)) - np.searchsorted(rows, rows)  # rows are ascending
    kept = np.sort(order[places < most])
    return Cells(keys[kept], values[kept])


def totals(cells: Cells, width: int) -> Cells:
    """The sum of each row, in its column 0 of a table of the width 1."""
    return Cells.of(cells.keys // width, cells.values)


class Sum(beam.CombineFn):
    """Adds up cells of one table."""

    def create_accumulator(self) -> list[Cells]:
        return []

    def add_input(self, accumulator: list[Cells], element: Cells) -> list[Cells]:
        accumulator.append(element)
        return accumulator if len(accumulator) < _MOST_APART else [added(accumulator)]

    def merge_accumulators(self, accumulators: Iterable[list[Cells]]) -> list[Cells]:
        return functools.reduce(self._merged, accumulators, [])

    def compact(self, accumulator: list[Cells]) -> list[Cells]:
        return [added(accumulator)] if accumulator else []

    def extract_output(self, accumulator: list[Cells]) -> Cells:
        return added(accumulator)

    def _merged(self, accumulator: list[Cells], other: Iterable[Cells]) -> list[Cells]:
        return functools.reduce(self.add_input, other, accumulator)


def _summed(
    keys: npt.NDArray[np.int64], values: npt.NDArray[Any], order: npt.NDArray[np.int64]
) -> Cells:
    keys = keys[order]
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    sums = np.empty((len(first), values.shape[1]), values.dtype)
    for column in range(values.shape[1] if first.size else 0):
        sums[:, column] = np.add.reduceat(values[order, column], first)
    return Cells(keys[first], sums)


def _narrow(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.unsignedinteger[Any]]:
    return numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))))
