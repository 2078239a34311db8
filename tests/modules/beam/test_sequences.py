"""Windows and splits, by hand and over all small sizes."""

from __future__ import annotations

import pytest

from modules import config
from modules.beam import sequences

LEAVE_ONE_OUT = config.Split()
TEMPORAL = config.Split(method="temporal", valid_from=100.0, test_from=200.0)


@pytest.mark.parametrize(("events", "expected"), [
    (0, []),
    (1, [(0, 1)]),
    (4, [(0, 4)]),  # L + 1 = 4: all are targets, the first from the profile alone
    (5, [(0, 3), (1, 5)]),  # L + 2: targets 0, 1, 2 and 3, 4; start 0 would be dropped by readers
    (6, [(0, 3), (1, 6)]),  # targets 0, 1, 2 and 3, 4, 5
    (7, [(0, 4), (2, 7)]),  # targets 0..3 and 4, 5, 6
    (10, [(0, 4), (2, 7), (5, 10)]),  # targets 0..3, 4..6 and 7..9
])
def test_train_windows_of_history_3(events: int, expected: list[tuple[int, int]]) -> None:
    assert sequences.train_windows(events, 3) == expected


@pytest.mark.parametrize("max_history", range(2, 9))
def test_no_target_is_lost_or_doubled(max_history: int) -> None:
    for events in range(60):
        targets = []
        for start, stop in sequences.train_windows(events, max_history):
            inputs = stop - start - 2 if start else stop - 1
            assert 0 <= inputs <= max_history
            assert start == 0 or stop - start == max_history + 2 or (start == 1 and stop == max_history + 2)
            targets += range(start + 2 if start else 0, stop)
        assert targets == list(range(events))


@pytest.mark.parametrize(("target", "expected"), [
    (0, (0, 1)),  # a request without history
    (3, (0, 4)),  # 3 = L events before it
    (4, (0, 5)),  # 4 before it: inputs 1, 2, 3 and event 0 for the delta of 1
    (5, (1, 6)),  # 5 before it: inputs 2, 3, 4 and event 1 for the delta of 2
    (9, (5, 10)),
])
def test_request_windows_of_history_3(target: int, expected: tuple[int, int]) -> None:
    assert sequences.request_window(target, 3) == expected


@pytest.mark.parametrize(("events", "train", "valid", "test"), [
    (0, 0, [], []), (1, 1, [], []), (2, 2, [], []), (3, 1, [1], [2]), (5, 3, [3], [4])])
def test_leave_one_out(events: int, train: int, valid: list[int], test: list[int]) -> None:
    parts = sequences.divide([7.0] * events, LEAVE_ONE_OUT)
    assert (parts.train, list(parts.valid), list(parts.test)) == (train, valid, test)


@pytest.mark.parametrize(("times", "train", "valid", "test"), [
    ([1, 2, 99, 100, 199, 200, 300], 3, [3, 4], [5, 6]),  # a cut-off's own second belongs to the later part
    ([100, 150, 160], 0, [0, 1, 2], []),  # a user who came after the training period
    ([1, 300], 1, [], []),  # fewer than 3 events: the later one neither tests nor trains
])
def test_temporal(times: list[float], train: int, valid: list[int], test: list[int]) -> None:
    parts = sequences.divide(times, TEMPORAL)
    assert (parts.train, list(parts.valid), list(parts.test)) == (train, valid, test)
