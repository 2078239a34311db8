"""What a draft proposes: keys of the configuration, each with its reason and what is unsure."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Line:
    """A key and its value.

    Attributes:
      key: as the configuration has it.
      value: a text, a number, a list or a mapping.
      reason: why, and examples; empty: it speaks for itself.
      unsure: what is not certain, and what to look at; None: nothing.
      is_suggestion: whether it is written as a comment, to be taken or left.
    """

    key: str
    value: Any
    reason: str = ""
    unsure: str | None = None
    is_suggestion: bool = False


@dataclasses.dataclass(frozen=True)
class Table:
    """A table: its keys, and its columns."""

    name: str
    reason: str
    keys: tuple[Line, ...]
    columns: tuple[Line, ...]


@dataclasses.dataclass(frozen=True)
class Draft:
    """A whole configuration.

    Attributes:
      name: of the data set.
      tables: events first.
      policies: keys of `data`.
      notes: about files that are not used.
    """

    name: str
    tables: tuple[Table, ...]
    policies: tuple[Line, ...] = ()
    notes: tuple[str, ...] = ()
