"""Reads one table in any of its formats into checked rows."""

from __future__ import annotations

import apache_beam as beam

from modules import config
from modules.beam import files, parquet, problems, rows, text

ROWS = "rows"


class ReadTable(beam.PTransform):
    """Reads a table.

    Returns:
      The outputs `ROWS` (`rows.Row`), `rows.DROPPED` (`rows.Dropped`) and `problems.TAG`
      (`problems.Problem`).
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
        if self._listing.format == "parquet":
            read = beam.ParDo(parquet.ReadRows(self._listing, self._table))
            return found | "ReadRowGroups" >> read.with_outputs(
                problems.TAG, rows.DROPPED, main=ROWS
            )
        parse = beam.ParDo(text.ParseLines(self._listing, self._table))
        return (
            found
            | "ReadLines" >> beam.ParDo(text.ReadLines(self._table.encoding))
            | "ParseLines" >> parse.with_outputs(problems.TAG, rows.DROPPED, main=ROWS)
        )
