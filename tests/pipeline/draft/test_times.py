"""Units and formats of times."""

from __future__ import annotations

import datetime

import pytest

from pipeline.draft import times

NOON = 1_700_222_400  # 2023-11-17 12:00:00 UTC


def spec(cells, name="time"):
    column = times.guess(cells, name).column
    return column.unit, column.format


@pytest.mark.parametrize(
    ("cells", "unit"),
    [
        ([f"{NOON}", f"{NOON + 50}"], None),
        ([NOON + 0.25, NOON + 7.5], None),
        ([f"{NOON}000"], "ms"),
        ([f"{NOON}000000"], "us"),
        ([f"{NOON}000000000"], "ns"),
    ],
)
def test_units_of_numbers(cells, unit):
    assert spec(cells) == (unit, None)
    assert times.guess(cells, "x").unsure is None


@pytest.mark.parametrize(("seconds", "unit"), [(60, "min"), (3600, "h"), (86400, "d")])
def test_coarse_units_need_a_name_and_are_unsure(seconds, unit):
    found = times.guess([str(NOON // seconds)], "event_time")
    assert found.column.unit == unit and found.unsure is not None
    assert times.guess([str(NOON // seconds)], "price") is None


@pytest.mark.parametrize(
    ("texts", "form"),
    [
        (["2023-11-17T12:00:00Z", "2023-11-17T12:00:00.5+01:00"], None),
        (["2023-11-17 12:00:00"], None),
        (["2023-11-17"], None),
        (["12/1/2010 8:26", "12/31/2010 9:00"], "%m/%d/%Y %H:%M"),
        (["31/01/2020", "02/03/2020"], "%d/%m/%Y"),
        (["17.11.2023 12:00:01"], "%d.%m.%Y %H:%M:%S"),
        (["11/13/2019 8:36:57 AM"], "%m/%d/%Y %I:%M:%S %p"),
        (["09 13, 2009"], "%m %d, %Y"),
        (["Tue Apr 03 18:00:09 +0000 2012"], "%a %b %d %H:%M:%S %z %Y"),
        (["20200705", "20201231"], "%Y%m%d"),
    ],
)
def test_formats_of_texts(texts, form):
    assert spec(texts, "date") == (None, form)
    assert times.guess(texts, "date").unsure is None


def test_day_and_month_that_may_be_either_are_unsure():
    found = times.guess(["03/04/2020", "05/06/2020"], "date")
    assert found.column.format == "%d/%m/%Y"
    assert "2020-04-03" in found.unsure and "2020-03-04" in found.unsure
    assert "%m/%d/%Y" in found.unsure


def test_numbers_that_are_no_likely_time_are_one_only_by_name():
    assert times.guess(["7300253982"], "timestamp").unsure is not None  # the year 2201
    assert times.guess(["7300253982"], "basket") is None
    assert times.guess(["5", "3"], "rating") is None


@pytest.mark.parametrize("cells", [[], ["a", "b"], [True, False], [(1, 2)], ["10-20 kg"]])
def test_no_times(cells):
    assert times.guess(cells, "size") is None


def test_what_the_file_holds_as_times():
    days = [datetime.date(2023, 11, 17), datetime.date(2023, 11, 18)]
    found = times.guess(days, "x")
    assert (found.first, found.last, found.is_days) == (NOON - 43200, NOON + 43200, True)


def test_texts_without_a_zone_are_told():
    assert times.guess(["2023-11-17 12:00:00"], "time").is_naive
    assert not times.guess(["2023-11-17T12:00:00Z"], "time").is_naive
    assert not times.guess(["2023-11-17"], "time").is_naive
