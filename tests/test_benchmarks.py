"""What users run of the benchmarks without training."""

import shlex
import sys

import pytest

from benchmarks import recall_accuracy
from pipeline import configuration


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
        "random", "bce", "constant")
    assert not (found.model.norm_first or found.model.time_features or found.model.request_time)


def test_training_needs_a_run_and_an_output(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["recall_accuracy", "--run", "runs/x"])
    with pytest.raises(SystemExit):
        recall_accuracy.main()
    assert "expected --run and --output, or --print" in capsys.readouterr().err
