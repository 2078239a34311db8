"""Cells to several values: texts with a separator, lists in JSON or Python, lists of the file."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from modules import columns
from modules.beam.cells import shown

SEPARATORS = ("|", ";", ",")  # that are guessed, the likeliest first
_ATOMS = " "  # what RecBole's atomic files have between the values of a list
_SHARE_OF_LISTS = 0.5  # of the cells that are not empty; what is none of them is then refused
_WORD = re.compile(r"""'([^']*)'|"([^"]*)"|([^\s\[\]'",]+)""")
_NUMPY = re.compile(rf"\s*\[\s*(?:{_WORD.pattern})(?:\s+(?:{_WORD.pattern}))+\s*\]\s*")


def parts(cell: Any, separator: str | None) -> list[Any]:
    """The values of a cell, texts without spaces around them; empty ones are left out.

    Lists in lists are one list, as of Amazon's categories, which are several paths.

    Args:
      cell: a list that the file holds as such, or a text.
      separator: see `columns.Column`; None: the text is one value.

    Raises:
      ValueError: the text is no list of JSON or Python, or holds something with keys.
    """
    if isinstance(cell, (list, tuple)):
        return list(_flat(cell))
    if not isinstance(cell, str):
        return [cell]
    if separator == columns.JSON:
        return _listed(cell)
    found = [cell] if separator is None else cell.split(separator)
    return [part for part in map(str.strip, found) if part]


def guess(cells: Sequence[str], *, is_atomic: bool = False) -> str | None:
    """What stands between the values in cells of one column; None: a cell is one value.

    Args:
      cells: texts that are not empty.
      is_atomic: of RecBole's atomic files, which have spaces there.
    """
    if is_atomic:
        return _ATOMS
    lists = sum(_looks_listed(cell) for cell in cells)
    if cells and lists >= _SHARE_OF_LISTS * len(cells):
        return columns.JSON
    counts = {text: sum(text in cell for cell in cells) for text in SEPARATORS}
    best = max(SEPARATORS, key=lambda text: counts[text])  # the first of equals
    return best if counts[best] else None


def guess_of_numbers(cells: Sequence[str], *, is_atomic: bool = False) -> str:
    """The same for cells that hold the numbers of a vector; a space where nothing else is there."""
    found = guess(cells, is_atomic=is_atomic)
    return _ATOMS if found is None else found


def _looks_listed(cell: str) -> bool:
    return cell.strip()[:1] in ("[", "(", "{")


def _listed(cell: str) -> list[Any]:
    if _NUMPY.fullmatch(cell):  # Python would make one text of texts side by side
        words = (match.groups() for match in _WORD.finditer(cell))
        return [next(part for part in groups if part is not None) for groups in words]
    try:
        found = json.loads(cell)
    except ValueError:
        try:
            found = ast.literal_eval(cell.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise ValueError(
                f'found {shown(cell)}, expected a list like ["a", "b"] (separator: json). '
                "Correct it, or the separator"
            ) from None
    if isinstance(found, dict):
        raise ValueError(  # noqa: TRY004 - as of all cells
            f"found {shown(cell)}, expected a list of texts or numbers alone"
        )
    return [part.strip() if isinstance(part, str) else part for part in _flat([found])]


def _flat(parts: Iterable[Any]) -> Iterator[Any]:
    for part in parts:
        if isinstance(part, (list, tuple, set, frozenset)):
            yield from _flat(part)
        else:
            yield part
