"""What users run of the benchmarks without training."""

import tensorflow as tf

from benchmarks import rank_accuracy
from modules import features, requests
from tests import examples


def _found(user, part, candidates, place, added):
    scores = [-1.0 * n for n in range(len(candidates))]
    return examples.serialize(
        examples.sequence(["a", "t"], [1, 2], user_id=user)
        | {
            features.CANDIDATE_ITEM_ID: candidates,
            features.RECALL_SCORE: scores,
            features.TARGET_PLACE: place,
            features.POSITIVE_ADDED: added,
            features.PART: part,
        }
    )


def _lists(path):
    """(user, candidates, scores, place of the target) of each example of a file."""
    parsed = map(
        requests.read_raw_example, tf.data.TFRecordDataset(path, "GZIP").as_numpy_iterator()
    )
    return [
        (
            e[features.USER_ID][0],
            e[features.CANDIDATE_ITEM_ID],
            e[features.RECALL_SCORE],
            e[features.TARGET_PLACE][0],
        )
        for e in parsed
    ]


def test_rankers_learn_from_missed_targets_and_are_measured_without_them(tmp_path, monkeypatch):
    made = [
        _found("u", 0, ["t", "b"], 0, 0),
        _found("v", 0, ["b", "t"], 1, 1),
        _found("w", 1, ["t"], 0, 0),
        _found("u", 0, ["b", "t"], 1, 1),
        _found("x", 0, ["b"], -1, 0),
    ]
    found = object.__new__(rank_accuracy.Found)
    monkeypatch.setattr(found, "_requests", lambda: iter(made), raising=False)
    first, second = found.write_folds(tmp_path, 2)
    assert (first.users.tolist(), second.users.tolist()) == ([0, 0, 2], [1])
    assert _lists(first.learned) == [
        (b"u", [b"t", b"b"], [0, -1], 0),
        (b"u", [b"b", b"t"], [0, -1], 1),
        (b"x", [b"b"], [0], -1),
    ]
    assert _lists(second.learned) == [(b"v", [b"b", b"t"], [0, -1], 1)]
    assert _lists(first.measured) == [
        (b"u", [b"t", b"b"], [0, -1], 0),
        (b"u", [b"b"], [0], -1),
        (b"x", [b"b"], [0], -1),
    ]
    assert _lists(second.measured) == [(b"v", [b"b"], [0], -1)]
