"""Turns what Beam has counted into the tables of `Statistics`. NumPy only."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy import typing as npt

from modules.ranking import sparse_table, statistics

# an item's mean feedback, and what is known of returns to it, count as many more of all items' mean
PRIOR_EVENTS = 10.0
LOG_UNITS = 1024  # to the unit 1, in which logs of intervals are summed

Row = tuple[int, npt.NDArray[np.int64], npt.NDArray[np.float64]]  # item i, items j [n], weights [n]

# row: users, those of them who came back, events that repeat, the sum of log(1 + seconds since the
# user's event of the item before) in LOG_UNITS
Returns = tuple[int, tuple[float, ...]]


@dataclasses.dataclass(frozen=True)
class DayCounts:
    """Events by (row, day), ordered so, each pair once.

    Attributes:
      rows: int64 [n].
      days: int64 [n], since 1970-01-01.
      sums: float64 [n, 1 + 2 F], of 1, and of each feedback and its square.
    """

    rows: npt.NDArray[np.int64]
    days: npt.NDArray[np.int64]
    sums: npt.NDArray[np.float64]

    @classmethod
    def of(cls, cells: Iterable[tuple[tuple[int, int], Sequence[float]]]) -> DayCounts:
        ordered = sorted(cells)
        keys = np.array([key for key, _ in ordered], np.int64).reshape(len(ordered), 2)
        return cls(keys[:, 0], keys[:, 1], np.array([sums for _, sums in ordered], np.float64))


@dataclasses.dataclass(frozen=True)
class Span:
    """Users, and their events' first and last time (Unix seconds); None if no event has an item."""

    users: int
    first: int | None = None
    last: int | None = None

    def __add__(self, other: Span) -> Span:
        times = [t for t in (self.first, self.last, other.first, other.last) if t is not None]
        return Span(self.users + other.users, min(times, default=None), max(times, default=None))


def tabulate(
    counts: DayCounts,
    span: Span,
    following: Iterable[Row],
    categories: Mapping[str, statistics.Categories],
    feedback: Sequence[str],
    rows: int,
    together: Iterable[Row] = (),
    similarity: statistics.Neighbours | None = None,
    returns: Sequence[Returns] | None = None,
) -> statistics.Statistics:
    """Makes all tables.

    Args:
      counts: of at least one event.
      span: of the same events.
      following: rows of the co-occurrence table.
      categories: the items of each feature; shares are put in.
      feedback: names of the F feedback features, in the order of `counts.sums`.
      rows: N+2.
      together: rows of the table of sessions.
      similarity: EASE's weights; None without.
      returns: to each item; None where repeats are not allowed.
    """
    if span.first is None or span.last is None:
        raise ValueError(
            "Statistics need at least one event of an item of the catalogue, found none. Check "
            "the split's cut-off times, ranking.hold_out and data.unknown_item."
        )
    first_day = span.first // statistics.SECONDS_A_DAY
    totals = np.stack([np.bincount(counts.rows, column, rows) for column in counts.sums.T])
    popularity = totals[0]
    return statistics.Statistics(
        popularity=popularity.astype(np.float32),
        daily=sparse_table.SparseTable.of(
            counts.rows,
            counts.days - first_day,
            _cumulative(counts.rows, counts.sums[:, 0]),
            span.last // statistics.SECONDS_A_DAY - first_day + 1,
        ),
        first_day=first_day,
        co_occurrence=_table(list(following), rows),
        sessions=_table(list(together), rows),
        similarity=similarity,
        categories={
            name: dataclasses.replace(c, share=shares(c.items, popularity, len(c.share)))
            for name, c in categories.items()
        },
        feedback={
            name: _feedback(popularity, totals[1 + 2 * n], totals[2 + 2 * n])
            for n, name in enumerate(feedback)
        },
        events=int(popularity.sum()),
        users=span.users,
        first_timestamp=span.first,
        last_timestamp=span.last,
        repeats=None if returns is None else _repeats(returns, popularity),
    )


def category_table(lists: Iterable[tuple[int, Sequence[int]]], rows: int) -> npt.NDArray[np.int32]:
    """Each row's distinct categories, ascending; int32 [rows, longest], padded with NO_CATEGORY."""
    found = {row: sorted(set(ids)) for row, ids in lists}
    table = np.full([rows, max([1, *map(len, found.values())])], statistics.NO_CATEGORY, np.int32)
    for row, ids in found.items():
        table[row, : len(ids)] = ids
    return table


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


def _table(found: Sequence[Row], width: int) -> sparse_table.SparseTable:
    lengths = [len(columns) for _, columns, _ in found]
    rows = np.repeat(np.array([row for row, _, _ in found], np.int64), lengths)
    columns = np.concatenate([np.zeros(0, np.int64), *(columns for _, columns, _ in found)])
    return sparse_table.SparseTable.of(
        rows, columns, np.concatenate([[], *(w for _, _, w in found)]), width
    )


def _feedback(
    events: npt.NDArray[np.float64], sums: npt.NDArray[np.float64], squares: npt.NDArray[np.float64]
) -> statistics.Feedback:
    """Means of items, [N+2], from events, sums and sums of squares."""
    mean = sums.sum() / events.sum()
    variance = squares.sum() / events.sum() - mean**2
    spread = float(np.sqrt(variance)) if variance > 1e-9 * (1 + mean**2) else 1.0
    items = (sums + PRIOR_EVENTS * mean) / (events + PRIOR_EVENTS)
    return statistics.Feedback(items.astype(np.float32), float(mean), spread)


def _repeats(returns: Sequence[Returns], popularity: npt.NDArray[np.float64]) -> statistics.Repeats:
    """What is known of returns to each item, [N+2]."""
    counts = np.zeros([4, len(popularity)])
    for row, numbers in returns:
        counts[:, row] = numbers
    users, came_back, repeats, units = counts

    def mean(sums: npt.NDArray[np.float64], of: npt.NDArray[np.float64]) -> Any:
        """The mean of each item, drawn to that of all where it is of few."""
        overall = sums.sum() / max(of.sum(), 1.0)
        return ((sums + PRIOR_EVENTS * overall) / (of + PRIOR_EVENTS)).astype(np.float32)

    return statistics.Repeats(
        users=mean(came_back, users),
        events=mean(repeats, popularity),
        log_interval=mean(units / LOG_UNITS, repeats),
    )
