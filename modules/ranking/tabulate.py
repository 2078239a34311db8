"""Makes `Statistics` of the tables in a folder. NumPy only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import typing as npt

from modules.ranking import count_returns, layout, shards, sparse_table, statistics

# an item's mean feedback, and what is known of returns to it, count as many more of all items' mean
PRIOR_EVENTS = 10.0


def read(folder: str) -> statistics.Statistics:
    """Reads the tables of a folder.

    Raises:
      shards.BrokenFolder: a file is missing or broken.
    """
    facts = shards.read_manifest(folder)
    rows: int = facts["rows"]
    tables = _Tables(folder, facts["files"], rows)
    popularity = tables.sums(layout.POPULARITY, "events")
    daily = tables.read(layout.DAILY)
    return statistics.Statistics(
        popularity=popularity.astype(np.float32),
        daily=sparse_table.SparseTable.of(
            daily["row"],
            daily["day"] - facts["first_day"],
            _cumulative(daily["row"], daily["events"].astype(np.float64)),
            facts["days"],
        ),
        first_day=facts["first_day"],
        co_occurrence=tables.pairs(layout.FOLLOWING),
        sessions=tables.pairs(layout.TOGETHER),
        session_totals=tables.sums(layout.TOGETHER_TOTALS, "weight").astype(np.float32),
        similarity=_neighbours(tables.read(layout.SIMILARITY), rows),
        categories={
            name: _categories(tables.read(layout.categories_table(n)), popularity, size)
            for n, (name, size) in enumerate(facts["categories"].items())
        },
        feedback={
            name: _feedback(
                popularity,
                tables.sums(layout.FEEDBACK, f"sum_{2 * n}"),
                tables.sums(layout.FEEDBACK, f"sum_{2 * n + 1}"),
            )
            for n, name in enumerate(facts["feedback"])
        },
        events=int(popularity.sum()),
        users=facts["users"],
        first_timestamp=facts["first_timestamp"],
        last_timestamp=facts["last_timestamp"],
        repeats=_repeats(tables, popularity) if tables.read(layout.RETURNS) else None,
    )


class _Tables:
    """The tables of a folder, each read once."""

    def __init__(self, folder: str, files: list[str], rows: int) -> None:
        self._folder, self._files, self._rows = folder, files, rows
        self._read: dict[str, shards.Columns] = {}

    def read(self, table: str) -> shards.Columns:
        """By column; empty if there is nothing in it."""
        if table not in self._read:
            self._read[table] = shards.read_table(self._folder, self._files, table)
        return self._read[table]

    def sums(self, table: str, column: str) -> npt.NDArray[np.float64]:
        """A value of each row, [N+2]; 0 where there is none."""
        found, result = self.read(table), np.zeros(self._rows)
        if found:
            result[found["row"]] = found[column]
        return result

    def pairs(self, table: str) -> sparse_table.SparseTable:
        found = self.read(table) or dict.fromkeys(("row", "neighbour", "weight"), np.zeros(0))
        return sparse_table.SparseTable.of(
            found["row"].astype(np.int64), found["neighbour"], found["weight"], self._rows
        )


def _categories(
    found: shards.Columns, popularity: npt.NDArray[np.float64], size: int
) -> statistics.Categories:
    items = category_table(found, len(popularity))
    return statistics.Categories(items, shares(items, popularity, size))


def category_table(found: shards.Columns, rows: int) -> npt.NDArray[np.int32]:
    """Each row's categories, int32 [rows, longest], padded with NO_CATEGORY.

    `found` has the columns `row` and `category`, ordered by both, or nothing.
    """
    given = found["row"] if found else np.zeros(0, np.int64)
    places = _places(given)
    table = np.full([rows, places.max(initial=0) + 1], statistics.NO_CATEGORY, np.int32)
    if found:
        table[given, places] = found["category"]
    return table


def _places(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """0, 1, ... within each row, of ascending rows [n]."""
    places: npt.NDArray[np.int64] = np.arange(len(rows)) - np.searchsorted(rows, rows)
    return places


def _neighbours(found: shards.Columns, rows: int) -> statistics.Neighbours | None:
    """EASE's weights; None where it is left out."""
    if not found:
        return None
    places = _places(found["row"])
    shape = rows, int(places.max(initial=0)) + 1
    made = statistics.Neighbours(np.zeros(shape, np.int32), np.zeros(shape, np.float32))
    made.items[found["row"], places] = found["neighbour"]
    made.weights[found["row"], places] = found["weight"]
    return made


def shares(
    items: npt.NDArray[np.int32], popularity: npt.NDArray[np.float64], size: int
) -> npt.NDArray[np.float32]:
    """The share of all events that are on items of each category, float32 [size].

    `items` is a `category_table`.
    """
    given = items != statistics.NO_CATEGORY
    events = np.broadcast_to(popularity[:, np.newaxis], items.shape)[given]
    share: npt.NDArray[np.float32] = (
        np.bincount(items[given], events, size) / popularity.sum()
    ).astype(np.float32)
    return share


def _cumulative(
    rows: npt.NDArray[np.int64], counts: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Running sums [n] of counts [n], starting anew with each row; rows are ordered."""
    running = np.cumsum(counts)
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    before = np.concatenate([[0.0], running])[starts]
    result: npt.NDArray[np.float64] = running - np.repeat(before, np.diff(starts, append=len(rows)))
    return result


def _feedback(
    events: npt.NDArray[np.float64], sums: npt.NDArray[np.float64], squares: npt.NDArray[np.float64]
) -> statistics.Feedback:
    """Means of items, [N+2], from events, sums and sums of squares."""
    mean = sums.sum() / events.sum()
    variance = squares.sum() / events.sum() - mean**2
    spread = float(np.sqrt(variance)) if variance > 1e-9 * (1 + mean**2) else 1.0
    items = (sums + PRIOR_EVENTS * mean) / (events + PRIOR_EVENTS)
    return statistics.Feedback(items.astype(np.float32), float(mean), spread)


def _repeats(tables: _Tables, popularity: npt.NDArray[np.float64]) -> statistics.Repeats:
    """What is known of returns to each item, [N+2]."""
    users, came_back, repeats, units = (
        tables.sums(layout.RETURNS, column) for column in layout.VALUES[layout.RETURNS]
    )

    def mean(sums: npt.NDArray[np.float64], of: npt.NDArray[np.float64]) -> Any:
        """The mean of each item, drawn to that of all where it is of few."""
        overall = sums.sum() / max(of.sum(), 1.0)
        return ((sums + PRIOR_EVENTS * overall) / (of + PRIOR_EVENTS)).astype(np.float32)

    return statistics.Repeats(
        users=mean(came_back, users),
        events=mean(repeats, popularity),
        log_interval=mean(units / count_returns.LOG_UNITS, repeats),
    )
