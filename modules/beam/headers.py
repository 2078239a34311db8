"""The header of a text file: declared, or its first line; and what to do where neither fits.

A header decides where the columns are and how a line becomes cells.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import re
from collections.abc import Callable
from typing import NamedTuple

from modules import config, formats
from modules.beam import files, rows, streams

Cells = Callable[[bytes], list[str] | None]  # of a line; None for a blank one

_DATUM = re.compile(r"\s*-?\d+([.,]\d+)*([eE][-+]?\d+)?\s*|\s*\d{4}-\d\d-\d\d.*")
_PLAIN = re.compile(r"[A-Za-z_][\w-]*")
# YAML makes no texts of them
_NULLS = (
    "null",
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "y",
    "n",
)


class Header(NamedTuple):
    """Names of all columns, places of those that are read, and how a line becomes cells."""

    names: list[str]
    located: rows.Located
    cells: Cells


class Headers:
    """The headers of a table's files, each made once.

    Made on the worker.
    """

    def __init__(self, listing: files.Listing, table: config.Table, columns: rows.Columns) -> None:
        self._listing, self._table, self._columns = listing, table, columns
        self._known: dict[int, Header | None] = {}

    def of(self, number: int) -> Header | None:
        """The header of the file with this number; None if it is bad, which `begin` reports."""
        if number not in self._known:
            with contextlib.suppress(ValueError):  # then it is known to be bad
                self.begin(number, self._first_line(number))
        return self._known[number]

    def begin(self, number: int, line: bytes) -> bytes | None:
        """Takes the first line of a file; gives it back without its mark where it is a row.

        Raises:
          ValueError: it is no header that fits the columns, or is one where none is expected.
        """
        if not formats.keeps_line_breaks(self._table.encoding) or formats.is_utf8(
            self._table.encoding
        ):
            line = line.removeprefix(codecs.BOM_UTF8)
        self._known[number] = None
        cells = self._cells(self._delimiter(number))
        if self._table.header is not None:
            names = list(self._table.header)
            self._known[number] = Header(names, self._columns.locate(names), cells)
            self._refuse_names(cells(line) or [])
            return line
        names = self._names(cells(line) or [])
        self._columns.check_once(names)
        remedy = "" if self._fits(names) else self._remedy(number, line, names)
        self._known[number] = Header(names, self._columns.locate(names, remedy), cells)
        return None

    def wrong_length(self, number: int, line: bytes, cells: list[str]) -> str:
        """What is wrong with a row that has another number of cells than the header."""
        header = self._known[number]
        assert header is not None
        expected = len(header.names)
        other = self._delimiter_for(line, lambda c: len(c) == expected) if len(cells) == 1 else None
        declared = ", the header" if self._table.header else ""
        remedy = (
            _set(other)
            if other
            else f"Correct the row{declared}, or the delimiter in the configuration."
        )
        return (
            f"found {len(cells)} fields, expected {expected} ({', '.join(header.names)}). {remedy}"
        )

    def _delimiter(self, number: int) -> str:
        path = self._listing.paths[number]
        return self._table.delimiter or formats.default_delimiter(self._listing.format, path)

    def _cells(self, delimiter: str) -> Cells:
        return _cells(self._listing.format, delimiter, self._table.encoding)

    def _first_line(self, number: int) -> bytes:
        blocks = streams.blocks(self._listing.paths[number], self._table.encoding)
        with contextlib.closing(blocks):
            return next(streams.lines(blocks), b"")

    def _names(self, cells: list[str]) -> list[str]:
        is_typed = self._listing.format == "recbole"
        return [cell.split(":")[0] if is_typed else cell.strip() for cell in cells]

    def _fits(self, names: list[str]) -> bool:
        return set(self._columns.sources) <= set(names)

    def _refuse_names(self, cells: list[str]) -> None:
        names = self._names(cells)
        if names == list(self._table.header or ()) or self._fits(names):
            raise ValueError(
                f"found {', '.join(names)}, the names of columns, expected a row, for header "
                "declares that the files have none. Remove header from the configuration, or this "
                "line from the file."
            )

    def _remedy(self, number: int, line: bytes, names: list[str]) -> str:
        """What to do where the first line lacks declared columns; empty: nothing is known."""
        other = self._delimiter_for(line, lambda cells: self._fits(self._names(cells)))
        if other:
            return _set(other)
        sources = self._columns.sources
        if set(sources) & set(names):
            return ""
        if len(names) == 1 < len(sources):
            other = self._delimiter_for(line, lambda cells: len(cells) >= len(sources))
        fields = (self._cells(other)(line) or []) if other else names
        if not any(_DATUM.fullmatch(field) for field in fields):
            return ""
        remedies = [_set(other)] if other else []
        remedies.append(self._like_another(number) or self._declare(fields))
        return f"This looks like data, not like a header. {' '.join(remedies)}"

    def _declare(self, fields: list[str]) -> str:
        known = self._columns.sources[: len(fields)]
        named = [*known, *(f"column_{n}" for n in range(len(known) + 1, len(fields) + 1))]
        return (
            f"If no file of the table has a header, name its {len(fields)} columns in their order, "
            f"as in header: [{', '.join(map(_yaml, named))}]."
        )

    def _like_another(self, number: int) -> str:
        """What to do where another file of the table has a header; empty: none is known."""
        if len(self._listing.paths) == 1:
            return ""
        another = 1 if number == 0 else 0
        header = self.of(another)
        if header is None:
            return ""
        return (
            f"{self._listing.paths[another]} has a header, so give this file one, too, or take it "
            f"from all files and set header: [{', '.join(map(_yaml, header.names))}]."
        )

    def _delimiter_for(self, line: bytes, fits: Callable[[list[str]], bool]) -> str | None:
        """The first of the usual delimiters between which the cells of the line fit."""
        for delimiter in (*formats.UNNAMED_DELIMITERS, *formats.DELIMITERS.values()):
            with contextlib.suppress(ValueError):
                if fits(self._cells(delimiter)(line) or []):
                    return delimiter
        return None


def _set(delimiter: str) -> str:
    return f"Set delimiter: {formats.delimiter_word(delimiter)}."


def _yaml(name: str) -> str:
    """A name as YAML's lists take it."""
    if _PLAIN.fullmatch(name) and name.lower() not in _NULLS:
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _cells(kind: formats.Format, delimiter: str, encoding: str) -> Cells:
    codec = streams.codec(encoding)
    quoted = kind == "csv" and len(delimiter) == 1

    def cells(line: bytes) -> list[str] | None:
        try:
            text = line.decode(codec).rstrip("\r\n")
        except UnicodeDecodeError:
            raise ValueError(streams.undecodable(line, encoding)) from None
        if not text:
            return None
        return _csv_cells(text, delimiter) if quoted else text.split(delimiter)

    return cells


def _csv_cells(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ValueError(f"not a CSV row ({error}). Quotes have to close on their line.") from None
