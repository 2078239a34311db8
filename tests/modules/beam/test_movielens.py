"""MovieLens-100K is held out exactly as an independent reading of the leave-one-out rule does."""

from __future__ import annotations

import pathlib
import subprocess
import sys
from collections import defaultdict
from typing import Any

import pytest
import yaml

from modules import config, strict
from modules.beam import files
from tests import tables

ROOT = pathlib.Path(__file__).resolve().parents[3]
JUDGE = ROOT.parent / "shared" / "judge" / "split.py"

HeldOut = dict[str, list[tuple[str, str, int]]]  # user, item and time of the targets of a split


@pytest.fixture(scope="module")
def data() -> config.Data:
    plain = yaml.safe_load((ROOT / "pipeline" / "configs" / "movielens-100k.yaml").read_text())
    return strict.read(config.Data, plain["data"], "data")


@pytest.fixture(scope="module")
def made(data: config.Data, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    return tables.make(tmp_path_factory.mktemp("made"), data, max_history=200)


def test_the_splits_equal_the_rule(
    data: config.Data, made: dict[str, list[Any]], tmp_path: pathlib.Path
) -> None:
    path = pathlib.Path(files.local_path(data.events.path, "events"))
    expected = _judge(path, tmp_path) if JUDGE.exists() else _by_rule(path)
    found: HeldOut = {"train": [], "valid": [], "test": []}
    for row in made["train"]:
        first = 2 if row["window_start"][0] else 0
        found["train"] += _events(row)[first:]
    for split in ("valid", "test"):
        found[split] += [_events(row)[-1] for row in made[split]]
    assert {split: sorted(targets) for split, targets in found.items()} == expected


def test_the_catalogue_is_whole_and_has_titles(made: dict[str, list[Any]]) -> None:
    assert len(made["catalogue"]) == len({row["item_id"][0] for row in made["catalogue"]}) == 1682
    (star_wars,) = [row for row in made["catalogue"] if row["item_id"] == ["50"]]
    assert star_wars == {
        "item_id": ["50"],
        "item_title": ["Star Wars"],
        "item_release_year": [1977.0],
        "item_class": ["Action", "Adventure", "Romance", "Sci-Fi", "War"],
    }


def test_no_window_is_longer_than_its_limit(made: dict[str, list[Any]]) -> None:
    assert {len(row["event_item_id"]) for row in made["train"] if row["window_start"][0] > 1} == {
        202
    }
    assert (
        max(len(row["event_item_id"]) for row in made["train"] if not row["window_start"][0]) <= 201
    )
    assert (
        max(len(row["event_item_id"]) for split in ("valid", "test") for row in made[split]) == 202
    )


def _events(row: dict[str, Any]) -> list[tuple[str, str, int]]:
    events = zip(row["event_item_id"], row["event_timestamp"])
    return [(row["user_id"][0], item, time) for item, time in events]


def _judge(path: pathlib.Path, folder: pathlib.Path) -> HeldOut:
    subprocess.run(
        [sys.executable, str(JUDGE), str(path), str(folder)], check=True, capture_output=True
    )
    rows = {
        split: [line.split("\t") for line in (folder / f"{split}.tsv").read_text().splitlines()]
        for split in ("train", "valid", "test")
    }
    return {split: sorted((u, i, int(t)) for u, i, t in found) for split, found in rows.items()}


def _by_rule(path: pathlib.Path) -> HeldOut:
    """Per user by time, then file order (stable sort): the last tests, the one before validates."""
    users = defaultdict(list)
    for line in path.read_text().splitlines()[1:]:
        user, item, _, time = line.split("\t")
        users[user].append((user, item, int(time)))
    found: HeldOut = {"train": [], "valid": [], "test": []}
    for events in users.values():
        *train, valid, test = sorted(events, key=lambda event: event[2])
        found["train"] += train
        found["valid"].append(valid)
        found["test"].append(test)
    return {split: sorted(targets) for split, targets in found.items()}
