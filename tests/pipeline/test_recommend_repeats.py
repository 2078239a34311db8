"""`recsys recommend` from a release whose items may come back."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any

import pytest

from modules import lineage, repeats
from pipeline import answer, recommend
from tests import fake_recall, held_out, small_release
from tests.pipeline import fake_run

ITEMS = [f"item{n}" for n in range(20)]
CFG = fake_run.configuration(features={"max_history": 4, "repeat_history": 8})
# the last three are held out or in the window; of the newest eight, item9 is three
ANNA = [ITEMS[n] for n in (9, 9, 8, 9, 1, 9, 2, 8, 9, 3, 7)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Recall alone: after item7 come item8, item9, ... with 0, -1, ..."""
    folder = tmp_path_factory.mktemp("runs")
    run = fake_run.make(folder, held_out.splits({"anna": ANNA}, ITEMS, max_history=4), {})
    data = repeats.resolved(CFG.data, allow=True)
    circle = fake_recall.cycle(len(ITEMS))
    model = fake_recall.save(folder / "recall", data, ITEMS, circle, k=10)
    lineage.write(model, small_release.LINEAGE)
    about = dataclasses.replace(
        small_release.ABOUT, data=repeats.resolved(small_release.ABOUT.data, allow=True)
    )
    small_release.push(run.serving, {"recall": model}, small_release.facts(), about=about)
    return folder


def _ask(root: pathlib.Path, **arguments: Any) -> answer.Answer:
    return recommend.main(CFG, root, **{"k": 3, "user": "anna", **arguments})


def _before(found: answer.Answer) -> list[tuple[str, int]]:
    return [(item.item_id, item.times_before) for item in found.items]


def test_items_of_the_history_say_how_often(
    root: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = _ask(root)
    assert _before(found) == [("item8", 1), ("item9", 3), ("item10", 0)]
    assert [item for item, _ in found.history] == ANNA
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["#", "item", "title", "recall", "score", "history"] in rows
    assert ["2", "item9", "Item", "item9", "-1.0000", "again", "x3"] in rows
    assert ["3", "item10", "Item", "item10", "-2.0000"] in rows


def test_a_history_longer_than_what_counts_is_pointed_out(root: pathlib.Path) -> None:
    note = (
        "the history has 11 events; repeats are looked for in the newest 8 "
        "(features.repeat_history)."
    )
    assert note in _ask(root).notes
    assert not any(
        "repeats" in said for said in _ask(root, history=(("item7", 1),), user=None).notes
    )


def test_they_can_be_left_out(root: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = _ask(root, exclude_seen=True)
    assert _before(found) == [("item10", 0), ("item11", 0), ("item12", 0)]
    assert "again" not in capsys.readouterr().out
    assert _before(_ask(root, exclude=("item9",))) == [("item8", 1), ("item10", 0), ("item11", 0)]


def test_json(root: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    _ask(root, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert [item["times_before"] for item in told["recommendations"]] == [1, 3, 0]
