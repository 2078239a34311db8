"""Reads text tables: RecBole's atomic files (`name:type` header, tabs) and CSV, one row a line.

`ReadLines` is splittable: several workers read one big file. The offset of a line is its place, so
ties keep the file order and an error can count its line, without a global row number. A row may not
span lines.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.io import restriction_trackers

from modules import config
from modules.beam import files, headers, problems, row_counter, rows, streams

# Number of the file, offset in `streams.blocks`, the line with its end; or `files.WHOLE_FILE` and
# what is wrong with the file.
Line = tuple[int, int, bytes]

_CHUNK = 2**20  # bytes of a file that are read in one piece


class _ByteRanges(beam.transforms.core.RestrictionProvider):
    """A file's bytes, in chunks; in one piece if it does not split (its length is not known)."""

    def initial_restriction(self, element: rows.File) -> restriction_trackers.OffsetRange:
        _, _, size, splits = element
        return restriction_trackers.OffsetRange(0, size if splits else sys.maxsize)

    def create_tracker(
        self, restriction: restriction_trackers.OffsetRange
    ) -> beam.io.iobase.RestrictionTracker:
        tracker = restriction_trackers.OffsetRestrictionTracker(restriction)
        if restriction.stop == sys.maxsize:
            return restriction_trackers.UnsplittableRestrictionTracker(tracker)
        return tracker

    def split(
        self, element: rows.File, restriction: restriction_trackers.OffsetRange
    ) -> Iterator[restriction_trackers.OffsetRange]:
        del element
        if restriction.stop == sys.maxsize:
            return iter([restriction])
        ranges: Iterator[restriction_trackers.OffsetRange] = restriction.split(_CHUNK)
        return ranges

    def restriction_size(
        self, element: rows.File, restriction: restriction_trackers.OffsetRange
    ) -> int:
        return element[2] if restriction.stop == sys.maxsize else restriction.size()


@beam.typehints.with_input_types(rows.File)
@beam.typehints.with_output_types(Line)
class ReadLines(beam.DoFn):
    """Yields the lines that start in the claimed range, and a broken file as such, at its end."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self._encoding = encoding

    def process(
        self, element: rows.File, tracker: Any = beam.DoFn.RestrictionParam(_ByteRanges())
    ) -> Iterator[Line]:
        number, path, _, _ = element
        start = position = tracker.current_restriction().start
        with contextlib.closing(streams.blocks(path, self._encoding, max(0, start - 1))) as blocks:
            lines = streams.lines(blocks)
            if start > 0:  # the line over the border belongs to the range before
                position += len(next(lines, b"")) - 1
            try:
                for line in lines:
                    if not tracker.try_claim(position):
                        return
                    yield number, position, line
                    position += len(line)
            except streams.BrokenFileError as error:
                yield number, files.WHOLE_FILE, str(error).encode()
            tracker.try_claim(tracker.current_restriction().stop)  # there is no line any more


@beam.typehints.with_input_types(Line)
@beam.typehints.with_output_types(rows.Row)
class ParseLines(beam.DoFn):
    """Checks and converts lines into rows; checks a header where it is read, counts blank lines."""

    def __init__(self, listing: files.Listing, table: config.Table) -> None:
        self._listing, self._table = listing, table
        self._rows = row_counter.RowCounter(listing.table)
        self._blank = beam.metrics.Metrics.counter(
            problems.NAMESPACE, f"{listing.table}_blank_lines"
        )

    def setup(self) -> None:
        self._columns = rows.Columns(self._table, self._listing.table)
        self._headers = headers.Headers(self._listing, self._table, self._columns)

    def process(self, element: Line) -> Iterator[Any]:
        number, position, line = element
        try:
            if position <= 0:
                first = self._first(number, position, line)
                if first is None:
                    return
                line = first
            header = self._headers.of(number)
            if header is None:
                return
            cells = header.cells(line)
            if cells is None:
                self._blank.inc()
                return
            if len(cells) != len(header.names):
                raise ValueError(self._headers.wrong_length(number, line, cells))
            row = self._columns.convert(header.located, cells)
        except ValueError as error:
            yield problems.found(self._listing.table, (number, position, 0), str(error))
            return
        self._rows.inc()
        if isinstance(row, str):
            yield rows.dropped(self._listing.table, row)
        else:
            yield (number, position, 0), row

    def _first(self, number: int, position: int, line: bytes) -> bytes | None:
        """The row in a file's first line, if it is one."""
        if position == files.WHOLE_FILE:
            raise ValueError(line.decode())
        return self._headers.begin(number, line)
