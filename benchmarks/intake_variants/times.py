"""Variants of times."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.intake_variants import samples


def times() -> Iterator[samples.Variant]:
    """Times."""
    yield samples.variant(
        "t_ms",
        "milliseconds",
        {"e.csv": samples.timed(lambda t: 1000 * t + 5)},
        refused=["e.csv, line 2", "unit: ms", "2022"],
    )
    yield samples.variant(
        "t_ms_declared",
        "milliseconds, declared",
        {"e.csv": samples.timed(lambda t: 1000 * t + 5)},
        columns={**samples.COLUMNS, "at": {"role": "timestamp", "unit": "ms"}},
        says=["2022-04-15 05:20:00 to 2022-04-20 16:16:28 UTC"],
    )
    yield samples.variant(
        "t_us",
        "microseconds",
        {"e.csv": samples.timed(lambda t: 10**6 * t)},
        refused=["e.csv, line 2", "unit: us", "2022"],
    )
    yield samples.variant(
        "t_hours",
        "hours since 1970",
        {"e.csv": samples.timed(lambda t: t // 3600)},
        refused=["e.csv", "unit: h", "2022"],
    )
    yield samples.variant(
        "t_days_declared",
        "days since 1970, declared",
        {"e.csv": samples.timed(lambda t: t // 86400)},
        columns={**samples.COLUMNS, "at": {"role": "timestamp", "unit": "d"}},
    )
    yield samples.variant(
        "t_seconds_as_ms",
        "seconds, unit: ms",
        {"e.csv": samples.timed(lambda t: t)},
        columns={**samples.COLUMNS, "at": {"role": "timestamp", "unit": "ms"}},
        refused=["e.csv", "unit"],
    )
    yield samples.variant(
        "t_fraction",
        "seconds with a fraction",
        {"e.csv": samples.timed(lambda t: f"{t}.25")},
        says=["2022-04-15 05:20:00 to 2022-04-20 16:16:28 UTC"],
    )
    yield samples.variant(
        "t_exponent",
        "seconds as a spreadsheet shortens them, 1.65E+09",
        {"e.csv": samples.timed(lambda _: "1.65E+09")},
        refused=["same time", "from: file_order"],
    )
    yield samples.variant(
        "t_mixed",
        "seconds, and milliseconds in some rows",
        {"e.csv": samples.lines(lambda n, v: (v[0], v[1], v[2] * (1000 if n % 9 == 5 else 1)))},
        refused=["e.csv, line 7", "1650"],
    )
    yield samples.variant(
        "t_offset",
        "ISO 8601 with an offset",
        {"e.csv": samples.timed(lambda t: samples.utc(t, "%Y-%m-%dT%H:%M:%S+02:00"))},
        says=["2022-04-15 03:20:00 to 2022-04-20 14:16:28 UTC"],
    )
    yield samples.variant(
        "t_micro",
        "ISO 8601 with microseconds",
        {"e.csv": samples.timed(lambda t: samples.utc(t, "%Y-%m-%d %H:%M:%S.123456"))},
        says=["2022-04-15 05:20:00 to 2022-04-20 16:16:28 UTC"],
    )
    yield samples.variant(
        "t_utc_word",
        "a text with UTC behind it",
        {"e.csv": samples.timed(lambda t: samples.utc(t, "%Y-%m-%d %H:%M:%S UTC"))},
        says=["2022-04-15 05:20:00 to 2022-04-20 16:16:28 UTC"],
    )
    yield samples.variant(
        "t_date",
        "dates",
        {"e.csv": samples.timed(lambda t: samples.utc(t, "%Y-%m-%d"))},
        columns={**samples.COLUMNS, "at": {"role": "timestamp", "timezone": "America/New_York"}},
        says=["2022-04-15 00:00:00 to 2022-04-20 00:00:00 -04:00"],
    )
    yield samples.variant(
        "t_german",
        "15.04.2022 05:20, no format",
        {"e.csv": samples.timed(lambda t: samples.utc(t, "%d.%m.%Y %H:%M"))},
        refused=["e.csv, line 2", "15.04.2022", "%d.%m.%Y %H:%M"],
    )
    yield samples.variant(
        "t_german_declared",
        "15.04.2022 05:20, its format",
        {"e.csv": samples.timed(lambda t: samples.utc(t, "%d.%m.%Y %H:%M"))},
        columns={
            **samples.COLUMNS,
            "at": {"role": "timestamp", "format": "%d.%m.%Y %H:%M", "timezone": "Europe/Berlin"},
        },
        says=["2022-04-15 05:20:00 to 2022-04-20 16:16:00 +02:00"],
    )
    yield samples.variant(
        "t_wrong_format",
        "days and months exchanged",
        {"e.csv": samples.timed(lambda t: samples.utc(t, "%m/%d/%Y %H:%M"))},
        columns={**samples.COLUMNS, "at": {"role": "timestamp", "format": "%d/%m/%Y %H:%M"}},
        refused=["e.csv, line 2", "04/15/2022", "format"],
    )
    yield samples.variant(
        "t_missing",
        "some rows without a time",
        {"e.csv": samples.lines(lambda n, v: (v[0], v[1], "" if n % 50 == 9 else v[2]))},
        refused=["e.csv, line 11", "drop"],
    )
    yield samples.variant(
        "t_missing_dropped",
        "some rows without a time, which a rule drops",
        {"e.csv": samples.lines(lambda n, v: (v[0], v[1], "" if n % 50 == 9 else v[2]))},
        drop=["at is missing"],
        read={"events": 294},
        says=["6", "at is missing"],
    )
    yield samples.variant(
        "t_zero",
        "0 in place of times that are not known",
        {"e.csv": samples.lines(lambda n, v: (v[0], v[1], 0 if n % 50 == 9 else v[2]))},
        refused=["1970", "drop"],
    )
    yield samples.variant(
        "t_none",
        "no column of time, declared",
        {"e.csv": samples.lines(lambda _, v: v[:2], samples.HEADER[:2])},
        columns={"who": "user_id", "what": "item_id", "order": {"from": "file_order"}},
        says=["order"],
    )
    yield samples.variant(
        "t_future",
        "one time in 2150",
        {"e.csv": samples.PLAIN.replace("1650000000", "5680281600", 1)},
        refused=["e.csv, line 2", "5680281600"],
    )
    yield samples.variant(
        "t_negative",
        "a time of -1",
        {"e.csv": samples.PLAIN.replace("1650000000", "-1", 1)},
        refused=["e.csv, line 2", "-1"],
    )
    yield samples.variant(
        "t_words",
        "words in the column of time",
        {"e.csv": samples.PLAIN.replace("1650000000", "yesterday", 1)},
        refused=["e.csv, line 2", "yesterday", "format"],
    )
