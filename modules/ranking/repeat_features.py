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
    ) -> list[tf.Tensor]:
        """Makes the features of a batch of requests.

        Args:
          entries: the user's past.
          request_timestamp: int64 [B], Unix seconds; the request's number where events have no
              times.
          candidate_rows: int64 [B, C]; 0 pads, N+1 is an unknown item.

        Returns:
          float32 [B, C] each, finite, in the order of `names`.
        """
        own = self._own(entries, request_timestamp, candidate_rows)
        users, events, typical = tf.unstack(tf.gather(self._table, candidate_rows), axis=-1)
        several, given = own.count >= 2.0, tf.cast(own.count > 0.0, tf.float32)
        log_since = tf.math.log1p(own.since[0])
        interval = tf.math.log1p(tf.math.divide_no_nan(own.span, own.count - 1.0))
        interval = tf.where(several, interval, typical)
        due, due_typical = (
            tf.clip_by_value(log_since - expected, -_MOST_DUE, _MOST_DUE)
            for expected in (interval, typical)
        )
        logs = (log_since, *map(tf.math.log1p, own.since[1:]))
        scaled = [tf.minimum(log / math.log1p(most), 1.0) for log, most in zip(logs, _MOST_SINCE)]
        age = (own.span + own.since[0]) / self._unit
        shares = own.count / own.events, own.count / (1.0 + age)
        return [
            given,
            *map(tf.math.log1p, (own.count, own.decayed, own.activation, *own.last_baskets)),
            *(tf.math.log1p(scales.PERCENT * share) for share in shares),
            *(scaled if self._has_times else scaled[1:]),
            interval / self._longest,
            due * tf.cast(several, tf.float32),
            due_typical * given,
            users,
            events,
            typical / self._longest,
            tf.broadcast_to(own.repeats, tf.shape(users)),
        ]

    def _own(self, entries: entries_lib.Entries, now: tf.Tensor, candidates: tf.Tensor) -> _Own:
        """Adds up the entries by item and takes each candidate's; see `__call__`."""
        unknown = item_tables.length(self._table, entries.rows.dtype) - 1
        known = (entries.rows > 0) & (entries.rows < unknown) & (entries.counts > 0)
        items = _Items(entries.rows, known, candidates)
        counts = tf.cast(entries.counts, tf.float32)
        past = counts * tf.cast(entries.is_event, tf.float32)
        ages = [
            tf.clip_by_value(now[:, tf.newaxis] - times, 0, _LONGEST)
            for times in (entries.first, entries.last)
        ]
        least = _MINUTE / self._unit if self._has_times else 1.0
        roots = [tf.sqrt(tf.maximum(tf.cast(a, tf.float32) / self._unit, least)) for a in ages]
        baskets = tf.cast(entries.baskets_since, tf.float32)
        oldest, newest = -items.least(-ages[0]), items.least(ages[1])
        newest = tf.minimum(newest, _LONGEST)
        since = newest, *map(items.least, (entries.events_since, entries.baskets_since))
        events, distinct = items.total(counts), items.number()
        return _Own(
            count=items.sum(counts),
            decayed=items.sum(past * tf.exp(math.log(_DECAY) * baskets)),
            activation=items.sum(2.0 * scales.PERCENT * counts / tf.add_n(roots)),
            last_baskets=[items.sum(past * tf.cast(baskets < n, tf.float32)) for n in BASKETS],
            span=tf.cast(tf.maximum(tf.maximum(oldest, 0) - newest, 0), tf.float32),
            since=[tf.cast(values, tf.float32) for values in since],
            events=tf.maximum(events, 1.0),
            repeats=tf.math.divide_no_nan(events - distinct, events),
        )


@dataclasses.dataclass(frozen=True)
class _Own:
    """What the entries of each candidate's item add up to.

    Of an item that the user never had, sums and span are 0, and what came since is at its most.

    Attributes:
      count: float32 [B, C], its events.
      decayed: the same, see `RepeatFeatures`.
      activation: the same, in percent.
      last_baskets: the same of the last baskets, for each of BASKETS.
      span: float32 [B, C], seconds (or events) from the first to the last of them.
      since: float32 [B, C] each, after the last of them: seconds (or events), past events, baskets.
      events: float32 [B, 1], of all items; at least 1.
      repeats: float32 [B, 1], share of these that repeat.
    """

    count: tf.Tensor
    decayed: tf.Tensor
    activation: tf.Tensor
    last_baskets: Sequence[tf.Tensor]
    span: tf.Tensor
    since: Sequence[tf.Tensor]
    events: tf.Tensor
    repeats: tf.Tensor


class _Items:
    """Values of entries, reduced by item, for candidates.

    Each distinct item has a slot, and the first slot of a row is of no entry. One column after the
    other: TensorFlow is slow where it has to spread values along a short last axis.
    """

    def __init__(self, rows: tf.Tensor, known: tf.Tensor, candidates: tf.Tensor) -> None:
        """Finds the slots.

        Args:
          rows: int64 [B, M], of the items of entries.
          known: bool [B, M], which entries count.
          candidates: int64 [B, C], rows.
        """
        rows, candidates = (tf.cast(values, tf.int32) for values in (rows, candidates))
        rows *= tf.cast(known, tf.int32)
        self._ordered = tf.sort(tf.pad(rows, [[0, 0], [1, 0]]), axis=1)
        self._shape = tf.shape(self._ordered)
        self._number = tf.reduce_prod(self._shape)
        self._starts = self._shape[1] * tf.range(self._shape[0])[:, tf.newaxis]
        # -1, which the reductions leave out, of what does not count
        self._slots = (self._places(rows) + 1) * tf.cast(known, tf.int32) - 1
        places = tf.minimum(self._places(candidates), self._number - 1)
        has = tf.gather(tf.reshape(self._ordered, [-1]), places) == candidates
        self._of_candidates = places * tf.cast(has & (candidates > 0), tf.int32)

    def sum(self, values: tf.Tensor) -> tf.Tensor:
        """float32 [B, M] -> [B, C]; 0 of no entry."""
        return self._reduced(tf.math.unsorted_segment_sum, values)

    def least(self, values: tf.Tensor) -> tf.Tensor:
        """int64 [B, M] -> [B, C]; the greatest number of no entry."""
        return self._reduced(tf.math.unsorted_segment_min, values)

    def total(self, values: tf.Tensor) -> tf.Tensor:
        """The sum of those that count: float32 [B, M] -> [B, 1]."""
        counted = values * tf.cast(self._slots >= 0, tf.float32)
        return tf.reduce_sum(counted, axis=1, keepdims=True)

    def number(self) -> tf.Tensor:
        """Distinct items, float32 [B, 1]."""
        new = tf.cast(self._ordered[:, 1:] != self._ordered[:, :-1], tf.float32)
        return tf.reduce_sum(new, axis=1, keepdims=True)

    def _places(self, rows: tf.Tensor) -> tf.Tensor:
        found = tf.raw_ops.LowerBound(sorted_inputs=self._ordered, values=rows)
        return found + self._starts

    def _reduced(
        self, reduce: tf.types.experimental.GenericFunction, values: tf.Tensor
    ) -> tf.Tensor:
        return tf.gather(reduce(values, self._slots, self._number), self._of_candidates)
