"""`recsys ablate` on real trainings: a trial in its own process, one that fails, and once more."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from pipeline.ablation import command, trial, trials
from tests.e2e import small_shop

pytestmark = pytest.mark.e2e

PLAN = """
variants:
  recall alone:
    set: {ranking.enabled: false, index.body: exact}
  diverging:
    on: recall alone
    set: {training.learning_rate: 1.0e+12}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return small_shop.write(tmp_path_factory.mktemp("shop"))


def test_trials_run_fail_and_are_not_run_again(
    shop: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "my.yaml"
    plan.write_text(PLAN, encoding="utf-8")
    with pytest.raises(command.Failed, match="failed: diverging"):
        command.main(str(plan), str(shop), (), tmp_path, seeds=(1,))
    written = (tmp_path / "small-shop-ablation" / "my.md").read_text(encoding="utf-8")
    assert "| diverging | Trainer failed: FloatingPointError: The loss has to be finite" in written
    (folder,) = (tmp_path / "small-shop-ablation" / "trials").glob("recall-alone-1-*")
    result = trial.read(folder)
    assert result is not None and result.parameters > 1000 and result.epochs == 2
    assert result.history[0]["gradient_norm"] > 0

    # the metrics of the table are those of the predictions, which another judge would read
    lists = dict(line.rstrip("\n").split("\t") for line in (folder / trial.PREDICTIONS_FILE).open())
    values = trial.values(folder, "test").to_pydict()
    assert sorted(lists) == sorted(values[trial.USER_ID])
    assert np.mean(values["HR@20"]) == pytest.approx(result.means["test"]["HR@20"])
    held_out = _last_items(shop)
    hits = [held_out[user] in lists[user].split()[:10] for user in values[trial.USER_ID]]
    assert hits == [bool(hit) for hit in values["HR@10"]]

    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            trials.Workspace, "run_trial", lambda *_, **__: pytest.fail("trained again")
        )
        rows = command.main(str(plan), str(shop), (), tmp_path, seeds=(1,), only=["recall alone"])
    assert [row.name for row in rows] == ["recall alone"]
    assert "recall alone, seed 1: done before" in capsys.readouterr().out


def _last_items(shop: pathlib.Path) -> dict[str, str]:
    """The newest item of each user."""
    lines = (shop.parent / "events.csv").read_text(encoding="utf-8").splitlines()
    head, *rows = (line.split(",") for line in lines)
    user, item, time = (head.index(name) for name in ("user", "item", "time"))
    return {row[user]: row[item] for row in sorted(rows, key=lambda row: int(row[time]))}
