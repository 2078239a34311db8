"""What was counted in the events that a recall model learned from; `tabulate.read` reads it.

An item's row is its transformed id: 0 pads, 1..N in the order of the item vocabulary, N+1 is an
unknown item; the rows of both of these hold nothing. Days are those of UTC.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy import typing as npt

from modules.ranking import sparse_table

SECONDS_A_DAY = 86_400
NO_CATEGORY = -1


@dataclasses.dataclass(frozen=True)
class Categories:
    """One categorical or multi_categorical item feature.

    Attributes:
      items: int32 [N+2, M], transformed ids of each item's categories, each once, padded with
          NO_CATEGORY.
      share: float32 [V+1], of all events that fall on items of each category.
    """

    items: npt.NDArray[np.int32]
    share: npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Feedback:
    """One numeric event feature, like a rating, as the transform graph scales it.

    Attributes:
      items: float32 [N+2], mean of each item's events, drawn to the mean of all where they are few.
      mean: of all events.
      spread: their standard deviation; 1 if all are equal.
    """

    items: npt.NDArray[np.float32]
    mean: float
    spread: float


@dataclasses.dataclass(frozen=True)
class Neighbours:
    """The largest weights of each row of an item-item matrix.

    Attributes:
      items: int32 [N+2, K], rows of the neighbours, padded with 0.
      weights: float32 [N+2, K], padded with 0.
    """

    items: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]

    @classmethod
    def of(cls, matrix: npt.NDArray[np.floating[Any]], most: int) -> Neighbours:
        """The `most` cells of largest absolute value in each row of a float [n, n] matrix."""
        kept = min(most, len(matrix))
        items = np.empty((len(matrix), kept), np.int32)
        for columns, row in zip(items, matrix):  # all at once would take several times its memory
            columns[:] = np.sort(np.argpartition(-np.abs(row), kept - 1)[:kept])
        return cls(
            items, np.take_along_axis(matrix, items.astype(np.int64), axis=1).astype(np.float32)
        )


@dataclasses.dataclass(frozen=True)
class Repeats:
    """How people come back to items; drawn to the mean of all items where little is known.

    Attributes:
      users: float32 [N+2], share of the item's users who came back to it.
      events: float32 [N+2], share of its events that are of a user who had it before.
      log_interval: float32 [N+2], mean of log(1 + seconds) between events of one user.
    """

    users: npt.NDArray[np.float32]
    events: npt.NDArray[np.float32]
    log_interval: npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Statistics:
    """All counts of a set of events; events of items outside the catalogue count for `users` alone.

    Attributes:
      popularity: float32 [N+2], events of each item.
      daily: cell (row, day since `first_day`): the item's events from then to the end of that day.
      first_day: the first day that is counted by itself, since 1970-01-01.
      co_occurrence: cell (i, j): sum of 1/distance over the times that item j follows item i;
          directed.
      sessions: cell (i, j): how often i and j were events of one user, close in time; symmetric but
          for what is not kept.
      session_totals: float32 [N+2], sum of each row of `sessions`, what is not kept included.
      similarity: EASE's weights: a user's score of item j is the sum of the weights that the rows
          of the user's items have of j. None for large catalogues.
      categories: by the item feature's name.
      feedback: by the event feature's name.
      events: their number.
      users: number of users with events.
      first_timestamp: of the first event, Unix seconds.
      last_timestamp: of the last event, Unix seconds.
      repeats: None where repeats are not allowed.
    """

    popularity: npt.NDArray[np.float32]
    daily: sparse_table.SparseTable
    first_day: int
    co_occurrence: sparse_table.SparseTable
    sessions: sparse_table.SparseTable
    session_totals: npt.NDArray[np.float32]
    similarity: Neighbours | None
    categories: dict[str, Categories]
    feedback: dict[str, Feedback]
    events: int
    users: int
    first_timestamp: int
    last_timestamp: int
    repeats: Repeats | None = None

    @property
    def days(self) -> int:
        """Days from the first one to that of the last event, both counted."""
        return self.daily.width
