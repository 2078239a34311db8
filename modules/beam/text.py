"""Reads text tables: RecBole's atomic files (`name:type` header, tabs) and CSV, one row a line.

`ReadLines` is splittable: several workers read one big file. A line's byte offset is its place, so
ties keep the file order and an error can count its line, without a global row number. A row may not
span lines.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.io import filesystem, filesystems, restriction_trackers

from modules import config
from modules.beam import files, problems, row_counter, rows

Line = tuple[int, int, bytes]  # number of the file, byte offset, the line with its end

_CHUNK = 2**20  # bytes of a file that are read in one piece
_BOM = "\ufeff"


class _ByteRanges(beam.transforms.core.RestrictionProvider):
    """A file's bytes, in chunks; a compressed one (decompressed length unknown) in one piece."""

    def initial_restriction(self, element: rows.File) -> restriction_trackers.OffsetRange:
        _, path, size = element
        compressed = filesystem.CompressionTypes.detect_compression_type(path)
        plain = compressed == filesystem.CompressionTypes.UNCOMPRESSED
        return restriction_trackers.OffsetRange(0, size if plain else sys.maxsize)

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
    """Yields the lines that start in the claimed range of bytes."""

    def process(
        self, element: rows.File, tracker: Any = beam.DoFn.RestrictionParam(_ByteRanges())
    ) -> Iterator[Line]:
        number, path, _ = element
        position = tracker.current_restriction().start
        with filesystems.FileSystems.open(path) as stream:
            if position > 0:  # the line over the border belongs to the range before
                stream.seek(position - 1)
                position += len(stream.readline()) - 1
            while tracker.try_claim(position):
                line = stream.readline()
                if not line:  # the end of a compressed file
                    tracker.try_claim(tracker.current_restriction().stop)
                    return
                yield number, position, line
                position += len(line)


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
        self._split = _splitter(self._table)
        self._columns = rows.Columns(self._table, self._listing.table)
        self._headers: dict[int, tuple[list[str], rows.Located] | None] = {}

    def process(self, element: Line) -> Iterator[Any]:
        number, position, line = element
        place = (number, position, 0)
        try:
            if position == 0:
                self._located(self._names(line))
                return
            header = self._header(number)
            if header is None:
                return
            names, located = header
            cells = self._cells(line)
            if cells is None:
                self._blank.inc()
                return
            if len(cells) != len(names):
                raise ValueError(
                    f"found {len(cells)} fields, expected {len(names)} ({', '.join(names)}). "
                    "Correct the row, or the delimiter in the configuration."
                )
            row = self._columns.convert(located, cells)
        except ValueError as error:
            yield problems.found(self._listing.table, place, str(error))
            return
        self._rows.inc()
        yield place, row

    def _header(self, number: int) -> tuple[list[str], rows.Located] | None:
        """Names in a file's first line and the columns' places; None if bad (reported with it)."""
        if number not in self._headers:
            with filesystems.FileSystems.open(self._listing.paths[number]) as stream:
                line = stream.readline()
            try:
                names = self._names(line)
                self._headers[number] = names, self._located(names)
            except ValueError:
                self._headers[number] = None
        return self._headers[number]

    def _located(self, names: list[str]) -> rows.Located:
        self._columns.check_once(names)
        return self._columns.locate(names)

    def _names(self, line: bytes) -> list[str]:
        cells = self._cells(line) or []
        if cells:
            cells[0] = cells[0].removeprefix(_BOM)
        is_typed = self._table.format == "recbole"
        return [cell.split(":")[0] if is_typed else cell.strip() for cell in cells]

    def _cells(self, line: bytes) -> list[str] | None:
        try:
            text = line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"byte 0x{line[error.start]:02x} at position {error.start + 1} of the line is "
                "not UTF-8. Convert the file to UTF-8."
            ) from None
        return self._split(text) if text else None


def _splitter(table: config.Table) -> Callable[[str], list[str]]:
    if table.format == "recbole":
        delimiter = table.delimiter or "\t"
        return lambda text: text.split(delimiter)
    return lambda text: _csv_cells(text, table.delimiter or ",")


def _csv_cells(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ValueError(f"not a CSV row ({error}). Quotes have to close on their line.") from None
