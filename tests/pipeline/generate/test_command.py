"""`recsys dataset generate`: data that a run takes, and what the best ranking reaches on them."""

from __future__ import annotations

import json
import math
import pathlib
from typing import Any

import numpy as np
import pytest

from modules import config, strict
from modules.beam import check
from modules.generator import shape
from pipeline import cli, configuration
from pipeline.generate import command

OF = shape.Shape(
    events=3_000, users=150, items=1_000, categories=10, part_events=1_000, judged=120, hot_user=100
)
DIRECT = config.Runner()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    made = tmp_path_factory.mktemp("generated")
    command.main(OF, str(made), form="parquet", name="made-up", runner=DIRECT)
    return made


def _bytes(folder: pathlib.Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def _rows(folder: pathlib.Path, name: str) -> list[list[str]]:
    text = (folder / "oracle" / f"{name}.tsv").read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines()]


def test_the_configuration_is_taken_as_it_is_and_nothing_is_wrong_with_the_data(folder):
    cfg = configuration.load(str(folder / command.CONFIG))
    assert (cfg.name, cfg.data.repeats) == ("made-up", "exclude")
    assert cfg.features.crosses[0].features == ("user_age", "item_category")
    found = check.check(cfg.data, cfg.split, cfg.features, cfg.ranking.hold_out)
    assert not found.problems["groups"]
    assert (found.summary["events"], found.summary["users"]) == (3_000, 151)
    assert found.summary["items"] == 1_000


def test_attainable_is_what_an_evaluator_finds(folder):
    """Computed again from the files alone: full ranking, seen items excluded, the last event."""
    found = json.loads((folder / "attainable.json").read_text())
    assert (found["seen_items"], found["judged_users"], found["users"]) == ("excluded", 120, 150)
    held_out = {user: item for user, item, _ in _rows(folder, "test")}
    seen: dict[str, set[str]] = {user: set() for user in held_out}
    for name in ("train", "valid"):
        for user, item, _ in _rows(folder, name):
            seen[user].add(item)
    lists = {user: items.split(" ") for user, items in _rows(folder, "predictions")}
    assert lists.keys() == held_out.keys() and len(lists) == 120
    assert all(
        len(set(items)) == 200 and not seen[user] & set(items) for user, items in lists.items()
    )
    ranks = [lists[u].index(i) + 1 if i in lists[u] else math.inf for u, i in held_out.items()]
    gains = np.array([1 / math.log2(rank + 1) if rank <= 10 else 0.0 for rank in ranks])
    assert found["realised"]["NDCG@10"]["mean"] == pytest.approx(gains.mean())
    error = gains.std(ddof=1) / math.sqrt(120)
    assert found["realised"]["NDCG@10"]["error"] == pytest.approx(error)
    hits = np.mean([rank <= 200 for rank in ranks])
    assert found["realised"]["HR@200"]["mean"] == pytest.approx(hits)
    assert abs(found["expected"]["NDCG@10"]["mean"] - gains.mean()) < 5 * error


def test_the_split_of_the_oracle_is_that_of_a_run(folder):
    """The last event tests, the one before validates, and all of them are events of the table."""
    from pyarrow import parquet

    events: dict[str, list[tuple[int, str]]] = {}
    for row in parquet.read_table(folder / "events").to_pylist():
        events.setdefault(row["user_id"], []).append((row["timestamp"], row["item_id"]))
    for name, place in (("valid", -2), ("test", -1)):
        for user, item, when in _rows(folder, name):
            assert sorted(events[user])[place] == (int(when), item)
    numbers = [len(_rows(folder, name)) for name in ("train", "valid", "test")]
    assert sum(numbers) == sum(len(events[user]) for user, _, _ in _rows(folder, "test"))


def test_two_workers_write_the_same_bytes(folder, tmp_path):
    two = config.Runner(kind="multi_process", workers=2)
    command.main(OF, str(tmp_path / "x"), form="parquet", name="made-up", runner=two)
    assert _bytes(tmp_path / "x") == _bytes(folder)


def test_another_seed_is_other_data(folder, tmp_path):
    other = shape.Shape(**{**OF.given(), "seed": 2})
    command.main(other, str(tmp_path), form="parquet", name="made-up", runner=DIRECT)
    mine, others = _bytes(folder), _bytes(tmp_path)
    assert mine.keys() == others.keys()
    assert all(mine[name] != others[name] for name in mine)


def test_csv_with_repeats_and_a_hot_item(tmp_path, capsys):
    of = shape.Shape(events=2_000, users=100, items=1_000, repeats=0.2, hot_item=0.3)
    command.main(of, str(tmp_path), form="csv", name="again", runner=DIRECT)
    said = capsys.readouterr().out
    assert "2,000 events of 100 users and 1,000 items in 90 days" in said
    assert "on the last events of 100 of 100 users, seen items kept" in said
    assert f"Next: recsys run --config {tmp_path}/dataset.yaml" in said
    cfg = configuration.load(str(tmp_path / command.CONFIG))
    assert cfg.data.repeats == "allow"
    check.check(cfg.data, cfg.split, cfg.features, cfg.ranking.hold_out)
    first = {items.split(" ")[0] for _, items in _rows(tmp_path, "predictions")}
    assert first == {"i999"}  # the hot item leads every list


def test_a_folder_with_files_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(strict.ConfigError) as caught:
        command.main(OF, str(tmp_path), form="csv", name="made-up", runner=DIRECT)
    assert "--out:" in str(caught.value) and "mine.txt; expected a new or empty" in str(
        caught.value
    )
    assert [f.name for f in tmp_path.iterdir()] == ["mine.txt"]


def test_dataflow_writes_to_a_url(tmp_path):
    remote = config.Runner(kind="dataflow", options=("--project=p",))
    with pytest.raises(strict.ConfigError, match=r"--out: found .* expected a URL like gs://"):
        command.main(OF, str(tmp_path), form="csv", name="made-up", runner=remote)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    out = str(tmp_path / "file" / "shop")
    with pytest.raises(command.GenerateFailed) as caught:
        command.main(OF, out, form="csv", name="made-up", runner=DIRECT)
    first, second = str(caught.value).splitlines()
    assert first.startswith(f"{out}: ") and first.endswith(
        f"Not a directory: '{tmp_path}/file/shop'"
    )
    assert second == "What is there is not complete; delete it, and generate again."


def test_arguments(monkeypatch: pytest.MonkeyPatch):
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(command, "main", lambda *args, **kwargs: calls.append((args, kwargs)))
    words = "--out there --events 9000 --users 300 --zipf 1.2 --hot-user 50 --format csv"
    words += " --name mine -o runner.kind=multi_process"
    assert cli.main(["dataset", "generate", *words.split()]) == 0
    (of, folder), options = calls[0]
    expected = shape.Shape(events=9_000, users=300, zipf=1.2, hot_user=50)
    assert (of, folder) == (expected, "there")
    assert options["runner"].kind == "multi_process"
    assert (options["form"], options["name"]) == ("csv", "mine")


def test_contradictory_arguments_are_a_usage_error(capsys):
    words = ["--out", "there", "--events", "10", "--users", "9"]
    assert cli.main(["dataset", "generate", *words]) == cli.EXIT_USAGE
    assert "recsys: --events: found 10, of which 10 are for 9 users" in capsys.readouterr().err
    assert not pathlib.Path("there").exists()
