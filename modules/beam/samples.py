"""The first rows of a table, read in this process by the same steps that read all of it."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from collections.abc import Iterator

import apache_beam as beam
from apache_beam.io import restriction_trackers

from modules import config
from modules.beam import files, rows, tables

ROWS = 1000


def first_rows(listing: files.Listing, table: config.Table, most: int = ROWS) -> list[rows.Row]:
    """The first rows of the first file, without those that have a problem or do not count."""
    return list(itertools.islice(_rows(listing, table), most))


def first_texts(
    listing: files.Listing, table: config.Table, names: list[str], most: int = ROWS
) -> dict[str, list[str]]:
    """The cells of columns in the first rows, as they are in the file, without missing ones.

    A cell that the file holds as a list is left out.
    """
    found: dict[str, list[str]] = {}
    for name in names:  # one by one: a cell that is a list must not hide the others of its row
        column = table.columns[name]
        plain = config.Column(kind="categorical", source=column.source, missing=column.missing)
        alone = dataclasses.replace(table, columns={name: plain})
        cells = (row[0] for _, row in first_rows(listing, alone, most))
        found[name] = [cell for cell in cells if cell.strip()]
    return found


def _rows(listing: files.Listing, table: config.Table) -> Iterator[rows.Row]:
    read = tables.reader(listing, table)
    read.setup()
    first = restriction_trackers.OffsetRange(0, 1 if listing.format == "parquet" else sys.maxsize)
    tracker = restriction_trackers.OffsetRestrictionTracker(first)
    for row in read.process((0, listing.paths[0], listing.sizes[0], False), tracker):
        if not isinstance(row, beam.pvalue.TaggedOutput):
            yield row
