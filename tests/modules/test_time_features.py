"""Time features against Python's own calendar."""

import datetime
import random
import zoneinfo

import numpy as np
import pytest
import tensorflow as tf

from modules import time_features

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
)
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
INT64 = np.iinfo(np.int64)


def ragged(*rows: list[int]) -> tf.RaggedTensor:
    return tf.ragged.constant(rows, tf.int64, ragged_rank=1)


def local(timestamp: int, zone: str) -> datetime.datetime:
    return (EPOCH + datetime.timedelta(seconds=timestamp)).astimezone(zoneinfo.ZoneInfo(zone))


def unix(*when: int, zone: str = "UTC") -> int:
    return int(datetime.datetime(*when, tzinfo=zoneinfo.ZoneInfo(zone)).timestamp())


@pytest.mark.parametrize("zone", ZONES)
def test_calendar_equals_the_reference_at_random_times_from_1900_to_2100(zone):
    chance = random.Random(zone)
    times = [chance.randrange(unix(1900, 1, 2), unix(2099, 12, 30)) for _ in range(3000)]
    expected = [local(t, zone) for t in times]

    assert time_features.time_of_day(ragged(times), zone).values.numpy().tolist() == [
        e.hour for e in expected
    ]
    assert time_features.day_of_week(ragged(times), zone).values.numpy().tolist() == [
        e.weekday() for e in expected
    ]


@pytest.mark.parametrize("zone", ZONES)
def test_offsets_change_to_the_second(zone):
    table = time_features.offsets(zone)
    times = [t + shift for t in table.instants for shift in (-1, 0)]

    assert time_features.time_of_day(ragged(times), zone).values.numpy().tolist() == [
        local(t, zone).hour for t in times
    ]


@pytest.mark.parametrize(
    ("when", "zone", "hour", "day"),
    [
        ((2021, 6, 6, 23, 59, 59), "Europe/Berlin", 23, 6),  # a Sunday
        ((2021, 6, 7, 0, 0, 0), "Europe/Berlin", 0, 0),
        ((2020, 12, 31, 23, 59, 59), "America/New_York", 23, 3),
        ((2021, 1, 1, 0, 0, 0), "America/New_York", 0, 4),
        ((1969, 12, 31, 23, 0, 0), "UTC", 23, 2),  # before 1970, times floor
        ((2024, 2, 29, 12, 0, 0), "Asia/Kathmandu", 12, 3),
    ],
)
def test_borders_of_days_weeks_and_years(when, zone, hour, day):
    times = ragged([unix(*when, zone=zone)])

    assert time_features.time_of_day(times, zone).to_list() == [[hour]]
    assert time_features.day_of_week(times, zone).to_list() == [[day]]


def test_the_hour_that_summer_time_skips_and_the_one_it_repeats():
    # Berlin: on 2021-03-28 at 01:00 UTC clocks go from 2 to 3; on 2021-10-31 at 01:00 UTC from 3
    #     back to 2.
    spring, autumn = unix(2021, 3, 28, 1), unix(2021, 10, 31, 1)
    times = ragged([spring - 1, spring], [autumn - 3600, autumn - 1, autumn, autumn + 3600])

    assert time_features.time_of_day(times, "Europe/Berlin").to_list() == [[1, 3], [2, 2, 2, 3]]


def test_extreme_times_do_not_overflow():
    times = ragged([INT64.min, INT64.max])

    assert set(time_features.time_of_day(times, "Pacific/Apia").to_list()[0]) <= set(range(24))
    assert time_features.day_of_week(times, "UTC").to_list() == [
        [(INT64.min // 86400 + 3) % 7, (INT64.max // 86400 + 3) % 7]
    ]


def test_delta_is_0_for_the_first_event_and_for_one_before_its_predecessor():
    times = ragged([100, 160, 160, 50, 60], [], [-5], [-5, 5])

    assert time_features.time_delta(times).to_list() == [[0, 60, 0, 0, 10], [], [0], [0, 10]]


def test_huge_deltas_stay_whole_and_never_turn_negative():
    times = ragged([0, 2**62], [1, INT64.max], [INT64.min, INT64.max], [INT64.max, INT64.min])

    assert time_features.time_delta(times).to_list() == [
        [0, 2**62],
        [0, INT64.max - 1],
        [0, INT64.max],
        [0, 0],
    ]


def test_results_are_int64_and_empty_batches_pass():
    empty = tf.RaggedTensor.from_row_lengths(tf.constant([], tf.int64), tf.constant([], tf.int64))
    for result in (
        time_features.time_of_day(empty, "Europe/Berlin"),
        time_features.day_of_week(empty, "UTC"),
        time_features.time_delta(empty),
    ):
        assert result.dtype == tf.int64
        assert result.to_list() == []
