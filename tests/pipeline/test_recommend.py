"""`recsys recommend`: for the data's users and made-up histories, by one or two stages, and why."""

from __future__ import annotations

import json
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from modules import lineage, release, strict
from pipeline import answer, recommend, release_writer, request_example, runs
from tests import fake_rank, fake_recall, held_out, small_release
from tests.pipeline import fake_run

ITEMS = [f"item{n}" for n in range(20)]
CFG = fake_run.configuration(features={"max_history": 4})
HISTORIES = {"anna": ITEMS[:8], "ben": ITEMS[10:13]}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A release of recall alone, and then one with a rank model.

    Recall says the next items of the circle with 0, -1, ...; the rank model moves item10 and
    item14 up by 1.5 and 2.25.
    """
    folder = tmp_path_factory.mktemp("runs")
    rows = held_out.splits(HISTORIES, ITEMS, max_history=4)
    rows["train"].append({**rows["train"][0], "user_id": "trainer"})
    run = fake_run.make(folder, rows, {})
    circle = fake_recall.cycle(len(ITEMS))
    models = {
        "recall": fake_recall.save(folder / "recall", CFG.data, ITEMS, circle, k=10),
        "rank": fake_rank.save(
            folder / "rank",
            CFG.data,
            {"item10": 1.5, "item14": 2.25},
            counted=("user_age", "request_battery"),
        ),
    }
    for path in models.values():
        lineage.write(path, small_release.LINEAGE)
    small_release.push(run.serving, {"recall": models["recall"]}, small_release.facts())
    small_release.push(run.serving, models, small_release.facts())
    return folder


@pytest.fixture
def recall_alone(root: pathlib.Path) -> Iterator[pathlib.Path]:
    """The same, with the release of recall in force."""
    serving = runs.Run(root, fake_run.NAME).serving
    before, _ = release_writer.switch(serving)
    yield root
    release_writer.switch(serving, before)


def _ask(root: pathlib.Path, **arguments: Any) -> answer.Answer:
    return recommend.main(CFG, root, **{"k": 3, "stage": "recall", **arguments})


def _ids(found: answer.Answer) -> list[str]:
    return [item.item_id for item in found.items]


def test_two_stages_are_the_default(root: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After item7: item8 0, item9 -1, item10 -2 + 1.5."""
    found = _ask(root, user="anna", stage=None)
    assert found.stage == "two-stage" and _ids(found) == ["item8", "item10", "item9"]
    assert found.items[1] == answer.Item(
        "item10", recall_rank=3, recall_score=-2.0, rank_score=-0.5
    )
    assert _ask(root, user="anna", stage="two-stage").items == found.items
    out = capsys.readouterr().out
    rows = [line.split() for line in out.splitlines()]
    assert ["#", "item", "title", "rank", "score", "recall", "rank", "recall", "score"] in rows
    assert ["2", "item10", "Item", "item10", "-0.5000", "3", "-2.0000"] in rows
    assert (
        f"Release {found.found.id}, stage two-stage: {found.found.recall} and {found.found.rank}"
        in out
    )


def test_what_moved_each_item(root: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = _ask(root, user="anna", stage=None, explain=True)
    assert found.items[1].effects == {"recall_score": -2.0, "item": 1.5}
    lines = capsys.readouterr().out.splitlines()
    (row,) = [line for line in lines if "-0.5000" in line]
    assert row.endswith("-2.0000       recall_score -2.00, item +1.50")
    (row,) = [line for line in lines if line.split()[:2] == ["1", "item8"]]
    assert row.endswith("0.0000")  # nothing moved it


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        ({"user": "anna"}, 1),  # the request's context is never known
        ({"history": (("item7", 1),), "at": 2}, 2),
        ({"history": (("item7", 1),), "profile": {"age": "3"}}, 1),
    ],
)
def test_missing_inputs_are_shown(
    root: pathlib.Path, capsys: pytest.CaptureFixture[str], arguments: dict[str, Any], missing: int
) -> None:
    found = _ask(root, stage=None, **arguments)
    assert found.missing_inputs == missing == found.to_json()["missing_inputs"]
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "missing_inputs" in line]
    assert line == (
        f"Note: missing_inputs: {missing}; so many values of the profile and of the request's "
        "context are missing or unknown to the rank model, which takes the columns' defaults."
    )


def test_recall_alone_does_not_say_what_is_missing(
    root: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _ask(root, user="anna", stage="recall").missing_inputs is None
    assert "missing_inputs" not in capsys.readouterr().out


def test_json_of_two_stages(root: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = _ask(root, user="anna", stage=None, explain=True, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["release"], told["stage"]) == (found.found.id, "two-stage")
    assert told["models"] == {"recall": str(found.found.recall), "rank": str(found.found.rank)}
    assert told["recommendations"][1] == {
        "rank": 2,
        "item_id": "item10",
        "title": "Item item10",
        "recall_rank": 3,
        "recall_score": -2.0,
        "rank_score": -0.5,
        "times_before": 0,
        "effects": {"recall_score": -2.0, "item": 1.5},
    }


def test_recall_alone_answers(
    recall_alone: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = _ask(recall_alone, user="anna", stage=None)
    assert found.stage == "recall" and _ids(found) == ["item8", "item9", "item10"]
    assert "rank score" not in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [{"stage": "two-stage"}, {"stage": None, "explain": True}])
def test_recall_alone_has_no_second_stage(
    recall_alone: pathlib.Path, arguments: dict[str, Any]
) -> None:
    with pytest.raises(
        request_example.RequestError, match=r"--\S.*: release \d+ holds recall alone"
    ):
        _ask(recall_alone, user="anna", **arguments)


def test_a_damaged_release_does_not_answer(root: pathlib.Path) -> None:
    found = release.in_force(runs.Run(root, fake_run.NAME).serving)
    assert found.rank is not None
    path = found.rank / "assets.extra" / "rank.json"
    content = path.read_bytes()
    try:
        path.write_bytes(content[:-1])
        with pytest.raises(release.ReleaseError, match="it was cut off or changed"):
            _ask(root, user="anna")
    finally:
        path.write_bytes(content)


def test_a_model_of_before_there_were_releases_answers(
    root: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    run = fake_run.make(tmp_path, held_out.splits(HISTORIES, ITEMS, max_history=4), {})
    shutil.copytree(root / "recall", run.serving / "recall" / "1")
    found = _ask(tmp_path, user="anna", stage=None)
    assert _ids(found) == ["item8", "item9", "item10"] and found.found.id == 1
    assert "could not be checked" in found.notes[-1]


def test_a_user_is_answered_after_all_known_events(
    root: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Anna's test event is item7, so item8 is next; the window shows the last L + 2 = 6 events."""
    found = _ask(root, user="anna")
    assert _ids(found) == ["item8", "item9", "item10"]
    assert found.request_timestamp == held_out.START + 7 * held_out.STEP
    text = capsys.readouterr().out
    assert "Item item8" in text and "1998-04-23" in text and "that of the last event" in text
    assert text.index("Item item7") < text.index("Item item6")  # newest first


def test_seen_items_do_not_come_back(root: pathlib.Path) -> None:
    found = set(_ids(_ask(root, user="anna", k=10, exclude=("item9",))))
    assert not found & {*HISTORIES["anna"], "item9"} and len(found) == 10


def test_a_user_who_only_trains_is_known(root: pathlib.Path) -> None:
    assert _ids(_ask(root, user="trainer"))[0] == "item6"  # after train's item5


def test_a_history_made_up(root: pathlib.Path) -> None:
    events = (("item3", None), ("item4", 1000), ("item5", None))
    found = _ask(root, history=events, profile={"age": "24"}, at=2000)
    assert _ids(found) == ["item6", "item7", "item8"]
    assert found.history == (("item3", 1000), ("item4", 1000), ("item5", 2000))


def test_no_history_at_all(root: pathlib.Path) -> None:
    found = _ask(root, history=())
    assert len(found.items) == 3 and "is now" in found.notes[0]


def test_json(root: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    _ask(root, user="ben", as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert (
        found["recommendations"][0]["title"] == "Item item13"
        and found["recommendations"][0]["rank"] == 1
    )
    assert [event["item_id"] for event in found["history"]] == HISTORIES["ben"]


def test_unknown_items_are_counted(root: pathlib.Path) -> None:
    found = _ask(root, history=(("nothing", 1), ("nowhere", 1), ("item4", 2)), at=3)
    assert _ids(found)[0] == "item5"
    (note,) = found.notes
    assert (
        note == "ids that are not in the catalogue, taken as unknown items: 2 (nothing, nowhere)."
    )


def test_a_request_before_the_last_event_is_pointed_out(root: pathlib.Path) -> None:
    assert "lies before the last event" in _ask(root, user="anna", at=0).notes[0]


def test_an_unknown_user(root: pathlib.Path) -> None:
    with pytest.raises(request_example.RequestError, match="no user 'nobody'"):
        _ask(root, user="nobody")


@pytest.mark.parametrize(
    "arguments,message",
    [
        ({"history": (), "profile": {"aeg": "3"}}, "unknown column 'aeg'. Did you mean 'age'?"),
        ({"history": (), "profile": {"age": "old"}}, "age=old, expected a number"),
        ({"history": (), "profile": {"taste": "1 2 3"}}, "taste has 3 numbers, expected 2"),
        ({"user": "anna", "k": 11}, "at most 10 items"),
        ({"user": "anna", "explain": True}, "leave --stage recall out"),
    ],
)
def test_wrong_arguments(root: pathlib.Path, arguments: dict[str, Any], message: str) -> None:
    """Like those that are seen without looking into the run: the command line's exit code is 2."""
    with pytest.raises(strict.ConfigError) as error:
        _ask(root, **arguments)
    assert message in str(error.value)


def test_nothing_pushed(tmp_path: pathlib.Path) -> None:
    with pytest.raises(release.NoRelease, match="no release has been pushed"):
        _ask(tmp_path, user="anna")
