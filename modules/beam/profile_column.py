"""What a column holds, gathered in bounded memory: sketches of its cells and of their values.

Distinct values, frequent values and quantiles are exact while there are few values and estimates
above; the estimates are those of TFX's own statistics (tfx_bsl.sketches).
"""

from __future__ import annotations

import collections
import datetime
import itertools
import math
import operator
import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from tfx_bsl import sketches

from modules import columns
from modules.beam import files, values

EXACT = 65536  # distinct values up to which their number is exact; above, it is off by 0.4 % or so
_COUNTED = 4096  # values whose frequencies are kept; a share is at most 1 / 4096 too small
_EPSILON = 0.005  # a quantile's rank is off by so much at most, of all values
_MOST_VALUES = 2**32
_SHOWN = 3  # examples; extreme values on each side
_LOOKED_AT = 100  # rows of a batch in which examples are looked for
_FREQUENT = 10  # values
_TEXTS = 20  # different texts of missing cells that are counted apart
_LONGEST = 40  # characters of an example
_QUARTERS = 4
_ABSURD = 1000  # interquartile ranges beyond a quartile

Extreme = tuple[float, files.Place]


class ColumnProfile:
    """What is known of the cells of one column so far; it can be merged and pickled."""

    def __init__(self, column: columns.Column, *, fills: bool = True) -> None:
        """`fills` as of `values.converter`."""
        self.column, self._fills = column, fills
        self.rows = self.refused = 0
        self.missing: collections.Counter[str] = collections.Counter()
        self.examples: list[tuple[files.Place, str]] = []
        self.cells: set[str] = set()
        self.extremes: tuple[list[Extreme], list[Extreme]] = ([], [])
        self.lowest, self.highest = math.inf, -math.inf
        self._distinct: Any = sketches.KmvSketch(EXACT)
        self._frequent: Any = sketches.MisraGriesSketch(_COUNTED) if _has_texts(column) else None
        self._numbers: Any = _quantiles() if _has_numbers(column) else None
        self._lengths: Any = _quantiles() if column.kind == "multi_categorical" else None

    def add(
        self,
        places: Sequence[files.Place],
        cells: Callable[[], Iterator[Any]],
        found: Sequence[Any],
    ) -> None:
        """Adds rows that were read.

        Args:
          places: of the rows.
          cells: gives what the file holds; not asked for more of it than needed.
          found: what the cells mean.
        """
        if self._may_miss(found, cells):
            places, present, found = self._take_missing(places, list(cells()), found)
            self._add_examples(places, iter(present))
        else:
            self.rows += len(found)
            self._add_examples(places, cells())
        if not found:
            return
        if self.column.kind == "multi_categorical":
            lengths = np.fromiter(map(len, found), np.float64, len(found))
            self._lengths.AddValues(pa.array(lengths))
            self._add_texts(list(itertools.chain.from_iterable(found)))
        elif self._frequent is not None:
            self._add_texts(found)
        elif self.column.kind == "vector":
            self._add_numbers(np.asarray(found, np.float64), places)
        elif self._numbers is not None:
            self._add_numbers(np.asarray(found, np.float64)[:, np.newaxis], places)
        else:
            self._distinct.AddValues(_texts(found))

    def add_refused(self, places: Sequence[files.Place], cells: Sequence[Any]) -> None:
        """Adds the cells of rows that cannot be used, for the sake of examples."""
        self.refused += len(cells)
        places, present, _ = self._take_missing(places, cells, cells)
        self._add_examples(places, iter(present))

    def merge(self, other: ColumnProfile) -> None:
        """Adds what another profile of the same column knows."""
        self.rows += other.rows
        self.refused += other.refused
        self._count_missing(other.missing)
        self._keep_examples(other.examples)
        self.cells |= other.cells
        self._keep_extremes(other.extremes)
        self.lowest, self.highest = (
            min(self.lowest, other.lowest),
            max(self.highest, other.highest),
        )
        for name in ("_distinct", "_frequent", "_numbers", "_lengths"):
            sketch = getattr(self, name)
            if sketch is not None:
                sketch.Merge(getattr(other, name))

    def __getstate__(self) -> dict[str, Any]:
        for sketch in (self._numbers, self._lengths):
            if sketch is not None:
                sketch.Compact()
        return self.__dict__

    def _may_miss(self, found: Sequence[Any], cells: Callable[[], Iterator[Any]]) -> bool:
        """Whether a cell of rows that were read may be missing; quicker than asking of each."""
        if values.is_required(self.column):
            return False
        if not self._fills:
            return any(map(operator.ne, found, found)) if self._numbers is not None else "" in found
        types = set(map(type, cells()))
        if types == {str}:
            return not values.missing_texts(self.column).isdisjoint(cells())
        if types <= {int, bool, float} and not self.column.missing:
            return any(map(operator.ne, cells(), cells()))
        return True

    def _take_missing(
        self, places: Sequence[files.Place], cells: Sequence[Any], converted: Sequence[Any]
    ) -> tuple[Sequence[files.Place], Sequence[Any], Sequence[Any]]:
        """Counts missing cells; what is left without them."""
        self.rows += len(cells)
        absent = values.absence(self.column)
        missing = [n for n, cell in enumerate(cells) if absent(cell)]
        if not missing:
            return places, cells, converted
        self._count_missing(collections.Counter(_missing_text(cells[n]) for n in missing))
        gone = set(missing)
        left = [n for n in range(len(cells)) if n not in gone]
        return [places[n] for n in left], [cells[n] for n in left], [converted[n] for n in left]

    def _count_missing(self, counts: collections.Counter[str]) -> None:
        for text, count in counts.items():
            known = text in self.missing or len(self.missing) < _TEXTS
            self.missing[text if known else "..."] += count

    def _add_examples(self, places: Sequence[files.Place], cells: Iterator[Any]) -> None:
        found: dict[str, files.Place] = {}
        for place, cell in itertools.islice(zip(places, cells), _LOOKED_AT):
            self.cells.add(_form(cell))
            if len(self.examples) == _SHOWN and place > self.examples[-1][0]:
                break  # rows come in the order of their places
            found.setdefault(shown(cell), place)
            if len(found) == _SHOWN:
                break
        self._keep_examples((place, text) for text, place in found.items())

    def _keep_examples(self, found: Iterable[tuple[files.Place, str]]) -> None:
        first: dict[str, files.Place] = {}
        for place, text in sorted([*self.examples, *found]):
            first.setdefault(text, place)
        self.examples = [(place, text) for text, place in first.items()][:_SHOWN]

    def _add_texts(self, texts: Sequence[str]) -> None:
        counted = _texts(texts).value_counts()
        self._distinct.AddValues(counted.field(0))
        self._frequent.AddValues(counted.field(0), counted.field(1).cast(pa.float32()))

    def _add_numbers(self, numbers: npt.NDArray[np.float64], places: Sequence[files.Place]) -> None:
        """Adds numbers, of the shape (rows, numbers in a cell)."""
        flat = numbers.ravel()
        array = pa.array(flat)
        self._distinct.AddValues(array)
        self._numbers.AddValues(array)
        lowest, highest = float(flat.min()), float(flat.max())
        self.lowest, self.highest = min(self.lowest, lowest), max(self.highest, highest)
        if self.column.role != "timestamp" and self._is_extreme(lowest, highest):
            self._add_extremes(numbers, places)

    def _is_extreme(self, lowest: float, highest: float) -> bool:
        """Whether numbers with this range add to the extreme ones."""
        low, high = self.extremes
        return len(low) < _SHOWN or lowest < low[-1][0] or highest > high[-1][0]

    def _add_extremes(
        self, numbers: npt.NDArray[np.float64], places: Sequence[files.Place]
    ) -> None:
        flat, width = numbers.ravel(), numbers.shape[1]
        few = min(_SHOWN, len(flat))
        order = np.argpartition(flat, (few - 1, len(flat) - few))
        self._keep_extremes(
            tuple(
                [(float(flat[n]), places[n // width]) for n in order[part]]
                for part in (slice(0, few), slice(len(flat) - few, None))
            )
        )

    def _keep_extremes(self, found: Sequence[Iterable[Extreme]]) -> None:
        low, high = found
        self.extremes = (
            sorted([*self.extremes[0], *low])[:_SHOWN],
            sorted([*self.extremes[1], *high], key=lambda e: (-e[0], e[1]))[:_SHOWN],
        )

    def result(self) -> dict[str, Any]:
        """What is known, as JSON takes it, but for places: `[number of the file, offset, item]`.

        It is called once, at the end; quantiles end their sketch.
        """
        missing = sum(self.missing.values())
        distinct = self._distinct.Estimate()
        found: dict[str, Any] = {
            "role": self.column.role,
            "kind": self.column.kind,
            "rows": self.rows,
            "refused": self.refused,
            "cells": sorted(self.cells),
            "missing": missing,
            "missing_texts": dict(self.missing.most_common()),
            "distinct": distinct,
            "distinct_is_exact": distinct < EXACT,
            "examples": [text for _, text in self.examples],
        }
        if self._frequent is not None:
            found["frequent"] = self._most_frequent()
        if self._lengths is not None:
            found["lengths"] = _five(self._lengths)
        if self._numbers is not None:
            quantiles = _five(self._numbers)
            if quantiles:
                quantiles |= {"min": self.lowest, "max": self.highest}
            if self.column.role == "timestamp":
                found |= self._times(quantiles)
            else:
                found["numbers"] = quantiles
                found["absurd"] = self._absurd(quantiles) if quantiles else []
        return found

    def _times(self, quantiles: dict[str, float]) -> dict[str, Any]:
        """How times are read, the quantiles in Unix seconds, the first and last as ISO 8601."""
        zone = zoneinfo.ZoneInfo(self.column.timezone)
        ends = [
            datetime.datetime.fromtimestamp(quantiles[name], zone).isoformat()
            for name in ("min", "max")
            if quantiles
        ]
        first, last = ends or (None, None)
        return {
            "unit": self.column.unit,
            "format": self.column.format,
            "timezone": self.column.timezone,
            "first": first,
            "last": last,
            "times": quantiles,
        }

    def _most_frequent(self) -> list[list[Any]]:
        """The most frequent values with their numbers, the most frequent first."""
        found = self._frequent.Estimate()
        texts, counts = (found.field(n).to_pylist() for n in range(2))
        return [
            [text.decode("utf-8", "replace"), round(count)]
            for text, count in zip(texts[:_FREQUENT], counts)
        ]

    def _absurd(self, quantiles: dict[str, float]) -> list[list[Any]]:
        """Values so far outside of the others that a person would look at their rows."""
        low, high = quantiles["lower_quartile"], quantiles["upper_quartile"]
        spread = (high - low) or max(abs(high), 1.0)
        found = [e for e in self.extremes[0] if low - e[0] > _ABSURD * spread]
        found += [e for e in self.extremes[1] if e[0] - high > _ABSURD * spread]
        return [[value, list(place)] for value, place in dict.fromkeys(found)]


def _has_texts(column: columns.Column) -> bool:
    """Whether frequent values say something of the column."""
    return column.kind in ("categorical", "multi_categorical") or column.role in (
        "user_id",
        "item_id",
        "action_type",
    )


def _has_numbers(column: columns.Column) -> bool:
    return column.is_number or column.role == "timestamp"


def _quantiles() -> Any:
    return sketches.QuantilesSketch(_EPSILON, _MOST_VALUES, 1)


def _five(sketch: Any) -> dict[str, float]:
    """The five-number summary; empty without numbers."""
    lists = sketch.GetQuantiles(_QUARTERS).to_pylist()
    names = ("min", "lower_quartile", "median", "upper_quartile", "max")
    return dict(zip(names, lists[0])) if lists else {}


def _texts(texts: Sequence[str]) -> pa.Array:
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError:  # a surrogate alone, as JSON can write it
        return pa.array([text.encode("utf-8", "replace") for text in texts])


def _form(cell: Any) -> str:
    """How the file holds a cell."""
    if isinstance(cell, str):
        return "text"
    if isinstance(cell, datetime.date):
        return "date"
    return "list" if isinstance(cell, (list, tuple)) else "number"


def _missing_text(cell: Any) -> str:
    return cell if isinstance(cell, str) else "" if cell is None else str(cell)


def shown(cell: Any) -> str:
    """A cell for a person."""
    text = cell if isinstance(cell, str) else str(cell)
    text = " ".join(text.split()) if "\n" in text or "\r" in text else text
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
