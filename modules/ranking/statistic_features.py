"""Features of (request, candidate) from the statistics: one graph for training and SavedModel.

What is counted in training events is in `statistics.Statistics`; what concerns the user comes from
the request's own history. All is known before the request: the counts are of events that the part's
recall model learned from, none of them a target; windows of popularity end with the day before the
request.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from modules import features, item_tables, ranking_config
from modules.ranking import entries as entries_lib
from modules.ranking import repeat_features, scales, sparse_table
from modules.ranking import statistics as statistics_lib

SIMILAR = 10  # last events of the shorter similarity
RECENT = 5  # events of the shorter affinity and of the normalised co-occurrence
# of a lift: what draws it to chance where little is known
_FEW, _LEAST_LIFT, _LEAST_SHARE = 5.0, 1e-3, 1e-4
_TEN = 10.0  # brings EASE's scores to the scale of the other features


def names(
    statistics: statistics_lib.Statistics,
    settings: ranking_config.Statistics,
    *,
    has_times: bool = True,
) -> tuple[str, ...]:
    """What the F features are, in their order."""
    found = ["popularity", *(f"popularity_{days:g}_days" for days in settings.windows_days)]
    found += [f"co_occurrence_last_{n}" for n in settings.last_events]
    found += [f"co_occurrence_share_last_{RECENT}"]
    found += ["together", "together_lift"]
    if statistics.similarity is not None:
        found += ["similarity", f"similarity_last_{SIMILAR}"]
    for name in statistics.categories:
        found += [
            f"{name}_{what}"
            for what in (
                "popularity",
                "affinity",
                f"affinity_last_{RECENT}",
                "events_since",
                *(["seconds_since"] if has_times else []),
                "never",
            )
        ]
    found += [f"{name}_mean" for name in statistics.feedback]
    if statistics.repeats is not None:
        found += repeat_features.names(has_times=has_times)
    return tuple(found)


class StatisticFeatures(tf.Module):
    """The statistics as variables that are saved and not trained, and the features made of them.

    Of a candidate c, a history h_1..h_n and a request at time t (log is the natural one, of 1 + x):
     - popularity: log events of c; in a window of w days: of those on the w days before the day of
       t. After the last training day, the last days of training stand in.
     - co_occurrence_last_n: log of the sum of C[h, c] over the last n events h.
     - co_occurrence_share_last_5: log of the percentage sum C[h, c] / (1 + events of h) over the
       last 5.
     - together: log of the sum of S[h, c] over the events h of the request's session, which is as
       long as `session_seconds` and `session_events` say; S is the table of sessions.
       together_lift: log of the sum of S[h, c] / (5 + sum of row h) over the same events, less log
       of c's share of all events: how much more often than by chance; 0 where no session goes on.
     - similarity: ten times EASE's score, by all events and by the last 10.
     - for each categorical item feature: popularity, log of the mean share of the events in c's
       categories, in multiples of 1/V; affinity, mean over c's categories of the share of history
       events in them, and of the last 5; events and seconds since the last one of any of c's
       categories, as logs on a scale from 0 (now) to 1 (200 events, a year, or never); never, 1 if
       there was none.
     - mean feedback of c, in standard deviations from the mean of all events.
     - where repeats are allowed, how the user had c before: see repeat_features.py.

    Where events have no times, their numbers in the user's history stand for them: there are no
    windows and no seconds, and a session is as long as `session_events` says.
    """

    def __init__(
        self,
        statistics: statistics_lib.Statistics,
        settings: ranking_config.Statistics,
        *,
        has_times: bool = True,
    ) -> None:
        super().__init__(name="statistic_features")
        self.names = names(statistics, settings, has_times=has_times)
        self._settings = settings
        self._first_day, self._days = statistics.first_day, statistics.days
        self._popularity = scales.by_item(statistics.popularity, "popularity")
        self._daily = sparse_table.TensorTable(statistics.daily, "daily")
        self._co_occurrence = sparse_table.TensorTable(statistics.co_occurrence, "co_occurrence")
        self._sessions = _Sessions(statistics, settings)
        self._similarity = (
            _Similarity(statistics.similarity) if statistics.similarity is not None else None
        )
        self._categories = [
            _CategoryFeatures(c, name, has_times=has_times)
            for name, c in statistics.categories.items()
        ]
        self._feedback = [
            scales.by_item((f.items - f.mean) / f.spread, name)
            for name, f in statistics.feedback.items()
        ]
        self._repeats = (
            repeat_features.RepeatFeatures(statistics.repeats, has_times=has_times)
            if statistics.repeats is not None
            else None
        )

    def __call__(
        self,
        history_rows: tf.Tensor,
        history_timestamps: tf.Tensor,
        request_timestamp: tf.Tensor,
        candidate_rows: tf.Tensor,
        entries: entries_lib.Entries | None = None,
    ) -> tf.Tensor:
        """Makes the features of a batch of requests.

        Args:
          history_rows: int64 [B, L], items of the past events, oldest first; 0 pads, on whichever
              side.
          history_timestamps: int64 [B, L], Unix seconds.
          request_timestamp: int64 [B], Unix seconds.
          candidate_rows: int64 [B, C]; 0 pads, N+1 is an unknown item.
          entries: the whole known past; where repeats are allowed.

        Returns:
          float32 [B, C, F], finite, in the order of `names`.
        """
        # 0: the last event
        order = tf.cumsum(tf.cast(history_rows > 0, tf.int64), axis=1, reverse=True) - 1
        since = tf.where(history_rows > 0, order, order.dtype.max)
        found = [*self._popularities(request_timestamp, candidate_rows)]
        found += self._co_occurrences(history_rows, since, candidate_rows)
        found += self._sessions(
            history_rows, since, history_timestamps, request_timestamp, candidate_rows
        )
        if self._similarity is not None:
            found += self._similarity(history_rows, since, candidate_rows)
        for category in self._categories:
            found += category(
                history_rows, since, history_timestamps, request_timestamp, candidate_rows
            )
        found += [tf.gather(table, candidate_rows) for table in self._feedback]
        if self._repeats is not None:
            assert entries is not None  # request_graph.py makes them where repeats are allowed
            found += self._repeats(entries, request_timestamp, candidate_rows)
        return tf.stack(found, axis=-1)

    def _popularities(
        self, request_timestamp: tf.Tensor, candidates: tf.Tensor
    ) -> Iterator[tf.Tensor]:
        """[B, C] each: of all time, and of each window."""
        yield tf.math.log1p(tf.gather(self._popularity, candidates))
        today = request_timestamp // statistics_lib.SECONDS_A_DAY - self._first_day
        yesterday = tf.broadcast_to(
            tf.minimum(today, self._days)[:, tf.newaxis] - 1, tf.shape(candidates)
        )
        until = self._daily.last(candidates, yesterday)
        for days in self._settings.windows_days:
            yield tf.math.log1p(until - self._daily.last(candidates, yesterday - math.ceil(days)))

    def _co_occurrences(
        self, history: tf.Tensor, since: tf.Tensor, candidates: tf.Tensor
    ) -> Iterator[tf.Tensor]:
        """[B, C] each: of the last n events for each declared n, and the normalised one."""
        last, since = _last(max((RECENT, *self._settings.last_events)), since, history)
        known = since < since.dtype.max
        counts = _cells(self._co_occurrence, last, candidates)

        def summed(n: int, weights: tf.Tensor | float = 1.0) -> tf.Tensor:
            taken = tf.where(known & (since < n), weights, 0.0)
            return tf.einsum("bh,bhc->bc", taken, counts)

        for n in self._settings.last_events:
            yield tf.math.log1p(summed(n))
        yield tf.math.log1p(
            scales.PERCENT * summed(RECENT, 1.0 / (1.0 + tf.gather(self._popularity, last)))
        )


class _Sessions(tf.Module):
    """What is done together with the events of the session that goes on."""

    def __init__(
        self, statistics: statistics_lib.Statistics, settings: ranking_config.Statistics
    ) -> None:
        super().__init__(name="sessions")
        self._seconds, self._events = settings.session_seconds, settings.session_events
        self._table = sparse_table.TensorTable(statistics.sessions, "table")
        self._total = scales.by_item(statistics.session_totals, "total")
        share = (statistics.popularity + 1) / max(statistics.events, 1) + _LEAST_SHARE
        self._log_share = scales.by_item(np.log(share).astype(np.float32), "log_share")

    def __call__(
        self,
        history: tf.Tensor,
        since: tf.Tensor,
        timestamps: tf.Tensor,
        now: tf.Tensor,
        candidates: tf.Tensor,
    ) -> list[tf.Tensor]:
        """The two features, float32 [B, C] each; arguments as of `_CategoryFeatures`."""
        last, since, times = _last(self._events, since, history, timestamps)
        lasting = (since < since.dtype.max) & (now[:, tf.newaxis] - times <= self._seconds)
        counts = _cells(self._table, last, candidates)
        sums: Callable[[tf.Tensor], tf.Tensor] = lambda weights: tf.einsum(
            "bh,bhc->bc", tf.where(lasting, weights, 0.0), counts
        )
        lift = tf.math.log(sums(1.0 / (_FEW + tf.gather(self._total, last))) + _LEAST_LIFT)
        lift -= tf.gather(self._log_share, candidates)
        none = ~tf.reduce_any(lasting, axis=1, keepdims=True)
        return [tf.math.log1p(sums(1.0)), tf.where(none, 0.0, lift)]


class _Similarity(tf.Module):
    """EASE's score of the candidates, from the strongest weights of each item of the history."""

    def __init__(self, neighbours: statistics_lib.Neighbours) -> None:
        super().__init__(name="similarity")
        self._items = scales.by_item(neighbours.items, "neighbours")
        nothing = np.arange(len(neighbours.weights)) == features.PADDING_ID
        self._weights = scales.by_item(
            np.where(nothing[:, np.newaxis], 0, neighbours.weights), "weights"
        )

    def __call__(
        self, history: tf.Tensor, since: tf.Tensor, candidates: tf.Tensor
    ) -> Iterator[tf.Tensor]:
        """The two features, float32 [B, C] each; arguments as of `_CategoryFeatures`."""
        same = (history[:, :, tf.newaxis] == history[:, tf.newaxis]) & (
            # an item counts once, where it stands last
            since[:, tf.newaxis] < since[:, :, tf.newaxis]
        )
        since = tf.where(tf.reduce_any(same, axis=2), since.dtype.max, since)
        yield self._score(tf.where(since < since.dtype.max, history, 0), candidates)
        rows, place = _last(SIMILAR, since, history)
        yield self._score(tf.where(place < place.dtype.max, rows, 0), candidates)

    def _score(self, rows: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """`rows`: int64 [B, L], 0 for nothing; returns float32 [B, C]."""
        shape = [
            tf.shape(rows)[0],
            tf.size(rows) // tf.maximum(tf.shape(rows)[0], 1) * self._items.shape[1],
        ]
        sums = tf.raw_ops.DenseBincount(  # row by row
            input=tf.reshape(tf.gather(self._items, rows), shape),
            size=item_tables.length(self._items),
            weights=tf.reshape(tf.gather(self._weights, rows), shape),
        )
        return _TEN * tf.gather(sums, candidates, batch_dims=1)


class _CategoryFeatures(tf.Module):
    """How the candidates' categories of one item feature relate to the history."""

    def __init__(
        self, categories: statistics_lib.Categories, name: str, *, has_times: bool
    ) -> None:
        super().__init__(name=name)
        self._has_times = has_times
        self._items = item_tables.variable(categories.items, item_tables.CATEGORIES, name)
        self._share = scales.table(categories.share, "share")
        self._number = len(categories.share)  # V+1

    def __call__(
        self,
        history: tf.Tensor,
        since: tf.Tensor,
        timestamps: tf.Tensor,
        now: tf.Tensor,
        candidates: tf.Tensor,
    ) -> list[tf.Tensor]:
        """The six features, float32 [B, C] each; five without times.

        Args:
          history: int64 [B, L], rows of the past events' items.
          since: int64 [B, L], how many events came after each; the largest number for padding.
          timestamps: int64 [B, L], Unix seconds of the past events.
          now: int64 [B], Unix seconds of the request.
          candidates: int64 [B, C], rows.
        """
        own = tf.gather(self._items, candidates)  # [B, C, M]
        has = own != statistics_lib.NO_CATEGORY
        own = tf.maximum(own, 0)
        of_events = tf.gather(self._items, history)  # [B, L, M]
        past = _PastCategories(of_events, since < since.dtype.max, self._number)

        def share(most: int) -> tf.Tensor:
            recent = since < most
            events = tf.maximum(tf.reduce_sum(tf.cast(recent, tf.float32), axis=1), 1.0)
            return _mean(past.of(past.count(recent) / events[:, tf.newaxis], own), has)

        never_since, long_ago = since.dtype.max, timestamps.dtype.min
        events = tf.reduce_min(tf.where(has, past.of(past.least(since), own), never_since), axis=-1)
        never = events == never_since
        popularity = tf.math.log1p(_mean(tf.gather(self._share, own), has) * self._number)
        found = [
            popularity,
            share(since.dtype.max),
            share(RECENT),
            scales.log_scaled(events, scales.MOST_EVENTS),
        ]
        if self._has_times:
            moment = tf.reduce_max(
                tf.where(has, past.of(past.greatest(timestamps), own), long_ago), axis=-1
            )
            most = tf.constant(scales.MOST_SECONDS, now.dtype)
            seconds = tf.where(
                never, most, now[:, tf.newaxis] - tf.where(never, now[:, tf.newaxis], moment)
            )
            found.append(scales.log_scaled(seconds, scales.MOST_SECONDS))
        return [*found, tf.cast(never, tf.float32)]


class _PastCategories:
    """Sums over the history by category: [B, V+1], of which candidates then take their own."""

    def __init__(self, categories: tf.Tensor, given: tf.Tensor, number: int) -> None:
        """Looks at the categories of past events.

        Args:
          categories: of each event, ids [B, L, M].
          given: where there is an event, bool [B, L].
          number: how many ids there are, V + 1.
        """
        self._rows, self._number, self._shape = (
            tf.shape(categories)[0],
            number,
            tf.shape(categories),
        )
        user = tf.range(self._rows)[:, tf.newaxis, tf.newaxis]
        counts = given[:, :, tf.newaxis] & (categories != statistics_lib.NO_CATEGORY)
        self._segments = tf.where(counts, user * number + categories, -1)  # -1 is left out

    def count(self, events: tf.Tensor) -> tf.Tensor:
        """Events, of those with True in [B, L], by category, float32."""
        return self._reduce(tf.math.unsorted_segment_sum, tf.cast(events, tf.float32))

    def least(self, values: tf.Tensor) -> tf.Tensor:
        """The least value of [B, L] by category, the type's largest number where there is none."""
        return self._reduce(tf.math.unsorted_segment_min, values)

    def greatest(self, values: tf.Tensor) -> tf.Tensor:
        """The greatest value of [B, L] by category, the type's smallest number if there is none."""
        return self._reduce(tf.math.unsorted_segment_max, values)

    def of(self, by_category: tf.Tensor, own: tf.Tensor) -> tf.Tensor:
        """What candidates have of [B, V+1] by their categories [B, C, M]."""
        return tf.gather(by_category, own, batch_dims=1)

    def _reduce(
        self, reduce: tf.types.experimental.GenericFunction, values: tf.Tensor
    ) -> tf.Tensor:
        repeated = tf.broadcast_to(values[:, :, tf.newaxis], self._shape)
        return tf.reshape(
            reduce(repeated, self._segments, self._rows * self._number), [-1, self._number]
        )


def _last(most: int | tf.Tensor, since: tf.Tensor, *per_event: tf.Tensor) -> list[tf.Tensor]:
    """The last events, at most `most`, last first, of each of [B, L]; their `since` is second."""
    negated, places = tf.math.top_k(-since, tf.minimum(most, tf.shape(since)[1]))
    first, *others = (tf.gather(values, places, batch_dims=1) for values in per_event)
    return [first, -negated, *others]


def _cells(table: sparse_table.TensorTable, rows: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
    """Values of (row, candidate): [B, n] and [B, C] -> float32 [B, n, C]."""
    shape = tf.concat([tf.shape(rows), tf.shape(candidates)[1:]], axis=0)
    return table.lookup(
        tf.broadcast_to(rows[:, :, tf.newaxis], shape),
        tf.broadcast_to(candidates[:, tf.newaxis, :], shape),
    )


def _mean(values: tf.Tensor, given: tf.Tensor) -> tf.Tensor:
    """Mean over the last axis of the values that are given; 0 of none."""
    weights = tf.cast(given, tf.float32)
    return tf.math.divide_no_nan(
        tf.reduce_sum(values * weights, axis=-1), tf.reduce_sum(weights, axis=-1)
    )
