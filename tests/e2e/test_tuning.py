"""`recsys tune` on real trainings: one trial, and another one with more time."""

from __future__ import annotations

import json
import pathlib

import pytest

from pipeline.tuning import command
from tests.e2e import small_shop

pytestmark = pytest.mark.e2e

SPACE = "space: {training.learning_rate: {low: 0.0005, high: 0.02, log: true}}"


def test_a_search_goes_on_on_the_same_data_stages(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = small_shop.write(tmp_path)
    space = tmp_path / "my.yaml"
    space.write_text(SPACE, encoding="utf-8")
    (first,) = command.main(str(space), str(shop), (), tmp_path, minutes=0.001)
    assert first["training.learning_rate"] == 0.002 and 0 < first["score"] < 1
    capsys.readouterr()
    used = _seconds(tmp_path / "small-shop-tuning")
    trials = command.main(str(space), str(shop), (), tmp_path, minutes=(used + 1) / 60)
    printed = capsys.readouterr().out
    assert "1 trials done before" in printed and printed.count("unchanged, reused") == 5
    assert len(trials) == 2 and trials[0]["score"] >= first["score"]
    assert first in trials
    assert (tmp_path / "small-shop-tuning" / "tuning.html").is_file()


def _seconds(run: pathlib.Path) -> float:
    """What the one trial took."""
    (file,) = run.glob("checkpoints/*/trials/*/trial.json")
    metrics = json.loads(file.read_text(encoding="utf-8"))["metrics"]["metrics"]
    seconds: float = metrics["seconds"]["observations"][0]["value"][0]
    return seconds
