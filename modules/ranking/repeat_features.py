"""Features of (request, candidate) where people come back to items: how the user had it before.

One graph for training and SavedModel, beside that of statistic_features.py. Personal frequency and
recency are what next-basket recommenders live by (Hu et al. 2020, TIFU-KNN, arXiv 2006.00556;
Faggioli et al. 2020, UP-CF, UMAP; Li et al. 2021, arXiv 2109.14233); whether one comes back at all
depends on the user, the item and the time since (Anderson et al. 2014, The dynamics of repeat
consumption, WWW; Ren et al. 2019, RepeatNet, arXiv 1812.02646).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from modules import item_tables
from modules.ranking import entries as entries_lib
from modules.ranking import scales
from modules.ranking import statistics as statistics_lib

BASKETS = (1, 5, 20)  # last distinct times of the past events, in which an item's events count
_DECAY = 0.9  # a basket further back weighs that much of the next one: TIFU-KNN's r_b
_LONGEST = 10 * scales.MOST_SECONDS  # an age above it counts as that
_MINUTE = 60
_MOST_SINCE = (scales.MOST_SECONDS, scales.MOST_EVENTS, scales.MOST_EVENTS)  # of `_Own.since`
_MOST_DUE = 5.0  # of the log of a ratio
_SUMS = (1.0, 1.0, scales.PERCENT, *(1.0 for _ in BASKETS))  # what `_Own.sums` is multiplied by


def names(*, has_times: bool) -> tuple[str, ...]:
    """What the features are, in their order."""
    return (
        "own",
        "own_count",
        "own_decayed",
        "own_activation",
        *(f"own_last_{n}_baskets" for n in BASKETS),
        "own_share",
        "own_rate",
        *(["own_seconds_since"] if has_times else []),
        "own_events_since",
        "own_baskets_since",
        "own_interval",
        "own_due",
        "own_due_typical",
        "returning_users",
        "returning_events",
        "typical_interval",
        "user_repeats",
    )


class RepeatFeatures(tf.Module):
    """What is known of returns as variables that are not trained, and the features made of it.

    Of a candidate c that a user had n times (log is the natural one, of 1 + x; a share is one in
    percent under a log):
     - own: 1 if n > 0. own_count: log n. own_share: log of the share that n is of all events of the
       user.
     - own_seconds_since, own_events_since, own_baskets_since: the last event of c, on a log scale
       from 0 (now) to 1 (a year, 200 events or baskets; or never). A basket is all events of one
       time. What came before the past events that the request has one by one lies before all of
       them.
     - own_last_n_baskets: log of c's events in the last n baskets of these past events.
     - own_decayed: log of the sum of 0.9^b over c's past events, b baskets ago (TIFU-KNN's decay
       with one group).
     - own_activation: log of the percentage sum of age^-1/2 over all n, the age in days, at least a
       minute (base-level activation; Anderson and Schooler 1991). m events that are known by the
       first and the last alone count as spread evenly between: 2 m / (first^1/2 + last^1/2)
       (Petrov 2006, its hybrid approximation).
     - own_rate: log of the percentage n / (1 + days since the first).
     - own_interval: the user's mean interval (last - first) / (n - 1) on the scale of
       own_seconds_since; where n < 2 the item's typical one. own_due: log of seconds since the
       last, less log of the interval, from -5 to 5: above 0 it is due; 0 where n < 2.
       own_due_typical: the same of the typical interval; 0 where n is 0.
     - returning_users, returning_events, typical_interval: of the item, see `statistics.Repeats`;
       the interval on the scale of own_interval.
     - user_repeats: share of the user's events that repeat; the same for all candidates.

    Where events have no times, their numbers stand for them: an interval is of events, an age at
    least 1.
    """

    def __init__(self, repeats: statistics_lib.Repeats, *, has_times: bool = True) -> None:
        """Keeps the tables of all items."""
        super().__init__(name="repeat_features")
        self._has_times = has_times
        # of an age: a day, or one event
        self._unit = float(statistics_lib.SECONDS_A_DAY) if has_times else 1.0
        self._longest = math.log1p(scales.MOST_SECONDS if has_times else scales.MOST_EVENTS)
        columns = [repeats.users, repeats.events, repeats.log_interval]
        self._table = scales.by_item(np.stack(columns, axis=1), "repeats")

    def __call__(
        self, entries: entries_lib.Entries, request_timestamp: tf.Tensor, candidate_rows: tf.Tensor
    ) -> tf.Tensor:
        """Makes the features of a batch of requests.

        Args:
          entries: the user's past.
          request_timestamp: int64 [B], Unix seconds; the request's number where events have no
              times.
          candidate_rows: int64 [B, C]; 0 pads, N+1 is an unknown item.

        Returns:
          float32 [B, C, F], finite, in the order of `names`.
        """
        own = self._own(entries, request_timestamp, candidate_rows)
        count, since = own.sums[..., :1], tf.cast(own.since, tf.float32)
        age = tf.cast(own.span + own.since[..., :1], tf.float32) / self._unit
        shares = [tf.math.divide_no_nan(count, own.events), count / (1.0 + age)]
        logs = tf.math.log1p(
            tf.concat([own.sums * _SUMS, *(scales.PERCENT * share for share in shares)], axis=-1)
        )
        most = tf.constant(_MOST_SINCE, tf.float32)
        scaled = tf.math.log1p(tf.minimum(since, most)) / tf.math.log1p(most)
        scaled = tf.where(own.given, scaled, 1.0)
        of_items = tf.gather(self._table, candidate_rows)
        typical, several = of_items[..., 2:], count >= 2.0
        interval = tf.math.divide_no_nan(tf.cast(own.span, tf.float32), count - 1.0)
        interval = tf.where(several, tf.math.log1p(interval), typical)
        due = tf.math.log1p(since[..., :1]) - tf.concat([interval, typical], axis=-1)
        due = tf.clip_by_value(due, -_MOST_DUE, _MOST_DUE)
        return tf.concat(
            [
                tf.cast(own.given, tf.float32),
                logs,
                scaled if self._has_times else scaled[..., 1:],
                interval / self._longest,
                tf.where(tf.concat([several, own.given], axis=-1), due, 0.0),
                of_items * tf.constant([1.0, 1.0, 1.0 / self._longest]),
                tf.broadcast_to(own.repeats, tf.shape(count)),
            ],
            axis=-1,
        )

    def _own(self, entries: entries_lib.Entries, now: tf.Tensor, candidates: tf.Tensor) -> _Own:
        """Adds up the entries by item and takes each candidate's; see `__call__`."""
        unknown = item_tables.length(self._table, entries.rows.dtype) - 1
        known = (entries.rows > 0) & (entries.rows < unknown) & (entries.counts > 0)
        segments = _Segments(tf.where(known, entries.rows, 0))
        counts = tf.where(known, tf.cast(entries.counts, tf.float32), 0.0)
        past = tf.where(entries.is_event, counts, 0.0)
        ages = now[:, tf.newaxis, tf.newaxis] - tf.stack([entries.first, entries.last], axis=-1)
        ages = tf.clip_by_value(ages, 0, _LONGEST)
        least = _MINUTE / self._unit if self._has_times else 1.0
        roots = tf.sqrt(tf.maximum(tf.cast(ages, tf.float32) / self._unit, least))
        sums = segments.sum(
            counts,
            past * tf.pow(_DECAY, tf.cast(entries.baskets_since, tf.float32)),
            2.0 * counts / tf.reduce_sum(roots, axis=-1),
            *(tf.where(entries.baskets_since < n, past, 0.0) for n in BASKETS),
        )
        oldest, newest = tf.unstack(ages, axis=-1)
        greatest = segments.greatest(oldest, -newest, -entries.events_since, -entries.baskets_since)
        slots, given = segments.of(candidates)
        sums, greatest = (
            tf.where(given, tf.gather(values, slots), tf.zeros([], values.dtype))
            for values in (sums, greatest)
        )
        events = tf.reduce_sum(counts, axis=1)[:, tf.newaxis, tf.newaxis]
        distinct = tf.cast(segments.number(), tf.float32)[:, tf.newaxis, tf.newaxis]
        return _Own(
            given=given,
            sums=sums,
            span=greatest[..., :1] + greatest[..., 1:2],
            since=-greatest[..., 1:],
            events=events,
            repeats=tf.math.divide_no_nan(events - distinct, events),
        )


@dataclasses.dataclass(frozen=True)
class _Own:
    """What the entries of each candidate's item add up to; 0 of an item that the user never had.

    Attributes:
      given: bool [B, C, 1], whether the user had it.
      sums: float32 [B, C, 6], of its events: their number, the decayed one, the activation, and the
          number in the last baskets.
      span: int64 [B, C, 1], seconds (or events) from the first to the last of them.
      since: int64 [B, C, 3], after the last of them: seconds (or events), past events, baskets.
      events: float32 [B, 1, 1], of all items.
      repeats: float32 [B, 1, 1], share of these that repeat.
    """

    given: tf.Tensor
    sums: tf.Tensor
    span: tf.Tensor
    since: tf.Tensor
    events: tf.Tensor
    repeats: tf.Tensor


class _Segments:
    """Values of entries, reduced by item: one slot a distinct item, the first one is nothing."""

    def __init__(self, rows: tf.Tensor) -> None:
        """`rows` is int64 [B, M], 0 for nothing."""
        self._ordered = tf.sort(tf.pad(tf.cast(rows, tf.int32), [[0, 0], [1, 0]]), axis=1)
        self._rows, self._width = tf.unstack(tf.shape(self._ordered))
        self._slots = tf.reshape(self._places(tf.cast(rows, tf.int32)), [-1])

    def sum(self, *values: tf.Tensor) -> tf.Tensor:
        """[B, M] each -> [slots, number of values]."""
        return self._reduce(tf.math.unsorted_segment_sum, values)

    def greatest(self, *values: tf.Tensor) -> tf.Tensor:
        """[B, M] each -> [slots, number of values]."""
        return self._reduce(tf.math.unsorted_segment_max, values)

    def number(self) -> tf.Tensor:
        """Distinct items, int32 [B]."""
        new = self._ordered[:, 1:] != self._ordered[:, :-1]
        return tf.reduce_sum(tf.cast(new, tf.int32), axis=1)

    def of(self, candidates: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Slots of candidates int64 [B, C]: int32 [B, C], and if each exists, bool [B, C, 1]."""
        rows = tf.cast(candidates, tf.int32)
        slots = tf.minimum(self._places(rows), self._rows * self._width - 1)
        given = (tf.gather(tf.reshape(self._ordered, [-1]), slots) == rows) & (rows > 0)
        return slots, given[..., tf.newaxis]

    def _places(self, rows: tf.Tensor) -> tf.Tensor:
        found = tf.raw_ops.LowerBound(sorted_inputs=self._ordered, values=rows)
        return found + self._width * tf.range(self._rows)[:, tf.newaxis]

    def _reduce(
        self, reduce: tf.types.experimental.GenericFunction, values: Sequence[tf.Tensor]
    ) -> tf.Tensor:
        stacked = tf.reshape(tf.stack(values, axis=-1), [-1, len(values)])
        return reduce(stacked, self._slots, self._rows * self._width)
