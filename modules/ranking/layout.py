"""The tables that are counted: their names, the keys of their cells, the columns of their files."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy import typing as npt

from modules import config, features
from modules.beam import sparse_counts
from modules.ranking import shards, statistics

# tables
POPULARITY, DAILY, FEEDBACK, RETURNS = "popularity", "daily", "feedback", "returns"
FOLLOWING, TOGETHER, TOGETHER_TOTALS = "following", "together", "together_totals"
GRAM, SIMILARITY = "gram", "similarity"
_CATEGORIES = "categories_"  # and the number of the item feature

CATEGORIES_WIDTH = 1 << 32
_DAYS = 1 << 24  # distinct days that a time can be on, half of them before 1970
_COLUMN = {DAILY: "day", FOLLOWING: "neighbour", TOGETHER: "neighbour"}  # beside `row`
VALUES: dict[str, tuple[str, ...]] = {
    POPULARITY: ("events",),
    DAILY: ("events",),
    RETURNS: ("users", "users_again", "events_again", "log_interval_units"),
    FOLLOWING: ("weight",),
    TOGETHER: ("weight",),
    TOGETHER_TOTALS: ("weight",),
}


@dataclasses.dataclass(frozen=True)
class Span:
    """Users, and their events' first and last time (Unix seconds); None if no event has an item."""

    users: int
    first: int | None = None
    last: int | None = None

    @classmethod
    def of(cls, users: int, times: npt.NDArray[np.int64]) -> Span:
        """The span of users with events at these times, int64 [n]."""
        return cls(users, int(times.min()), int(times.max())) if times.size else cls(users)

    def __add__(self, other: Span) -> Span:
        times = [t for t in (self.first, self.last, other.first, other.last) if t is not None]
        return Span(self.users + other.users, min(times, default=None), max(times, default=None))

    def days(self) -> tuple[int, int]:
        """The first and the last day, since 1970-01-01.

        Raises:
          ValueError: there is no event.
        """
        if self.first is None or self.last is None:
            raise ValueError(
                "Statistics need at least one event of an item of the catalogue, found none. Check "
                "the split's cut-off times, ranking.hold_out and data.unknown_item."
            )
        return self.first // statistics.SECONDS_A_DAY, self.last // statistics.SECONDS_A_DAY


def width(table: str, rows: int) -> int:
    """Columns of a table, of which keys of cells are made; `rows` is N+2."""
    if table.startswith(_CATEGORIES):
        return CATEGORIES_WIDTH
    return {FOLLOWING: rows, TOGETHER: rows, GRAM: rows, DAILY: _DAYS}.get(table, 1)


def day_keys(rows: npt.NDArray[np.int64], times: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Keys of DAILY for events, int64 [n]; times are Unix seconds."""
    return rows * _DAYS + times // statistics.SECONDS_A_DAY + _DAYS // 2


def newest_days(found: sparse_counts.Cells, span: Span, most: int) -> sparse_counts.Cells:
    """The cells of DAILY that are of the last `most` days of the span."""
    keys = found.keys
    kept = keys % _DAYS - _DAYS // 2 > span.days()[1] - most
    return sparse_counts.Cells(keys[kept], found.values[kept])


def columns(table: str, found: sparse_counts.Cells, rows: int, unit: int = 1) -> shards.Columns:
    """What is written of cells.

    Args:
      table: its name.
      found: the cells.
      rows: N+2.
      unit: of the values, a whole number to the unit 1.
    """
    row, column = np.divmod(found.keys, width(table, rows))
    made = {"row": row}
    if table == DAILY:
        column -= _DAYS // 2
    if table.startswith(_CATEGORIES):
        return {**made, "category": column}
    if table in _COLUMN:
        made[_COLUMN[table]] = column
    values = found.values if unit == 1 else found.values / unit
    names = VALUES.get(table) or [f"sum_{n}" for n in range(values.shape[1])]
    return {**made, **dict(zip(names, values.T))}


def similarity_columns(found: statistics.Neighbours) -> shards.Columns:
    """What is written of EASE's weights."""
    rows, places = np.nonzero(found.weights)
    return {
        "row": rows,
        "neighbour": found.items[rows, places].astype(np.int64),
        "weight": found.weights[rows, places],
    }


def categories_table(number: int) -> str:
    """The table of a categorical item feature, by its number among them."""
    return f"{_CATEGORIES}{number}"


def manifest(
    span: Span,
    rows: int,
    categories: Mapping[str, int],
    feedback_names: Sequence[str],
    days: int,
    files: Sequence[str],
) -> dict[str, Any]:
    """What stands beside the tables.

    Args:
      span: of at least one event.
      rows: N+2.
      categories: by the item feature's name, V+1.
      feedback_names: of the F feedback features, in the order of their sums.
      days: newest ones that DAILY has, at most.
      files: of all tables.
    """
    first, last = span.days()
    return {
        "rows": rows,
        "users": span.users,
        "first_timestamp": span.first,
        "last_timestamp": span.last,
        "first_day": max(first, last - days + 1),
        "days": min(last - first + 1, days),
        "categories": dict(categories),
        "feedback": list(feedback_names),
        "files": list(files),
    }


def categorical(data: config.Data) -> list[features.Feature]:
    """Item features that have a table of categories, in the order of their numbers."""
    return [
        f for f in features.item_features(data) if f.kind in ("categorical", "multi_categorical")
    ]


def feedback(data: config.Data) -> list[features.Feature]:
    """Event features that are summed, in the order of FEEDBACK's columns."""
    return [f for f in features.event_features(data) if f.kind == "numeric"]
