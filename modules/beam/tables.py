"""Reads one table in any of its formats into checked rows."""

from __future__ import annotations

import apache_beam as beam

from modules import config
from modules.beam import files, json_lines, parquet, problems, profile, rows, text
from modules.beam import reader as read_rows

ROWS = "rows"


class ReadTable(beam.PTransform):
    """Reads a table.

    Returns:
      The outputs `ROWS` (`rows.Row`), `rows.DROPPED` (`rows.Dropped`), `profile.TAG`
      (`profile.Profile`) and `problems.TAG` (`problems.Problem`).
    """

    def __init__(self, listing: files.Listing, table: config.Table) -> None:
        super().__init__()
        self._listing, self._table = listing, table

    def expand(self, begin: beam.pvalue.PBegin) -> beam.pvalue.DoOutputsTuple:
        listed = [
            (number, path, size, self._listing.splits(number))
            for number, (path, size) in enumerate(zip(self._listing.paths, self._listing.sizes))
        ]
        found = begin | "Files" >> beam.Create(listed).with_output_types(rows.File)
        read = beam.ParDo(reader(self._listing, self._table))
        return found | "ReadRows" >> read.with_outputs(
            problems.TAG, rows.DROPPED, profile.TAG, main=ROWS
        )


def reader(listing: files.Listing, table: config.Table) -> read_rows.Reader:
    """What reads the files of a table, each in pieces."""
    if listing.format == "parquet":
        return parquet.ReadRows(listing, table)
    if listing.format == "json":
        return json_lines.JsonRows(listing, table)
    return text.DelimitedRows(listing, table)
