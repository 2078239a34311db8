"""Whose results are shown, on which splits and in which metrics: names that the sections share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modules import features

SYSTEMS = {
    "recall": "recall",
    "popularity": "popularity",
    "co_occurrence": "co-occurrence",
    "last_blessed": "last blessed",
}
# the one that counts first
SPLITS = {features.SPLIT_TEST: "test", features.SPLIT_VALID: "validation"}
METRICS = ("HR", "NDCG", "MRR")  # Recall@k equals HR@k with one held-out item

# of evaluation.json or two_stage.json: users, metrics{system: {name: {value, se}}}
Split = Mapping[str, Any]


def present(split: Split) -> list[str]:
    """The systems that were evaluated, in the order of `SYSTEMS`."""
    return [s for s in SYSTEMS if split["metrics"].get(s)]


def names(split: Split, ks: Sequence[int]) -> list[str]:
    """`HR@10`, `HR@50`, ...: what is shown."""
    return [f"{m}@{k}" for m in METRICS for k in ks if f"{m}@{k}" in split["metrics"]["recall"]]


def by_depth(split: Split, ks: Sequence[int]) -> dict[int, list[str]]:
    """The same, together by depth: 10 -> `HR@10`, `NDCG@10`, `MRR@10`."""
    return {k: names(split, [k]) for k in ks}


def headline(primary: str) -> list[str]:
    """The metric that counts, and HR at its depth: `NDCG@10`, `HR@10`."""
    return list(dict.fromkeys([primary, f"HR@{primary.partition('@')[2]}"]))
