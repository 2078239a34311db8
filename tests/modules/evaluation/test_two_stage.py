"""The linear ranker on requests with several targets, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from modules.evaluation import linear_ranker, ranked_requests, two_stage

# of one feature, whose value is the score
WEIGHTS = linear_ranker.Weights(np.zeros(1), np.ones(1), np.ones(1), 1)


def _answer(places: tuple[int, ...], scores: list[float], **others: Any) -> two_stage.Answer:
    """Of a request whose candidates have these scores, with targets at these places."""
    number = len(scores)
    answer = {
        "user_id": b"u",
        "timestamp": 1,
        "targets": tuple(b"%d" % n for n in range(len(places))),
        "repeated": (False,) * len(places),
        "candidates": number,
        "ranks": {two_stage.RECALL: tuple(place + 1.0 for place in places)},
        "recall_items": (),
        "two_stage_items": (),
        "repeated_items": {},
        "probabilities": np.zeros(number, np.float32),
        "target_places": places,
        "target_sources": tuple(0 if place >= 0 else -1 for place in places),
        "objectives": {},
        "missing_inputs": 0,
        "faults": ranked_requests.Faults(),
        "slices": {},
        "linear_features": np.array(scores, np.float32)[:, np.newaxis],
    }
    return two_stage.Answer(**{**answer, **others})


def test_each_target_has_its_rank_by_the_linear_ranker():
    """Of 1, 3, 2, 3 the second and the last share the first two places."""
    found = two_stage.with_linear(_answer((0, 3, -1), [1, 3, 2, 3]), WEIGHTS)
    assert found.ranks == {"recall": (1, 4, 0), "linear": (4, 1.5, 0)}
    assert found.repeated_items == {}


def test_repeats_follow_the_linear_rankers_order():
    repeated = {two_stage.RECALL: np.array([True, False, True, False])}
    answer = _answer((0,), [1, 3, 2, 4], repeated_items=repeated)
    found = two_stage.with_linear(answer, WEIGHTS).repeated_items
    assert found[two_stage.LINEAR].tolist() == [False, False, True, True]
    assert found[two_stage.RECALL].tolist() == [True, False, True, False]


def test_the_linear_ranker_learns_a_list_for_each_target_that_was_found():
    lists = two_stage._lists([_answer((2, -1, 0), [1, 2, 3]), _answer((1,), [5, 6])])
    assert [(len(one.features), one.target) for one in lists] == [(3, 2), (3, 0), (2, 1)]


def test_the_linear_ranker_learns_from_no_more_lists_than_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(linear_ranker, "MOST_LISTS", 3)
    lists = two_stage._lists([_answer(tuple(range(1000)), [0.0] * 1000)])
    assert [one.target for one in lists] == [0, 1, 2]
