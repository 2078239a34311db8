"""What ExampleGen makes of users who come back to the same items, by hand."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from modules import config, features, strict
from tests import tables

# of 12 users: "a" once more and then b to f, or b to g; with leave one out, all but the last two
# events train: 4 of them, of which one repeats, or 4 that do not
REPEATING, OTHER = "aabcde", "abcdef"


def _events(histories: list[str], times: int) -> str:
    lines = ["user_id:token\titem_id:token\trating:float\ttimestamp:float"]
    lines += [
        f"u{user}\t{item}\t1\t{100 + n}"
        for user, items in enumerate(histories)
        for n, item in enumerate(items)
        for _ in range(times)
    ]
    return "\n".join([*lines, ""])


def _made(
    folder: pathlib.Path, histories: list[str], times: int = 1, **policies: Any
) -> tuple[list[Any], dict[str, Any]]:
    """Held-out rows, and what the summary says of repeats; each event stands so many times."""
    letters = sorted(set("".join(histories)))
    data = tables.write(
        folder,
        events=_events(histories, times),
        users="user_id:token\tage:float\tgender:token\n"
        + "".join(f"u{user}\t20\tF\n" for user in range(len(histories))),
        items="item_id:token\tname:token_seq\tprice:float\ttags:token_seq\timage:float_seq\n"
        + "".join(f"{item}\tx\t1\t\t\n" for item in letters),
        **policies,
    )
    made = tables.make(folder, data, max_history=2)
    (summary,) = made["summary"]
    return made["valid"] + made["test"], summary["repeats"]


@pytest.mark.parametrize(
    ("repeating", "allowed"),
    [(4, 0), (5, 1)],  # of 48 training events, 4 are 8.3 % and 5 are 10.4 %
    ids=["below", "above"],
)
def test_auto_counts_the_training_events(
    tmp_path: pathlib.Path, repeating: int, allowed: int
) -> None:
    histories = [REPEATING] * repeating + [OTHER] * (12 - repeating)
    rows, counted = _made(tmp_path, histories, repeats="auto")
    assert {row[features.REPEATS_ALLOWED][0] for row in rows} == {allowed}
    assert {features.EARLIER_ITEM_ID in row for row in rows} == {bool(allowed)}
    assert (counted["train_events"], counted["train_repeats"]) == (48, repeating)


def test_events_that_are_dropped_do_not_count(tmp_path: pathlib.Path) -> None:
    """An event that stands twice is one, and those that are held out are no training events."""
    histories = ["abcdaa", "abcdef"]
    rows, counted = _made(tmp_path, histories, 2, repeats="auto", duplicate_events="drop")
    assert {row[features.REPEATS_ALLOWED][0] for row in rows} == {0}
    assert (counted["train_events"], counted["train_repeats"]) == (8, 0)


def test_what_was_before_the_window_by_hand(tmp_path: pathlib.Path) -> None:
    """Three past events stand in the window (max_history 2, and one); b b a a b come before."""
    rows, _ = _made(tmp_path, ["bbaabcdac"], repeats="allow")
    valid, test = rows
    # valid asks for a at 107: window c d and b at 104, with a; before it b b a a
    assert valid["event_item_id"] == ["b", "c", "d", "a"]
    assert valid["earlier_item_id"] == ["a", "b"]  # equally many, a later
    assert valid["earlier_count"] == [2, 2]
    assert valid["earlier_first_timestamp"] == [102, 100]
    assert valid["earlier_last_timestamp"] == [103, 101]
    assert test["event_item_id"] == ["c", "d", "a", "c"]
    assert test["earlier_item_id"] == ["b", "a"]
    assert test["earlier_count"] == [3, 2]
    assert test["earlier_first_timestamp"] == [100, 102]
    assert test["earlier_last_timestamp"] == [104, 103]
    assert test["target_item_id"] == ["c"] and test["seen_item_id"] == ["b", "a", "c", "d"]


def test_without_times_earlier_events_count_from_the_start_of_the_window(
    tmp_path: pathlib.Path,
) -> None:
    path = tmp_path / "events.csv"
    path.write_text("user,item\n" + "".join(f"u,{item}\n" for item in "bbaabcdac"))
    columns = {"user": "user_id", "item": "item_id", "order": {"from": "file_order"}}
    data = strict.read(
        config.Data, {"events": {"path": str(path), "columns": columns}, "repeats": "allow"}
    )
    (test,) = tables.make(tmp_path, data, max_history=2)["test"]
    assert test["event_timestamp"] == [5, 6, 7, 8] and test["window_start"] == [5]
    assert test["earlier_item_id"] == ["b", "a"]
    assert test["earlier_first_timestamp"] == [-5, -3]
    assert test["earlier_last_timestamp"] == [-1, -2]
