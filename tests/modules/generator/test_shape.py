"""How many events each user has, and sizes that contradict each other."""

from __future__ import annotations

import numpy as np
import pytest

from modules import strict
from modules.generator import shape


def _counts(of: shape.Shape) -> np.ndarray:
    return np.diff([of.events_before(user) for user in range(of.users + 1)])


@pytest.mark.parametrize(
    ("events", "users", "hot"), [(300, 20, 0), (6000, 400, 1000), (100_000, 4_000, 0), (60, 20, 0)]
)
def test_users_have_all_events_and_three_at_least(events, users, hot):
    counts = _counts(shape.Shape(events=events, users=users, hot_user=hot))
    assert counts.sum() == events - hot
    assert counts.min() >= 3


def test_activity_is_a_power_law():
    """3 + s (u + u0) ** -0.7: between two users far behind u0 = 50, a ratio of their ranks."""
    counts = _counts(shape.Shape(events=2_000_000, users=10_000, items=20_000)) - 3.0
    few, many = counts[9_900:10_000].mean(), counts[2_400:2_500].mean()
    assert many / few == pytest.approx((2_500 / 10_000) ** -0.7, rel=0.03)
    assert np.all(np.diff(counts) <= 1)  # falls, but for rounding


def test_activity_does_not_depend_on_the_size():
    """So a larger data set is more of the same, and no user's events grow with it."""
    small = shape.Shape(events=100_000, users=4_000)
    large = shape.Shape(events=10**9, users=4 * 10**7)
    assert large.most_events == pytest.approx(small.most_events, rel=0.02)


def test_parts_divide_the_events():
    of = shape.Shape(events=3_000, users=100, hot_user=1_001, part_events=500)
    assert (of.user_parts, of.hot_parts, of.item_parts) == (4, 3, 4)
    assert shape.Shape(events=30, users=3, part_events=1).user_parts == 3  # not more than users


def test_what_is_not_given():
    of = shape.Shape(events=1_000_000)
    assert (of.users, of.items, of.judged) == (40_000, 20_000, 10_000)
    assert shape.Shape(events=25).users == 1
    assert shape.Shape(events=10**10).items == 10**6


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"zipf": 2.5}, "--zipf: found 2.5, expected from 0.0 to 2.0."),
        ({"zipf": float("nan")}, "--zipf: found nan, expected from 0.0 to 2.0."),
        ({"hot_item": 1.0}, "--hot-item: found 1.0, expected from 0.0 to 0.95."),
        ({"session_events": 0.5}, "--session-events: found 0.5, expected from 1.0 to 1,000.0."),
        ({"judged": 401}, "--judged: found 401, expected from 1 to 400."),
        ({"categories": 1}, "--categories: found 1, expected from 2 to 1,000."),
        ({"hot_user": 5_000_000}, "--hot-user: found 5000000, expected from 0 to 3,888,000."),
        (
            {"users": 2_001},
            "--events: found 6,000, of which 6,000 are for 2,001 users, who need 3 each; give more",
        ),
        (
            {"hot_user": 7_000},
            "--events: found 6,000, of which 0 are for 400 users, who need 3 each",
        ),
        (
            {"items": 801},
            "--items: found 801, expected a multiple of --categories (8), like 808.",
        ),
        ({"items": 8}, "--items: found 8, expected a multiple of --categories (8), like 16."),
        (
            {"items": 400},
            "the most active user has 161 events and takes new items, so expected at least 644; or",
        ),
    ],
)
def test_contradictions(given, message):
    with pytest.raises(strict.ConfigError) as caught:
        shape.Shape(**{"events": 6_000, "users": 400, "items": 800, "categories": 8, **given})
    assert message in str(caught.value)
