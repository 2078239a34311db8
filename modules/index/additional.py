"""Candidates beside the index's: items that stand near a request's last events in counted tables.

What followed an item, and EASE, find held-out items that the index's k best do not hold, and more
of them the weaker the recall model is; a second stage can order their union (Covington et al.
2016, Deep Neural Networks for YouTube Recommendations, RecSys). A deeper index finds others: see
benchmarks/recall_accuracy.md for what is worth how much.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy import typing as npt

from modules import config
from modules.index import body, sets
from modules.ranking import sparse_table, statistics

_KEPT = 100  # neighbours of an item
_FOLLOWED = 5  # newest events whose followers count, as in the baseline of co-occurrence
_SIMILAR = 50  # newest events whose weights in EASE count


@dataclasses.dataclass(frozen=True)
class Table:
    """The strongest neighbours of each of N items, by position in the index.

    Attributes:
      source: of `signatures.SOURCES`.
      neighbours: int32 [N, M] positions; NO_POSITION pads.
      weights: float32 [N, M]; 0 pads.
      events: of a history, the newest, whose neighbours count.
      number: candidates that it adds.
    """

    source: str
    neighbours: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    events: int
    number: int

    @classmethod
    def of(
        cls,
        source: str,
        cells: tuple[npt.NDArray[np.integer[Any]], ...],
        weights: npt.NDArray[np.floating[Any]],
        items: int,
        *,
        events: int,
        number: int,
    ) -> Table:
        """Keeps each row's strongest cells; of equally strong ones those with the smaller columns.

        Args:
          source: see the class.
          cells: rows and columns, positions, int [n] each; each cell once.
          weights: float [n]; those of 0 or below are left out.
          items: N.
          events: see the class.
          number: see the class.
        """
        rows, columns = (np.asarray(values)[weights > 0] for values in cells)
        weights = np.asarray(weights)[weights > 0]
        order = np.lexsort((columns, -weights, rows))
        rows, columns, weights = rows[order], columns[order], weights[order]
        starts = np.searchsorted(rows, np.arange(items))
        places = np.arange(len(rows)) - starts[rows]
        width = int(min(_KEPT, places.max(initial=0) + 1))
        kept = places < width
        found = cls(
            source,
            np.full((items, width), body.NO_POSITION, np.int32),
            np.zeros((items, width), np.float32),
            events,
            number,
        )
        found.neighbours[rows[kept], places[kept]] = columns[kept]
        found.weights[rows[kept], places[kept]] = weights[kept]
        return found


class Source(tf.Module):
    """A `Table` in a graph, as variables that are saved and not trained."""

    def __init__(self, table: Table) -> None:
        super().__init__(name=f"source_{table.source}")
        self.name_of_source, self.number = table.source, table.number
        self._events = table.events
        # the last row is of nothing
        nothing = np.full_like(table.neighbours[:1], body.NO_POSITION)
        self._neighbours = tf.Variable(
            np.concatenate([table.neighbours, nothing]), trainable=False, name="neighbours"
        )
        self._weights = tf.Variable(
            np.concatenate([table.weights, np.zeros_like(table.weights[:1])]),
            trainable=False,
            name="weights",
        )

    def find(self, history: tf.Tensor, lengths: tf.Tensor, taken: tf.Tensor) -> tf.Tensor:
        """The items with the greatest sums of weights over the newest events.

        Args:
          history: int32 [B, n], positions of the items of events, the oldest first; NO_POSITION is
              an item that the index does not have.
          lengths: int32 [B], events of each row, which stand first in it.
          taken: int32 [B, m], sorted, m >= 1: positions that are not to be found.

        Returns:
          int32 [B, number], distinct, the best first; NO_POSITION where there are no more.
        """
        places = lengths[:, tf.newaxis] - tf.range(1, self._events + 1)  # the newest first
        last = tf.gather(
            tf.pad(history, [[0, 0], [1, 0]], constant_values=body.NO_POSITION),
            tf.maximum(places, -1) + 1,
            batch_dims=1,
        )
        rows = tf.where(last >= 0, last, self._neighbours.shape[0] - 1)
        shape = [tf.shape(rows)[0], self._events * self._neighbours.shape[1]]
        positions = tf.reshape(body.rows(self._neighbours, rows), shape)
        weights = tf.reshape(body.rows(self._weights, rows), shape)
        order = tf.argsort(positions, axis=1)
        positions = tf.gather(positions, order, batch_dims=1)
        weights = tf.gather(weights, order, batch_dims=1)
        new = tf.pad(tf.cast(positions[:, 1:] != positions[:, :-1], tf.int32), [[0, 0], [1, 0]])
        slots = tf.cumsum(new, axis=1) + shape[1] * tf.range(shape[0])[:, tf.newaxis]
        sums = tf.math.unsorted_segment_sum(
            tf.reshape(weights, [-1]), tf.reshape(slots, [-1]), shape[0] * shape[1]
        )
        # of each item the sum stands at its first place
        first = (new > 0) | (tf.range(shape[1]) == 0)
        first &= (positions >= 0) & ~sets.contained(positions, taken)
        sums = tf.where(first, tf.gather(sums, slots), body.NO_SCORE)
        sums, best = tf.math.top_k(sums, tf.minimum(self.number, shape[1]))
        found = tf.gather(positions, best, batch_dims=1)
        found = tf.where(sums > body.NO_SCORE, found, body.NO_POSITION)
        return body.complete(found, sums, self.number)[0]


def tables(
    followers: sparse_table.SparseTable,
    similarity: statistics.Neighbours | None,
    vocabulary: Sequence[bytes],
    item_ids: Sequence[bytes],
    settings: config.Additional,
) -> list[Table]:
    """The tables that are declared and were counted.

    Args:
      followers: cell (i, j): how often item j followed item i.
      similarity: EASE's weights, if it was fitted.
      vocabulary: ids of the items of the rows 1 to N of both.
      item_ids: ids by position in the index.
      settings: how many candidates each adds.
    """
    places = {item_id: position for position, item_id in enumerate(item_ids)}
    positions = np.array(
        [places.get(item_id, body.NO_POSITION) for item_id in (b"", *vocabulary, b"")], np.int64
    )
    declared = []
    if settings.co_occurrence:
        cells = np.divmod(followers.keys[1:], followers.width)
        declared.append(
            ("co_occurrence", cells, followers.values[1:], _FOLLOWED, settings.co_occurrence)
        )
    if settings.ease and similarity is not None:
        rows = np.repeat(np.arange(len(similarity.items)), similarity.items.shape[1])
        cells = rows, similarity.items.ravel()
        declared.append(("ease", cells, similarity.weights.ravel(), _SIMILAR, settings.ease))
    made = []
    for source, cells, weights, events, number in declared:
        rows, columns = (positions[values] for values in cells)
        known = (rows >= 0) & (columns >= 0)
        made.append(
            Table.of(
                source,
                (rows[known], columns[known]),
                weights[known],
                len(item_ids),
                events=events,
                number=number,
            )
        )
    return made
