"""Whose results are shown, on which splits and in which metrics: names that the sections share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modules import features
from pipeline.report import charts

# where items may repeat
PERSONAL = {
    "personal_frequency": "personal frequency",
    "personal_recency": "personal recency",
    "gp_topfreq": "GP-TopFreq",
}
SYSTEMS = {
    "recall": "recall",
    "popularity": "popularity",
    "co_occurrence": "co-occurrence",
    "ease": "EASE",
    **PERSONAL,
    "last_blessed": "last blessed",
}
BASELINES = ("popularity", "co_occurrence", "ease", *PERSONAL)
# the one that counts first
SPLITS = {features.SPLIT_TEST: "test", features.SPLIT_VALID: "validation"}

# of evaluation.json or two_stage.json: users, metrics{system: {name: {value, se}}}
Split = Mapping[str, Any]


def present(split: Split) -> list[str]:
    """The systems that were evaluated, in the order of `SYSTEMS`."""
    return [s for s in SYSTEMS if split["metrics"].get(s)]


def charted(found: Sequence[str], strength: Callable[[str], float]) -> list[str]:
    """As many systems as a chart can tell apart: recall, the last release, the strongest others."""
    first = sorted(found, key=lambda s: (s not in ("recall", "last_blessed"), -strength(s)))
    return [system for system in found if system in first[: charts.MOST_SERIES]]


def metrics(split: Split) -> tuple[str, ...]:
    """What is shown: with one held-out item a request, Recall@k is HR@k, and left out."""
    return ("HR", "NDCG", "MRR", *(("Recall",) if "targets" in split else ()))


def names(split: Split, ks: Sequence[int]) -> list[str]:
    """The same by depth, as far as it was measured: `HR@10`, `HR@50`, ..."""
    known = split["metrics"]["recall"]
    return [f"{m}@{k}" for m in metrics(split) for k in ks if f"{m}@{k}" in known]


def by_depth(split: Split, ks: Sequence[int]) -> dict[int, list[str]]:
    """The same, together by depth: 10 -> `HR@10`, `NDCG@10`, `MRR@10`."""
    return {k: names(split, [k]) for k in ks}


def headline(primary: str, split: Split) -> list[str]:
    """The metric that counts, and Recall or HR at its depth: `NDCG@10`, `HR@10`."""
    second = "Recall" if "targets" in split else "HR"
    return list(dict.fromkeys([primary, f"{second}@{primary.partition('@')[2]}"]))
