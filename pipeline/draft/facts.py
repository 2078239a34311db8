"""What the sampled cells of a column are: how many, how many distinct, and what they look like."""

from __future__ import annotations

import collections
import dataclasses
import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from modules import rules
from pipeline.draft import lists, numbers, times

_LOOKED_AT = 5_000  # distinct values that are looked at
_EXAMPLE = 28  # characters of an example


@dataclasses.dataclass(frozen=True)
class Facts:
    """A column's facts.

    Attributes:
      name: the column's.
      counts: how often each value that is not missing occurs, in the order of the sample.
      missing: how often each text that stands for nothing occurs, such as NULL and the empty one.
      declared: what the file itself says of the type; empty: nothing.
    """

    name: str
    counts: Mapping[Any, int]
    missing: Mapping[Any, int]
    declared: str = ""

    @property
    def present(self) -> int:
        """How many cells hold a value."""
        return sum(self.counts.values())

    @property
    def missing_share(self) -> float:
        gone = sum(self.missing.values())
        return gone / max(1, gone + self.present)

    @property
    def distinct(self) -> int:
        return len(self.counts)

    @property
    def is_unique(self) -> bool:
        """Whether each row has another value, but for one row in a hundred."""
        return self.distinct > 1 and self.distinct >= 0.99 * self.present

    @functools.cached_property
    def values(self) -> list[Any]:
        """Distinct values, as the sample has them, those that are looked at."""
        step = max(1, len(self.counts) // _LOOKED_AT)
        return list(self.counts)[::step]

    @functools.cached_property
    def texts(self) -> list[str]:
        return [value if isinstance(value, str) else str(value) for value in self.values]

    @property
    def examples(self) -> list[str]:
        """Three distinct values."""
        return [shown(value) for value in self.values[:3]]

    @functools.cached_property
    def number(self) -> numbers.Form | None:
        """How the values are written as numbers; None: they are none."""
        if any(isinstance(value, (bool, tuple)) for value in self.values):
            return None
        return numbers.form({str(value): self.counts[value] for value in self.values})

    @functools.cached_property
    def time(self) -> times.Time | None:
        """Which times the values may be; None: they are none."""
        return times.guess(self.values, self.name)

    @functools.cached_property
    def list(self) -> lists.Form | None:
        """How the values are lists; None: they are none."""
        return lists.form(self.values, self.counts)

    @property
    def is_whole_numbers(self) -> bool:
        """Whether all values are whole numbers, also as `9.0`."""
        return self.number is not None and self.number.is_whole

    @property
    def is_id_like(self) -> bool:
        """Whether the values may be ids: whole numbers, or texts of few words."""
        if not self.values or (self.list is not None and not self.number):
            return False
        if self.number is not None:
            return self.number.is_whole and self.number.number is None
        words = sum(len(text.split()) for text in self.texts[:200])
        return words <= 4 * len(self.texts[:200])


def of(name: str, cells: Sequence[Any], declared: str = "") -> Facts:
    """Counts the cells of a column."""
    try:
        counted = collections.Counter(cells)
    except TypeError:
        counted = collections.Counter(map(hashable, cells))
    missing = {value: count for value, count in counted.items() if rules.is_missing(value)}
    counts = {value: count for value, count in counted.items() if value not in missing}
    return Facts(name, counts, missing, declared)


def hashable(cell: Any) -> Any:
    """A list as a tuple, and all else that has no hash as its JSON."""
    if isinstance(cell, list):
        return tuple(map(hashable, cell))
    return json.dumps(cell, default=str) if isinstance(cell, dict) else cell


def shown(value: Any) -> str:
    """A value as a comment shows it."""
    text = " ".join(str(list(value) if isinstance(value, tuple) else value).split())
    return text if len(text) <= _EXAMPLE else f"{text[: _EXAMPLE - 3]}..."
