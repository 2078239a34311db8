"""Hour, day of the week and time between events, in plain TensorFlow ops over ragged sequences.

TensorFlow has no time zones, so the declared zone's offsets (from IANA's tz database) are baked
into the graph as a table of UTC instants. The table covers 1900 to 2100; outside, the nearest
offset holds. A zone whose law changes needs a new graph, that is, a new run of Transform.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import zoneinfo

import numpy as np
import tensorflow as tf

HOUR = 3600  # seconds
DAY = 24 * HOUR
WEEK = 7 * DAY
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)  # a Thursday
_EPOCH_WEEKDAY = 3  # Monday is 0
_FIRST, _LAST = datetime.date(1900, 1, 1), datetime.date(2100, 1, 1)


@dataclasses.dataclass(frozen=True)
class Offsets:
    """A zone's offset from UTC over time: `seconds[i]` east of UTC holds from `instants[i - 1]` on.

    Attributes:
      instants: Unix seconds [t], ascending; empty for a zone that never changed.
      seconds: [t + 1], local time minus UTC.
    """

    instants: tuple[int, ...]
    seconds: tuple[int, ...]


@functools.lru_cache(maxsize=8)
def offsets(timezone: str) -> Offsets:
    """Reads a zone's table: looks at every day, finds each change to the second by bisection."""
    zone = zoneinfo.ZoneInfo(timezone)

    def at(instant: int) -> int:
        local = (_EPOCH + datetime.timedelta(seconds=instant)).astimezone(zone)
        return int(local.utcoffset().total_seconds())  # type: ignore[union-attr]

    unix_day = datetime.date(1970, 1, 1).toordinal()
    days = np.arange(_FIRST.toordinal() - unix_day, _LAST.toordinal() - unix_day + 1)
    instants: list[int] = []
    seconds = [at(int(days[0]) * DAY)]
    for day in days[1:]:
        low, high = (int(day) - 1) * DAY, int(day) * DAY
        if at(high) == seconds[-1]:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if at(middle) == seconds[-1] else (low, middle)
        instants.append(high)
        seconds.append(at(high))
    return Offsets(tuple(instants), tuple(seconds))


def time_of_day(timestamps: tf.RaggedTensor, timezone: str) -> tf.RaggedTensor:
    """Returns the hour, 0 to 23, of Unix seconds on the zone's clock; int64 [B, (n)] in and out."""
    return timestamps.with_values(_second_of_week(timestamps.values, timezone) % DAY // HOUR)


def day_of_week(timestamps: tf.RaggedTensor, timezone: str) -> tf.RaggedTensor:
    """Returns the day, 0 (Monday) to 6, of Unix seconds in the zone; int64 [B, (n)] in and out."""
    return timestamps.with_values(_second_of_week(timestamps.values, timezone) // DAY)


def time_delta(timestamps: tf.RaggedTensor) -> tf.RaggedTensor:
    """Returns the seconds since the event before, 0 for a row's first; int64 [B, (n)] in and out.

    An event that lies before its predecessor (a client's clock) counts as simultaneous: 0. A
    distance beyond int64 is int64's maximum.
    """
    current = timestamps.values
    starts = timestamps.row_starts()  # of a last row without events, one too far
    opened = tf.scatter_nd(
        tf.expand_dims(starts, 1), tf.ones_like(starts), tf.shape(current, tf.int64) + 1
    )
    previous = tf.where(opened[:-1] > 0, current, tf.roll(current, shift=1, axis=0))
    difference = current - previous
    difference = tf.where(difference < 0, difference.dtype.max, difference)  # wrapped around
    return timestamps.with_values(
        tf.where(current > previous, difference, tf.zeros_like(difference))
    )


def _second_of_week(timestamps: tf.Tensor, timezone: str) -> tf.Tensor:
    """Seconds since the zone's last Monday, 0:00, of Unix seconds int64 [n]; int64 [n].

    Taken modulo a week before the offset is added: negative times floor, and none overflows.
    """
    table = offsets(timezone)
    seconds = tf.constant(table.seconds, tf.int64)
    place = tf.searchsorted(tf.constant(table.instants, tf.int64), timestamps, side="right")
    return tf.math.floormod(
        tf.math.floormod(timestamps, WEEK) + tf.gather(seconds, place) + _EPOCH_WEEKDAY * DAY, WEEK
    )
