"""What the components of recall leave behind in a run of a tiny shop, made by hand."""

from __future__ import annotations

import copy
import pathlib
from typing import Any

from tensorflow_metadata.proto.v0 import statistics_pb2

# a title that must come out as it is, and do nothing
NASTY = "<script>alert(\"1\")</script> & '$x$'"
START = 893_286_638  # 1998-04-22 23:10:38 UTC

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
        for e, r, ms in (
            (0.25, 0.71, 0.11),
            (0.5, 0.93, 0.15),
            (1.0, 0.9962, 0.21),
            (2.0, 1.0, 0.4),
        )
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
    "ties": {"cases": 90, "same_way": 70, "same_way_by_lot": 60},
    "history_lengths": {"32": 200, "64": 443, "128": 300},
    "repeats": {"events": 2000, "last_events": 28},
    "dropped": {"events.rating >= 4": 17},
    "item_uses": {"1": 82, "512": 1600},
    "item_use_events": {"1": 82, "512": 99918},
    "events_of_top_items": {"0.01": 0.073},
}
PROFILE = {
    "events": {
        "item_id": {
            "role": "item_id",
            "kind": None,
            "rows": 100000,
            "refused": 0,
            "missing": 0,
            "missing_texts": {},
            "distinct": 67800,
            "distinct_is_exact": False,
            "examples": ["242", "302"],
            "frequent": [["50", 583]],
        },
        "price": {
            "role": "context",
            "kind": "numeric",
            "rows": 100000,
            "refused": 0,
            "missing": 2500,
            "missing_texts": {"": 2000, "NA": 500},
            "distinct": 7,
            "distinct_is_exact": True,
            "examples": ["1.5"],
            "numbers": {
                "min": 0.0,
                "lower_quartile": 1.0,
                "median": 1.5,
                "upper_quartile": 2.0,
                "max": 1e30,
            },
            "absurd": [{"value": 1e30, "file": "/data/e.csv", "line": 7}],
        },
    }
}


def evaluation(blessed: bool = True) -> dict[str, Any]:
    """evaluation.json; test is .117 against .0985, validation .130 against .101."""
    rules = [
        {
            "name": "sound/not_finite",
            "passed": True,
            "reason": "0 scores that are NaN (of 943 lists).",
        },
        {
            "name": "NDCG@10/min",
            "passed": blessed,
            "reason": "NDCG@10 is 0.1300; expected at least 0.09.",
        },
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
            "popularity": {
                n: {"difference": recall - 0.05, "low": 0.04, "high": 0.09} for n in names
            },
            "co_occurrence": {
                n: {"difference": recall - co_occurrence, "low": -0.002, "high": 0.03}
                for n in names
            },
        },
        "slices": {
            "user_gender": {
                g: {"users": n, "requests": n, **system(v)} for g, (n, v) in groups.items()
            }
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


def write_statistics(folder: pathlib.Path) -> None:
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
    texts.common_stats.num_non_missing, texts.common_stats.tot_num_values, texts.unique = (
        1200,
        1200,
        2,
    )
    texts.rank_histogram.buckets.add(label="M", sample_count=852)
    texts.rank_histogram.buckets.add(label=NASTY, sample_count=348)
    path = folder / "Split-train" / "FeatureStats.pb"
    path.parent.mkdir()
    path.write_bytes(found.SerializeToString())
