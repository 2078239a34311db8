"""Reads text files in pieces: several workers read one big file, each from the start of a row.

The offset of a row is its place, so that ties keep the file order and an error can count its line,
without a global row number. `DelimitedRows` and `json_lines.JsonRows` say what a row is.
"""

from __future__ import annotations

import abc
import bisect
import contextlib
import itertools
import sys
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.io import restriction_trackers as trackers

from modules import config, formats
from modules.beam import delimited, elements, files, headers, problems, reader, rows, streams

_CHUNK = 2**20  # bytes of a file that are read in one piece
BATCH = 1024  # rows that are converted together


class TextRows(reader.Reader, beam.transforms.core.RestrictionProvider, abc.ABC):
    """Yields the rows that start in the claimed range of a file's bytes, and a broken file as such.

    A file that does not split is one range without end (its length is not known). Blank lines and
    empty lists are counted.
    """

    def __init__(self, listing: files.Listing, table: config.Table) -> None:
        super().__init__(listing, table)
        self._blank, self._empty = (
            beam.metrics.Metrics.counter(problems.NAMESPACE, f"{listing.table}_{what}")
            for what in ("blank_lines", "empty_lists")
        )

    @abc.abstractmethod
    def read(self, number: int, start: int, stop: int) -> Iterator[Any]:
        """What becomes of the rows that start in a range of the file with this number."""

    def process(
        self, element: rows.File, tracker: Any = beam.DoFn.RestrictionParam()
    ) -> Iterator[Any]:
        number, path, _, _ = element
        claimed = tracker.current_restriction()
        if not tracker.try_claim(claimed.start):
            return
        read = self.read(number, claimed.start, claimed.stop)
        try:
            yield from read if formats.compression(path) is None else self._checked(read, path)
        except streams.BrokenFileError as error:
            yield self.problem((number, files.WHOLE_FILE, 0), error)
        tracker.try_claim(claimed.stop)  # nothing is left

    def _checked(self, read: Iterator[Any], path: str) -> Iterator[Any]:
        """Looks at a first bad row whether all of its compressed file is to blame.

        Raises:
          streams.BrokenFileError: so it is.
        """
        for found in read:
            if getattr(found, "tag", None) == problems.TAG:
                streams.check(path)
                yield found
                break
            yield found
        yield from read

    def initial_restriction(self, element: rows.File) -> trackers.OffsetRange:
        """All of a file."""
        _, _, size, splits = element
        return trackers.OffsetRange(0, size if splits else sys.maxsize)

    def create_tracker(self, restriction: trackers.OffsetRange) -> trackers.RestrictionTracker:
        """Of a range that no runner may divide further: only `split` knows where rows start."""
        return trackers.UnsplittableRestrictionTracker(
            trackers.OffsetRestrictionTracker(restriction)
        )

    def split(
        self, element: rows.File, restriction: trackers.OffsetRange
    ) -> Iterator[trackers.OffsetRange]:
        """Pieces of a file."""
        whole = restriction.stop == sys.maxsize
        starts = () if whole else self.starts(element[0], restriction)
        start = restriction.start
        for stop in starts:
            if start < stop < restriction.stop:
                yield trackers.OffsetRange(start, stop)
                start = stop
        yield trackers.OffsetRange(start, restriction.stop)

    def starts(self, number: int, restriction: trackers.OffsetRange) -> Iterator[int]:
        """Where pieces of a file start."""
        del number
        return iter(range(restriction.start + _CHUNK, restriction.stop, _CHUNK))

    def restriction_size(self, element: rows.File, restriction: trackers.OffsetRange) -> int:
        """How much there is to read, for the runner."""
        return element[2] if restriction.stop == sys.maxsize else restriction.size()

    @contextlib.contextmanager
    def opened(
        self, number: int, start: int, stop: int = sys.maxsize
    ) -> Iterator[tuple[Iterator[bytes], int]]:
        """A file's bytes from a place on, and that place; it is after a mark at the beginning."""
        path, encoding = self._listing.paths[number], self._table.encoding
        with contextlib.closing(streams.blocks(path, encoding, start, stop)) as read:
            yield streams.unmarked(read, encoding) if start == 0 else (read, start)


@beam.typehints.with_input_types(rows.File)
@beam.typehints.with_output_types(rows.Row)
class DelimitedRows(TextRows):
    """Rows of RecBole's atomic files (`name:type` header, tabs) and of CSV.

    Checks a header where it is read, counts blank lines.
    """

    def setup(self) -> None:
        super().setup()
        self._headers = headers.Headers(self._listing, self._table, self._columns)
        self._elements = elements.Elements(self._table) if self._table.list_pattern else None

    def starts(self, number: int, restriction: trackers.OffsetRange) -> Iterator[int]:
        """Where rows start, if quotes may hold line breaks: only the text before can tell."""
        dialect = headers.dialect(self._listing, self._table, number)
        if not dialect.spans_lines or restriction.size() <= _CHUNK:
            yield from super().starts(number, restriction)
            return
        with self.opened(number, restriction.start) as (read, position):
            for start in dialect.starts(read, _CHUNK):
                yield position + start

    def read(self, number: int, start: int, stop: int) -> Iterator[Any]:
        header = None if start == 0 else self._headers.of(number)
        if start > 0 and header is None:
            return  # it is bad, which the range at the beginning says
        dialect = headers.dialect(self._listing, self._table, number)
        exact = dialect.spans_lines  # then `starts` has said where the range starts and stops
        begin = start if start == 0 or exact else start - 1
        with self.opened(number, begin, stop if exact else sys.maxsize) as (read, first):
            position = first
            records = dialect.rows(read)
            if position < start:  # the line over the border belongs to the range before
                position += len(next(records, (b"", None))[0])
            if header is None:
                begun = next(records, None)
                if begun is None:
                    return
                try:
                    is_row = self._headers.begin(number, *begun)
                except ValueError as error:
                    is_header = self._headers.of(number) is None
                    yield self.problem((number, position, 0), error, refuses_file=is_header)
                    return
                header = self._headers.of(number)
                assert header is not None
                if is_row:
                    records = itertools.chain([begun], records)
                else:
                    position += len(begun[0])
            while position < stop:
                taken = list(itertools.islice(records, BATCH))
                if not taken:
                    return
                starts = list(itertools.accumulate((len(r[0]) for r in taken), initial=position))
                position = starts.pop()
                ours = bisect.bisect_left(starts, stop)
                places = [(number, at, 0) for at in starts[:ours]]
                yield from self._taken(places, header, taken[:ours])

    def _taken(
        self,
        places: list[files.Place],
        header: headers.Header,
        records: list[delimited.Record],
    ) -> Iterator[Any]:
        """What becomes of some records."""
        plain = [cells for _, cells in records if isinstance(cells, list)]
        is_plain = len(plain) == len(records) and not header.more and self._elements is None
        if is_plain and {*map(len, plain)} == {len(header.names)}:
            yield from self.made_all(places, header.located, plain)
            return
        for place, (line, cells) in zip(places, records):
            if cells is None:
                self._blank.inc()
            elif isinstance(cells, ValueError):
                yield self.problem(place, cells)
            elif self._elements is None:
                yield self._row(place, header, line, cells)
            else:
                yield from self._rows_of(place, header, line, cells, self._elements)

    def _row(
        self, place: files.Place, header: headers.Header, line: bytes, cells: list[str]
    ) -> Any:
        if len(cells) != len(header.names):
            return self.problem(place, self._headers.wrong_length(place[0], line, cells))
        return self.made(place, header.located, [*cells, *header.more] if header.more else cells)

    def _rows_of(
        self,
        place: files.Place,
        header: headers.Header,
        line: bytes,
        cells: list[str],
        inner: elements.Elements,
    ) -> Iterator[Any]:
        """The rows of the elements in a row's list."""
        assert header.list_at is not None
        if len(cells) != len(header.names):
            yield self.problem(place, self._headers.wrong_length(place[0], line, cells))
            return
        try:
            found = inner.of(cells[header.list_at])
        except ValueError as error:
            yield self.problem(place, error)
            return
        if not found:
            self._empty.inc()
        for element, own in enumerate(found, start=1):
            row = [*cells, *header.more, *own]
            yield self.made((*place[:2], element), header.located, row)
