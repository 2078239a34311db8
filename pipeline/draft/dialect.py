"""How a text is divided into rows and cells: delimiter, quotes, and whether a header comes first.

DuckDB's sniffer tells the delimiter. It knows those of one character; longer ones are counted here.
Quotes are tried with the reader's own rows.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
import os
import re
import tempfile
from collections.abc import Iterator

from modules import formats
from modules.beam import delimited
from pipeline.draft import words

_LINES = 20_000  # that DuckDB looks at
_COUNTED = 200  # lines in which a delimiter has to stand equally often
_DATUM = re.compile(r"\s*[-+]?\d+([.,:/-]\d+)*([eE][-+]?\d+)?\s*|\s*\d{4}-\d\d-\d\d.*")
_QUOTE, _BACKSLASH = '"', "\\"
_QUOTES = ((_QUOTE, ""), (_QUOTE, _BACKSLASH), ("", ""))  # with escapes; the likeliest first


@dataclasses.dataclass(frozen=True)
class Dialect:
    """How lines become cells.

    Attributes:
      delimiter: what stands between the cells.
      quote: around cells; empty: quotes are letters.
      escape: before a quote that is a letter; empty: quotes are doubled.
      has_header: whether the first line names the columns.
      unsure: what is not certain about the header; None: nothing.
    """

    delimiter: str
    quote: str = _QUOTE
    escape: str = ""
    has_header: bool = True
    unsure: str | None = None

    def rows(self, text: str) -> Iterator[list[str] | ValueError]:
        """The rows of a text, blank ones left out; what is wrong in the place of a bad one."""
        plain = len(self.delimiter) > 1
        quote, escape = ("", "") if plain else (self.quote, self.escape)
        reader = delimited.Dialect(self.delimiter, quote=quote, escape=escape)
        found = (cells for _, cells in reader.rows([text.encode("utf-8", "surrogatepass")]))
        return (cells for cells in found if cells)

    def good_rows(self, text: str) -> Iterator[list[str]]:
        """The rows of a text without the bad ones."""
        return (row for row in self.rows(text) if not isinstance(row, ValueError))


def sniff(text: str, delimiter: str | None = None) -> Dialect:
    """Guesses the dialect of a text.

    Args:
      text: the beginning, with whole lines.
      delimiter: of RecBole's files, which have no quotes.
    """
    if delimiter is not None:
        return Dialect(delimiter, quote="")
    lines = text.splitlines()
    several = [d for d in formats.UNNAMED_DELIMITERS if _is_even(lines, d)]
    found = Dialect(several[0] if several else _duckdb(lines))
    if found.delimiter not in lines[0]:
        even = [d for d in formats.DELIMITERS.values() if _is_even(lines, d)]
        found = Dialect((even or [","])[0])
    twice = found.delimiter * 2
    counts = [(line.count(found.delimiter), line.count(twice)) for line in lines[:_COUNTED]]
    if counts[0][1] and all(once == 2 * double for once, double in counts):
        found = Dialect(twice)  # no cell stands between the two anywhere
    if _QUOTE in text:
        tried = [dataclasses.replace(found, quote=q, escape=e) for q, e in _QUOTES]
        found = min(tried, key=lambda dialect: _bad(dialect, text))
    return _with_header(found, text)


def _is_even(lines: list[str], delimiter: str) -> bool:
    """Whether a delimiter stands in every line, as often in each."""
    counts = {line.count(delimiter) for line in lines[:_COUNTED] if line}
    return len(counts) == 1 and counts != {0}


def _duckdb(lines: list[str]) -> str:
    """The delimiter that DuckDB finds."""
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "sample.csv")
        with open(path, "w", encoding="utf-8", errors="replace", newline="") as stream:
            stream.write("\n".join(lines[:_LINES]) + "\n")
        query = "SELECT Delimiter FROM sniff_csv(?, sample_size = -1, ignore_errors = true)"
        try:
            found = duckdb.connect().execute(query, [path]).fetchone()
        except duckdb.Error:  # nothing fits
            found = None
    return found[0] if found else ","


def _bad(dialect: Dialect, text: str) -> int:
    """How many rows are none, or have another number of cells than most."""
    lengths = collections.Counter(
        0 if isinstance(row, ValueError) else len(row) for row in dialect.rows(text)
    )
    fitting = max((n for length, n in lengths.items() if length), default=0)
    return sum(lengths.values()) - fitting


def _with_header(dialect: Dialect, text: str) -> Dialect:
    """Decides whether the first line is a header: names are no numbers, and no values of rows."""
    rows = list(itertools.islice(dialect.good_rows(text), _COUNTED))
    first, others = rows[0], rows[1:]
    last = max((at for at, cell in enumerate(first) if cell.strip()), default=0)
    # pandas leaves the name of its index empty, and lines may end in a delimiter.
    if not all(cell.strip() for cell in first[1 : last + 1]):
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
