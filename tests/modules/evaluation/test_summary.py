"""A split's part of `evaluation.json`, of answers by hand."""

from __future__ import annotations

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.testing import util

from modules.evaluation import baselines, ranking, summary

SYSTEMS = (ranking.RECALL, ranking.POPULARITY)


def _answer(user: bytes, repeated: tuple[bool, ...], recall: tuple[int, ...], items: bytes):
    """Of one or two targets, with a list whose items are letters, those of `a` to `c` repeated."""
    listed = tuple(bytes([letter]) for letter in items)
    return ranking.Answer(
        user_id=user,
        timestamp=1,
        targets=(b"a", b"d")[: len(repeated)],
        repeated=repeated,
        ranks={ranking.RECALL: recall, ranking.POPULARITY: tuple(0 for _ in recall)},
        items=listed,
        repeated_items={ranking.RECALL: np.array([item in b"abc" for item in listed])},
        faults=ranking.Faults(),
        same_order=None,
        slices={"target_popularity": ("head", "tail")[: len(repeated)]},
    )


def _check(answers, check, *, repeats: bool) -> None:
    with beam.Pipeline() as pipeline:
        catalogue = beam.pvalue.AsSingleton(
            pipeline
            | "Catalogue"
            >> beam.Create([baselines.Popularity.of([(b"a", 2), (b"d", 1), (b"e", 0)])])
        )
        found = (
            pipeline
            | beam.Create(answers)
            | summary.Summarise(SYSTEMS, (2,), catalogue, repeats=repeats)
        )
        util.assert_that(found, lambda reports: check(*reports))


def test_with_repeats_kinds_are_apart_and_a_seen_item_is_no_fault():
    def check(report):
        assert (report["users"], report["requests"], report["targets"]) == (2, 2, 3)
        assert report["metrics"][ranking.RECALL]["Recall@2"]["value"] == pytest.approx(3 / 4)
        assert report["by_kind"]["repeated"]["metrics"][ranking.RECALL]["HR@2"]["value"] == 1
        assert report["by_kind"]["new"]["metrics"][ranking.RECALL]["HR@2"]["value"] == 0
        assert report["repeat_share"]["lists"][ranking.RECALL] == {"2": 3 / 4}
        assert "seen" not in report["sanity"] and report["sanity"]["duplicates"] == 0
        # ann's request has targets in both groups, and counts whole in both
        head, tail = (report["slices"]["target_popularity"][name] for name in ("head", "tail"))
        assert (head["requests"], tail["requests"]) == (2, 1)
        assert head["Recall@2"]["value"] == pytest.approx(3 / 4)
        assert tail["Recall@2"]["value"] == pytest.approx(1 / 2)

    answers = [
        _answer(b"ann", (True, False), (2, 0), b"bae"),
        _answer(b"bob", (True,), (1,), b"ad"),
    ]
    _check(answers, check, repeats=True)


def test_without_repeats_nothing_is_said_of_them():
    def check(report):
        assert not {"targets", "by_kind", "repeat_share"} & set(report)
        assert report["targets_seen"] == 1 and report["sanity"]["seen"] == 0

    answers = [_answer(b"ann", (True,), (0,), b"de"), _answer(b"bob", (False,), (1,), b"de")]
    _check(answers, check, repeats=False)
