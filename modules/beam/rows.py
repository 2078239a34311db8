"""Rows of a table: the typed values of its columns, with their place, read from any format."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import difflib
import typing
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import apache_beam as beam

from modules import config, rules
from modules.beam import files, numbers, problems, times, values

# number in the listing, path, size in bytes, whether pieces of it may be read (of a text)
File = tuple[int, str, int, bool]
Row = tuple[files.Place, tuple[typing.Any, ...]]  # place, values in the order of `names`


class Filter(NamedTuple):
    """A rule at work: `cells[at]`, as `prepare` makes it, has to fulfil it, or must not."""

    at: int
    prepare: Callable[[Any], Any]
    rule: rules.Rule
    wanted: bool


class Located(NamedTuple):
    """Where a file has what is read: filters; of each column its place, name and converter."""

    filters: list[Filter]
    cells: list[tuple[int, str, values.Converter]]


_MOST_KNOWN = 2**16  # cells of a column


class _Known(dict[str | None, Any]):
    """The values of cells that were converted before, of one column."""

    def __init__(self, convert: values.Converter) -> None:
        super().__init__()
        self._convert = convert

    def __missing__(self, cell: str | None) -> Any:
        value = self._convert(cell)
        if len(self) < _MOST_KNOWN:
            self[cell] = value
        return value


def remembering(located: Located) -> Located:
    """The same for cells that are texts, most of which stand in a file many times."""
    return located._replace(
        cells=[(at, name, _Known(convert).__getitem__) for at, name, convert in located.cells]
    )


DROPPED = "dropped"  # tag of the rows that do not count
Dropped = tuple[str, str]  # table, the rule's text


def dropped(table: str, rule: str) -> beam.pvalue.TaggedOutput:
    """A row that does not count by a rule, on its output."""
    return beam.pvalue.TaggedOutput(DROPPED, (table, rule))


def names(table: config.Table) -> list[str]:
    """The columns whose values a row holds: all but the ignored ones."""
    return [name for name, column in table.columns.items() if column.role != "ignore"]


def fills(table_name: str, role: str) -> bool:
    """Whether a missing value becomes the column's default: feedback on an event stays unknown."""
    return table_name != "events" or role != "feature"


class Columns:
    """Where the declared columns are in a file, and how their cells become values.

    Made on the worker.
    """

    def __init__(self, table: config.Table, table_name: str) -> None:
        self._table_name = table_name
        self._key = table.column_with("item_id" if table_name == "items" else "user_id")
        self._filters = table.filters
        used = {name: table.columns[name] for name in names(table)}
        self._timeless = {name for name, column in used.items() if column.from_ is not None}
        self._by_source = {column.source or name: column for name, column in used.items()}
        self._sources = {name: column.source or name for name, column in table.columns.items()}
        self._used = [
            (
                name,
                column.source or name,
                values.converter(column, fills=fills(table_name, column.role)),
            )
            for name, column in used.items()
        ]

    @property
    def sources(self) -> list[str]:
        """Names in the file of the columns that are read, for their values or for rules."""
        ours = [source for name, source, _ in self._used if name not in self._timeless]
        ruled = [self._source(rule) for rule, _ in self._filters]
        return list(dict.fromkeys([*ours, *ruled]))

    def check_once(self, header: Sequence[str]) -> None:
        """Refuses a header in which a column that is read occurs several times: which one is meant?

        Raises:
          ValueError: names the column and its places, from 1.
        """
        for reader, source in self._readers():
            places = [str(n) for n, column in enumerate(header, start=1) if column == source]
            if len(places) > 1:
                raise ValueError(
                    f"column '{source}', which {reader} reads, is there {len(places)} times, in "
                    f"places {', '.join(places)} of the header; expected once. Rename or remove "
                    "the others."
                )

    def locate(self, header: Sequence[str], remedy: str = "") -> Located:
        """Finds the columns in rows with this header.

        Args:
          header: names of all columns.
          remedy: for one that is missing, where more is known than the names.

        Raises:
          ValueError: a column that is read is not in the header.
        """
        for reader, source in self._readers():
            if source not in header:
                close = difflib.get_close_matches(source, header, n=1)
                remedy = remedy or (
                    f"Did you mean '{close[0]}'?"
                    if close
                    else "Correct the delimiter in the configuration."
                    if len(header) == 1
                    else "Correct the column's name or source in the configuration."
                )
                raise ValueError(
                    f"no column '{source}', which {reader} reads; found "
                    f"{', '.join(header) or 'no columns'}. {remedy}"
                )
        places = {name: at for at, name in reversed(list(enumerate(header)))}
        return Located(
            [self._filter(rule, wanted, places) for rule, wanted in self._filters],
            [
                (0, name, _no_time) if name in self._timeless else (places[source], name, convert)
                for name, source, convert in self._used
            ],
        )

    def convert(self, located: Located, cells: Sequence[Any]) -> tuple[Any, ...] | str:
        """The row's values, in the order of `names`, or the rule by which it does not count.

        Raises:
          problems.RefusedCell: a cell does not fit its column; the message names the column.
        """
        for at, prepare, rule, wanted in located.filters:
            try:
                if rule.holds(prepare(cells[at])) is not wanted:
                    return rule.text
            except ValueError as error:
                text = f"column '{rule.column}': {error}."
                raise problems.RefusedCell(text, rule.column) from None
        try:
            return tuple([convert(cells[at]) for at, _, convert in located.cells])
        except ValueError:
            raise self._refused_cell(located, cells) from None

    def convert_all(
        self, located: Located, rows_of_cells: Sequence[Sequence[Any]]
    ) -> list[tuple[Any, ...]] | None:
        """What `convert` makes of many rows, quickly; None: each has to be looked at alone."""
        if located.filters or not rows_of_cells:
            return None
        by_column = list(zip(*rows_of_cells))
        try:
            found = [list(map(convert, by_column[at])) for at, _, convert in located.cells]
        except ValueError:
            return None
        return list(zip(*found))

    def _refused_cell(self, located: Located, cells: Sequence[Any]) -> problems.RefusedCell:
        """What is wrong with the first cell of a row that does not fit its column."""
        for at, name, convert in located.cells:
            try:
                convert(cells[at])
            except ValueError as error:
                text = f"column '{name}': {error}."
                return problems.RefusedCell(text, name, self._id(located, cells))
        raise AssertionError("every cell fits its column")

    def _id(self, located: Located, cells: Sequence[Any]) -> str | None:
        """The id of a user or item in a row that cannot be used, where it can be read."""
        if self._table_name == "events":
            return None
        for at, name, convert in located.cells:
            if name == self._key:
                with contextlib.suppress(ValueError):
                    return str(convert(cells[at]))
        return None

    def _readers(self) -> list[tuple[str, str]]:
        """What reads a column, as the configuration calls it, and the column."""
        path = f"data.{self._table_name}"
        return [
            *(
                (f"{path}.columns.{name}", source)
                for name, source, _ in self._used
                if name not in self._timeless
            ),
            *(
                (f"{path}.{'keep' if wanted else 'drop'} ({rule.text!r})", self._source(rule))
                for rule, wanted in self._filters
            ),
        ]

    def _source(self, rule: rules.Rule) -> str:
        """The rule's column in the file; it may also be called as the configuration calls it."""
        return (
            rule.column
            if rule.column in self._by_source
            else self._sources.get(rule.column, rule.column)
        )

    def _filter(self, rule: rules.Rule, wanted: bool, places: dict[str, int]) -> Filter:
        source = self._source(rule)
        column = self._by_source.get(source)
        if column is None:
            return Filter(places[source], _as_it_is, rule, wanted)
        absent = values.absence(column)

        def prepare(cell: Any) -> Any:
            return None if absent(cell) else cell

        if rule.compares_numbers and (column.is_number or column.role == "timestamp"):
            return Filter(places[source], _numbers(column, prepare), rule, wanted)
        if column.role != "timestamp" or not rule.compares_dates:
            return Filter(places[source], prepare, rule, wanted)
        # dates are compared as times, in the column's zone, however the file writes them
        convert = times.converter(column, limits=False)
        zoned = times.converter(dataclasses.replace(column, unit=None, format=None), limits=False)
        seconds = [str(zoned(value)) for value in rule.values]
        rule = dataclasses.replace(rule, values=tuple(seconds))
        return Filter(
            places[source], lambda cell: None if absent(cell) else convert(cell), rule, wanted
        )


def _numbers(column: config.Column, prepare: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What makes numbers of cells as the column does; a typed time is its Unix seconds."""
    convert = numbers.converter(column)

    def number(cell: Any) -> Any:
        found = prepare(cell)
        if isinstance(found, datetime.datetime):
            return times.converter(column, limits=False)(found)
        try:
            return None if found is None else convert(found)
        except ValueError:  # if the row counts, what is no number is refused
            return found

    return number


def _no_time(_cell: Any) -> float:
    return 0.0


def _as_it_is(cell: Any) -> Any:
    return cell
