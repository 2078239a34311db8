"""What all readers of files do with a row: its cells become values, a problem, or are left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam

from modules import config
from modules.beam import files, partitions, problems, profile, row_counter, rows


class Reader(beam.DoFn):
    """A splittable DoFn from `rows.File` to `rows.Row`, for the files of one table."""

    def __init__(self, listing: files.Listing, table: config.Table) -> None:
        self._listing, self._table = listing, table
        self._rows = row_counter.RowCounter(listing.table)

    def setup(self) -> None:
        """Makes what a worker needs."""
        self._columns = rows.Columns(self._table, self._listing.table)
        self._recorder = profile.Recorder(self._table, self._listing.table, self._columns)

    def finish_bundle(self) -> Iterator[beam.pvalue.TaggedOutput]:
        """Gives out what was understood of the rows."""
        yield from self._recorder.finish()

    def partitions(self, number: int) -> dict[str, str | None]:
        """The cells that the folders of the file with this number give to all its rows."""
        return partitions.of(self._listing.paths[number], self._table)

    def made(self, place: files.Place, located: rows.Located, cells: Sequence[Any]) -> Any:
        """The row of these cells, for one of the outputs."""
        try:
            row = self._recorder.convert(place, located, cells)
        except ValueError as error:
            return self.problem(place, error)
        self._rows.inc()
        return rows.dropped(self._listing.table, row) if isinstance(row, str) else (place, row)

    def made_all(
        self,
        places: Sequence[files.Place],
        located: rows.Located,
        rows_of_cells: Sequence[Sequence[Any]],
    ) -> Iterator[Any]:
        """What `made` makes of many rows."""
        found = self._recorder.convert_all(places, located, rows_of_cells)
        if found is None:
            for place, cells in zip(places, rows_of_cells):
                yield self.made(place, located, cells)
        else:
            self._rows.inc(len(found))
            yield from zip(places, found)

    def problem(
        self, place: files.Place, error: ValueError | str, *, refuses_file: bool = False
    ) -> beam.pvalue.TaggedOutput:
        """What is wrong with a row, or with a file as a whole, on its output."""
        return problems.found(self._listing.table, place, error, refuses_file=refuses_file)
