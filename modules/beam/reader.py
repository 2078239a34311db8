"""What all readers of files do with a row: its cells become values, a problem, or are left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apache_beam as beam

from modules import config
from modules.beam import files, partitions, problems, row_counter, rows


class Reader(beam.DoFn):
    """A splittable DoFn from `rows.File` to `rows.Row`, for the files of one table."""

    def __init__(self, listing: files.Listing, table: config.Table) -> None:
        self._listing, self._table = listing, table
        self._rows = row_counter.RowCounter(listing.table)

    def setup(self) -> None:
        """Makes what a worker needs."""
        self._columns = rows.Columns(self._table, self._listing.table)

    def partitions(self, number: int) -> dict[str, str | None]:
        """The cells that the folders of the file with this number give to all its rows."""
        return partitions.of(self._listing.paths[number], self._table)

    def made(self, place: files.Place, located: rows.Located, cells: Sequence[Any]) -> Any:
        """The row of these cells, for one of the outputs."""
        try:
            row = self._columns.convert(located, cells)
        except ValueError as error:
            return self.problem(place, error)
        self._rows.inc()
        return rows.dropped(self._listing.table, row) if isinstance(row, str) else (place, row)

    def problem(self, place: files.Place, error: ValueError | str) -> beam.pvalue.TaggedOutput:
        return problems.found(self._listing.table, place, str(error))
