"""Counts how users come back to items: events of users -> sums by item."""

from __future__ import annotations

import numpy as np
from numpy import typing as npt

from modules.beam import sparse_counts

LOG_UNITS = 1024  # to the unit 1, in which logs of intervals are summed: whole numbers


def count_returns(
    users: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], times: npt.NDArray[np.int64]
) -> sparse_counts.Cells:
    """What users add to each of their items.

    Args:
      users: of each event a number, int64 [E].
      rows: of each event its item's, int64 [E].
      times: Unix seconds, int64 [E]; of one user none before the last.

    Returns:
      By row: users; those of them who came back; events that repeat; the sum of log(1 + seconds
      since the user's event of the item before), in `LOG_UNITS`.
    """
    order = np.lexsort((rows, users))  # stable: in order of time
    users, rows, times = users[order], rows[order], times[order]
    again = np.zeros(len(rows), bool)
    again[1:] = (users[1:] == users[:-1]) & (rows[1:] == rows[:-1])
    second = again.copy()  # the event that makes a user one of those who came back
    second[1:] &= ~again[:-1]
    logs = np.log1p(np.where(again, np.diff(times, prepend=0), 0))
    units = np.round(logs * LOG_UNITS).astype(np.int64)
    counts = np.stack([~again, second, again, units], axis=1).astype(np.int64)
    return sparse_counts.Cells.of(rows, counts)
