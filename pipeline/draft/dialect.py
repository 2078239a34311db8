"""How a text is divided into rows and cells: delimiter, escape, and whether a header comes first.

DuckDB's sniffer decides. It knows delimiters of one character; longer ones are counted here.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import os
import re
import tempfile
from collections.abc import Iterator

from modules import formats
from pipeline.draft import words

_LINES = 20_000  # that DuckDB looks at
_COUNTED = 200  # lines in which a delimiter has to stand equally often
_DATUM = re.compile(r"\s*[-+]?\d+([.,:/-]\d+)*([eE][-+]?\d+)?\s*|\s*\d{4}-\d\d-\d\d.*")
_BACKSLASH = "\\"


@dataclasses.dataclass(frozen=True)
class Dialect:
    """How lines become cells.

    Attributes:
      delimiter: what stands between the cells.
      escape: before a quote that is a letter; None: quotes are doubled.
      has_header: whether the first line names the columns.
      unsure: what is not certain about the header; None: nothing.
    """

    delimiter: str
    escape: str | None = None
    has_header: bool = True
    unsure: str | None = None

    def rows(self, text: str) -> Iterator[list[str]]:
        """The rows of a text, blank lines left out."""
        if len(self.delimiter) > 1:
            yield from (line.split(self.delimiter) for line in text.splitlines() if line)
            return
        read = csv.reader(
            io.StringIO(text, newline=""),
            delimiter=self.delimiter,
            escapechar=self.escape,
            doublequote=self.escape is None,
        )
        try:
            yield from (row for row in read if row)
        except csv.Error:  # a row that the end of the piece has cut
            return


def sniff(text: str, delimiter: str | None = None) -> Dialect:
    """Guesses the dialect of a text.

    Args:
      text: the beginning, with whole lines.
      delimiter: where it is known.
    """
    lines = text.splitlines()
    several = [d for d in formats.UNNAMED_DELIMITERS if _is_even(lines, d)]
    found = Dialect(delimiter or several[0]) if delimiter or several else _duckdb(lines)
    if found.delimiter not in lines[0]:
        even = [d for d in formats.DELIMITERS.values() if _is_even(lines, d)]
        found = dataclasses.replace(found, delimiter=(even or [","])[0])
    return _with_header(found, text)


def _is_even(lines: list[str], delimiter: str) -> bool:
    """Whether a delimiter stands in every line, as often in each."""
    counts = {line.count(delimiter) for line in lines[:_COUNTED] if line}
    return len(counts) == 1 and counts != {0}


def _duckdb(lines: list[str]) -> Dialect:
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "sample.csv")
        with open(path, "w", encoding="utf-8", errors="replace", newline="") as stream:
            stream.write("\n".join(lines[:_LINES]) + "\n")
        query = (
            "SELECT Delimiter, Escape, Quote FROM "
            "sniff_csv(?, sample_size = -1, ignore_errors = true)"
        )
        try:
            found = duckdb.connect().execute(query, [path]).fetchone()
        except duckdb.Error:
            found = None
    if found is None:
        return Dialect(",")
    delimiter, escape, quote = found
    return Dialect(delimiter, _BACKSLASH if quote == '"' and escape == _BACKSLASH else None)


def _with_header(dialect: Dialect, text: str) -> Dialect:
    """Decides whether the first line is a header: names are no numbers, and no values of rows."""
    rows = [row for row, _ in zip(dialect.rows(text), range(_COUNTED))]
    first, others = rows[0], rows[1:]
    if len(set(first)) < len(first) or any(not cell.strip() for cell in first):
        return dataclasses.replace(dialect, has_header=False)
    if any(_DATUM.fullmatch(cell) for cell in first):
        return dataclasses.replace(dialect, has_header=False)
    typed = any(
        _DATUM.fullmatch(row[at]) for row in others[:5] for at in range(min(len(row), len(first)))
    )
    if typed or any(map(words.is_known, first)):
        return dialect
    repeats = any(
        cell in {row[at] for row in others if at < len(row)} for at, cell in enumerate(first)
    )
    if repeats:
        return dataclasses.replace(
            dialect,
            has_header=False,
            unsure="the first line was taken for a row, since its values come again below",
        )
    return dataclasses.replace(
        dialect, unsure="the first line was taken for names, but all columns hold text"
    )
