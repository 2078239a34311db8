"""`recsys recommend`: for users of the data and for histories made up, with titles and clear errors."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from pipeline import recommend
from pipeline import run_files
from tests import fake_recall
from tests import held_out
from tests.pipeline import fake_run

ITEMS = [f"item{n}" for n in range(20)]
CFG = fake_run.configuration(features={"max_history": 4})
HISTORIES = {"anna": ITEMS[:8], "ben": ITEMS[10:13]}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A pushed model that recommends the next items of the circle."""
    folder = tmp_path_factory.mktemp("runs")
    rows = held_out.splits(HISTORIES, ITEMS, max_history=4)
    rows["train"].append({**rows["train"][0], "user_id": "trainer"})
    run = fake_run.make(folder, rows, {})
    fake_recall.save(run.serving / "recall" / "1", CFG.data, ITEMS, fake_recall.cycle(len(ITEMS)), k=10)
    return folder


def _ask(root: pathlib.Path, **arguments: Any) -> recommend.Answer:
    return recommend.main(CFG, root, **{"k": 3, **arguments})


def test_a_user_is_answered_after_all_known_events(root: pathlib.Path,
                                                   capsys: pytest.CaptureFixture[str]) -> None:
    """Anna's test event is item7, so item8 is next; the shown window is the last L + 2 = 6 events."""
    answer = _ask(root, user="anna")
    assert [item for item, _ in answer.items] == ["item8", "item9", "item10"]
    assert answer.request_timestamp == held_out.START + 7 * held_out.STEP
    text = capsys.readouterr().out
    assert "Item item8" in text and "1998-04-23" in text and "that of the last event" in text
    assert text.index("Item item7") < text.index("Item item6")  # newest first


def test_seen_items_do_not_come_back(root: pathlib.Path) -> None:
    answer = _ask(root, user="anna", k=10, exclude=("item9",))
    found = {item for item, _ in answer.items}
    assert not found & {*HISTORIES["anna"], "item9"} and len(found) == 10


def test_a_user_who_only_trains_is_known(root: pathlib.Path) -> None:
    assert _ask(root, user="trainer").items[0][0] == "item6"  # after train's item5


def test_a_history_made_up(root: pathlib.Path) -> None:
    events = (("item3", None), ("item4", 1000), ("item5", None))
    answer = _ask(root, history=events, profile={"age": "24"}, at=2000)
    assert [item for item, _ in answer.items] == ["item6", "item7", "item8"]
    assert answer.history == (("item3", 1000), ("item4", 1000), ("item5", 2000))


def test_no_history_at_all(root: pathlib.Path) -> None:
    answer = _ask(root, history=())
    assert len(answer.items) == 3 and "is now" in answer.notes[0]


def test_json(root: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    _ask(root, user="ben", as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["recommendations"][0]["title"] == "Item item13" and found["recommendations"][0]["rank"] == 1
    assert [event["item_id"] for event in found["history"]] == HISTORIES["ben"]


def test_unknown_items_are_counted(root: pathlib.Path) -> None:
    answer = _ask(root, history=(("nothing", 1), ("nowhere", 1), ("item4", 2)), at=3)
    assert answer.items[0][0] == "item5"
    (note,) = answer.notes
    assert note == "ids that are not in the catalogue, taken as unknown items: 2 (nothing, nowhere)."


def test_a_request_before_the_last_event_is_pointed_out(root: pathlib.Path) -> None:
    assert "lies before the last event" in _ask(root, user="anna", at=0).notes[0]


@pytest.mark.parametrize("arguments,message", [
    ({"user": "nobody"}, "no user 'nobody'"),
    ({"history": (), "profile": {"aeg": "3"}}, "unknown column 'aeg'. Did you mean 'age'?"),
    ({"history": (), "profile": {"age": "old"}}, "age=old, expected a number"),
    ({"history": (), "profile": {"taste": "1 2 3"}}, "taste has 3 numbers, expected 2"),
    ({"user": "anna", "k": 11}, "at most 10 items"),
])
def test_errors(root: pathlib.Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(recommend.RecommendError) as error:
        _ask(root, **arguments)
    assert message in str(error.value)


def test_nothing_pushed(tmp_path: pathlib.Path) -> None:
    with pytest.raises(run_files.NoModel, match="no model has been pushed"):
        _ask(tmp_path, user="anna")
