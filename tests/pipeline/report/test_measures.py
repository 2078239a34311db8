"""The section of what each measure is worth."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from pipeline import runs
from pipeline.report import blocks, measures, metadata, sources
from tests.pipeline.report import small_run


def _row(name: str, change: float | None, half: float = 0.01) -> dict[str, Any]:
    differences = {"difference": change, "low": (change or 0) - half, "high": (change or 0) + half}
    return {
        "name": name,
        "compared_with": None if change is None else "old",
        "test": {"NDCG@10": 0.1234, "HR@10": 0.2},
        "differences": {} if change is None else {"NDCG@10": differences},
    }


def _source(root: pathlib.Path) -> sources.Source:
    run = runs.Run(root, small_run.NAME)
    return sources.Source(run, metadata.PipelineRun("tiny", ()), small_run.cfg())


def test_changes_are_a_picture_and_numbers(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / f"{small_run.NAME}-ablation"
    folder.mkdir()
    rows = [_row("old", None), _row("+ time", 0.05), _row("+ crosses", 0.002)]
    (folder / "plan.json").write_text(json.dumps(rows), encoding="utf-8")
    text, figure, folded = measures.body(_source(tmp_path))
    assert isinstance(text, blocks.Text) and "plan.html" in text.text
    assert isinstance(figure, blocks.Figure)
    assert "+ time +0.0500 (+0.0400 to +0.0600); + crosses +0.0020" in figure.svg
    assert "old" not in figure.svg.partition("<")[0]
    table = folded.blocks[0]
    assert [[c.text for c in row] for row in table.cells] == [
        ["old", "0.1234", "0.2000", "", ""],
        ["+ time", "0.1234", "0.2000", "old", "+0.0500"],
        ["+ crosses", "0.1234", "0.2000", "old", "+0.0020"],
    ]
    assert table.cells[1][-1].tone == "good" and table.cells[2][-1].tone != "good"


def test_without_measurements_it_says_how_to_make_them(tmp_path: pathlib.Path) -> None:
    with pytest.raises(sources.NotMade, match="`recsys ablate` does"):
        list(measures.body(_source(tmp_path)))
