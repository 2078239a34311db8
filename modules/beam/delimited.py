"""Cuts texts into rows of cells: plainly at a delimiter, or by the quotes of CSV (RFC 4180).

With quotes, a row may go on over several lines. Where a quote does not close, only the line where
it opens is bad: the rows after it are read. Rows follow from where reading begins alone, so that a
file may be cut at the start of any row.
"""

from __future__ import annotations

import collections
import csv
import dataclasses
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

from modules import config, formats
from modules.beam import streams

# The row's bytes, with its end; its cells, None for a blank one, or what is wrong with it.
Record = tuple[bytes, "list[str] | ValueError | None"]

_FIELD = (
    2**20
)  # characters of a field, at most; where a quote never closes, they are looked through
_ROWS_INSIDE = 10  # so many lines of a field, all like rows, are rows that a quote has swallowed
_SHOWN = 40  # characters of a text in a message


@dataclasses.dataclass(frozen=True)
class Dialect:
    """How a text is cut into cells.

    Attributes:
      delimiter: between the cells.
      encoding: of the text.
      quote: around cells; empty: none.
      escape: the character before one that is plain text; empty: none.
    """

    delimiter: str
    encoding: str = "utf-8"
    quote: str = ""
    escape: str = ""

    @property
    def spans_lines(self) -> bool:
        """Whether a row may go on over several lines."""
        return bool(self.quote or self.escape)

    def rows(self, read: Iterable[bytes]) -> Iterator[Record]:
        """The rows of a text that begins with the start of one."""
        if self.spans_lines:
            return _Reader(self, read).rows()
        return self._plain(read)

    def cells(self, row: bytes) -> list[str] | None:
        """The cells of one row; None if it is blank.

        Raises:
          ValueError: it is no row.
        """
        found = next(self.rows([row]), (b"", None))[1]
        if isinstance(found, ValueError):
            raise found
        return found

    def starts(self, read: Iterable[bytes], step: int) -> Iterator[int]:
        """Where rows start, `step` bytes after each other or more, if they may span lines."""
        return _Reader(self, read).starts(step)

    def _plain(self, read: Iterable[bytes]) -> Iterator[Record]:
        for piece in streams.pieces(read):
            lines = piece.splitlines(keepends=True)
            rows = self._plain_rows(piece)
            if rows is None:
                yield from map(self._plain_row, lines)
            else:
                yield from zip(lines, rows)

    def _plain_rows(self, piece: bytes) -> list[list[str] | None] | None:
        """The cells of whole lines, quickly; None: a line has to be looked at alone."""
        if b"\r" in piece:
            return None
        try:
            texts = piece.decode(streams.codec(self.encoding)).split("\n")
        except UnicodeDecodeError:
            return None
        if not texts[-1]:
            texts.pop()
        return [text.split(self.delimiter) if text else None for text in texts]

    def _plain_row(self, line: bytes) -> Record:
        try:
            text = line.decode(streams.codec(self.encoding)).rstrip("\r\n")
        except UnicodeDecodeError:
            return line, ValueError(streams.undecodable(line, self.encoding))
        return line, text.split(self.delimiter) if text else None


def of_table(kind: formats.Format, table: config.Table, delimiter: str) -> Dialect:
    """How the files of a table are cut, with this delimiter."""
    if kind == "csv" and len(delimiter) == 1:
        return Dialect(delimiter, table.encoding, table.quote, table.escape or "")
    return Dialect(delimiter, table.encoding)


class _Reader:
    """Rows of CSV, as Python's module finds them."""

    def __init__(self, dialect: Dialect, read: Iterable[bytes]) -> None:
        csv.field_size_limit(_FIELD)  # of the whole process; no other module of ours reads CSV
        self._dialect = dialect
        self._codec = streams.codec(dialect.encoding)
        self._pieces = streams.pieces(read)
        self._lines: collections.deque[bytes] = collections.deque()  # that no row has yet
        self._taken: list[bytes] = []  # the lines of a row
        self._csv = self._reader(self)

    def rows(self) -> Iterator[Record]:
        """All rows, quickly as long as each is a line."""
        while True:
            while self._lines:
                yield self._row()
            piece = next(self._pieces, b"")
            if not piece:
                return
            lines = piece.splitlines(keepends=True)
            rows = self._one_a_line(piece, len(lines))
            if rows is None:
                self._lines.extend(lines)
            else:
                yield from zip(lines, rows)

    def starts(self, step: int) -> Iterator[int]:
        """Places of rows, at least `step` bytes after each other and after the beginning."""
        start = position = 0
        while True:
            while self._lines:
                position += len(self._row()[0])
                if position - start >= step:
                    yield (start := position)
            piece = next(self._pieces, b"")
            if not piece:
                return
            special = (self._dialect.quote + self._dialect.escape).encode(self._codec, "replace")
            if any(byte in piece for byte in special):
                lines = piece.splitlines(keepends=True)
                if self._one_a_line(piece, len(lines)) is None:
                    self._lines.extend(lines)
                    continue
            position += len(piece)
            if position - start >= step:
                yield (start := position)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """The next line, for the module."""
        if not self._lines:
            self._lines.extend(next(self._pieces).splitlines(keepends=True))
        self._taken.append(self._lines.popleft())
        # what does not decode is looked at again in `_undecodable`
        return self._nulls(self._taken[-1].decode(self._codec, "replace"))

    def _reader(self, lines: Iterable[str], *, strict: bool = True) -> Any:
        dialect = self._dialect
        return csv.reader(
            lines,
            delimiter=dialect.delimiter,
            quotechar=dialect.quote or None,
            quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
            escapechar=dialect.escape or None,
            strict=strict,
        )

    def _one_a_line(self, piece: bytes, lines: int) -> list[list[str] | None] | None:
        """The cells of whole lines that begin with a row; None if a line is no row."""
        try:
            text = self._nulls(piece.decode(self._codec))
            rows = list(self._reader(io.StringIO(text, newline="")))
        except (csv.Error, UnicodeDecodeError):
            return None
        return [row or None for row in rows] if len(rows) == lines else None

    def _nulls(self, text: str) -> str:
        r"""Keeps cells that are \N, as databases write NULL, from becoming N by the escape."""
        if self._dialect.escape != "\\" or r"\N" not in text:
            return text
        end = re.escape(self._dialect.delimiter)
        return re.sub(rf"(\A|{end}|[\r\n])\\N(?={end}|[\r\n]|\Z)", r"\1\\\\N", text)

    def _row(self) -> Record:
        """The next row; if it is bad, its first line alone."""
        self._taken = []
        try:
            cells = next(self._csv)
            what = self._undecodable() or self._swallowed(cells)
        except csv.Error as error:
            what = self._undecodable() or self._wrong(error)
        if what is None:
            return b"".join(self._taken), cells or None
        self._lines.extendleft(reversed(self._taken[1:]))
        return self._taken[0], ValueError(what)

    def _undecodable(self) -> str | None:
        for number, line in enumerate(self._taken, start=1):
            try:
                line.decode(self._codec)
            except UnicodeDecodeError:
                found = streams.undecodable(line, self._dialect.encoding)
                of = f"of line {number} of a row that begins here"
                return found if number == 1 else found.replace("of the line", of, 1)
        return None

    def _swallowed(self, cells: list[str]) -> str | None:
        """Refuses a field of many lines that are all like rows: a quote opens it by mistake."""
        delimiter, inside = self._dialect.delimiter.encode(self._codec), self._taken[1:-1]
        if len(inside) < _ROWS_INSIDE or len(cells) < 2:
            return None
        if any(line.count(delimiter) != len(cells) - 1 for line in inside):
            return None
        return (
            f"a quote that opens in this row closes {len(self._taken) - 1} lines after it, and all "
            f"lines between look like rows. {self._remedy()}"
        )

    def _wrong(self, error: csv.Error) -> str:
        row = b"".join(self._taken).decode(self._codec, "replace")
        after = len(self._taken) - 1
        goes_on = "expected after" in str(error)
        escape = self._dialect.escape.encode(self._codec)
        if "NUL" in str(error):
            return "found a NUL character, which no CSV has. Remove it, or correct the encoding."
        if goes_on and not after:
            return self._goes_on(row)
        if len(row) > _FIELD and not after:
            return (
                f"found a field of more than {_FIELD:,} characters. Shorten it, or take its column "
                "out of the file; in Parquet, a column that is not declared is not read."
            )
        if escape and self._taken[-1].endswith(escape):
            return "the file ends after an escape character. Correct the row, or the escape."
        first = self._taken[0].decode(self._codec)
        field = f"the quote that opens in field {len(next(self._reader([first], strict=False)))}"
        if goes_on:
            return (
                f"{field} closes {after} lines after it, and the field goes on there. "
                f"{self._remedy()}"
            )
        within = f"within {_FIELD:,} characters" if len(row) > _FIELD else "in the file"
        return f"{field} does not close {within}. {self._remedy()}"

    def _goes_on(self, row: str) -> str:
        """Says where a field goes on after the quote that closes it."""
        quote, end = re.escape(self._dialect.quote), re.escape(self._dialect.delimiter)
        escape = re.escape(self._dialect.escape)
        inside = rf"[^{quote}{escape}]|{quote}{quote}" + (rf"|{escape}." if escape else "")
        field = rf"(?:^|(?<={end})){quote}(?:{inside})*{quote}[^{end}\r\n]+"
        match = re.search(field, row, re.DOTALL)
        found = _shown(match[0] if match else row)
        return f"found {found}, a field that goes on after its closing quote. {self._remedy()}"

    def _remedy(self) -> str:
        quote = self._dialect.quote
        if not self._dialect.escape and any(b"\\" + quote.encode() in line for line in self._taken):
            return r'If a backslash stands before quotes that are letters, set escape: "\\".'
        return (
            f"Write a quote inside quotes twice, as in {quote * 3}a{quote * 2} b{quote}; or set "
            f"quote: {formats.NO_QUOTE} if quotes are letters."
        )


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
