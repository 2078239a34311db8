"""A tiny shop's finished run, handmade: ML Metadata as TFX writes it, and what the report reads."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow
import pyarrow.parquet

from modules import config, strict
from pipeline import runs
from tests import examples
from tests.pipeline.report import small_artifacts, small_store, small_two_stage

NAME = "tiny-shop"
START = small_artifacts.START
SECONDS = {
    "InteractionsExampleGen": 7.0,
    "StatisticsGen": 21.0,
    "DataValidator": 0.4,
    "Trainer": 185.0,
    "Indexer": 9.0,
    "RecallEvaluator": 31.0,
    "InteractionStatistics": 3.0,
    "Candidates": 12.0,
    "RankTrainer": 60.0,
    "TwoStageEvaluator": 40.0,
    "Pusher": 0.2,
}
# Component -> output key -> type.
RECALL = {
    "InteractionsExampleGen": {"examples": "Examples"},
    "StatisticsGen": {"statistics": "ExampleStatistics"},
    "DataValidator": {"anomalies": "ExampleAnomalies"},
    "Trainer": {"model": "Model", "model_run": "ModelRun"},
    "Indexer": {"model": "Model"},
    "RecallEvaluator": {"evaluation": "ModelEvaluation", "blessing": "ModelBlessing"},
}
RANKING = {
    "InteractionStatistics": {"statistics": "InteractionStatistics"},
    "Candidates": {"candidates": "Examples"},
    "RankTrainer": {"model": "Model", "model_run": "ModelRun"},
    "TwoStageEvaluator": {"evaluation": "ModelEvaluation", "blessing": "ModelBlessing"},
}
PUSHER = {"Pusher": {"pushed_model": "PushedModel"}}


def cfg(*, ranking: bool = False) -> config.Config:
    return config.Config(
        name=NAME,
        data=examples.data(),
        ranking=config.Ranking(enabled=ranking),
        evaluation=strict.read(
            config.Evaluation,
            {"ks": [10, 50], "slices": ["user_gender"], "thresholds": {"NDCG@10": {"min": 0.09}}},
        ),
    )


def make(
    root: pathlib.Path,
    *,
    ranking: bool = False,
    without: Sequence[str] = (),
    failed: str = "",
    cached: bool = False,
    blessed: bool = True,
    two_stage_blessed: bool = True,
) -> runs.Run:
    """Writes the run.

    Args:
      root: the folder of runs.
      ranking: whether there is a second stage. Its release has a manifest; that of recall alone has
          none, as earlier versions pushed it.
      without: components that have not run.
      failed: a component that failed.
      cached: adds a second pipeline run that reuses everything.
      blessed: the verdict on recall.
      two_stage_blessed: the verdict on both stages.
    """
    run = runs.Run(root, NAME)
    run.folder.mkdir(parents=True)
    outputs = {**RECALL, **(RANKING if ranking else {}), **PUSHER}
    folders = {
        (c, key): run.artifacts / c / key / "1" for c, keys in outputs.items() for key in keys
    }
    for folder in folders.values():
        folder.mkdir(parents=True)
    _write_recall(folders, blessed)
    destination = "/serving/recall/893286900"
    pushed = blessed and (two_stage_blessed or not ranking)
    if ranking:
        _write_ranking(folders, two_stage_blessed)
        if pushed and "Pusher" not in without:
            manifest = small_two_stage.push(run.serving, run.folder / "models")
            _put(folders["Pusher", "pushed_model"] / "release.json", strict.to_plain(manifest))
            destination = str(run.serving / "recall" / str(manifest.release))
    store = small_store.Store(
        run.metadata,
        NAME,
        outputs,
        {
            "Indexer": {"index_recall": 0.9962},
            "Pusher": {"pushed": int(pushed), "pushed_destination": destination},
        },
    )
    made = store.pipeline_run("first", [c for c in outputs if c not in without], failed, folders)
    if cached:
        store.reused("second", made)
    store.set_times(run.metadata, START, SECONDS)
    return run


def _put(path: pathlib.Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def _write_recall(folders: Mapping[tuple[str, str], pathlib.Path], blessed: bool) -> None:
    evaluation = folders["RecallEvaluator", "evaluation"]
    _put(folders["InteractionsExampleGen", "examples"] / "summary.json", small_artifacts.SUMMARY)
    _put(folders["InteractionsExampleGen", "examples"] / "profile.json", small_artifacts.PROFILE)
    _put(folders["Trainer", "model_run"] / "history.json", small_artifacts.HISTORY)
    _put(
        folders["Indexer", "model"] / "Format-Serving/assets.extra/index.json",
        small_artifacts.INDEX,
    )
    _put(evaluation / "evaluation.json", small_artifacts.evaluation(blessed))
    examples.write(
        folders["InteractionsExampleGen", "examples"],
        {
            "test": [
                examples.sequence(["i1", "i2", "i3"], [START - 90, START - 60, START], user_id=u)
                for u in ("a", "b")
            ],
            "catalogue": [
                examples.item("i1"),
                examples.item("i2"),
                examples.item("i3", item_title=small_artifacts.NASTY),
            ],
        },
    )
    rows = [
        {
            "user_id": "a",
            "timestamp": START,
            "target": "i3",
            "rank_recall": 2,
            "items": ["i4", "i3"],
        },
        {
            "user_id": "b",
            "timestamp": START,
            "target": "i3",
            "rank_recall": 0,
            "items": ["i4", "i5"],
        },
    ]
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pylist(rows), evaluation / "requests-test.parquet"
    )
    small_artifacts.write_statistics(folders["StatisticsGen", "statistics"])


def _write_ranking(folders: Mapping[tuple[str, str], pathlib.Path], blessed: bool) -> None:
    _put(folders["RankTrainer", "model_run"] / "history.json", small_two_stage.HISTORY)
    evaluation = folders["TwoStageEvaluator", "evaluation"]
    _put(evaluation / "two_stage.json", small_two_stage.evaluation(blessed))
    small_two_stage.write_requests(evaluation)
