"""What was counted in the events that a recall model learned from, and how it is kept in a folder.

An item's row is its transformed id: 0 pads, 1..N in the order of the item vocabulary, N+1 is an
unknown item; the rows of both of these hold nothing. Days are those of UTC.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
from typing import Any

import numpy as np
import tensorflow as tf
from numpy import typing as npt

from modules.ranking import sparse_table

SECONDS_A_DAY = 86_400
NO_CATEGORY = -1

_NUMBERS_FILE, _ARRAYS_FILE = "statistics.json", "arrays.npz"
_TABLES = ("daily", "co_occurrence", "sessions")


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
      daily: cell (row, day since `first_day`): the item's events up to the end of that day.
      first_day: day of the first event, since 1970-01-01.
      co_occurrence: cell (i, j): sum of 1/distance over the times that item j follows item i;
          directed.
      sessions: cell (i, j): how often i and j were events of one user, close in time; symmetric but
          for what is not kept.
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
        """Days from the first event's to the last one's, both counted."""
        return self.daily.width

    def write(self, folder: str) -> None:
        """Writes numbers as JSON and arrays as .npz."""
        arrays: dict[str, npt.NDArray[Any]] = {"popularity": self.popularity}
        for name in _TABLES:
            table = getattr(self, name)
            arrays |= {f"{name}.keys": table.keys, f"{name}.values": table.values}
        if self.similarity is not None:
            arrays |= {f"similarity.{name}": array for name, array in vars(self.similarity).items()}
        if self.repeats is not None:
            arrays |= {f"repeats.{name}": array for name, array in vars(self.repeats).items()}
        for name, category in self.categories.items():
            arrays |= {f"{name}.items": category.items, f"{name}.share": category.share}
        arrays |= {f"{name}.items": found.items for name, found in self.feedback.items()}
        numbers: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("first_day", "events", "users", "first_timestamp", "last_timestamp")
        }
        numbers["widths"] = {name: getattr(self, name).width for name in _TABLES}
        numbers["categories"] = list(self.categories)
        numbers["feedback"] = {
            name: [found.mean, found.spread] for name, found in self.feedback.items()
        }
        packed = io.BytesIO()
        np.savez_compressed(packed, **arrays)
        tf.io.gfile.makedirs(folder)
        for name, content in (
            (_ARRAYS_FILE, packed.getvalue()),
            (_NUMBERS_FILE, json.dumps(numbers, indent=1).encode()),
        ):
            with tf.io.gfile.GFile(os.path.join(folder, name), "wb") as file:
                file.write(content)

    @classmethod
    def read(cls, folder: str) -> Statistics:
        """Reads what `write` wrote."""
        with tf.io.gfile.GFile(os.path.join(folder, _NUMBERS_FILE)) as file:
            numbers = json.loads(file.read())
        with tf.io.gfile.GFile(os.path.join(folder, _ARRAYS_FILE), "rb") as file:
            arrays = dict(np.load(io.BytesIO(file.read()), allow_pickle=False))
        tables = {
            name: sparse_table.SparseTable(width, arrays[f"{name}.keys"], arrays[f"{name}.values"])
            for name, width in numbers.pop("widths").items()
        }
        categories = {
            name: Categories(arrays[f"{name}.items"], arrays[f"{name}.share"])
            for name in numbers.pop("categories")
        }
        feedback = {
            name: Feedback(arrays[f"{name}.items"], mean, spread)
            for name, (mean, spread) in numbers.pop("feedback").items()
        }
        similarity = (
            Neighbours(arrays["similarity.items"], arrays["similarity.weights"])
            if "similarity.items" in arrays
            else None
        )
        repeats = (
            Repeats(*(arrays[f"repeats.{field.name}"] for field in dataclasses.fields(Repeats)))
            if "repeats.users" in arrays
            else None
        )
        return cls(
            popularity=arrays["popularity"],
            categories=categories,
            feedback=feedback,
            similarity=similarity,
            repeats=repeats,
            sessions=tables["sessions"],
            daily=tables["daily"],
            co_occurrence=tables["co_occurrence"],
            **numbers,
        )
