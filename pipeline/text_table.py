"""Tables for the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence


def lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Left-aligned columns, indented; nothing without rows."""
    if not rows:
        return []
    widths = _widths(head, rows)
    return [_line(row, widths) for row in (head, *rows)]


def wrapped(
    head: Sequence[str], rows: Sequence[tuple[Sequence[str], Sequence[str]]], width: int
) -> Iterator[str]:
    """Yields the lines of a table whose last column holds several texts a row.

    Args:
      head: names of the columns.
      rows: cells of all columns but the last, and the texts of the last.
      width: characters of a line; the last column is wrapped to what the others leave, but for
          words that are longer.
    """
    widths = _widths(head[:-1], [cells for cells, _ in rows])
    start = _line(["" for _ in widths], widths, strip=False) + "  "
    yield f"{_line(head[:-1], widths, strip=False)}  {head[-1]}"
    for cells, texts in rows:
        first = f"{_line(cells, widths, strip=False)}  "
        for text in texts or [""]:
            for part in textwrap.wrap(
                text,
                max(width - len(start), 20),
                subsequent_indent="  ",
                break_long_words=False,
                break_on_hyphens=False,
            ) or [""]:
                yield (first + part).rstrip()
                first = start


def _widths(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(len(row[n]) for row in (head, *rows)) for n in range(len(head))]


def _line(cells: Sequence[str], widths: Sequence[int], *, strip: bool = True) -> str:
    line = "  " + "  ".join(cell.ljust(width) for cell, width in zip(cells, widths))
    return line.rstrip() if strip else line
