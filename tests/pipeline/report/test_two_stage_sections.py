"""Sections on the second stage turn plain artifacts into plain blocks."""

from __future__ import annotations

import re
from typing import Any

import pytest

from modules import config, release
from pipeline.report import (
    blocks,
    calibration,
    charts,
    differences,
    importance,
    interval_charts,
    learning,
    lift,
    linear_ranker,
    released,
    reordering,
    standings,
    two_stage_slices,
)
from tests import small_release
from tests.pipeline.report import small_artifacts, small_run, small_two_stage

NOTHING = {"difference": 0.1, "low": None, "high": None}  # of a single user


def results(both: dict[str, Any] | None = None) -> standings.Results:
    return standings.of(small_artifacts.evaluation(), both or small_two_stage.evaluation(), "test")


def on_test() -> dict[str, Any]:
    return small_two_stage.evaluation()["splits"]["test"]


def test_a_row_a_system_and_the_difference_below() -> None:
    table = standings.table(results(), "test", [10])
    assert table.columns == ("system", "HR@10#", "NDCG@10#", "MRR@10#")
    assert [(row[0].text, row[2].text, row[2].tone) for row in table.cells] == [
        ("popularity", "0.0500", ""),
        ("co-occurrence", "0.0985", ""),
        ("recall alone", "0.1170", ""),
        ("linear ranker, 5 weights", "0.1240", ""),
        ("two stages", "0.1400", "strong"),
        ("two stages minus recall", "+0.0230", "good"),
    ]
    assert table.cells[-2][2].note == "±\u00a00.0071"
    assert table.cells[-1][2].note == "+0.0120 to +0.0340"


def test_the_first_depth_comes_first() -> None:
    columns = standings.table(results(), "test", [10, 50]).columns
    assert columns == ("system", "HR@10#", "NDCG@10#", "MRR@10#", "HR@50#", "NDCG@50#", "MRR@50#")


def test_the_last_blessed_release_is_a_row_where_there_was_one() -> None:
    both = small_two_stage.evaluation()
    both["splits"]["test"]["metrics"]["last_blessed"] = both["splits"]["test"]["metrics"]["recall"]
    assert list(results(both).rows)[-1] == "last blessed release"


@pytest.mark.parametrize(
    ("paired", "text", "tone"),
    [
        ({"difference": 0.02, "low": 0.01, "high": 0.03}, "+0.0200 (+0.0100 to +0.0300)", "good"),
        ({"difference": 0.02, "low": -0.01, "high": 0.05}, "+0.0200 (-0.0100 to +0.0500)", ""),
        ({"difference": -0.02, "low": -0.03, "high": -0.01}, "-0.0200 (-0.0300 to -0.0100)", "bad"),
        (NOTHING, "", ""),
    ],
)
def test_differences_are_coloured_where_the_interval_excludes_zero(
    paired: dict[str, float | None], text: str, tone: str
) -> None:
    assert differences.cell(paired) == blocks.Cell(text, tone)  # type: ignore[arg-type]
    stacked = differences.stacked(paired)
    assert (
        stacked.tone,
        " ".join([stacked.text, *([f"({stacked.note})"] if stacked.note else [])]),
    ) == (tone, text)


def test_without_an_interval_a_difference_is_a_point() -> None:
    found = interval_charts.Estimate.of_paired("x", NOTHING)
    assert (found.value, found.low, found.high) == (0.1, 0.1, 0.1)
    # no negative length
    assert interval_charts.Estimate("x", 0.1, 0.11, 0.2).error == [[0.0], [0.1]]


def test_lift_is_against_everyone_who_ordered_the_candidates() -> None:
    split = on_test()
    assert (
        "minus recall: NDCG@10 +0.0230 (+0.0120 to +0.0340)" in lift.figure(split, "NDCG", [10]).svg
    )
    table = lift.table(split, [10, 50])
    assert table.columns == ("metric", "minus recall#", "minus linear ranker#")
    assert [(c.text, c.tone) for c in table.cells[0][1:]] == [("+0.0230", "good"), ("+0.0160", "")]


def test_the_ceiling_says_how_much_of_it_is_reached() -> None:
    said, figure = lift.ceiling(on_test(), [10], 200)
    assert isinstance(said, blocks.Text) and "among recall's 200 candidates in 55.3%" in said.text
    assert isinstance(figure, blocks.Figure)
    # .234 and .280 of .553
    assert "recall alone: first 10 42%; two stages: first 10 51%" in figure.svg
    nothing = {**on_test(), "ceiling": {"value": 0.0, "se": 0.0}}
    assert len(list(lift.ceiling(nothing, [10], 200))) == 1  # no shares of nothing


def test_slices_show_the_lift_and_grey_small_groups() -> None:
    groups = on_test()["slices"]["user_gender"]
    card = two_stage_slices.card("user_gender", groups, small_run.cfg().evaluation)
    table = card.blocks[1]
    assert isinstance(table, blocks.Table)
    assert [(r[0].text, r[0].tone, r[1].text, r[4].text, r[4].tone) for r in table.cells] == [
        (small_artifacts.NASTY, "quiet", "10", "+0.023", ""),
        ("F", "", "273", "+0.023", "good"),
        ("M", "", "660", "+0.023", ""),
    ]


def test_the_most_important_group_comes_first_and_noise_is_greyed() -> None:
    found = on_test()["importance"]
    svg = importance.figure(found, "NDCG@10").svg
    assert re.findall(r">(recall score|context)</text>", svg) == ["recall score", "context"]
    assert [row[0].text for row in importance.table(found, "NDCG@10").cells] == [
        "recall score",
        "context",
    ]
    alone = {"context": found["context"]}  # -0.002 to +0.004
    assert "var(--series-1)" in svg
    assert "var(--series-1)" not in importance.figure(alone, "NDCG@10").svg


@pytest.mark.parametrize(
    ("share", "count", "expected"),
    [
        # z = 1.96: middle (0.5 + 0.0192) / 1.0384, half 1.96 / 1.0384 * sqrt(0.0025 + 0.0098**2)
        (0.5, 100, (0.4038, 0.5962)),
        (0.0, 10, (0.0, 0.2775)),  # 2 * 0.1921 / 1.3842
        (1.0, 10, (0.7225, 1.0)),
    ],
)
def test_intervals_of_shares(share: float, count: int, expected: tuple[float, float]) -> None:
    assert calibration.wilson(share, count) == pytest.approx(expected, abs=5e-5)


def test_calibration_has_a_card_a_kind_of_prediction() -> None:
    found = on_test()["calibration"]
    card = calibration.card("The next item", "", found)
    _, facts, _ = card.blocks
    assert isinstance(facts, blocks.Facts)
    assert facts.facts == (("ECE", "0.00151"), ("predictions", "180,000"))
    assert "0.0004 predicted, 0 observed" in calibration.figure(found).svg
    (empty,) = calibration.card("x", "", {"bins": [], "ece": None}).blocks
    assert empty == blocks.Text("Nothing was predicted.", "quiet")


def test_axes_are_logarithmic_where_predictions_span_orders_of_magnitude() -> None:
    def ticks(*points: tuple[float, float]) -> list[str]:
        svg = charts.reliability(
            [(p, o, (o, o)) for p, o in points], alt="", x_label="", y_label=""
        )
        return re.findall(r">([\d.]+)</text>", svg)

    assert {"0", "0.001", "0.01"} <= set(ticks((0.0008, 0.0), (0.02, 0.05)))
    assert "0.001" not in ticks((0.2, 0.3), (0.5, 0.4))
    assert ticks((0.0, 0.0))  # nothing predicted, nothing observed


def test_what_became_of_the_held_out_item() -> None:
    assert reordering.kind([10], [11]) == (True, False)
    assert reordering.kind([0], [1.5]) == (False, True)  # not among the candidates: rank 0
    assert reordering.kind([0, 12, 3], [11, 0, 20]) == (True, False)  # one of several
    counted = reordering.counts({(True, True): 3, (False, True): 1})
    assert [(row[1].text, row[1].share) for row in counted.cells] == [
        ("1", 0.25),
        ("0", 0.0),
        ("3", 0.75),
        ("0", 0.0),
    ]


def test_sample_users_are_of_each_kind_and_do_not_depend_on_the_order() -> None:
    kinds = [(n % 2 == 0, n % 3 == 0) for n in range(24)]
    users = [f"u{n}" for n in range(24)]
    chosen = reordering.choose(users, kinds)
    assert [kinds[n] for n in chosen] == [
        (False, True),
        (False, True),
        (True, False),
        (True, False),
        (True, True),
        (True, True),
    ]
    assert [23 - n for n in reordering.choose(users[::-1], kinds[::-1])] == chosen


def test_both_lists_say_where_an_item_stands_in_the_other() -> None:
    answer = reordering.Answer("a", 0, ("t",), ("x", "t", "y"), ("t", "new", "y"), ((2,), (1.0,)))
    table = reordering.compare(answer, {"t": "Title"})
    assert [[(c.text, c.note, c.tone) for c in row[1:]] for row in table.cells] == [
        [("item x", "now beyond 3", ""), ("Title (t)", "✓ ↑ from 2", "good")],
        [("Title (t)", "✓ now 1", "good"), ("item new", "↑ from beyond 3", "")],
        [("item y", "stays", ""), ("item y", "stays", "")],
    ]
    assert table.caption == (
        "Held out: Title (t). In recall's order at place 2, in that of two stages at place 1."
    )


def test_several_held_out_items_are_named_and_marked() -> None:
    answer = reordering.Answer("a", 0, ("t", "u"), ("x", "t"), ("u", "t"), ((2, 0), (2.0, 1.0)))
    table = reordering.compare(answer, {"t": "Title"})
    assert [[c.tone for c in row[1:]] for row in table.cells] == [["", "good"], ["good", "good"]]
    assert table.caption == (
        "Held out: Title (t); item u. In recall's order at place 2, not found, in that of two "
        "stages at place 2, at place 1."
    )


def test_weights_have_bars_of_their_size() -> None:
    table = linear_ranker.weights({"features": ["log_recall_rank", "new"], "weights": [-1.0, 0.25]})
    assert [(row[0].note, row[1].text, row[1].share) for row in table.cells] == [
        ("log_recall_rank", "-1.000", 1.0),
        ("new", "+0.250", 0.25),
    ]


def test_the_rankers_curves_count_requests() -> None:
    learner = learning.Learner(config.Ranking().training.early_stopping, "requests")
    facts = learning.curves(small_two_stage.HISTORY, learner)[0]
    assert isinstance(facts, blocks.Facts)
    assert ("exported epoch", "2") in facts.facts
    assert ("requests per second", "1,234") in facts.facts


@pytest.mark.parametrize(
    ("current", "state"), [(7, "in force"), (8, "not in force, 8 is"), (None, "not in force")]
)
def test_a_release_says_whether_it_is_in_force(current: int | None, state: str) -> None:
    manifest = release.Manifest(
        release=7,
        created="2026-01-02T03:04:05Z",
        name="shop",
        versions={"tfx": "1.16.0"},
        lineage=small_release.LINEAGE,
        metrics={},
        artifacts={"recall_model": release.Made("/a/1", 3)},
        models={
            "recall": {
                "saved_model.pb": release.File(1200, "ab" * 32),
                "variables/index": release.File(800, "cd" * 32),
            }
        },
        config_digest="c0",
        source_digest="ef" * 32,
    )
    facts, grid, _ = released.describe(manifest, current)
    assert isinstance(facts, blocks.Facts) and isinstance(grid, blocks.Grid)
    assert dict(facts.facts)["state"] == state and dict(facts.facts)["holds"] == "recall"
    models, digests = grid.blocks
    assert isinstance(models, blocks.Table) and isinstance(digests, blocks.Table)
    assert [c.text for c in models.cells[0]] == ["recall", "2", "2 kB", "ab" * 8]
    assert dict(facts.facts)["digest of all files"] == manifest.digest
    assert [row[1].text for row in digests.cells] == [
        "transform1",
        "catalogue1",
        "recall1",
        "c0",
        "ef" * 8,
    ]
