"""Requests with candidates, the ranks of their targets and the faults of scores, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from modules import features
from modules.evaluation import ranked_requests
from tests import examples

NAN = float("nan")


@pytest.mark.parametrize(
    ("scores", "target", "expected"),
    [
        ([3, 2, 1, 9], 0, 1),
        ([3, 2, 1, 9], 2, 3),
        ([2, 2, 1, 9], 0, 1.5),  # shares places 1 and 2
        ([2, 2, 2, 2], 1, 2),  # of three; the fourth place is empty
        ([NAN, 2, 1, 9], 0, 3),  # no number is the lowest
        ([NAN, NAN, 1, 9], 0, 2.5),
        ([3, 2, 1, 9], -1, 0),
    ],
)
def test_places_among_the_given_candidates(scores, target, expected):
    given = np.array([[True, True, True, False]])
    found = ranked_requests.places(np.array([scores], np.float32), np.array([[target]]), given)
    assert found.tolist() == [[expected]]


def test_places_of_several_targets():
    scores = np.array([[3, 2, 1], [1, 2, 2]], np.float32)
    targets = np.array([[2, 0, -1], [1, -1, -1]])
    found = ranked_requests.places(scores, targets, np.ones((2, 3), bool))
    assert found.tolist() == [[3, 1, 0], [1.5, 0, 0]]


def test_places_of_no_candidates():
    empty = np.zeros((2, 0), np.float32)
    assert ranked_requests.places(empty, np.array([[-1], [-1]]), empty == 1).tolist() == [[0], [0]]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([3, 2], ranked_requests.Faults()),
        ([], ranked_requests.Faults()),
        ([3], ranked_requests.Faults()),
        ([3] * 10, ranked_requests.Faults(constant=1)),
        ([3] * 9, ranked_requests.Faults()),
        ([NAN, np.inf, 1], ranked_requests.Faults(not_finite=2)),
        ([np.finfo(np.float32).min, 1], ranked_requests.Faults(lost=1)),
    ],
)
def test_faults(scores, expected):
    assert ranked_requests.faults_of(np.array(scores, np.float32)) == expected


def _example(candidates: list[bytes], target: int, added: int = 0) -> dict[str, list]:
    raw = examples.sequence([b"i", b"t"], [1, 2])
    listed = {name: value if isinstance(value, list) else [value] for name, value in raw.items()}
    return {
        **listed,
        features.CANDIDATE_ITEM_ID: candidates,
        features.TARGET_PLACE: [target],
        features.RECALL_SCORE: [5.0 - n for n in range(len(candidates))],
        features.POSITIVE_ADDED: [added],
    }


def test_lists_are_padded_to_the_longest():
    asked = ranked_requests.ask([_example([b"a", b"t"], 1), _example([], -1)], examples.data(), 5)
    assert asked.item_ids.tolist() == [[b"a", b"t"], [b"", b""]]
    assert asked.recall_scores.tolist() == [[5, 4], [0, 0]]
    assert asked.given.tolist() == [[True, True], [False, False]]
    assert asked.targets.tolist() == [[1], [-1]] and asked.numbers.tolist() == [1, 1]
    assert asked.request[features.EVENT_ITEM_ID].tolist() == [[b"i"], [b"i"]]
    assert "exclude_item_id" not in asked.request


def test_requests_with_fewer_targets_are_padded():
    two = {**_example([b"a", b"t"], 1), features.TARGET_PLACE: [1, -1]}
    asked = ranked_requests.ask([_example([b"t"], 0), two], examples.data(), 5)
    assert asked.targets.tolist() == [[0, -1], [1, -1]] and asked.numbers.tolist() == [1, 2]


def test_a_target_that_was_added_is_refused():
    with pytest.raises(
        ValueError, match="found a target that was added; evaluate the splits valid and test"
    ):
        ranked_requests.ask([_example([b"a", b"t"], 1, added=1)], examples.data(), 5)
