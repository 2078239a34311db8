"""Metrics by hand, against the independent judge's formulas, and the errors against simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modules.evaluation import metrics


def test_values_by_hand():
    found = metrics.values(np.array([[1], [3], [10], [11], [0]]), [10])
    assert metrics.names([10]) == ("HR@10", "NDCG@10", "MRR@10", "Recall@10")
    np.testing.assert_allclose(
        found,
        [
            [1, 1, 1, 1],
            [1, 0.5, 1 / 3, 1],  # log2(4) = 2
            [1, 1 / math.log2(11), 0.1, 1],
            [0, 0, 0, 0],
            [0, 0, 0, 0],
        ],
    )


def test_values_keep_leading_dimensions_and_order_by_depth():
    found = metrics.values(np.array([[[2]], [[7]]]), [1, 5])
    assert found.shape == (2, 1, 8)
    np.testing.assert_allclose(found[0, 0], [0, 0, 0, 0, 1, 1 / math.log2(3), 0.5, 1])


SECOND, THIRD, FIFTH = 1 / math.log2(3), 1 / 2, 1 / math.log2(6)  # gains of places


@pytest.mark.parametrize(
    ("ranks", "depth", "expected"),
    [
        # HR, NDCG, MRR, Recall
        ([3, 1], 5, [1, (1 + THIRD) / (1 + SECOND), 1, 1]),
        ([3, 0], 5, [1, THIRD / (1 + SECOND), 1 / 3, 1 / 2]),
        (
            [2, 5, 9, 0],
            5,
            [1, (SECOND + FIFTH) / (1 + SECOND + THIRD + 1 / math.log2(5)), 1 / 2, 1 / 2],
        ),
        ([2, 1, 3], 2, [1, 1, 1, 2 / 3]),  # more targets than places: the ideal list has two
        ([9, 0], 5, [0, 0, 0, 0]),
    ],
    ids=["both", "one-of-two", "two-of-four", "more-than-places", "none"],
)
def test_values_of_several_targets_by_hand(ranks, depth, expected):
    found = metrics.values(np.array(ranks), [depth], len(ranks))
    np.testing.assert_allclose(found, expected)


def test_values_of_a_basket_of_a_thousand_items():
    """It fills the list, so all but Recall is perfect."""
    found = metrics.values(np.arange(1, 1001), [10], 1000)
    np.testing.assert_allclose(found, [1, 1, 1, 0.01])


def test_padding_changes_no_value():
    """A request of two targets beside one of three, two systems each."""
    two, three = [(1, 4), (0, 2)], [(3, 1, 0), (2, 5, 1)]
    ranks, numbers = metrics.padded([two, three])
    assert ranks.shape == (2, 2, 3) and numbers.tolist() == [[2], [3]]
    found = metrics.values(ranks, [1, 5], numbers)
    for request, own in enumerate((two, three)):
        np.testing.assert_array_equal(
            found[request], metrics.values(np.array(own), [1, 5], len(own[0]))
        )


def test_a_negative_rank_is_refused():
    with pytest.raises(ValueError, match="found -1, expected 1-based"):
        metrics.values(np.array([[-1]]), [10])


def _moments(per_user: list[list[float]]) -> tuple:
    counts = np.array([len(u) for u in per_user], float)
    sums = np.array([sum(u) for u in per_user])
    return (
        counts.sum(),
        len(per_user),
        sums.sum(),
        (sums**2).sum(),
        (sums * counts).sum(),
        (counts**2).sum(),
    )


def test_error_of_one_request_a_user_is_s_over_root_n():
    values = [0.0, 1.0, 1.0, 0.25]
    mean, error = metrics.mean_and_error(*map(np.asarray, _moments([[v] for v in values])))
    assert mean == pytest.approx(np.mean(values))
    assert error == pytest.approx(np.std(values, ddof=1) / 2)


def test_error_does_not_shrink_when_each_user_repeats():
    """The same request ten times a user adds no information, so the error has to stay."""
    values = [0.0, 1.0, 1.0, 0.25]
    once = metrics.mean_and_error(*map(np.asarray, _moments([[v] for v in values])))
    often = metrics.mean_and_error(*map(np.asarray, _moments([[v] * 10 for v in values])))
    np.testing.assert_allclose(often, once)


def test_error_of_one_user_is_unknown():
    mean, error = metrics.mean_and_error(*map(np.asarray, _moments([[1.0, 0.0]])))
    assert mean == 0.5 and np.isnan(error)


def test_bootstrap_weights_depend_on_user_and_seed_only():
    one = metrics.bootstrap_weights(b"42", 5, seed=0)
    np.testing.assert_array_equal(one, metrics.bootstrap_weights(b"42", 5, seed=0))
    assert (
        metrics.bootstrap_weights(b"43", 200, 0) != metrics.bootstrap_weights(b"42", 200, 0)
    ).any()
    assert (
        metrics.bootstrap_weights(b"42", 200, 1) != metrics.bootstrap_weights(b"42", 200, 0)
    ).any()


def test_bootstrap_interval_is_that_of_the_normal_approximation():
    rng = np.random.default_rng(3)
    differences = rng.normal(0.02, 0.3, 900)
    weights = np.stack([metrics.bootstrap_weights(b"%d" % n, 2000, 0) for n in range(900)])
    low, high = metrics.interval(differences @ weights, weights.sum(axis=0).astype(float))
    error = differences.std(ddof=1) / math.sqrt(900)
    assert low == pytest.approx(differences.mean() - 1.96 * error, abs=0.2 * error)
    assert high == pytest.approx(differences.mean() + 1.96 * error, abs=0.2 * error)


def test_exposure_by_hand():
    exposure = np.array([6, 2, 0, 0])
    popularity = np.array([10, 5, 5, 0])
    assert metrics.coverage(exposure) == 0.5
    # Ascending 0, 0, 2, 6; weights -3, -1, 1, 3: (2 + 18) / (4 * 8).
    assert metrics.gini(exposure) == pytest.approx(20 / 32)
    assert metrics.average_popularity(exposure, popularity) == pytest.approx((6 * 10 + 2 * 5) / 8)
    # Percentiles: 10 -> (3 + 4)/2/4 = .875; 5 -> (1 + 3)/2/4 = .5.
    assert metrics.average_percentile(exposure, popularity) == pytest.approx(
        (6 * 0.875 + 2 * 0.5) / 8
    )


def test_even_exposure_has_no_inequality_and_the_middle_percentile():
    even = np.full(5, 3)
    assert metrics.gini(even) == 0
    assert metrics.average_percentile(even, np.arange(5)) == pytest.approx(0.5)


def test_histogram_by_hand():
    found = metrics.popularity_histogram(np.array([6, 2, 1, 1]), np.array([10, 5, 5, 0]), parts=2)
    assert found == [(0.0, 0.5, 0.75, 0.8), (0.5, 1.0, 0.25, 0.2)]
    assert [part[:2] for part in metrics.popularity_histogram(np.ones(1), np.ones(1))] == [
        (0.0, 1.0)
    ]


def test_no_lists_have_no_bias():
    nothing = np.zeros(3, int)
    assert metrics.coverage(nothing) == 0
    assert math.isnan(metrics.average_popularity(nothing, nothing))
    assert math.isnan(metrics.average_percentile(nothing, nothing))
    assert math.isnan(metrics.gini(nothing))
