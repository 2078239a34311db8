"""The models' inputs are those of the examples that the models learned from."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from modules import config, features, repeats, request_arrays, strict
from modules.beam import histories
from serving.gateway import columns, users, wire
from serving.history import store
from tests.serving import small_serving

TIME = small_serving.DATA.events.column_with("timestamp")
BASE = 1_700_000_000
OPTIONS = config.Features(max_history=3, repeat_history=12, repeat_items=2)
# 18 events, of which the newest 12 count; the models see four of them one by one
HISTORY = list("xxxxxxcabaadbcabdc")


def _columns(*, timeless: bool, allow: bool) -> columns.Columns:
    plain = strict.to_plain(repeats.resolved(small_serving.DATA, allow=allow))
    if timeless:
        plain["events"]["columns"][TIME] = {"from": "file_order"}
    about = dataclasses.replace(
        small_serving.ABOUT,
        data=strict.read(config.Data, plain),
        max_history=OPTIONS.max_history,
        repeat_history=OPTIONS.repeat_history,
        repeat_items=OPTIONS.repeat_items,
    )
    return columns.Columns(about)


def _of_example_gen(declared: columns.Columns, items: list[str]) -> dict[str, np.ndarray]:
    """The arrays of the test request after `items`, as ExampleGen and the evaluators make them."""
    data = declared.about.data
    rows = [
        (BASE + 7 * n, ("e", n), item, (float(n % 5), "app"))
        for n, item in enumerate([*items, "?"])
    ]
    split = config.Split(method="leave_one_out")
    make = histories.MakeWindows(data, split, OPTIONS)
    found = make.process(
        ("u", {histories.EVENTS: rows, histories.USERS: [(("u", 0), (36.0, "F", ("tea",)))]}),
        data.allows_repeats,
    )
    (example,) = [f.value for f in found if getattr(f, "tag", None) == features.SPLIT_TEST]
    example = {name: [_raw(value) for value in values] for name, values in example.items()}
    return request_arrays.from_examples([example], data, OPTIONS.max_history)


def _raw(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


def _of_gateway(declared: columns.Columns, items: list[str], **ask: Any) -> dict[str, np.ndarray]:
    """The same of what the store has; without times, some events came after those of training."""
    late = len(items) - 2 if not declared.has_times else len(items)
    events = tuple(
        store.Event(
            f"e{n}",
            item,
            (BASE + 7 * n if declared.has_times else n) if n < late else BASE,
            {"rating": float(n % 5), "device": "app"},
        )
        for n, item in enumerate(items)
    )
    asking = wire.Recommend(timestamp=BASE + 7 * len(items) if declared.has_times else None, **ask)
    profile = {"age": 36, "gender": "F", "interests": ["tea"]}
    person = users.Person(True, profile, {"device": "app"}, events)
    return declared.arrays(person.asked(asking, declared))


@pytest.mark.parametrize("timeless", [False, True], ids=["times", "timeless"])
@pytest.mark.parametrize("allow", [False, True], ids=["exclude", "allow"])
@pytest.mark.parametrize("length", [3, 5, 9, 18])
def test_the_gateway_sends_what_the_models_learned_from(
    timeless: bool, allow: bool, length: int
) -> None:
    declared = _columns(timeless=timeless, allow=allow)
    items = HISTORY[:length]
    expected, sent = _of_example_gen(declared, items), _of_gateway(declared, items)
    assert expected.keys() == sent.keys()
    if not allow:  # in the order of the newest, with padding
        kept = sent.pop(columns.EXCLUDE_ITEM_ID)[0]
        assert set(expected.pop(columns.EXCLUDE_ITEM_ID)[0]) == set(kept) - {b""}
    for name, array in expected.items():
        whole = sent[name]
        if array.ndim == 2:
            whole, rest = np.split(whole, [array.shape[1]], axis=1)
            assert not any(rest[rest == rest].tolist())  # padding: "", 0 or NaN
        np.testing.assert_array_equal(whole, array, err_msg=name)


def test_what_came_before_the_window_by_hand() -> None:
    """Of c a b a a d b c | a b d c: the two that came most often, then last."""
    sent = _of_gateway(_columns(timeless=True, allow=True), HISTORY)
    assert sent[features.EVENT_ITEM_ID].tolist() == [[b"a", b"b", b"d", b"c"]]
    assert sent[features.EARLIER_ITEM_ID].tolist() == [[b"a", b"c"]]
    assert sent[features.EARLIER_COUNT].tolist() == [[3, 2]]
    assert sent[features.EARLIER_FIRST].tolist() == [[-7, -8]]
    assert sent[features.EARLIER_LAST].tolist() == [[-4, -1]]
    timed = _of_gateway(_columns(timeless=False, allow=True), HISTORY)
    assert timed[features.EARLIER_FIRST].tolist() == [[BASE + 7 * 7, BASE + 7 * 6]]
    assert timed[features.EARLIER_LAST].tolist() == [[BASE + 7 * 10, BASE + 7 * 13]]


def test_widths_do_not_depend_on_the_request() -> None:
    for allow in (False, True):
        declared = _columns(timeless=False, allow=allow)
        shapes = [
            {name: array.shape for name, array in _of_gateway(declared, items).items()}
            for items in ([], HISTORY)
        ]
        assert shapes[0] == shapes[1]
        earlier = [shape for name, shape in shapes[0].items() if name.startswith("earlier_")]
        assert earlier == ([(1, 2)] * 4 if allow else [])


@pytest.mark.parametrize(
    ("allow", "exclude_seen", "excluded"),
    [
        (True, None, {b"z"}),
        (True, False, {b"z"}),
        (True, True, {b"a", b"b", b"z"}),
        (False, None, {b"a", b"b", b"z"}),
        (False, True, {b"a", b"b", b"z"}),
        (False, False, {b"z"}),
    ],
)
def test_what_is_excluded(allow: bool, exclude_seen: bool | None, excluded: set[bytes]) -> None:
    declared = _columns(timeless=False, allow=allow)
    sent = _of_gateway(declared, ["a", "b", "a"], exclude_seen=exclude_seen, exclude=["z"])
    assert set(sent[columns.EXCLUDE_ITEM_ID][0]) - {b""} == excluded
