"""The baseline ranker's features and weights, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modules.evaluation import baselines, linear_ranker, personal

CATALOGUE = baselines.Popularity(np.array([b"a", b"b", b"c", b"d"], object), np.array([9, 4, 1, 0]))
# a is followed by b (weight 1) and c (1/2); b by c (1/3). In sixtieths.
TABLE = baselines.CoOccurrence(
    {b"a": (np.array([1, 2]), np.array([60, 30])), b"b": (np.array([2]), np.array([20]))}
)
EASE = np.arange(16, dtype=np.float32).reshape(4, 4)


def test_features_by_hand():
    found = linear_ranker.features_of(
        [b"c", b"d", b"gone"], [b"a", b"d", b"b"], [b"a", b"b", b"d"], CATALOGUE, TABLE, EASE
    )
    np.testing.assert_allclose(
        found,
        [
            [0.0, 2 + 6 + 14, math.log(2), 1 / 3, 1 / 2 + 1 / 3],
            [math.log(2), 3 + 7 + 15, 0.0, 0.0, 0.0],
            [math.log(3), 0.0, 0.0, 0.0, 0.0],
        ],
        rtol=1e-6,
    )


def test_only_the_last_five_events_count():
    history = [b"a", b"d", b"d", b"d", b"d", b"d"]
    found = linear_ranker.features_of([b"b"], history, [], CATALOGUE, TABLE, EASE)
    assert found[0, 3:].tolist() == [0, 0]


def test_without_ease_its_feature_is_0_and_is_not_reported():
    found = linear_ranker.features_of([b"c"], [b"a"], [b"a"], CATALOGUE, TABLE, None)
    assert found[0, 1] == 0
    shown = linear_ranker.Weights(np.zeros(5), np.ones(5), np.arange(5.0), 7).to_json(
        with_ease=False
    )
    assert shown["weights"] == [0, 2, 3, 4]
    assert shown["features"] == [
        "log_recall_rank",
        "log_popularity",
        "co_occurrence_last_1",
        "co_occurrence_last_5",
    ]
    assert "20000 items" in shown["left_out"]


def test_an_empty_list_has_no_features():
    assert linear_ranker.features_of([], [b"a"], [b"a"], CATALOGUE, TABLE, EASE).shape == (0, 5)


def _lists(wins: int, losses: int) -> list[linear_ranker.List]:
    """Lists of two candidates differing in the third feature by 2; the higher wins `wins` times."""
    pair = np.zeros((2, 5), np.float32)
    pair[1, 2] = 2.0
    return [linear_ranker.List(pair, 1)] * wins + [linear_ranker.List(pair, 0)] * losses


def test_weights_give_the_observed_odds():
    """Softmax over two is logistic: the best score difference is the log-odds, here of 3 to 1."""
    weights = linear_ranker.fit(_lists(30, 10))
    low, high = weights.scores(_lists(1, 0)[0].features)
    assert high - low == pytest.approx(math.log(3), rel=1e-3)
    assert weights.lists == 40
    assert weights.weights[[0, 1, 3, 4]].tolist() == [0, 0, 0, 0]  # features without spread


def test_weights_are_the_best_among_lists_of_differing_length():
    """No step in any direction lowers the loss, written out list by list."""
    rng = np.random.default_rng(0)
    lists = [
        linear_ranker.List(rng.normal(size=(n, 5)).astype(np.float32), int(rng.integers(n)))
        for n in rng.integers(1, 9, size=60)
    ]
    found = linear_ranker.fit(lists)

    def loss(weights: np.ndarray) -> float:
        total = 0.0
        for one in lists:
            scores = ((one.features - found.mean) / found.spread) @ weights
            total -= scores[one.target] - math.log(sum(math.exp(s) for s in scores))
        return total / len(lists) + 1e-4 / 2 * float(weights @ weights)

    for n in range(5):
        for step in (-1e-3, 1e-3):
            assert loss(found.weights + step * np.eye(5)[n]) > loss(found.weights)


def test_lists_that_can_be_told_apart_perfectly_have_finite_weights():
    weights = linear_ranker.fit(_lists(20, 0))
    low, high = weights.scores(_lists(1, 0)[0].features)
    assert 3 < high - low < 30


def test_without_lists_recall_keeps_its_order():
    features = linear_ranker.features_of([b"c", b"a", b"b"], [b"a"], [], CATALOGUE, TABLE, EASE)
    assert np.argsort(-linear_ranker.fit([]).scores(features)).tolist() == [0, 1, 2]


def _own(*events: tuple[int, bytes], time: int) -> personal.Own:
    history = personal.History([(place, *event) for place, event in enumerate(events)])
    return history.before(len(events), time, personal.Settings(2, leaves_out_present=True))


def test_repeats_add_features_by_hand():
    """Baskets at 1: a; 2: a, c; 3: b; the request at 4, when the user has d already."""
    own = _own((1, b"a"), (2, b"a"), (2, b"c"), (3, b"b"), (4, b"d"), time=4)
    without, found = (
        linear_ranker.features_of(
            [b"a", b"d", b"b", b"new"], [b"b", b"d"], [], CATALOGUE, TABLE, EASE, given
        )
        for given in (None, own)
    )
    np.testing.assert_array_equal(found[:, :5], without)
    np.testing.assert_allclose(
        found[:, 5:],
        [
            [math.log(3), math.log(3), 0.5, 0],  # twice, the basket before the last, 1 of 2
            [math.log(2), 0.0, 0.0, 1],
            [math.log(2), math.log(2), 0.5, 0],
            [0.0, math.log(5), 0.0, 0],  # 3 baskets, and it is in none
        ],
        rtol=1e-6,
    )


def test_without_a_history_repeats_tell_nothing():
    found = linear_ranker.features_of([b"a", b"b"], [], [], CATALOGUE, TABLE, EASE, _own(time=1))
    np.testing.assert_allclose(found[:, 5:], [[0, math.log(2), 0, 0]] * 2, rtol=1e-6)


def test_weights_of_repeats_have_their_names():
    shown = linear_ranker.Weights(np.zeros(9), np.ones(9), np.arange(9.0), 7).to_json(
        with_ease=False
    )
    assert shown["features"][-4:] == list(linear_ranker.REPEAT_FEATURES)
    assert shown["weights"] == [0, 2, 3, 4, 5, 6, 7, 8]


def test_without_lists_recall_keeps_its_order_with_repeats_too():
    weights = linear_ranker.fit([], width=9)
    assert weights.scores(np.eye(9)).tolist() == [-1, *[0] * 8]
