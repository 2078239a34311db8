"""The tuner: what it tries, when it stops, and how it goes on."""

from __future__ import annotations

import pathlib
from typing import Any

import keras_tuner
import pytest

from modules import strict, tuning_config
from modules.recall import callbacks, trainer, tuner

SPACE = {
    "space": {
        "training.learning_rate": {"low": 0.0001, "high": 0.1, "log": True},
        "model.layers": {"values": [1, 4]},
    }
}
FILES = tuner.Files("graph", ["train"], ["catalogue"], ["valid"])


@pytest.fixture
def sections(transformed: Any) -> dict[str, Any]:
    settings = transformed.settings()
    return {name: strict.to_plain(getattr(settings, name)) for name in trainer.SECTIONS}


def _epoch(value: float) -> callbacks.Epoch:
    return callbacks.Epoch(1, 1.0, 1.0, {"NDCG@10": value, "HR@10": value}, 0.1, 1.0, 10.0)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Stands for training: better the nearer the rate is to .01; four layers diverge."""
    asked: list[Any] = []

    def train(*, settings: Any, **_: Any) -> tuple[None, list[callbacks.Epoch]]:
        asked.append(settings)
        if settings.model.layers == 4:
            raise FloatingPointError("The loss has to be finite.")
        value = 1 - abs(settings.training.learning_rate - 0.01)
        return None, [_epoch(value / 2), _epoch(value), _epoch(value / 3)]

    monkeypatch.setattr(trainer, "train", train)
    monkeypatch.setattr(tuner.tf.io.gfile, "rmtree", lambda _: None)
    monkeypatch.setattr(tuner.repeats, "resolve", lambda data, _: data)
    monkeypatch.setattr(tuner.tft, "TFTransformOutput", lambda _: None)
    return asked


def _search(
    sections: dict[str, Any], folder: pathlib.Path, minutes: float, space: Any = None
) -> tuner.Tuner:
    found = tuner.Tuner(
        sections=sections,
        space=tuning_config.read(space or SPACE),
        minutes=minutes,
        folder=str(folder),
    )
    found.search(files=FILES, verbose=0)
    return found


def _clock(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Every look at the clock is that much later than the one before."""
    now = iter(range(10**6))
    monkeypatch.setattr(tuner.time, "monotonic", lambda: seconds * next(now))


def test_the_first_trial_is_the_configuration_and_time_ends_the_search(
    sections: dict[str, Any],
    tmp_path: pathlib.Path,
    trained: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _clock(monkeypatch, 60.0)  # a trial takes a minute
    found = _search(sections, tmp_path, minutes=3)
    done = [t for t in found.oracle.trials.values() if t.status == "COMPLETED"]
    assert len(done) == 3 and found.oracle.used_seconds == 180
    first = trained[0]
    assert first.training.learning_rate == sections["training"]["learning_rate"]
    assert first.model.layers == sections["model"]["layers"]
    best = found.get_best_hyperparameters()[0].values
    scores = {t.trial_id: t.score for t in done}
    assert max(scores.values()) == pytest.approx(1 - abs(best["training.learning_rate"] - 0.01))


def test_a_search_goes_on_with_more_minutes(
    sections: dict[str, Any],
    tmp_path: pathlib.Path,
    trained: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _clock(monkeypatch, 60.0)
    _search(sections, tmp_path, minutes=2)
    before = len(trained)
    again = _search(sections, tmp_path, minutes=2)
    assert len(trained) == before
    again.search_space_summary()
    assert f"{before} trials done before" in capsys.readouterr().out
    _search(sections, tmp_path, minutes=3)
    assert len(trained) > before


def test_a_trial_that_was_killed_is_run_again(
    sections: dict[str, Any],
    tmp_path: pathlib.Path,
    trained: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _clock(monkeypatch, 60.0)
    space = {"space": {"training.learning_rate": SPACE["space"]["training.learning_rate"]}}
    _search(sections, tmp_path, 1, space)
    whole = trainer.train
    with monkeypatch.context() as patched:

        def killed(**given: Any) -> None:
            whole(**given)
            raise KeyboardInterrupt

        patched.setattr(trainer, "train", killed)
        with pytest.raises(KeyboardInterrupt):
            _search(sections, tmp_path, 2, space)
    interrupted = trained[-1].training.learning_rate
    _search(sections, tmp_path, 2, space)
    assert len(trained) == 3 and trained[-1].training.learning_rate == interrupted


def test_values_that_diverge_are_the_worst(
    sections: dict[str, Any],
    tmp_path: pathlib.Path,
    trained: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _clock(monkeypatch, 60.0)
    found = _search(sections, tmp_path, minutes=8)
    worst = [t for t in found.oracle.trials.values() if t.score == 0]
    assert worst and all(t.hyperparameters.values["model.layers"] == 4 for t in worst)
    assert "diverged: The loss has to be finite." in capsys.readouterr().out
    assert found.get_best_hyperparameters()[0].values["model.layers"] != 4
    assert trained


def test_values_that_cannot_be_together_are_a_failed_trial(
    sections: dict[str, Any],
    tmp_path: pathlib.Path,
    trained: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _clock(monkeypatch, 60.0)
    space = {"space": {"model.dim": {"values": [4, 8]}, "model.heads": {"values": [8]}}}
    found = _search(sections, tmp_path, 4, space)
    failed = [t for t in found.oracle.trials.values() if t.status == "FAILED"]
    assert {(t.hyperparameters.values["model.dim"]) for t in failed} <= {4}
    assert trained and found.get_best_hyperparameters()


def test_any_other_error_ends_the_search(
    sections: dict[str, Any], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(trainer, "train", broken)
    monkeypatch.setattr(tuner.repeats, "resolve", lambda data, _: data)
    with pytest.raises(keras_tuner.errors.FatalError, match="OSError: the disk is full"):
        _search(sections, tmp_path, minutes=1)


def test_a_value_of_the_configuration_is_tried_even_if_it_is_not_listed(
    sections: dict[str, Any],
) -> None:
    space = tuning_config.read({"space": {"model.heads": {"values": [4, 8]}}})
    (found,) = tuner.hyperparameters(space, sections).space
    assert found.default == sections["model"]["heads"]
    assert set(found.values) == {sections["model"]["heads"], 4, 8}


def test_a_value_of_the_configuration_outside_of_a_range_is_refused(
    sections: dict[str, Any],
) -> None:
    space = tuning_config.read({"space": {"training.learning_rate": {"low": 5, "high": 6}}})
    with pytest.raises(strict.ConfigError, match=r"lies outside of 5 to 6, and is tried first"):
        tuner.hyperparameters(space, sections)


def test_replaced_leaves_the_sections_alone(sections: dict[str, Any]) -> None:
    found = tuner.replaced(sections, {"training.early_stopping.patience": 99})
    assert found["training"]["early_stopping"]["patience"] == 99
    assert sections["training"]["early_stopping"]["patience"] != 99
