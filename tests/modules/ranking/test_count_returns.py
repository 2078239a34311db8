"""How users come back to items, counted by hand."""

from __future__ import annotations

import math

import numpy as np

from modules.ranking import count_returns


def _returns(*events: tuple[int, int, int]) -> dict[int, list[int]]:
    """Of events (user, row, time)."""
    columns = np.array(events, np.int64).reshape(len(events), 3).T
    found = count_returns.count_returns(*columns)
    return dict(zip(found.keys.tolist(), found.values.tolist()))


def test_users_returns_repeats_and_intervals() -> None:
    found = _returns(
        (0, 1, 100),
        (0, 2, 100),
        (0, 1, 100),
        (0, 1, 163),
        (1, 1, 50),
        (1, 2, 60),
        (1, 2, 61),
    )
    assert found == {
        # user 0 came back at once and after 63 seconds, user 1 did not
        1: [2, 1, 2, round(math.log(64) * 1024)],
        2: [2, 1, 1, round(math.log(2) * 1024)],
    }


def test_users_of_one_item_do_not_mix() -> None:
    assert _returns((0, 5, 10), (1, 5, 20), (1, 6, 20), (1, 6, 21), (1, 6, 22)) == {
        5: [2, 0, 0, 0],
        6: [1, 1, 2, 2 * round(math.log(2) * 1024)],
    }


def test_no_event() -> None:
    assert _returns() == {}
