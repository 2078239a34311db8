"""Requests of `recsys recommend`: a user's whole history, and what came before the window."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

import pytest

from modules import config, features, repeats, request_arrays, requests
from pipeline import request_example, runs
from tests import examples, held_out
from tests.pipeline import fake_run

OPTIONS = config.Features(max_history=3, repeat_history=10, repeat_items=2)
# of the newest ten events, six come before the window
HISTORY = ["x", "x", "a", "b", "a", "a", "c", "b", "d", "e", "f", "g"]
ALLOWED, EXCLUDED = (repeats.resolved(examples.data(), allow=allow) for allow in (True, False))


def _run(folder: pathlib.Path, histories: dict[str, Sequence[str]], **last: Any) -> runs.Run:
    """Examples of users; `last` replaces features of the test requests."""
    rows = held_out.splits(histories, ["a"], max_history=OPTIONS.max_history)
    rows["test"] = [{**row, **last} for row in rows["test"]]
    return fake_run.make(folder, rows, {})


def _texts(values: Sequence[bytes]) -> str:
    return " ".join(value.decode() for value in values)


def _request(
    history: requests.RawExample, data: config.Data = ALLOWED, **given: Any
) -> requests.RawExample:
    options = {"at": 5, "exclude": ("z",), "exclude_seen": False, **given}
    at, exclude, exclude_seen = options["at"], options["exclude"], options["exclude_seen"]
    return request_example.request(history, data, OPTIONS, at, exclude, exclude_seen=exclude_seen)


def test_the_whole_history_of_a_user(tmp_path: pathlib.Path) -> None:
    run = _run(tmp_path, {"anna": HISTORY, "anna2": ["b"] * 9})
    found = request_example.of_user(run, "anna", ALLOWED)
    assert _texts(found[features.EVENT_ITEM_ID]) == _texts([i.encode() for i in HISTORY])
    assert found[features.EVENT_TIMESTAMP] == [
        held_out.START + n * held_out.STEP for n in range(len(HISTORY))
    ]
    assert len(found["event_rating"]) == len(found["context_device"]) == len(HISTORY)
    assert set(found[features.SEEN_ITEM_ID]) == {item.encode() for item in HISTORY}
    assert found["user_gender"] == [b"F"]


def test_the_latest_window_is_enough_where_repeats_are_left_out(tmp_path: pathlib.Path) -> None:
    run = _run(tmp_path, {"anna": HISTORY})
    found = request_example.of_user(run, "anna", EXCLUDED)
    assert _texts(found[features.EVENT_ITEM_ID]) == "b d e f g"  # of the test request: L + 2
    assert set(found[features.SEEN_ITEM_ID]) == {item.encode() for item in HISTORY}
    assert features.EARLIER_ITEM_ID not in _request(found, EXCLUDED)


def test_the_rest_of_the_last_basket_is_part_of_it(tmp_path: pathlib.Path) -> None:
    run = _run(tmp_path, {"anna": HISTORY}, target_item_id=["g", "h", "a"])
    found = request_example.of_user(run, "anna", ALLOWED)
    assert _texts(found[features.EVENT_ITEM_ID][-4:]) == "f g h a"
    last = held_out.START + 11 * held_out.STEP
    assert found[features.EVENT_TIMESTAMP][-4:] == [last - held_out.STEP, last, last, last]
    assert found["context_device"][-3:] == [b"app", b"", b""]
    assert b"h" in found[features.SEEN_ITEM_ID]


def test_what_came_before_the_window(tmp_path: pathlib.Path) -> None:
    run = _run(tmp_path, {"anna": HISTORY})
    made = _request(request_example.of_user(run, "anna", ALLOWED))
    arrays = request_arrays.from_examples([made], ALLOWED, OPTIONS.max_history)
    assert _texts(arrays[features.EVENT_ITEM_ID][0]) == "d e f g"
    # a b a a c b of the events 2 to 7
    assert _texts(arrays[features.EARLIER_ITEM_ID][0]) == "a b"
    assert arrays[features.EARLIER_COUNT].tolist() == [[3, 2]]
    start, step = held_out.START, held_out.STEP
    assert arrays[features.EARLIER_FIRST].tolist() == [[start + 2 * step, start + 3 * step]]
    assert arrays[features.EARLIER_LAST].tolist() == [[start + 5 * step, start + 7 * step]]


def test_events_without_times_are_counted_back_from_the_window() -> None:
    data = repeats.resolved(examples.timeless(), allow=True)
    history = request_example.made_up(data, [(item, None) for item in HISTORY], None)
    made = _request(history, data)
    assert _texts(made[features.EARLIER_ITEM_ID] and [b"a", b"b"]) == "a b"
    assert made[features.EARLIER_FIRST] == [-6, -5] and made[features.EARLIER_LAST] == [-3, -1]


@pytest.mark.parametrize("data", [ALLOWED, EXCLUDED], ids=["allow", "exclude"])
@pytest.mark.parametrize(("exclude_seen", "excluded"), [(True, "b a b z"), (False, "z")])
def test_what_is_excluded(data: config.Data, exclude_seen: bool, excluded: str) -> None:
    history = request_example.made_up(data, [("b", 1), ("a", 2), ("b", 3)], None)
    made = _request(history, data, exclude_seen=exclude_seen)
    assert _texts(request_arrays.excluded(made, data)) == excluded
