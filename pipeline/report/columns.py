"""The part of the section on data that says how each column was read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline import column_text
from pipeline.report import blocks

_COLUMNS = ("column", "read as", "distinct#", "missing#", "values")


def tables(profile: Mapping[str, Any], summary: Mapping[str, Any]) -> Iterator[blocks.Block]:
    """Yields a table for each table of the data set.

    Args:
      profile: see modules/beam/profile.py.
      summary: see modules/beam/summary.py; it says which separators were guessed.
    """
    guesses = summary.get("guessed_separators", {})
    for name, columns in profile.items():
        rows = next(iter(columns.values()))["rows"]
        yield blocks.Table(
            f"The {name} as they were read, {rows:,} rows",
            _COLUMNS,
            tuple(
                (
                    column,
                    column_text.read_as(found),
                    column_text.distinct(found),
                    column_text.missing(found),
                    _values(found, column_text.guessed(guesses, f"{name}.{column}")),
                )
                for column, found in columns.items()
            ),
        )


def _values(found: Mapping[str, Any], guessed: Iterator[str]) -> blocks.Cell:
    """What the cells hold, with examples in small print."""
    held = list(column_text.held(found))
    more = [*(text for text in column_text.values(found) if text not in held), *guessed]
    return blocks.Cell("; ".join(held), note="; ".join(more))
