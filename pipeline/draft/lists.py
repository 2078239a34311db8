"""Tells whether a column's cells are lists: of the file, of JSON or Python, or with a separator."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from modules import columns
from modules.beam import lists as readers

_SEEN = 1_000  # cells
_UNBROKEN = 0.9  # of the cells that are lists, at least; the trial names the others
_SHARE = 0.2  # of the cells that hold the separator, at least
_WORDS = 3  # of a value, on average, at most
_REPEATS = 2  # how often a value occurs, on average, at least
_RARE = "|"  # separators that hardly stand in a name, so that values need not occur again
_VECTOR = 4  # numbers in each cell, at least


@dataclasses.dataclass(frozen=True)
class Form:
    """How cells are lists.

    Attributes:
      separator: between the values, or `json`; None: the file holds lists.
      dimension: of a vector: how many numbers each cell holds; None: the values are texts.
    """

    separator: str | None
    dimension: int | None = None


def form(values: Sequence[Any], counts: Mapping[Any, int] | None = None) -> Form | None:
    """The form of a column's values.

    Args:
      values: distinct ones.
      counts: how often each occurs; None: once.

    Returns:
      None if each is one value.
    """
    seen = values[:_SEEN]
    if not seen:
        return None
    counted = dict.fromkeys(seen, 1) if counts is None else counts
    least = _UNBROKEN * sum(counted[value] for value in seen)
    typed = [value for value in seen if isinstance(value, tuple)]
    if sum(counted[value] for value in typed) >= least:
        return Form(None, _dimension(typed))
    if not all(isinstance(value, str) for value in seen):
        return None
    if readers.guess(seen) == columns.JSON:
        lists = {value: _split([value], columns.JSON) for value in seen}
        unbroken = {value: found[0] for value, found in lists.items() if found is not None}
        if sum(counted[value] for value in unbroken) < least:
            return None
        return Form(columns.JSON, _dimension(list(unbroken.values())))
    for separator in (*readers.SEPARATORS, " "):
        split = _split(seen, separator) or []
        dimension = _dimension(split)
        if dimension is not None:
            return Form(separator, dimension)
        if separator != " " and _is_vocabulary(split, 1 if separator in _RARE else _REPEATS):
            return Form(separator)
    return None


def _split(cells: Sequence[str], separator: str) -> list[list[Any]] | None:
    try:
        return [readers.parts(cell, separator) for cell in cells]
    except ValueError:
        return None


def _dimension(split: Sequence[Sequence[Any]]) -> int | None:
    """How many numbers each cell holds, if they are as many in all."""
    lengths = {len(parts) for parts in split}
    if len(lengths) != 1 or max(lengths) < _VECTOR or len(split) == 1:
        return None
    return lengths.pop() if all(_is_number(part) for parts in split for part in parts) else None


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return not isinstance(value, bool)


def _is_vocabulary(split: Sequence[Sequence[str]], repeats: int) -> bool:
    """Whether the values of lists occur again and again, as those of prose do not."""
    several = [parts for parts in split if len(parts) > 1]
    if not several or len(several) < _SHARE * len(split):
        return False
    counts = collections.Counter(part for parts in several for part in parts)
    words = sum(len(value.split()) for value in counts) / len(counts)
    return words <= _WORDS and sum(counts.values()) >= repeats * len(counts)
