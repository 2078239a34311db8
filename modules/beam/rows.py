"""Rows of a table: the typed values of its columns, with their place, read from any format."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Sequence
from typing import Any

from modules import config
from modules.beam import files, values

# number in the listing, path, size in bytes, whether pieces of it may be read (of a text)
File = tuple[int, str, int, bool]
Row = tuple[files.Place, tuple[typing.Any, ...]]  # place, values in the order of `names`

# place in the row, the column's name, its converter
Located = list[tuple[int, str, values.Converter]]


def names(table: config.Table) -> list[str]:
    """The columns whose values a row holds: all but the ignored ones."""
    return [name for name, column in table.columns.items() if column.role != "ignore"]


class Columns:
    """Where the declared columns are in a file, and how their cells become values.

    Made on the worker.
    """

    def __init__(self, table: config.Table, table_name: str) -> None:
        self._table_name = table_name
        used = {name: table.columns[name] for name in names(table)}
        self._used = [
            (
                name,
                column.source or name,
                values.converter(column, fills=table_name != "events" or column.role != "feature"),
            )
            for name, column in used.items()
        ]

    @property
    def sources(self) -> list[str]:
        """Names in the file of the columns that are read."""
        return [source for _, source, _ in self._used]

    def check_once(self, header: Sequence[str]) -> None:
        """Refuses a header in which a column that is read occurs several times: which one is meant?

        Raises:
          ValueError: names the column and its places, from 1.
        """
        for name, source, _ in self._used:
            places = [str(n) for n, column in enumerate(header, start=1) if column == source]
            if len(places) > 1:
                raise ValueError(
                    f"column '{source}', which data.{self._table_name}.columns.{name} reads, is "
                    f"there {len(places)} times, in places {', '.join(places)} of the header; "
                    "expected once. Rename or remove the others."
                )

    def locate(self, header: Sequence[str], remedy: str = "") -> Located:
        """Finds the columns in rows with this header.

        Args:
          header: names of all columns.
          remedy: for one that is missing, where more is known than the names.

        Raises:
          ValueError: a declared column is not in the header.
        """
        for name, source, _ in self._used:
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
                    f"no column '{source}', which data.{self._table_name}.columns.{name} reads; "
                    f"found {', '.join(header) or 'no columns'}. {remedy}"
                )
        return [(list(header).index(source), name, convert) for name, source, convert in self._used]

    def convert(self, located: Located, cells: Sequence[Any]) -> tuple[Any, ...]:
        """The row's values, in the order of `names`.

        Raises:
          ValueError: a cell does not fit its column; the message names the column.
        """
        row, name = [], ""
        try:
            for at, name, convert in located:  # noqa: B007 (the error names it)
                row.append(convert(cells[at]))
        except ValueError as error:
            raise ValueError(f"column '{name}': {error}.") from None
        return tuple(row)
