"""Cells to times: numbers in every unit, texts, dates of Parquet, zones, and what is refused."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from modules import config
from modules.beam import times

NOON = 1_700_222_400  # 2023-11-17 12:00 UTC
BERLIN = datetime.timezone(datetime.timedelta(hours=1))


def _column(**declared: Any) -> config.Column:
    return config.Column(role="timestamp", **declared)


@pytest.mark.parametrize(
    ("declared", "cell", "expected"),
    [
        ({}, str(NOON), NOON),
        ({}, f"{NOON}.5", NOON + 0.5),
        ({}, NOON, NOON),
        ({}, "1.7002224e9", NOON),
        ({"unit": "ms"}, str(NOON * 1000 + 250), NOON + 0.25),
        ({"unit": "us"}, NOON * 10**6, NOON),
        ({"unit": "ns"}, str(NOON * 10**9), NOON),
        ({"unit": "min"}, NOON // 60, NOON),
        ({"unit": "h"}, NOON // 3600, NOON),
        ({"unit": "d"}, 19678, NOON - 12 * 3600),
        ({"number": config.Number(thousands=",")}, "1,700,222,400", NOON),
        ({}, "2023-11-17T12:00:00Z", NOON),
        ({}, "2023-11-17 12:00:00 UTC", NOON),
        ({}, "2023-11-17T12:00:00.277Z", NOON + 0.277),
        ({}, "2023-11-17T12:00:00.27701234Z", NOON + 0.277012),
        ({}, "2023-11-17 13:00:00+01:00", NOON),
        ({}, "2023-11-17T13:00:00+0100", NOON),
        ({}, "2023-11-17 12:00", NOON),
        ({}, "2023-11-17", NOON - 12 * 3600),
        ({"timezone": "Europe/Berlin"}, "2023-11-17 13:00:00", NOON),
        ({"timezone": "Europe/Berlin"}, "2023-07-17", 1_689_544_800),  # in summer, 2 hours ahead
        ({"timezone": "Europe/Berlin"}, "2023-11-17T12:00:00Z", NOON),
        ({"format": "%d/%m/%Y %H:%M"}, "17/11/2023 12:00", NOON),
        ({"format": "%m/%d/%Y %I:%M:%S %p"}, "11/17/2023 0:00:00 PM".replace("0:", "12:", 1), NOON),
        ({"format": "%Y%m%d"}, 20231117, NOON - 12 * 3600),
        ({"format": "%Y%m%d"}, 20231117.0, NOON - 12 * 3600),
        ({"format": "%d.%m.%Y %H:%M", "timezone": "Europe/Berlin"}, "17.11.2023 13:00", NOON),
        ({"format": "%d/%b/%Y:%H:%M:%S %z"}, "17/Nov/2023:13:00:00 +0100", NOON),
        ({}, datetime.datetime(2023, 11, 17, 13, tzinfo=BERLIN), NOON),
        ({"timezone": "Europe/Berlin"}, datetime.datetime(2023, 11, 17, 13), NOON),  # noqa: DTZ001
        ({}, datetime.date(2023, 11, 17), NOON - 12 * 3600),
        ({"timezone": "Europe/Berlin"}, datetime.date(2023, 11, 17), NOON - 13 * 3600),
    ],
)
def test_reads(declared: dict[str, Any], cell: Any, expected: float) -> None:
    assert times.converter(_column(**declared))(cell) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("declared", "cell", "message"),
    [
        ({}, "yesterday", "found 'yesterday', expected a time as Unix seconds or in ISO 8601"),
        ({}, "inf", "found 'inf', expected a time"),
        ({}, "-1", "found '-1', expected seconds since 1970"),
        ({}, str(NOON * 1000), r"It would be 2023-11-17 12:00 in milliseconds \(unit: ms\)"),
        ({}, str(NOON * 10**6), r"2023-11-17 12:00 in microseconds \(unit: us\)"),
        ({}, str(NOON * 10**9), r"2023-11-17 12:00 in nanoseconds \(unit: ns\)"),
        ({}, "7300253982", "up to the year 2099. In no unit is it a time from 1971 to 2099"),
        ({"unit": "ms"}, str(NOON * 10**6), r"expected milliseconds.*microseconds \(unit: us\)"),
        ({"unit": "s"}, "2023-11-17", "expected a number of seconds .*remove unit"),
        ({}, "17/11/2023 12:00", "Set format: '%d/%m/%Y %H:%M'"),
        ({}, "11/12/2023", "Set format: '%d/%m/%Y' or '%m/%d/%Y'"),
        ({}, "1,700,222,400", r'number: \{thousands: ","\}'),
        ({"format": "%d/%m/%Y"}, "11/17/2023", "like '31/01/2024'.*such as '%m/%d/%Y'"),
        ({}, datetime.datetime(1960, 1, 1), "found '1960-01-01 00:00:00', .* from 1970"),  # noqa: DTZ001
        ({}, ["2023-11-17"], "expected a time as a number or a text"),
    ],
)
def test_refuses(declared: dict[str, Any], cell: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        times.converter(_column(**declared))(cell)


def test_a_number_that_is_a_date_is_said_to_be_one() -> None:
    assert times.readings(20231117).startswith(
        "It would be 2023-11-17 as a date (format: '%Y%m%d'), 2008-"
    )
