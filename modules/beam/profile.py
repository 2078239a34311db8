"""What was understood of the tables: readers record rows as they convert them, a combine merges.

A reader gives each row to its `Recorder`, and the profile out at the end of a bundle, on the output
`TAG`. See profile_column.py for what is kept.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.transforms import window
from apache_beam.utils import windowed_value

from modules import config
from modules.beam import causes, files, profile_column, rows

TAG = "profile"
FILE_NAME = "profile.json"

_BATCH = 8192  # rows that are looked at together

# By table, by column.
Profile = dict[str, dict[str, profile_column.ColumnProfile]]


class _Rows(NamedTuple):
    """Rows that wait to be looked at: their places, cells and, of rows that were read, values."""

    places: list[files.Place]
    cells: list[Sequence[Any]]
    values: list[tuple[Any, ...]]


class Recorder:
    """Gathers the profile of a table from the rows of a bundle; made on the worker."""

    def __init__(self, table: config.Table, table_name: str, columns: rows.Columns) -> None:
        self._table_name, self._rows = table_name, columns
        self._columns = {
            name: table.columns[name]
            for name in rows.names(table)
            if table.columns[name].from_ is None
        }
        self._located: rows.Located | None = None
        self._begin()

    def convert(
        self, place: files.Place, located: rows.Located, cells: Sequence[Any]
    ) -> tuple[Any, ...] | str:
        """What `rows.Columns.convert` makes of the cells; records a row that counts."""
        if located is not self._located:
            self._fold()
            self._located = located
        try:
            row = self._rows.convert(located, cells)
        except ValueError:
            self._refused.places.append(place)
            self._refused.cells.append(cells)
            if len(self._refused.places) >= _BATCH:
                self._fold()
            raise
        if not isinstance(row, str):
            self._read.places.append(place)
            self._read.cells.append(cells)
            self._read.values.append(row)
            if len(self._read.places) >= _BATCH:
                self._fold()
        return row

    def convert_all(
        self,
        places: Sequence[files.Place],
        located: rows.Located,
        rows_of_cells: Sequence[Sequence[Any]],
    ) -> list[tuple[Any, ...]] | None:
        """What `rows.Columns.convert_all` makes of many rows; records them."""
        found = self._rows.convert_all(located, rows_of_cells)
        if found is None:
            return None
        if located is not self._located:
            self._fold()
            self._located = located
        self._read.places.extend(places)
        self._read.cells.extend(rows_of_cells)
        self._read.values.extend(found)
        if len(self._read.places) >= _BATCH:
            self._fold()
        return found

    def finish(self) -> Iterator[beam.pvalue.TaggedOutput]:
        """Gives out what was recorded, as `finish_bundle` has to, and begins anew."""
        self._fold()
        found = {n: p for n, p in self._profiles.items() if p.rows}
        self._begin()
        if found:
            element = windowed_value.WindowedValue(
                {self._table_name: found}, window.MIN_TIMESTAMP, (window.GlobalWindow(),)
            )
            yield beam.pvalue.TaggedOutput(TAG, element)

    def _begin(self) -> None:
        self._profiles = {
            name: profile_column.ColumnProfile(
                column, fills=rows.fills(self._table_name, column.role)
            )
            for name, column in self._columns.items()
        }
        self._read, self._refused = _Rows([], [], []), _Rows([], [], [])

    def _fold(self) -> None:
        """Turns the rows at hand into what is known of the columns."""
        if self._located is None:
            return
        used = [
            (n, at, self._profiles[name])
            for n, (at, name, _) in enumerate(self._located.cells)
            if name in self._profiles
        ]
        take = [operator.itemgetter(at) for _, at, _ in used]
        if self._read.places:
            by_column = list(zip(*self._read.values))
            for (n, _, profile), cell in zip(used, take):
                cells = functools.partial(map, cell, self._read.cells)
                profile.add(self._read.places, cells, by_column[n])
        if self._refused.places:
            for (_, _, profile), cell in zip(used, take):
                profile.add_refused(self._refused.places, list(map(cell, self._refused.cells)))
        self._read, self._refused = _Rows([], [], []), _Rows([], [], [])


@beam.typehints.with_input_types(Profile)
class Merge(beam.CombineFn):
    """Merges profiles of parts of tables, and says what is known; places are numbers still."""

    def create_accumulator(self) -> Profile:
        return {}

    def add_input(self, accumulator: Profile, element: Profile) -> Profile:
        return self.merge_accumulators([accumulator, element])

    def merge_accumulators(self, accumulators: Iterable[Profile]) -> Profile:
        merged: Profile = {}
        for tables in accumulators:
            for table, columns in tables.items():
                known = merged.setdefault(table, {})
                for name, column in columns.items():
                    if name in known:
                        known[name].merge(column)
                    else:
                        known[name] = column
        return merged

    def extract_output(self, accumulator: Profile) -> dict[str, Any]:
        return {
            table: {name: column.result() for name, column in columns.items()}
            for table, columns in accumulator.items()
        }


def locate(found: Mapping[str, Any], listings: Mapping[str, files.Listing]) -> dict[str, Any]:
    """The output of `Merge` with files and lines for places; reads files up to these lines."""
    return {
        table: {name: _located(column, listing) for name, column in found[table].items()}
        for table, listing in listings.items()
        if table in found
    }


def _located(column: Mapping[str, Any], listing: files.Listing) -> dict[str, Any]:
    if "absurd" not in column:
        return dict(column)
    absurd = [
        {"value": value, **causes.place((at[0], at[1], at[2]), listing)}
        for value, at in column["absurd"]
    ]
    return {**column, "absurd": absurd}
