"""Tables for the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

_NARROW = 34  # characters
_UNDER = "      "


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
      width: characters of a line, but for words that are longer; where the other columns leave
          little of it, the last one stands below them.
    """
    widths = _widths(head[:-1], [cells for cells, _ in rows])
    start = _line(["" for _ in widths], widths, strip=False) + "  "
    if width - len(start) < _NARROW:
        yield _line(head[:-1], widths)
        start = _UNDER
    else:
        yield f"{_line(head[:-1], widths, strip=False)}  {head[-1]}"
    for cells, texts in rows:
        first = f"{_line(cells, widths, strip=False)}  "
        if start == _UNDER:
            yield first.rstrip()
            first = start
        for text in texts or [""]:
            for part in textwrap.wrap(
                text,
                width - len(start),
                subsequent_indent="  ",
                break_long_words=False,
                break_on_hyphens=False,
            ) or [""]:
                yield (first + part).rstrip()
                first = start


def named(rows: Iterable[tuple[str, str]], width: int) -> Iterator[str]:
    """Yields the lines of texts with a name each, in two columns; see `wrapped`."""
    cells = [([name], [text]) for name, text in rows]
    _, *rest = wrapped(("", ""), cells, width)
    yield from rest


def _widths(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(len(row[n]) for row in (head, *rows)) for n in range(len(head))]


def _line(cells: Sequence[str], widths: Sequence[int], *, strip: bool = True) -> str:
    line = "  " + "  ".join(cell.ljust(width) for cell, width in zip(cells, widths))
    return line.rstrip() if strip else line
