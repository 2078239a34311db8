"""The table of the peers, and how their lists are judged."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

from benchmarks.peers import __main__ as peers
from benchmarks.peers import data

USERS = ["u", "v", "w"]
KNOWN = data.Interactions(
    users=[*USERS, "x"],
    items=["a", "b", "c"],
    train=np.zeros((2, 0), np.int64),
    held_out={"valid": np.full(4, -1), "test": np.array([0, 1, 2, -1])},
)
ABOUT = {"chosen": {"factors": 64}, "validation": 0.1, "seconds": 2.0, "gigabytes": 0.5}


def _found() -> dict[str, str]:
    return {"about": json.dumps(ABOUT)}


def test_lists_are_judged_by_the_place_of_the_held_out_item(tmp_path: pathlib.Path) -> None:
    lists = {"u": ["a", "b"], "v": ["c", "a", "b"]}
    found = peers._judged(KNOWN, USERS, lists, _found(), tmp_path / "als.tsv")
    assert found.values["NDCG@10"] == pytest.approx([1.0, 1 / np.log2(4), 0.0])
    assert found.values["HR@200"].tolist() == [1, 1, 0]
    written = (tmp_path / "als.tsv").read_text(encoding="utf-8")
    assert written == "u\ta b\nv\tc a b\nw\t\n"


def test_the_table_has_the_strongest_first_and_differences_in_pairs() -> None:
    ours = peers.Judged(peers._values([1, 1, 2]), {})
    recall = peers.Judged(peers._values([3, 3, 4]), {})
    als = peers.Judged(peers._values([0, 0, 11]), ABOUT)
    systems = {"recall alone": recall, "ALS": als, "two stages": ours}
    head, _, first, second, third = peers.table(systems)
    assert head.startswith("| test | NDCG@10 | HR@10 | HR@200 | two stages minus it")
    assert first.startswith("| two stages | 0.8770 | 1.0000 | 1.0000 |  |")
    assert second.startswith("| recall alone | 0.4769 |") and "+0.4001 [" in second
    assert third.endswith("| factors 64 | 2.0 | 0.5 |") and "| ALS | 0.0000 | 0.0000 |" in third
