"""What users run of the benchmarks without training."""

import shlex
import sys

import pytest
import tensorflow as tf

from benchmarks import rank_accuracy, recall_accuracy
from modules import features, requests
from pipeline import configuration
from tests import examples


def _overrides(command):
    """The command's -o arguments, as a shell passes them on."""
    words = shlex.split(command.replace("\\\n", " "))
    assert words[:4] == [".venv/bin/recsys", "run", "--config", "movielens-100k"]
    assert words[4::2] == ["-o"] * (len(words) // 2 - 2)
    return words[5::2]


@pytest.mark.parametrize("variant", recall_accuracy.VARIANTS)
def test_the_printed_command_runs_the_variant_in_a_folder_of_its_own(variant, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["recall_accuracy", "--print", variant])
    recall_accuracy.main()
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 110
    name, *others = _overrides(printed)
    assert tuple(others) == recall_accuracy.VARIANTS[variant]
    found = configuration.load("movielens-100k", [name, *others])  # also: no contradiction
    assert found.name == f"movielens-100k-{variant.lower().replace(' ', '-')}"


def test_the_existing_recommender_is_what_its_name_says():
    found = configuration.load("movielens-100k", recall_accuracy.EXISTING)
    assert (found.training.negatives, found.training.loss, found.training.lr_schedule) == (
        "random",
        "bce",
        "constant",
    )
    assert not (found.model.norm_first or found.model.time_features or found.model.request_time)


def test_training_needs_a_run_and_an_output(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["recall_accuracy", "--run", "runs/x"])
    with pytest.raises(SystemExit):
        recall_accuracy.main()
    assert "expected --run and --output, or --print" in capsys.readouterr().err


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
