"""A finished run of a tiny shop, made by hand: ML Metadata as TFX writes it, and what the report reads."""

from __future__ import annotations

import contextlib
import copy
import json
import pathlib
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import ml_metadata as mlmd
import pyarrow
import pyarrow.parquet
from ml_metadata.proto import metadata_store_pb2 as pb
from tensorflow_metadata.proto.v0 import statistics_pb2

from modules import config
from modules import strict
from pipeline import runs
from tests import examples

NAME = "tiny-shop"
NASTY = "<script>alert(\"1\")</script> & '$x$'"  # a title that must come out as it is, and do nothing
START = 893_286_638  # 1998-04-22 23:10:38 UTC
SECONDS = {
    "InteractionsExampleGen": 7.0,
    "StatisticsGen": 21.0,
    "DataValidator": 0.4,
    "Trainer": 185.0,
    "Indexer": 9.0,
    "RecallEvaluator": 31.0,
    "Pusher": 0.2,
}
# Component -> output key -> type; a component reads the first output of the one before.
OUTPUTS: dict[str, dict[str, str]] = {
    "InteractionsExampleGen": {"examples": "Examples"},
    "StatisticsGen": {"statistics": "ExampleStatistics"},
    "DataValidator": {"anomalies": "ExampleAnomalies"},
    "Trainer": {"model": "Model", "model_run": "ModelRun"},
    "Indexer": {"model": "Model"},
    "RecallEvaluator": {"evaluation": "ModelEvaluation", "blessing": "ModelBlessing"},
    "Pusher": {"pushed_model": "PushedModel"},
}

HISTORY = [
    {
        "epoch": 1,
        "loss": 5.1,
        "val_loss": 4.9,
        "metrics": {"HR@10": 0.15, "NDCG@10": 0.081},
        "learning_rate": 0.0005,
        "seconds": 61.0,
        "positions_per_second": 17000.0,
    },
    {
        "epoch": 2,
        "loss": 4.2,
        "val_loss": 4.5,
        "metrics": {"HR@10": 0.25, "NDCG@10": 0.137},
        "learning_rate": 0.001,
        "seconds": 60.0,
        "positions_per_second": 18000.0,
    },
    {
        "epoch": 3,
        "loss": 3.9,
        "val_loss": 4.4,
        "metrics": {"HR@10": 0.24, "NDCG@10": 0.129},
        "learning_rate": 0.0002,
        "seconds": 60.0,
        "positions_per_second": 17500.0,
    },
]

INDEX = {
    "items": 1682,
    "dimension": 64,
    "k": 200,
    "queries": 943,
    "settings": {
        "leaves": 40,
        "leaves_to_search": 20,
        "reorder": 600,
        "anisotropic_threshold": 0.2,
        "training_sample": 1682,
        "k": 200,
        "body": "scann",
    },
    "search": {"recall": 0.9962, "narrow_rows": 0, "nan_rows": 0},
    "served": {"recall": 0.9951, "narrow_rows": 0, "nan_rows": 0},
    "milliseconds": {"index": {"1": 0.21, "32": 2.5}, "exact": {"1": 0.35, "32": 3.75}},
    "curve": [
        {
            "effort": e,
            "recall": r,
            "milliseconds": ms,
            "parameters": {
                "leaves": 40,
                "leaves_to_search": round(20 * e),
                "reorder": round(600 * e),
                "anisotropic_threshold": 0.2,
                "training_sample": 1682,
                "k": 200,
                "body": "scann",
            },
        }
        for e, r, ms in ((0.25, 0.71, 0.11), (0.5, 0.93, 0.15), (1.0, 0.9962, 0.21), (2.0, 1.0, 0.4))
    ],
}

SUMMARY = {
    "users": 943,
    "items": 1682,
    "events": 100000,
    "first_timestamp": 874724710,
    "last_timestamp": START,
    "targets": {"train": 98114, "valid": 943, "test": 943},
    "examples": {"train": 1200, "valid": 943, "test": 943, "catalogue": 1682},
    "policies": {
        "unknown_item": {"policy": "refuse", "items": 0, "events": 0},
        "unknown_user": {"policy": "keep", "users": 17},
        "duplicate_events": {"policy": "keep", "events": 3},
        "duplicate_items": {"policy": "refuse", "items": 0},
    },
    "users_only_in_train": 4,
    "unused_events": 0,
    "users_without_events": 0,
    "items_without_events": 5,
    "events_with_the_time_of_the_one_before": 812,
    "history_lengths": {"32": 200, "64": 443, "128": 300},
}


def cfg() -> config.Config:
    return config.Config(
        name=NAME,
        data=examples.data(),
        evaluation=strict.read(
            config.Evaluation,
            {"ks": [10, 50], "slices": ["user_gender"], "thresholds": {"NDCG@10": {"min": 0.09}}},
        ),
    )


def evaluation(blessed: bool = True) -> dict[str, Any]:
    """evaluation.json; test is .117 against .0985, validation .130 against .101."""
    rules = [
        {"name": "sound/not_finite", "passed": True, "reason": "0 scores that are NaN (of 943 lists)."},
        {"name": "NDCG@10/min", "passed": blessed, "reason": "NDCG@10 is 0.1300; expected at least 0.09."},
    ]
    return {
        "ks": [10, 50],
        "primary": "NDCG@10",
        "splits": {"valid": _split(0.130, 0.101), "test": _split(0.117, 0.0985)},
        "blessing": {
            "blessed": blessed,
            "decided_on": "valid",
            "rules": rules,
            "reasons": [] if blessed else ["NDCG@10 is 0.0700; expected at least 0.09."],
        },
    }


def _split(recall: float, co_occurrence: float) -> dict[str, Any]:
    names = [f"{m}@{k}" for k in (10, 50) for m in ("HR", "NDCG", "MRR", "Recall")]

    def system(value: float) -> dict[str, Any]:
        return {n: {"value": value * (2 if n[0] in "HR" else 1), "se": 0.0071} for n in names}

    groups = {"F": (273, 0.121), "M": (660, 0.115), NASTY: (10, 0.2)}
    bias = {
        "average_recommendation_popularity": 168.2,
        "mean_popularity_percentile": 0.911,
        "gini_of_exposure": 0.713,
    }
    return {
        "users": 943,
        "requests": 943,
        "metrics": {
            "recall": system(recall),
            "popularity": system(0.05),
            "co_occurrence": system(co_occurrence),
        },
        "paired": {
            "popularity": {n: {"difference": recall - 0.05, "low": 0.04, "high": 0.09} for n in names},
            "co_occurrence": {
                n: {"difference": recall - co_occurrence, "low": -0.002, "high": 0.03} for n in names
            },
        },
        "slices": {
            "user_gender": {g: {"users": n, "requests": n, **system(v)} for g, (n, v) in groups.items()}
        },
        "coverage": {"10": 0.412, "50": 0.688},
        "popularity_bias": {"10": bias, "50": copy.copy(bias)},
        "popularity_histogram": [
            {"from": 0.0, "to": 0.5, "consumed": 0.81, "recommended": {"10": 0.93, "50": 0.88}},
            {"from": 0.5, "to": 1.0, "consumed": 0.19, "recommended": {"10": 0.07, "50": 0.12}},
        ],
        "catalogue": 1682,
        "distinct_lists": 900,
        "targets_seen": 0,
        "sanity": {"not_finite": 0},
    }


def make(
    root: pathlib.Path,
    *,
    without: Sequence[str] = (),
    failed: str = "",
    cached: bool = False,
    blessed: bool = True,
) -> runs.Run:
    """Writes the run.

    Args:
      root: the folder of runs.
      without: components that have not run.
      failed: a component that failed.
      cached: adds a second pipeline run that reuses everything.
      blessed: the verdict.
    """
    run = runs.Run(root, NAME)
    run.folder.mkdir(parents=True)
    artifacts = _write_artifacts(run, blessed)
    store = _Store(run.metadata, pushed=blessed)
    components = [c for c in OUTPUTS if c not in without]
    made = store.pipeline_run("first", components, failed, artifacts)
    if cached:
        store.reused("second", made)
    store.set_times(run.metadata)
    return run


def _write_artifacts(run: runs.Run, blessed: bool) -> dict[tuple[str, str], pathlib.Path]:
    folders = {(c, key): run.artifacts / c / key / "1" for c, outputs in OUTPUTS.items() for key in outputs}
    for folder in folders.values():
        folder.mkdir(parents=True)

    def put(component: str, key: str, name: str, content: Any) -> None:
        path = folders[component, key] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")

    put("InteractionsExampleGen", "examples", "summary.json", SUMMARY)
    put("Trainer", "model_run", "history.json", HISTORY)
    put("Indexer", "model", "Format-Serving/assets.extra/index.json", INDEX)
    put("RecallEvaluator", "evaluation", "evaluation.json", evaluation(blessed))
    examples.write(
        folders["InteractionsExampleGen", "examples"],
        {
            "test": [
                examples.sequence(["i1", "i2", "i3"], [START - 90, START - 60, START], user_id=u)
                for u in ("a", "b")
            ],
            "catalogue": [examples.item("i1"), examples.item("i2"), examples.item("i3", item_title=NASTY)],
        },
    )
    rows = [
        {"user_id": "a", "timestamp": START, "target": "i3", "rank_recall": 2, "items": ["i4", "i3"]},
        {"user_id": "b", "timestamp": START, "target": "i3", "rank_recall": 0, "items": ["i4", "i5"]},
    ]
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pylist(rows), folders["RecallEvaluator", "evaluation"] / "requests-test.parquet"
    )
    _write_statistics(folders["StatisticsGen", "statistics"])
    return folders


def _write_statistics(folder: pathlib.Path) -> None:
    """One number and one text feature of the training split."""
    found = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = found.datasets.add(num_examples=1200)
    rating = dataset.features.add(type=statistics_pb2.FeatureNameStatistics.FLOAT)
    rating.path.step.append("event_rating")
    numbers = rating.num_stats
    numbers.common_stats.num_non_missing, numbers.common_stats.tot_num_values = 1200, 98114
    numbers.min, numbers.mean, numbers.median, numbers.max = 1, 3.53, 4, 5
    bars = numbers.histograms.add(type=statistics_pb2.Histogram.STANDARD)
    bars.buckets.add(low_value=1, high_value=3, sample_count=30000)
    bars.buckets.add(low_value=3, high_value=5, sample_count=68114)
    gender = dataset.features.add(type=statistics_pb2.FeatureNameStatistics.STRING)
    gender.path.step.append("user_gender")
    texts = gender.string_stats
    texts.common_stats.num_non_missing, texts.common_stats.tot_num_values, texts.unique = 1200, 1200, 2
    texts.rank_histogram.buckets.add(label="M", sample_count=852)
    texts.rank_histogram.buckets.add(label=NASTY, sample_count=348)
    path = folder / "Split-train" / "FeatureStats.pb"
    path.parent.mkdir()
    path.write_bytes(found.SerializeToString())


class _Store:
    """Writes ML Metadata the way TFX's local runner does."""

    def __init__(self, database: pathlib.Path, pushed: bool) -> None:
        settings = pb.ConnectionConfig()
        settings.sqlite.filename_uri = str(database)
        settings.sqlite.connection_mode = pb.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        self._store = mlmd.MetadataStore(settings)
        self._pushed = pushed
        self._times: dict[int, float] = {}

    def pipeline_run(
        self,
        name: str,
        components: Sequence[str],
        failed: str,
        folders: Mapping[tuple[str, str], pathlib.Path],
    ) -> dict[str, list[tuple[str, int]]]:
        """Executions one after the other; returns (key, artifact id) by component."""
        made: dict[str, list[tuple[str, int]]] = {}
        before: list[tuple[str, int]] = []
        for component in components:
            if component == failed:
                self._execute(name, component, pb.Execution.FAILED, before, [])
                break
            outputs = [
                (key, self._artifact(component, key, kind, folders[component, key]))
                for key, kind in OUTPUTS[component].items()
            ]
            self._execute(name, component, pb.Execution.COMPLETE, before, outputs)
            made[component] = before = outputs
        return made

    def reused(self, name: str, made: Mapping[str, list[tuple[str, int]]]) -> None:
        """A later run that takes everything from the cache."""
        before: list[tuple[str, int]] = []
        for component, outputs in made.items():
            self._execute(name, component, pb.Execution.CACHED, before, outputs)
            before = outputs

    def _artifact(self, component: str, key: str, kind: str, folder: pathlib.Path) -> int:
        type_id = self._store.put_artifact_type(pb.ArtifactType(name=kind))
        artifact = pb.Artifact(type_id=type_id, uri=str(folder), state=pb.Artifact.LIVE)
        if component == "Pusher":
            artifact.custom_properties["pushed"].int_value = int(self._pushed)
            artifact.custom_properties["pushed_destination"].string_value = "/serving/recall/893286900"
        if component == "Indexer":
            artifact.custom_properties["index_recall"].double_value = 0.9962
        return self._store.put_artifacts([artifact])[0]

    def _execute(
        self,
        run_name: str,
        component: str,
        state: int,
        inputs: Sequence[tuple[str, int]],
        outputs: Sequence[tuple[str, int]],
    ) -> None:
        type_id = self._store.put_execution_type(pb.ExecutionType(name=f"some.module.{component}"))
        execution = pb.Execution(type_id=type_id, last_known_state=state)
        execution.custom_properties["source_digest"].string_value = "0123456789abcdef" * 4
        events = [
            pb.Event(
                type=kind,
                artifact_id=artifact_id,
                path=pb.Event.Path(steps=[pb.Event.Path.Step(key=key), pb.Event.Path.Step(index=0)]),
            )
            for kind, links in ((pb.Event.INPUT, inputs), (pb.Event.OUTPUT, outputs))
            for key, artifact_id in links
        ]
        contexts = [self._context("pipeline_run", run_name), self._context("node", f"{NAME}.{component}")]
        artifacts = (
            {a.id: a for a in self._store.get_artifacts_by_id([e.artifact_id for e in events])}
            if events
            else {}
        )
        execution_id, _, _ = self._store.put_execution(
            execution, [(artifacts[e.artifact_id], e) for e in events], contexts
        )
        self._times[execution_id] = 0.05 if state == pb.Execution.CACHED else SECONDS[component]

    def set_times(self, database: pathlib.Path) -> None:
        """Puts the executions one after the other; the store itself only knows the time of writing."""
        clock = START
        with contextlib.closing(sqlite3.connect(database)) as connection, connection:
            for execution_id, seconds in self._times.items():
                connection.execute(
                    "UPDATE Execution SET create_time_since_epoch = ?, last_update_time_since_epoch = ? "
                    "WHERE id = ?",
                    (round(1000 * clock), round(1000 * (clock + seconds)), execution_id),
                )
                clock += seconds

    def _context(self, kind: str, name: str) -> pb.Context:
        found = self._store.get_context_by_type_and_name(kind, name) if self._has(kind) else None
        if found:
            return found
        type_id = self._store.put_context_type(pb.ContextType(name=kind))
        return pb.Context(type_id=type_id, name=name)

    def _has(self, kind: str) -> bool:
        return kind in [t.name for t in self._store.get_context_types()]
