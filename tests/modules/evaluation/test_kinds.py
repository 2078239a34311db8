"""Metrics of repeated and of new items, and the share of repeats in lists, by hand."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.testing import util

from modules.evaluation import kinds

SECOND = 1 / math.log2(3)  # gain of the second place


@dataclasses.dataclass(frozen=True)
class Answer:
    """What `kinds` reads of an answer."""

    user_id: bytes
    repeated: tuple[bool, ...]
    ranks: Mapping[str, tuple[float, ...]]
    repeated_items: Mapping[str, np.ndarray]


# Ann takes two items that she knows and a new one, Bob a new one, Cid one that he knows.
ANSWERS = (
    Answer(
        b"ann",
        (True, False, True),
        {"model": (1, 2, 0), "popular": (0, 1, 2)},
        {"model": np.array([True, False, True])},
    ),
    Answer(b"bob", (False,), {"model": (2,), "popular": (0,)}, {"model": np.array([False, False])}),
    Answer(b"cid", (True,), {"model": (0,), "popular": (1,)}, {"model": np.array([], bool)}),
)


def test_targets_of_a_kind_keep_their_ranks():
    found = dict(kinds.of_kinds(ANSWERS[0], ["model", "popular"]))
    assert found == {
        ("repeated", b"ann"): [(1, 0), (0, 2)],
        ("new", b"ann"): [(2,), (1,)],
    }
    assert [key for key, _ in kinds.of_kinds(ANSWERS[1], ["model"])] == [("new", b"bob")]


def test_report_by_hand():
    """Of repeated items: Ann hits one of two, Cid none; of new ones both are second."""

    def check(reports: list[dict]) -> None:
        (report,) = reports
        repeated, new = report["by_kind"]["repeated"], report["by_kind"]["new"]
        assert (repeated["users"], repeated["requests"], repeated["targets"]) == (2, 2, 3)
        assert (new["users"], new["requests"]) == (2, 2) and "targets" not in new
        model = {name: value["value"] for name, value in repeated["metrics"]["model"].items()}
        assert model == pytest.approx(
            {"HR@2": 1 / 2, "NDCG@2": 1 / (1 + SECOND) / 2, "MRR@2": 1 / 2, "Recall@2": 1 / 4}
        )
        assert repeated["metrics"]["popular"]["Recall@2"]["value"] == pytest.approx(3 / 4)
        assert repeated["paired"]["popular"]["Recall@2"]["difference"] == pytest.approx(-1 / 2)
        assert new["metrics"]["model"]["NDCG@2"] == pytest.approx({"value": SECOND, "se": 0})
        assert new["metrics"]["popular"]["HR@2"] == pytest.approx({"value": 1 / 2, "se": 1 / 2})
        # of ann's first two places one is known, of bob's none; cid has no list
        assert report["repeat_share"] == {
            "targets": 5,
            "taken": pytest.approx(3 / 5),
            "lists": {"model": {"2": pytest.approx(1 / 4)}},
        }

    with beam.Pipeline() as pipeline:
        reports = pipeline | beam.Create(ANSWERS) | kinds.Report(["model", "popular"], [2])
        util.assert_that(reports, check)


def test_a_kind_without_targets_has_no_values():
    def check(reports: list[dict]) -> None:
        (report,) = reports
        repeated = report["by_kind"]["repeated"]
        assert (repeated["users"], repeated["requests"]) == (0, 0)
        assert repeated["metrics"]["model"]["HR@2"] == {"value": None, "se": None}
        assert repeated["paired"]["popular"]["HR@2"] == {
            "difference": None,
            "low": None,
            "high": None,
        }
        assert report["by_kind"]["new"]["requests"] == 1
        assert report["repeat_share"]["taken"] == 0

    with beam.Pipeline() as pipeline:
        reports = pipeline | beam.Create(ANSWERS[1:2]) | kinds.Report(["model", "popular"], [2])
        util.assert_that(reports, check)


def test_shares_of_no_answers_are_unknown():
    share = kinds.Share([10])
    found = share.extract_output(share.create_accumulator())
    assert found == {"targets": 0, "taken": None, "lists": {}}


def test_shares_add_up_however_they_are_merged():
    share = kinds.Share([1, 3])
    parts = [share.add_input(share.create_accumulator(), answer) for answer in ANSWERS]
    found = share.extract_output(share.merge_accumulators(parts))
    assert found == {"targets": 5, "taken": 3 / 5, "lists": {"model": {"1": 1 / 2, "3": 2 / 5}}}
