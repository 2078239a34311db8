"""The whole pipeline on data in which people come back to the same things, in baskets."""

from __future__ import annotations

import json
import pathlib
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from modules import (
    catalogue,
    release,
    repeats,
    request_arrays,
    requests,
    saved_recall,
    signatures,
)
from pipeline import configuration, run_files, runs
from pipeline import run as pipeline_run
from tests.e2e import small_grocery

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> runs.Run:
    path = small_grocery.write(tmp_path_factory.mktemp("grocery"))
    cfg = configuration.load(str(path), [])
    run = pipeline_run.run(cfg, tmp_path_factory.mktemp("runs"))
    pipeline_run.report(cfg, run)
    return run


def test_repeats_are_found_and_allowed_everywhere(made: runs.Run) -> None:
    found = release.in_force(made.serving)
    about = catalogue.About.read(pathlib.Path(found.recall))
    assert about.data.repeats == "allow"
    for folder in (found.recall, found.rank):
        signature = tf.saved_model.load(str(folder)).signatures["serving_default"]
        assert "earlier_item_id" in signature.structured_input_signature[1]


def test_candidates_are_of_several_sources(made: runs.Run, tmp_path: pathlib.Path) -> None:
    model = saved_recall.SavedRecall(str(release.in_force(made.serving).recall))
    rows = [requests.read_raw_example(e) for e in run_files.serialized_examples(made, "test")]
    cfg = configuration.load(str(small_grocery.write(tmp_path)), [])
    assert cfg.index.places == 27
    asked = request_arrays.from_examples(
        rows, repeats.resolved(cfg.data, allow=True), cfg.features.max_history
    )
    ids, scores, sources = model.candidates(asked)
    assert ids.shape == (small_grocery.USERS, 27) and (ids != b"").all()
    assert all(len(set(row)) == 27 for row in ids.tolist())
    for own in (scores[:, :20], scores[:, 20:]):
        assert (own[:, :-1] >= own[:, 1:]).all()
    assert {signatures.SOURCES[n] for n in np.unique(sources)} == set(signatures.SOURCES)


def test_the_report_says_which_source_found_what(made: runs.Run) -> None:
    (path,) = made.folder.glob("artifacts/TwoStageEvaluator/evaluation/*/two_stage.json")
    test = json.loads(path.read_text(encoding="utf-8"))["splits"]["test"]
    found = sum(of["found"] for of in test["sources"].values())
    assert found and set(test["sources"]) <= set(signatures.SOURCES)
    assert test["sources"]["own_items"]["found"] > found / 2
    page = (made.folder / "report.html").read_text(encoding="utf-8")
    assert "Held-out items by the source that made them candidates" in page


def test_a_request_asks_for_a_whole_basket(made: runs.Run) -> None:
    rows = [requests.read_raw_example(e) for e in run_files.serialized_examples(made, "test")]
    assert len(rows) == small_grocery.USERS
    for row in rows:
        assert row["repeats_allowed"] == [1]
        assert row["target_item_id"][0] == row["event_item_id"][-1]
        # nothing of the basket is in the history
        assert row["event_timestamp"][-1] not in row["event_timestamp"][:-1]
        earlier = Counter(dict(zip(row["earlier_item_id"], row["earlier_count"])))
        assert sum(earlier.values()) <= 40 - 13
    assert any(len(row["target_item_id"]) > 1 for row in rows)
    assert any(row["earlier_item_id"] for row in rows)


def test_two_stages_are_no_worse_than_what_needs_no_training(made: runs.Run) -> None:
    (path,) = made.folder.glob("artifacts/TwoStageEvaluator/evaluation/*/two_stage.json")
    test = json.loads(path.read_text(encoding="utf-8"))["splits"]["test"]
    values = {name: found["NDCG@10"]["value"] for name, found in test["metrics"].items()}
    assert values["two_stage"] > values["recall"] and values["two_stage"] > values["co_occurrence"]
    assert values["two_stage"] > values["personal_frequency"] - 0.05
    assert test["by_kind"]["new"]["metrics"]["personal_frequency"]["HR@10"]["value"] == 0
    # most of what people take repeats, and most of what they are shown
    assert test["repeat_share"]["taken"] > 0.7
    assert test["repeat_share"]["lists"]["two_stage"]["5"] > 0.7
