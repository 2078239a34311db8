"""The exported file: whose lists, in which order, and never half of it."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess
import sys

import pytest

from modules import lineage, release, repeats
from pipeline import export_predictions
from pipeline.report import sources
from tests import fake_rank, fake_recall, held_out, small_release
from tests.pipeline import fake_run

ITEMS = [f"item{n}" for n in range(40)]
K = 10


@pytest.fixture(scope="module")
def histories() -> dict[str, list[str]]:
    walks = fake_recall.walks(70, len(ITEMS), 8)
    return {f"user{u}": [ITEMS[n] for n in walk] for u, walk in enumerate(walks)}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, histories: dict[str, list[str]]) -> pathlib.Path:
    """A run whose model walks the circle forwards; the pushed one, of an earlier run, backwards."""
    folder = tmp_path_factory.mktemp("runs")
    rows = held_out.splits(histories, ITEMS, max_history=4)
    later = rows["valid"][0]
    number = len(later["event_item_id"])
    rows["valid"].append(
        {
            **later,
            "event_timestamp": [0] * number,
            "event_item_id": ["item30"] * number,
            "seen_item_id": ["item30"],
        }
    )
    model = folder / "model"
    fake_recall.save(
        model / "Format-Serving",
        fake_run.configuration().data,
        ITEMS,
        fake_recall.cycle(len(ITEMS)),
        k=K,
    )
    run = fake_run.make(folder, rows, {("Indexer", "model"): model})
    fake_recall.save(
        run.serving / "recall" / "3",
        fake_run.configuration().data,
        ITEMS,
        -fake_recall.cycle(len(ITEMS)),
        k=K,
    )
    return folder


CFG = fake_run.configuration(features={"max_history": 4})


def _read(path: pathlib.Path) -> dict[str, list[str]]:
    return {
        line.split("\t")[0]: line.split("\t")[1].split() for line in path.read_text().splitlines()
    }


def test_test_lists_go_on_from_the_validation_event(
    root: pathlib.Path, histories: dict[str, list[str]], tmp_path: pathlib.Path
) -> None:
    output = tmp_path / "deep" / "test.tsv"
    assert export_predictions.export(CFG, root, "recall", "test", output) == len(histories)
    found = _read(output)
    for user, items in histories.items():
        history, last = items[:-1], ITEMS.index(items[-2])
        ahead = [ITEMS[(last + step) % len(ITEMS)] for step in range(1, len(ITEMS))]
        assert found[user] == [item for item in ahead if item not in history][:K]
    assert [p.name for p in output.parent.iterdir()] == ["test.tsv"]


def test_the_judge_accepts_the_file(
    root: pathlib.Path, histories: dict[str, list[str]], tmp_path: pathlib.Path
) -> None:
    judge = pathlib.Path(__file__).resolve().parents[3] / "shared/judge/evaluate.py"
    if not judge.exists():
        pytest.skip("no ../shared/judge beside this checkout")
    for name, cut in (("train", slice(0, -2)), ("valid", slice(-2, -1)), ("test", slice(-1, None))):
        (tmp_path / f"{name}.tsv").write_text(
            "".join(
                f"{user}\t{item}\t0\n" for user, items in histories.items() for item in items[cut]
            )
        )
    export_predictions.export(CFG, root, "recall", "test", tmp_path / "predictions.tsv")
    judged = json.loads(
        subprocess.run(
            [
                sys.executable,
                str(judge),
                str(tmp_path),
                str(tmp_path / "predictions.tsv"),
                "--ks",
                str(K),
                "--json",
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    assert judged["HR@10"] == 1.0 and judged["users"] == 70  # the walks make steps of at most 3
    faults = ("seen_in_lists", "short_lists", "duplicates", "missing_users")
    assert {name: judged[name] for name in faults} == dict.fromkeys(faults, 0)


def test_of_several_requests_the_first_is_answered(
    root: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """`root` holds a second, earlier request of user0, after item30 only."""
    assert export_predictions.export(CFG, root, "recall", "valid", tmp_path / "valid.tsv") == 70
    assert _read(tmp_path / "valid.tsv")["user0"][:2] == ["item31", "item32"]


def test_seen_items_stay_where_the_run_allows_repeats(tmp_path: pathlib.Path) -> None:
    """The configuration leaves it open, and the examples say it: the circle's list holds them."""
    data = repeats.resolved(CFG.data, allow=True)
    model = tmp_path / "model"
    number = 8  # items on the circle, of which the user's last events are the last ones
    fake_recall.save(
        model / "Format-Serving", data, ITEMS[:number], fake_recall.cycle(number), k=number - 1
    )
    rows = held_out.splits({"u": ITEMS[2:number]}, ITEMS[:number], 4)
    for row in (*rows["train"], *rows["valid"], *rows["test"]):
        row["repeats_allowed"] = 1
    fake_run.make(tmp_path, rows, {("Indexer", "model"): model})
    assert export_predictions.export(CFG, tmp_path, "recall", "test", tmp_path / "test.tsv") == 1
    # after item6, the last event before the test's: all but item6 itself, the circle's last
    assert _read(tmp_path / "test.tsv")["u"] == [f"item{n}" for n in (7, 0, 1, 2, 3, 4, 5)]


def test_the_answering_model_is_named(
    histories: dict[str, list[str]], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model"
    fake_recall.save(model / "Format-Serving", CFG.data, ITEMS, fake_recall.cycle(len(ITEMS)), k=K)
    some = dict(list(histories.items())[:3])
    fake_run.make(tmp_path, held_out.splits(some, ITEMS, 4), {("Indexer", "model"): model})
    assert export_predictions.export(CFG, tmp_path, "recall", "test", tmp_path / "test.tsv") == 3
    assert str(model) in capsys.readouterr().out


def test_an_id_with_a_space_is_refused_and_nothing_is_written(tmp_path: pathlib.Path) -> None:
    items = ["a b", *ITEMS[1:6]]
    model = tmp_path / "model"
    fake_recall.save(model / "Format-Serving", CFG.data, items, fake_recall.cycle(6), k=3)
    fake_run.make(
        tmp_path, held_out.splits({"u": items[3:]}, items, 4), {("Indexer", "model"): model}
    )
    (tmp_path / "out").mkdir()
    with pytest.raises(export_predictions.ExportError, match="'a b' holds a space"):
        export_predictions.export(CFG, tmp_path, "recall", "test", tmp_path / "out" / "test.tsv")
    assert list((tmp_path / "out").iterdir()) == []


def _two_stages(
    folder: pathlib.Path, histories: dict[str, list[str]], rank: lineage.Lineage
) -> None:
    """A run of three users, whose rank model turns recall's order round."""
    models = {"Indexer": folder / "recall", "RankTrainer": folder / "rank"}
    scores = fake_recall.cycle(len(ITEMS))
    fake_recall.save(models["Indexer"] / "Format-Serving", CFG.data, ITEMS, scores, k=K)
    fake_rank.save(models["RankTrainer"] / "Format-Serving", CFG.data, {}, weight=-1.0)
    for name, made_of in (("Indexer", small_release.LINEAGE), ("RankTrainer", rank)):
        lineage.write(str(models[name] / "Format-Serving"), made_of)
    some = dict(list(histories.items())[:3])
    fake_run.make(
        folder, held_out.splits(some, ITEMS, 4), {(name, "model"): p for name, p in models.items()}
    )


def test_two_stages_order_all_that_recall_found(
    histories: dict[str, list[str]], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _two_stages(tmp_path, histories, small_release.LINEAGE)
    export_predictions.export(CFG, tmp_path, "recall", "test", tmp_path / "recall.tsv")
    assert export_predictions.export(CFG, tmp_path, "two-stage", "test", tmp_path / "both.tsv") == 3
    recall, both = _read(tmp_path / "recall.tsv"), _read(tmp_path / "both.tsv")
    assert both == {user: items[::-1] for user, items in recall.items()}
    assert {len(items) for items in both.values()} == {K}
    assert str(tmp_path / "rank" / "Format-Serving") in capsys.readouterr().out


def test_a_pair_that_does_not_belong_together_is_refused(
    histories: dict[str, list[str]], tmp_path: pathlib.Path
) -> None:
    _two_stages(tmp_path, histories, dataclasses.replace(small_release.LINEAGE, transform="other"))
    with pytest.raises(release.ReleaseError, match="transform other instead of transform1"):
        export_predictions.export(CFG, tmp_path, "two-stage", "test", tmp_path / "test.tsv")


def test_a_run_without_ranking(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with pytest.raises(sources.NotMade, match="RankTrainer has not run in the newest run"):
        export_predictions.export(CFG, root, "two-stage", "test", tmp_path / "test.tsv")


def test_no_run_yet(tmp_path: pathlib.Path) -> None:
    with pytest.raises(sources.NotMade, match="recsys run"):
        export_predictions.export(CFG, tmp_path, "recall", "test", tmp_path / "test.tsv")
