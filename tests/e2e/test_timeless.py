"""The whole pipeline on events without times but with weights: only their order is learned from."""

from __future__ import annotations

import pathlib
import re

import pytest
import tensorflow as tf

from modules import release, requests
from modules.ranking import request_graph
from pipeline import answer, configuration, recommend, request_example, run_files, runs
from pipeline import run as pipeline_run
from tests.e2e import small_shop

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return small_shop.write(tmp_path_factory.mktemp("shop"), has_times=False)


@pytest.fixture(scope="module")
def made(shop: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> runs.Run:
    cfg = configuration.load(str(shop), [])
    run = pipeline_run.run(cfg, tmp_path_factory.mktemp("runs"))
    pipeline_run.report(cfg, run)
    return run


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


def test_an_answer_follows_the_order_of_the_history(shop: pathlib.Path, made: runs.Run) -> None:
    cfg = configuration.load(str(shop), [])

    def ask(*items: str, at: int | None = None) -> answer.Answer:
        return recommend.main(
            cfg,
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
