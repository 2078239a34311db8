"""The windows of one heavy user: what was seen before each request, and at what cost."""

from __future__ import annotations

from typing import Any

from modules import config, strict
from modules.beam import histories, sequences

MAX_HISTORY = 3
DATA = strict.read(
    config.Data,
    {
        "events": {
            "path": "e.csv",
            "format": "csv",
            "columns": {"user_id": "user_id", "item_id": "item_id", "timestamp": "timestamp"},
        }
    },
)
TEMPORAL = config.Split(method="temporal", valid_from=3.0, test_from=5.0)


class CountedEvents(list):
    """Events that count how many of them are handed out."""

    handed = 0

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        self.handed += len(found) if isinstance(key, slice) else 1
        return found


def _windows(items: list[str], split: config.Split) -> tuple[list[tuple[str, dict]], CountedEvents]:
    """(split, features) of each held-out window, in order of time, and the events."""
    events = CountedEvents((float(n), ("e.csv", n), item, ()) for n, item in enumerate(items))
    parts = sequences.divide([event[0] for event in events], split)
    make = histories.MakeWindows(DATA, split, config.Features(max_history=MAX_HISTORY))
    made = list(make._windows({"user_id": ["u"]}, events, parts, {}))
    return [(m.tag, m.value) for m in made if m.tag != "train"], events


def test_seen_items_grow_with_every_held_out_event_and_none_is_named_twice() -> None:
    made, _ = _windows(list("abacbad"), TEMPORAL)
    assert [(split, row["event_item_id"][-1], row["seen_item_id"]) for split, row in made] == [
        ("valid", "c", ["a", "b"]),
        ("valid", "b", ["a", "b", "c"]),
        ("test", "a", ["a", "b", "c"]),
        ("test", "d", ["a", "b", "c"]),
    ]


def test_a_heavy_user_costs_as_many_steps_as_windows() -> None:
    """2000 held-out events: whole histories again and again would hand out 2 million events."""
    made, events = _windows([f"i{n % 7}" for n in range(2003)], TEMPORAL)
    assert len(made) == 2000
    assert events.handed < 2000 * (MAX_HISTORY + 2) + 3 * len(made)
    # one list for each distinct content
    assert len({id(row["seen_item_id"]) for _, row in made}) == 5
