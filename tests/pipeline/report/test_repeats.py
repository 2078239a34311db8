"""What the results say where items may repeat, and where a request has several targets."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pipeline.report import blocks, lift, repeats, results, standings, systems
from tests.pipeline.report import small_artifacts, small_two_stage

NOTHING = {"value": None, "se": None}


def _with_kinds(report: dict[str, Any], lists: dict[str, dict[str, float]]) -> dict[str, Any]:
    """The report with repeats: recall's NDCG@10 is .3 of repeated items, .05 of new ones."""
    for split in report["splits"].values():
        measured = {
            name: split[name]
            for name in ("users", "requests", "metrics", "paired", "lift")
            if name in split
        }
        split["by_kind"] = {}
        for kind, value in (("repeated", 0.3), ("new", 0.05)):
            split["by_kind"][kind] = copy.deepcopy({**measured, "users": 400})
            split["by_kind"][kind]["metrics"]["recall"]["NDCG@10"]["value"] = value
        split["repeat_share"] = {"targets": 943, "taken": 0.425, "lists": lists}
    return report


@pytest.fixture
def report() -> dict[str, Any]:
    return _with_kinds(small_artifacts.evaluation(), {"recall": {"10": 0.61, "50": 0.33}})


@pytest.fixture
def both() -> dict[str, Any]:
    lists = {
        "recall": {"10": 0.61, "50": 0.33},
        "two_stage": {"10": 0.55, "50": 0.3},
        "linear": {"10": 0.7, "50": 0.4},
    }
    return _with_kinds(small_two_stage.evaluation(), lists)


def _body(report: dict[str, Any], both: dict[str, Any] | None) -> list[blocks.Block]:
    """The blocks, of which those of the last, a grid, come by themselves."""
    *found, grid = repeats.body(report, both)
    assert isinstance(grid, blocks.Grid)
    return [*found, *grid.blocks]


def _tables(found: list[blocks.Block]) -> list[blocks.Table]:
    return [block for block in found if isinstance(block, blocks.Table)]


def _row(table: blocks.Table, name: str) -> list[str]:
    (row,) = (row for row in table.cells if row[0].text == name)
    return [cell.text for cell in row[1:]]


def test_both_kinds_have_a_table_and_shares_one(report: dict[str, Any]) -> None:
    first, *found = _body(report, None)
    assert isinstance(first, blocks.Text)
    assert "of the 943 held-out items of test, 42.5% are repeated" in first.text
    repeated, new, shares = _tables(found)
    assert repeated.caption == "On test, repeated items, 400 users"
    at = repeated.columns.index("NDCG@10#") - 1
    assert _row(repeated, "recall")[at] == "0.3000" and _row(new, "recall")[at] == "0.0500"
    assert _row(repeated, "co-occurrence")[at] == "0.0985"
    assert _row(shares, "what users took") == ["42.5%", "42.5%"]
    assert _row(shares, "recall alone") == ["61.0%", "33.0%"]
    (figure,) = (block for block in found if isinstance(block, blocks.Figure))
    assert "what users took: first 10 42.5%, first 50 42.5%; recall alone: first 10 61.0%" in (
        figure.svg
    )


def test_with_two_stages_their_systems_and_lists_are_shown(
    report: dict[str, Any], both: dict[str, Any]
) -> None:
    repeated, new, shares = _tables(_body(report, both))
    assert new.caption == "On test, new items, 400 users"
    names = [row[0].text for row in repeated.cells]
    assert names[-2:] == ["two stages", standings.MINUS] and "co-occurrence" in names
    at = repeated.columns.index("NDCG@10#") - 1
    assert _row(repeated, "recall alone")[at] == "0.3000"
    assert [row[0].text for row in shares.cells] == [
        "what users took",
        "two stages",
        "recall alone",
        "linear ranker",
    ]


def test_a_kind_that_nobody_took_is_said_so(report: dict[str, Any]) -> None:
    test = report["splits"]["test"]
    test["by_kind"]["new"] = {
        "users": 0,
        "requests": 0,
        "metrics": {s: dict.fromkeys(m, NOTHING) for s, m in test["metrics"].items()},
        "paired": {},
    }
    found = _body(report, None)
    assert blocks.Text("On test, none of the held-out items are new items.") in found
    assert len(_tables(found)) == 2
    (recall,) = (line for line in repeats.lines(report, None) if line.startswith("recall"))
    assert recall.split() == ["recall", "0.3000", "±", "0.0071", "-"]


def test_lines_for_the_terminal(report: dict[str, Any], both: dict[str, Any]) -> None:
    blank, title, columns, *rows, shares = repeats.lines(report, both)
    assert (blank, columns.split()) == ("", ["repeated", "new"])
    assert title == "NDCG@10 of repeated items (42.5% of what users took) and of new ones"
    (recall,) = (row for row in rows if row.startswith("recall alone"))
    assert recall.split()[2:] == ["0.3000", "±", "0.0071", "0.0500", "±", "0.0071"]
    assert shares == (
        "Repeated items among the first 10: two stages 55.0%, recall alone 61.0%, linear ranker "
        "70.0%."
    )


def test_without_repeats_nothing_is_said() -> None:
    report = small_artifacts.evaluation()
    assert list(repeats.body(report, None)) == list(repeats.lines(report, None)) == []
    assert "without items that the user had seen" in results.asked(report)


def test_what_is_asked_is_said_truly(report: dict[str, Any]) -> None:
    assert results.asked(report).startswith("The held-out item of each user is ranked")
    assert "with what the user had before, as items may repeat" in results.asked(report)
    report["splits"]["test"] |= {"targets": 4000, "targets_seen": 400}
    assert results.asked(report).startswith("All items that a user took at one time")
    assert list(results.seen_targets(report)) == []  # they can be hit


def test_recall_is_a_metric_where_requests_have_several_targets(both: dict[str, Any]) -> None:
    split = both["splits"]["test"]
    assert systems.names(split, [10]) == ["HR@10", "NDCG@10", "MRR@10"]
    assert systems.headline("NDCG@10", split) == ["NDCG@10", "HR@10"]
    split["targets"] = 4000
    assert systems.names(split, [10]) == ["HR@10", "NDCG@10", "MRR@10", "Recall@10"]
    assert systems.headline("NDCG@10", split) == ["NDCG@10", "Recall@10"]
    (said, _) = lift.ceiling(split, [10], 200)
    assert isinstance(said, blocks.Text)
    assert said.text.startswith("Of the held-out items of a request, 55.3% (0.5530")
