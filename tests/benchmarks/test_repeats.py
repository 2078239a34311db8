"""The page about items that repeat, of small runs made by hand."""

from __future__ import annotations

import copy
import json
import math
import pathlib
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import repeats
from tests.pipeline.report import small_artifacts, small_two_stage

SETTINGS = {
    "personal_recency": {
        "baskets": 10,
        "decay": 1.0,
        "leaves_out_present": False,
        "users": 400,
        "NDCG@10": [
            {"baskets": None, "decay": 1.0, "value": 0.29},
            {"baskets": 10, "decay": 1.0, "value": 0.31},
        ],
    }
}


def _row(user: str, target: str, rank: float, **others: Any) -> dict[str, Any]:
    return {"user_id": user, "timestamp": 5, "target": target, "two_stage_rank": rank, **others}


OWN = [
    _row("u", "a", 1.0, repeated=True, repeated_above=0),
    _row("v", "b", 3.0, repeated=False, repeated_above=2),
    _row("w", "c", 0.0, repeated=False, repeated_above=0),
    _row("x", "d", 2.0, repeated=False, repeated_above=0),  # not in the other run
]
EXCLUDE = [_row("u", "a", 0.0), _row("v", "b", 1.0), _row("w", "c", 3.0)]


def _with_kinds(report: dict[str, Any], lists: dict[str, Any]) -> dict[str, Any]:
    for split in report["splits"].values():
        split["by_kind"] = {k: copy.deepcopy(split) for k in ("repeated", "new")}
        split["repeat_share"] = {"targets": 943, "taken": 0.425, "lists": lists}
    return {**report, "settings": SETTINGS}


def _write(run: pathlib.Path, component: str, name: str, report: dict[str, Any]) -> pathlib.Path:
    folder = run / "artifacts" / component / "evaluation" / "7"
    folder.mkdir(parents=True)
    (folder / name).write_text(json.dumps(report), encoding="utf-8")
    return folder


@pytest.fixture
def run(tmp_path: pathlib.Path) -> pathlib.Path:
    lists = {"recall": {"10": 0.61, "50": 0.33}, "two_stage": {"10": 0.55, "50": 0.3}}
    both = _with_kinds(small_two_stage.evaluation(), lists)
    both["splits"]["test"]["by_kind"]["new"]["metrics"]["two_stage"]["NDCG@10"]["value"] = 0.05
    _write(tmp_path, "RecallEvaluator", "evaluation.json", _with_kinds(_recall(), {}))
    folder = _write(tmp_path, "TwoStageEvaluator", "two_stage.json", both)
    pq.write_table(pa.Table.from_pylist(OWN), folder / "two-stage-test.parquet")
    return tmp_path


def _recall() -> dict[str, Any]:
    found: dict[str, Any] = small_artifacts.evaluation()
    return found


def test_all_systems_stand_in_a_table_a_kind(run: pathlib.Path) -> None:
    page = list(repeats.lines("Shop", "recsys run\n", [repeats.Named("one event", run)], 10))
    assert page[:3] == ["# Shop: items that repeat", "", "    recsys run"]
    at = page.index("## One event")
    assert "42.5% of the 943 held-out items are repeated. Personal recency counts" in page[at + 2]
    assert page[at + 3] == (
        "Repeated items among the first 10 of the lists: two stages 55.0%, recall alone 61.0%."
    )
    assert page.count("| system | NDCG@10 | HR@10 | HR@50 |") == 3
    rows = [line for line in page if line.startswith("| recall alone |")]
    assert len(rows) == 3 and all("| 0.1170 ± 0." in row for row in rows)
    both = [line for line in page if line.startswith("| two stages |")]
    assert [line.split("**")[1][:6] for line in both] == ["0.1400", "0.1400", "0.0500"]
    assert any(line.startswith("| co-occurrence |") for line in page)


def test_differences_stand_below_what_they_are_to(run: pathlib.Path) -> None:
    page = list(repeats.lines("Shop", "recsys run", [repeats.Named("one event", run)], 10))
    lift = small_two_stage.evaluation()["splits"]["test"]["lift"]["NDCG@10"]["recall"]
    shown = f"<br>{lift['difference']:+.4f} [{lift['low']:+.4f}, {lift['high']:+.4f}]"
    (row, *_) = (line for line in page if line.startswith("| recall alone |"))
    assert row.split(" | ")[1].endswith(shown)


def test_new_items_of_two_runs_by_hand() -> None:
    """Requests of v and w alone: ranks 3 and none against 1 and 3."""
    found = repeats.new_items(OWN, EXCLUDE, 10, alone=False)
    assert found["requests"] == 2
    third = 1 / math.log2(4)
    values = {name: found["metrics"][name]["NDCG@10"]["value"] for name in found["metrics"]}
    assert values == {
        "with repeats": pytest.approx(third / 2),
        "with exclude": pytest.approx((1 + third) / 2),
    }
    assert found["paired"]["with exclude"]["NDCG@10"]["difference"] == pytest.approx(-0.5)
    alone = repeats.new_items(OWN, EXCLUDE, 10, alone=True)  # v's third place is the first
    assert alone["metrics"]["with repeats"]["NDCG@10"]["value"] == pytest.approx(1 / 2)
    assert alone["metrics"]["with repeats"]["HR@10"]["value"] == pytest.approx(1 / 2)


def test_new_items_of_baskets() -> None:
    """Of b and c, of which c is new: rank 2 in one run, 4 in the other."""
    own = [
        {
            "user_id": "u",
            "timestamp": 5,
            "targets": ["b", "c"],
            "repeated": [True, False],
            "repeated_above": [0, 1],
            "two_stage_rank": [1.0, 2.0],
        }
    ]
    exclude = [{**own[0], "two_stage_rank": [0.0, 4.0]}]
    found = repeats.new_items(own, exclude, 3, alone=False)
    assert found["metrics"]["with repeats"]["Recall@3"]["value"] == 1
    assert found["metrics"]["with exclude"]["Recall@3"]["value"] == 0


def test_without_common_requests_it_is_said() -> None:
    with pytest.raises(SystemExit, match="no request of a new item in common"):
        repeats.new_items(OWN[:1], EXCLUDE, 10, alone=False)


@pytest.mark.parametrize("given", ["", "runs/x", "=runs/x"])
def test_a_run_needs_a_name(given: str) -> None:
    with pytest.raises(SystemExit, match="expected NAME=FOLDER"):
        repeats.Named.of(given)


def test_a_run_beside_another_is_compared(run: pathlib.Path, tmp_path_factory: Any) -> None:
    other = tmp_path_factory.mktemp("other")
    folder = other / "artifacts" / "TwoStageEvaluator" / "evaluation" / "3"
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(EXCLUDE), folder / "two-stage-test.parquet")
    named = repeats.Named.of(f"one event={run},{other}")
    page = list(repeats.lines("Shop", "recsys run", [named], 10))
    assert any("on the same 2 requests" in line for line in page)
    cells = [
        next(line.split(" | ")[2] for line in page if line.startswith(f"| {label} |"))
        for label in ("this run", "this run, repeated items left out", "with exclude")
    ]
    assert [cell[:6] for cell in cells] == ["0.5000", "0.5000", "1.0000"]  # HR@10


def test_a_run_without_repeats_is_refused(run: pathlib.Path) -> None:
    for file in run.rglob("two_stage.json"):
        file.write_text(json.dumps(small_two_stage.evaluation()))
    with pytest.raises(SystemExit, match=r"expected data\.repeats: allow"):
        list(repeats.lines("Shop", "", [repeats.Named("one event", run)], 10))
