"""Events without times but with weights: a trial of `recsys ablate`, and the release of its models.

Only the order of the events is learned from.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re

import numpy as np
import pytest
import tensorflow as tf

from modules import config, release, requests
from modules.ranking import request_graph
from pipeline import answer, configuration, recommend, request_example, run_files, runs
from pipeline import run as pipeline_run
from pipeline.ablation import command, trial, trials
from tests.e2e import small_shop

pytestmark = pytest.mark.e2e

PLAN = """
variants:
  as it is: {}
"""


@dataclasses.dataclass(frozen=True)
class Ablated:
    """What `recsys ablate` did with the shop.

    Attributes:
      root: folder of the runs.
      plan: file of the plan.
      trial: folder of its one trial.
      config: the trial's.
    """

    root: pathlib.Path
    plan: pathlib.Path
    trial: pathlib.Path
    config: config.Config


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return small_shop.write(tmp_path_factory.mktemp("shop"), has_times=False)


@pytest.fixture(scope="module")
def ablated(shop: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Ablated:
    root = tmp_path_factory.mktemp("runs")
    plan = root / "my.yaml"
    plan.write_text(PLAN, encoding="utf-8")
    command.main(str(plan), str(shop), (), root, seeds=(1,))
    (folder,) = (root / "small-shop-ablation" / "trials").glob("as-it-is-1-*")
    overrides = json.loads((folder / "spec.json").read_text(encoding="utf-8"))["overrides"]
    return Ablated(root, plan, folder, configuration.load(str(shop), overrides))


@pytest.fixture(scope="module")
def made(ablated: Ablated) -> runs.Run:
    """The trial's models as a release."""
    run = pipeline_run.run(ablated.config, ablated.root)
    pipeline_run.report(ablated.config, run)
    return run


def test_the_table_is_of_the_predictions(shop: pathlib.Path, ablated: Ablated) -> None:
    """As another judge would read them."""
    result = trial.read(ablated.trial)
    assert result is not None and result.parameters > 1000
    assert result.epochs == len(result.history) > 1 and len(result.rank_history) > 1
    assert result.history[0]["gradient_norm"] > 0
    lists = dict(
        line.rstrip("\n").split("\t") for line in (ablated.trial / trial.PREDICTIONS_FILE).open()
    )
    values = trial.values(ablated.trial, "test").to_pydict()
    assert sorted(lists) == sorted(values[trial.USER_ID])
    assert np.mean(values["HR@20"]) == pytest.approx(result.means["test"]["HR@20"])
    held_out = _last_items(shop)
    hits = [held_out[user] in lists[user].split()[:10] for user in values[trial.USER_ID]]
    assert hits == [bool(hit) for hit in values["HR@10"]]
    written = (ablated.root / "small-shop-ablation" / "my.md").read_text(encoding="utf-8")
    assert "| as it is |" in written


def test_a_trial_is_not_run_again(
    shop: pathlib.Path, ablated: Ablated, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            trials.Workspace, "run_trial", lambda *_, **__: pytest.fail("trained again")
        )
        rows = command.main(str(ablated.plan), str(shop), (), ablated.root, seeds=(1,))
    assert [row.name for row in rows] == ["as it is"]
    assert "as it is, seed 1: done before" in capsys.readouterr().out


def _last_items(shop: pathlib.Path) -> dict[str, str]:
    """The newest item of each user: the one that stands last in the file."""
    lines = (shop.parent / "events.csv").read_text(encoding="utf-8").splitlines()
    head, *rows = (line.split(",") for line in lines)
    return {row[head.index("user")]: row[head.index("item")] for row in rows}


def test_events_are_numbered_and_weighted(made: runs.Run) -> None:
    for serialized in run_files.serialized_examples(made, "train"):
        row = requests.read_raw_example(serialized)
        start, number = row["window_start"][0], len(row["event_item_id"])
        assert row["event_timestamp"] == list(range(start, start + number))
        assert set(row["event_weight"]) <= {0.5, 1.0, 3.0}


def test_neither_model_asks_for_times_or_weights(shop: pathlib.Path, made: runs.Run) -> None:
    data = configuration.load(str(shop), []).data
    found = release.in_force(made.serving)
    for folder, specs in (
        (found.recall, requests.input_specs(data, exclusions=True)),
        (found.rank, request_graph.input_specs(data)),
    ):
        signature = tf.saved_model.load(str(folder)).signatures["serving_default"]
        names = set(signature.structured_input_signature[1])
        assert names == set(specs)
        named = {"earlier_first_timestamp", "earlier_last_timestamp"}  # hold numbers of events
        assert {name for name in names if "time" in name or "weight" in name} == named


def test_an_answer_follows_the_order_of_the_history(ablated: Ablated, made: runs.Run) -> None:
    def ask(*items: str, at: int | None = None) -> answer.Answer:
        return recommend.main(
            ablated.config,
            made.folder.parent,
            history=[(item, None) for item in items],
            at=at,
            k=5,
            as_json=True,
        )

    one, other = ask("i1", "i5", "i9"), ask("i9", "i5", "i1")
    assert one.request_timestamp is None
    assert one.history == (("i1", None), ("i5", None), ("i9", None))
    scores = [{item.item_id: item.recall_score for item in given.items} for given in (one, other)]
    both = sorted(scores[0].keys() & scores[1].keys())
    assert both and max(abs(scores[0][item] - scores[1][item]) for item in both) > 1e-4
    assert not one.notes or all("time" not in note for note in one.notes)
    with pytest.raises(request_example.WrongArgument, match=r"--at: the events .* have no times"):
        ask("i1", at=5)


def test_the_report_claims_no_time_of_an_event(made: runs.Run) -> None:
    page = made.report.read_text(encoding="utf-8")
    assert "the order of a user's rows counts" in page.replace("&#39;", "'").replace("&#x27;", "'")
    assert not re.search(r"\b1970\b", page)  # among a picture's digits it may stand
