"""The structure of what is drawn, with margins that hold for any seed."""

from __future__ import annotations

import numpy as np
import pytest

from modules.generator import activity, draws, oracle, shape, tables
from tests.modules.generator import made

# many users with few events each, the first of which depends on age, hour and popularity alone
MANY = {"events": 60_000, "users": 15_000, "items": 400, "categories": 4, "part_events": 10**6}
SEEDS = pytest.mark.parametrize("seed", [1, 2, 3])


@SEEDS
def test_nobody_takes_an_item_twice(seed):
    one = made.part(seed=seed)
    assert np.unique(one.users * 800 + one.items).size == one.items.size


@SEEDS
def test_times_rise_and_fill_the_days(seed):
    one = made.part(seed=seed)
    later = one.numbers > 0
    assert np.all(np.diff(one.visits.times)[later[1:]] > 0)
    days = tables.day(one.visits.times)
    assert days.min() >= 0 and days.max() <= 90
    assert np.unique(days).size > 80


@SEEDS
def test_sessions_have_the_length_that_is_asked_for(seed):
    """A session ends after each event with 1/4, unless another begins within half an hour."""
    one = made.part(seed=seed, **MANY)
    later = np.flatnonzero(one.numbers > 0)
    gaps = one.visits.times[later] - one.visits.times[later - 1]
    within = (gaps < tables.SESSION_GAP).mean()
    assert made.is_near(within, 0.75, gaps.size, sigmas=8)  # and some meet by chance
    short = gaps[gaps < tables.SESSION_GAP]
    assert short.mean() == pytest.approx(91, rel=0.05)  # 1 + 90, cut to whole seconds


@SEEDS
def test_nights_are_quiet(seed):
    times = made.part(seed=seed, **MANY).visits.times
    share = np.bincount(tables.part_of_day(times)) / times.size
    assert share[2:4].min() > 2 * share[[0, 5]].max()


@SEEDS
def test_popularity_is_a_power_law(seed):
    """Without drift, ranks of a category are taken as rank ** -1, at first events."""
    one = made.part(seed=seed, drift=0.0, **MANY)
    first = one.items[one.numbers == 0]
    ranks = first // 4 + 1
    harmonic = (1 / np.arange(1, 101)).sum()
    for low, high in ((1, 1), (2, 2), (3, 4), (5, 10), (11, 30), (31, 100)):
        expected = (1 / np.arange(low, high + 1)).sum() / harmonic
        assert made.is_near(((ranks >= low) & (ranks <= high)).mean(), expected, ranks.size)
    slope = np.polyfit(np.log(np.arange(1, 11)), np.log(np.bincount(ranks)[1:11]), 1)[0]
    assert slope == pytest.approx(-1.0, abs=0.1)


@SEEDS
def test_popularity_drifts(seed):
    """The newest item of a day's category has 1 / 5.19 of what goes by the day: 30 %."""
    one = made.part(seed=seed, **MANY)
    first = one.numbers == 0
    items, days = one.items[first], tables.day(one.visits.times[first])
    newest = one.known.trend_levels(np.zeros_like(items), items % 4, days) == items // 4
    by_day = 0.3 / (1 / np.arange(1, 101)).sum()
    assert 0.8 * by_day < newest.mean() < 1.6 * by_day  # and by base popularity as well
    still = made.part(seed=seed, drift=0.0, **MANY)
    assert newest.mean() > 3 * _share_of_newest(still)


def _share_of_newest(one: made.Part) -> float:
    days = tables.day(one.visits.times)
    newest = one.known.trend_levels(np.zeros_like(one.items), one.items % 4, days)
    return float((newest == one.items // 4).mean())


@SEEDS
def test_age_matters_by_category(seed):
    """At first events, 70 % go by the row of the age group, 30 % by that of the hour."""
    one = made.part(seed=seed, **MANY)
    first = np.flatnonzero(one.numbers == 0)
    groups = tables.age_group(one.visits.ages)
    hours = one.known.rows[5 + tables.part_of_day(one.visits.times[first])]
    for group in range(5):
        of_group = groups == group
        expected = 0.7 * one.known.rows[group] + 0.3 * hours[of_group].mean(axis=0)
        for category in range(4):
            share = (one.items[first][of_group] % 4 == category).mean()
            assert made.is_near(share, expected[category], of_group.sum())


@SEEDS
def test_what_follows_within_a_session_follows_the_last_item(seed):
    """20 % by item: 60 % of these the first of the three; less what the user had already."""
    one = made.part(seed=seed, **MANY)
    later = np.flatnonzero(one.numbers > 0)
    within = later[one.visits.times[later] - one.visits.times[later - 1] < tables.SESSION_GAP]
    follows = (one.items[within - 1] + one.known.steps[0]) % 400 == one.items[within]
    assert 0.11 < follows.mean() < 0.16
    apart = np.setdiff1d(later, within)
    assert ((one.items[apart - 1] + one.known.steps[0]) % 400 == one.items[apart]).mean() < 0.03


@SEEDS
def test_a_share_repeats(seed):
    one = made.part(seed=seed, repeats=0.3)
    later = one.numbers > 0
    firsts = np.unique(one.users * 800 + one.items, return_index=True)[1]
    is_new = np.zeros(one.items.size, bool)
    is_new[firsts] = True
    assert made.is_near((~is_new)[later].mean(), 0.3, later.sum())


@SEEDS
def test_one_item_has_a_share(seed):
    one = made.part(seed=seed, hot_item=0.5)
    hot = one.items == 800 + oracle.HOT_ITEM
    assert made.is_near(hot.mean(), 0.5, hot.size, sigmas=6)  # others draw it now and then


def test_a_user_who_had_nearly_all_gets_what_is_left():
    """Where drawing again does not end, the same distribution is computed."""
    of = shape.Shape(events=50, users=1, items=200, categories=2, zipf=2.0)
    known = tables.Tables(of)
    rng = tables.generator(1, tables.Stream.USERS)
    times = tables.START + np.arange(200) * 60
    visits = activity.Visits(
        users=np.array([0]),
        ages=np.array([30]),
        countries=np.array([0]),
        counts=np.array([200]),
        firsts=np.array([0]),
        times=times,
    )
    assert sorted(draws.items(known, visits, rng)) == list(range(200))


def test_parts_differ_and_are_the_same_again():
    of = shape.Shape(**made.SMALL, part_events=1_000)
    twice = [
        [activity.visits(of, n, tables.generator(1, tables.Stream.USERS, n)) for n in (0, 1)]
        for _ in range(2)
    ]
    assert of.user_parts == 6
    assert np.array_equal(twice[0][0].times, twice[1][0].times)
    assert not np.array_equal(twice[0][0].ages, twice[0][1].ages)
    assert not set(twice[0][0].users) & set(twice[0][1].users)
