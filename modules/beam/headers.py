"""The header of a text file: declared, or its first line; and what to do where neither fits.

A header decides where the columns are. What folders say (see partitions.py) comes after it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from modules import config, formats, strict
from modules.beam import delimited, files, partitions, rows, streams

_DATUM = re.compile(r"\s*-?\d+([.,]\d+)*([eE][-+]?\d+)?\s*|\s*\d{4}-\d\d-\d\d.*")
_SEP = re.compile(r'"?sep=(.|\\t)"?', re.IGNORECASE)
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
    """Names of all columns of a file, its folders' cells, and where what is read lies.

    Attributes:
      names: of the file's columns.
      more: cells of its folders.
      located: what is read, in the file's cells, those of its folders, and those of an element.
      list_at: where the list of events lies among the file's cells; None: it has none.
    """

    names: list[str]
    more: list[str | None]
    located: rows.Located
    list_at: int | None = None


def dialect(listing: files.Listing, table: config.Table, number: int) -> delimited.Dialect:
    """How the file with this number is cut into rows."""
    path = listing.paths[number]
    delimiter = table.delimiter or formats.default_delimiter(listing.format, path)
    return delimited.of_table(listing.format, table, delimiter)


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
                self.begin(number, *self._first_row(number))
        return self._known[number]

    def begin(self, number: int, line: bytes, cells: Sequence[str] | ValueError | None) -> bool:
        """Takes the first row of a file, without its mark; says whether it is one, no header.

        Raises:
          ValueError: it is no header that fits the columns, or is one where none is expected.
        """
        self._known[number] = None
        if isinstance(cells, ValueError):
            raise cells
        if self._table.header is not None:
            self._known[number] = self._header(number, list(self._table.header))
            self._refuse_names(cells or [])
            return True
        names = self._names(cells or [])
        self._columns.check_once(names)
        remedy = "" if self._fits(number, names) else self._remedy(number, line, names)
        self._known[number] = self._header(number, names, remedy)
        return False

    def wrong_length(self, number: int, line: bytes, cells: list[str]) -> str:
        """What is wrong with a row that has another number of cells than the header."""
        header = self._known[number]
        assert header is not None
        expected = len(header.names)
        other = (
            self._delimiter_for(number, line, lambda c: len(c) == expected)
            if len(cells) == 1
            else None
        )
        declared = ", the header" if self._table.header else ""
        remedy = (
            self._aside(line)
            or (other and _set(other))
            or f"Correct the row{declared}, or the delimiter in the configuration."
        )
        return (
            f"found {len(cells)} fields, expected {expected} ({', '.join(header.names)}). {remedy}"
        )

    def _header(self, number: int, names: list[str], remedy: str = "") -> Header:
        folders = self._folders(number)
        more = [name for name in folders if name not in names]
        inner = self._table.element_columns
        located = rows.remembering(self._columns.locate([*names, *more, *inner], remedy))
        return Header(names, [folders[name] for name in more], located, self._list_at(names))

    def _list_at(self, names: list[str]) -> int | None:
        inner, column = self._table.element_columns, self._table.list_column
        if not inner:
            return None
        twice = next((name for name in inner if name in names), None)
        if twice is not None:
            raise ValueError(
                f"column '{twice}' is in the file and in list_pattern; rename it in the pattern."
            )
        if column not in names:
            raise ValueError(
                f"no column '{column}', which data.{self._listing.table}.list_column names; found "
                f"{', '.join(names)}.{strict.nearest(str(column), names)}"
            )
        return names.index(column)

    def _folders(self, number: int) -> dict[str, str | None]:
        return partitions.of(self._listing.paths[number], self._table)

    def _first_row(self, number: int) -> delimited.Record:
        encoding = self._table.encoding
        blocks = streams.blocks(self._listing.paths[number], encoding)
        with contextlib.closing(blocks):
            read, _ = streams.unmarked(blocks, encoding)
            return next(dialect(self._listing, self._table, number).rows(read), (b"", None))

    def _names(self, cells: Sequence[str]) -> list[str]:
        is_typed = self._listing.format == "recbole"
        return [cell.split(":")[0] if is_typed else cell.strip() for cell in cells]

    def _fits(self, number: int, names: list[str]) -> bool:
        inner = self._table.element_columns
        return set(self._columns.sources) <= {*names, *self._folders(number), *inner}

    def _refuse_names(self, cells: Sequence[str]) -> None:
        names = self._names(cells)
        sources = {*self._columns.sources} - {*self._table.element_columns}
        if names == list(self._table.header or ()) or sources <= set(names):
            raise ValueError(
                f"found {', '.join(names)}, the names of columns, expected a row, for header "
                "declares that the files have none. Remove header from the configuration, or this "
                "line from the file."
            )

    def _remedy(self, number: int, line: bytes, names: list[str]) -> str:
        """What to do where the first line lacks declared columns; empty: nothing is known."""
        aside = self._aside(line)
        if aside and names[0].lstrip("# ") not in self._columns.sources:
            return aside
        other = self._delimiter_for(
            number, line, lambda cells: self._fits(number, self._names(cells))
        )
        if other:
            return _set(other)
        sources = self._columns.sources
        if set(sources) & set(names):
            return ""
        if len(names) == 1 < len(sources):
            other = self._delimiter_for(number, line, lambda cells: len(cells) >= len(sources))
        fields = (self._cells(line, other) or []) if other else names
        if not any(_DATUM.fullmatch(field) for field in fields):
            return ""
        remedies = [_set(other)] if other else []
        remedies.append(self._like_another(number) or self._declare(fields))
        return f"This looks like data, not like a header. {' '.join(remedies)}"

    def _aside(self, line: bytes) -> str:
        """What to do about a line that is neither header nor row; empty: it is no such line."""
        text = line.decode(streams.codec(self._table.encoding), "replace").strip("\ufeff\r\n")
        if text.lstrip().startswith("#"):
            return (
                "This line looks like a comment. Take such lines out of the file, as in "
                "grep -v '^#' FILE > NEW."
            )
        match = _SEP.fullmatch(text)
        if match is None:
            return ""
        delimiter = formats.delimiter_word(match[1].replace(r"\t", "\t"))
        return (
            "This line tells Excel the delimiter. Take it out of the file, as in "
            f"tail -n +2 FILE > NEW, and set delimiter: {delimiter}."
        )

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

    def _delimiter_for(
        self, number: int, line: bytes, fits: Callable[[list[str]], bool]
    ) -> str | None:
        """The first of the usual delimiters between which the cells of the line fit."""
        own = dialect(self._listing, self._table, number).delimiter
        for delimiter in (*formats.UNNAMED_DELIMITERS, *formats.DELIMITERS.values()):
            with contextlib.suppress(ValueError):
                if delimiter != own and fits(self._cells(line, delimiter) or []):
                    return delimiter
        return None

    def _cells(self, line: bytes, delimiter: str) -> list[str] | None:
        return delimited.of_table(self._listing.format, self._table, delimiter).cells(line)


def _set(delimiter: str) -> str:
    return f"Set delimiter: {formats.delimiter_word(delimiter)}."


def _yaml(name: str) -> str:
    """A name as YAML's lists take it."""
    if _PLAIN.fullmatch(name) and name.lower() not in _NULLS:
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
