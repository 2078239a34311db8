"""The interval of a paired difference over users and seeds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pipeline.ablation import paired


def test_with_one_seed_it_is_the_paired_t_interval_over_users() -> None:
    values = np.random.default_rng(0).normal(0.3, 2.0, (1, 40))
    found = paired.interval(values)
    expected = stats.ttest_1samp(values[0], 0.0).confidence_interval(0.95)
    assert found.mean == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_seeds_that_differ_widen_it() -> None:
    users = np.random.default_rng(1).normal(0.0, 1.0, 500)
    alike = paired.interval(np.stack([users, users, users]))
    apart = paired.interval(np.stack([users - 1, users, users + 1]))
    assert apart.high - apart.low > 20 * (alike.high - alike.low)
    # the seeds alone: a t interval of -1, 0, 1 with 2 degrees of freedom
    assert apart.high - apart.mean == pytest.approx(stats.t.ppf(0.975, 2) / np.sqrt(3), rel=0.05)


def test_it_holds_the_true_difference_as_often_as_it_says() -> None:
    """Users, seeds and what is left are all drawn anew; the truth is 0."""
    rng, held = np.random.default_rng(2), 0
    for _ in range(400):
        drawn = rng.normal(0, 1, (1, 60)) + rng.normal(0, 0.2, (3, 1)) + rng.normal(0, 1, (3, 60))
        found = paired.interval(drawn)
        held += found.low <= 0 <= found.high
    assert 0.92 <= held / 400 <= 1.0


def test_a_single_user_gives_no_interval() -> None:
    found = paired.interval(np.array([[0.5], [0.7]]))
    assert found.mean == pytest.approx(0.6)
    assert np.isnan(found.low) and np.isnan(found.high) and not found.is_significant


def test_values_of_users_have_the_mean_of_the_requests() -> None:
    found = paired.by_user(["b", "a", "b", "b"], np.array([1.0, 2.0, 3.0, 4.0]))
    assert found == pytest.approx([2.0 * 2 / 4, 8.0 * 2 / 4])
    assert found.mean() == pytest.approx(2.5)
