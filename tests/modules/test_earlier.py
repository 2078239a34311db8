"""What came before the events that models see, by hand."""

from __future__ import annotations

import pytest

from modules import config, earlier, features

EVENTS = list("bacabbc")  # a 2, b 3, c 2; a last at 3, c at 6


def test_items_by_number_of_events_then_by_the_time_of_the_last() -> None:
    found = earlier.of(EVENTS, [10, 11, 12, 13, 14, 15, 16])
    assert found.items == ("b", "c", "a")
    assert found.counts == (3, 2, 2)
    assert found.first == (10, 12, 11) and found.last == (15, 16, 13)
    own = earlier.by_item(EVENTS, [10, 11, 12, 13, 14, 15, 16])
    assert own == {"b": (3, 15), "c": (2, 16), "a": (2, 13)}
    assert earlier.in_order(own) == list(found.items)


def test_equal_ones_stand_by_their_id() -> None:
    assert earlier.of(["z", "a", "m"], [5, 5, 5]).items == ("a", "m", "z")


@pytest.mark.parametrize(("most", "kept"), [(0, ""), (2, "bc"), (None, "bca"), (9, "bca")])
def test_the_first_ones_are_kept(most: int | None, kept: str) -> None:
    assert "".join(earlier.of(EVENTS, range(7), most).items) == kept


def test_one_item_a_thousand_times() -> None:
    found = earlier.of(["x"] * 1000, range(1000))
    assert found == earlier.Earlier(("x",), (1000,), (0,), (999,))


@pytest.mark.parametrize(
    ("events", "repeat_history", "counted"),
    [
        (0, 10, range(0)),
        (4, 10, range(0)),  # the models see three and one more
        (5, 10, range(1)),
        (20, 10, range(10, 16)),
        (20, 100, range(16)),
        (20, 4, range(0)),
        (20, 1, range(0)),
    ],
)
def test_which_events_count(events: int, repeat_history: int, counted: range) -> None:
    options = config.Features(max_history=3, repeat_history=repeat_history)
    assert range(events)[earlier.span(events, options)] == counted
    items = [str(n) for n in range(events)]
    for times, offset in ((list(range(events)), 0), (None, max(0, events - 4))):
        found = earlier.of_history(items, times, options)
        assert sorted(map(int, found[features.EARLIER_ITEM_ID])) == list(counted)
        assert sorted(found[features.EARLIER_FIRST]) == [n - offset for n in counted]
        assert found[features.EARLIER_LAST] == found[features.EARLIER_FIRST]


def test_nothing_before() -> None:
    assert earlier.of([], []) == earlier.Earlier()
