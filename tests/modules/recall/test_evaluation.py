"""The metrics while training, by hand."""

import math

import numpy as np
import pytest

from modules import config
from modules.recall import evaluation


def test_rank_counts_unseen_items_above():
    scores = np.array([[0.9, 0.8, 0.7, 0.6]])
    seen = np.array([[True, False, False, False]])
    # item 0 is seen, item 1 is above
    assert evaluation.ranks(scores, np.array([2]), seen).tolist() == [2.0]


def test_ties_share_the_mean_place():
    # Five items score alike: places 1 to 5, of which the mean is 3, wherever the target stands.
    scores, seen = np.ones((2, 5)), np.zeros((2, 5), bool)
    assert evaluation.ranks(scores, np.array([0, 4]), seen).tolist() == [3.0, 3.0]


def test_scores_that_are_no_numbers_do_not_look_good():
    scores = np.full((1, 5), np.nan)
    assert evaluation.ranks(scores, np.array([0]), np.zeros((1, 5), bool)).tolist() == [3.0]
    scores[0, 1:] = 0.0
    assert evaluation.ranks(scores, np.array([0]), np.zeros((1, 5), bool)).tolist() == [5.0]


def test_a_target_that_was_seen_is_never_served():
    scores, seen = np.array([[0.9, 0.1], [0.9, 0.1]]), np.array([[True, False], [True, False]])
    places = evaluation.ranks(scores, np.array([0, 1]), seen)
    assert places.tolist() == [math.inf, 1.0]
    assert [evaluation.metric(name, places) for name in ("HR@2", "NDCG@2", "MRR@2")] == [
        0.5,
        0.5,
        0.5,
    ]


def test_metrics_by_hand():
    places = np.array([1.0, 3.0, 11.0])
    assert evaluation.metric("HR@10", places) == 2 / 3
    np.testing.assert_allclose(evaluation.metric("NDCG@10", places), (1 + 1 / math.log2(4)) / 3)
    np.testing.assert_allclose(evaluation.metric("MRR@10", places), (1 + 1 / 3) / 3)
    assert evaluation.metric("HR@2", places) == 1 / 3


# three targets of one user, of which the second has no place, and one of another
SEVERAL = np.array([[2.0, math.inf, 4.0], [1.0, math.nan, math.nan]])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("HR@1", (0 + 1) / 2),
        ("HR@2", (1 + 1) / 2),
        ("Recall@4", (2 / 3 + 1) / 2),
        ("Recall@2", (1 / 3 + 1) / 2),
        ("MRR@4", (1 / 2 + 1) / 2),
        (
            "NDCG@4",
            ((1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3) + 1 / math.log2(4)) + 1)
            / 2,
        ),
        # of three targets, two can be among two
        ("NDCG@2", ((1 / math.log2(3)) / (1 + 1 / math.log2(3)) + 1) / 2),
    ],
)
def test_metrics_of_several_targets_by_hand(name, expected):
    assert evaluation.metric(name, SEVERAL) == pytest.approx(expected, abs=1e-12)


def test_each_of_several_targets_has_its_place():
    """The others of a request stand above it like any item; what is excluded does not."""
    scores = np.array([[0.9, 0.8, 0.7, 0.6], [0.1, 0.2, 0.3, 0.3]])
    excluded = np.array([[False, True, False, False], [False] * 4])
    places = evaluation.ranks(scores, np.array([[3, 0, 1], [2, -1, -1]]), excluded)
    np.testing.assert_array_equal(places, [[3, 1, math.inf], [1.5, math.nan, math.nan]])


def test_names_holds_the_monitored_metric_once():
    assert evaluation.names([10], "NDCG@10", "HR@5") == ["HR@10", "NDCG@10", "MRR@10", "HR@5"]


def test_the_share_of_a_basket_may_be_monitored():
    (*_, name) = evaluation.names([10], config.EarlyStopping(monitor="Recall@2").monitor)
    places = np.array([[1.0, 2.0, 3.0, 9.0], [math.inf, 2.0, math.nan, math.nan]])
    assert (name, evaluation.metric(name, places)) == ("Recall@2", 0.5)
