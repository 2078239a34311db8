"""Windows and splits, by hand and over all small sizes."""

from __future__ import annotations

from collections import Counter

import pytest

from modules import config, ranking_config
from modules.beam import sequences

LEAVE_ONE_OUT = config.Split()
TEMPORAL = config.Split(method="temporal", valid_from=100.0, test_from=200.0)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (0, []),
        (1, [(0, 1)]),
        (4, [(0, 4)]),  # L + 1 = 4: all are targets, the first from the profile alone
        (
            5,
            [(0, 3), (1, 5)],
        ),  # L + 2: targets 0, 1, 2 and 3, 4; start 0 would be dropped by readers
        (6, [(0, 3), (1, 6)]),  # targets 0, 1, 2 and 3, 4, 5
        (7, [(0, 4), (2, 7)]),  # targets 0..3 and 4, 5, 6
        (10, [(0, 4), (2, 7), (5, 10)]),  # targets 0..3, 4..6 and 7..9
    ],
)
def test_train_windows_of_history_3(events: int, expected: list[tuple[int, int]]) -> None:
    assert sequences.train_windows(events, 3) == expected


@pytest.mark.parametrize("max_history", range(2, 9))
def test_no_target_is_lost_or_doubled(max_history: int) -> None:
    for events in range(60):
        targets = []
        for start, stop in sequences.train_windows(events, max_history):
            inputs = stop - start - 2 if start else stop - 1
            assert 0 <= inputs <= max_history
            assert (
                start == 0
                or stop - start == max_history + 2
                or (start == 1 and stop == max_history + 2)
            )
            targets += range(start + 2 if start else 0, stop)
        assert targets == list(range(events))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (0, (0, 1)),  # a request without history
        (3, (0, 4)),  # 3 = L events before it
        (4, (0, 5)),  # 4 before it: inputs 1, 2, 3 and event 0 for the delta of 1
        (5, (1, 6)),  # 5 before it: inputs 2, 3, 4 and event 1 for the delta of 2
        (9, (5, 10)),
    ],
)
def test_request_windows_of_history_3(target: int, expected: tuple[int, int]) -> None:
    assert sequences.request_window(target, 3) == expected


@pytest.mark.parametrize(
    ("events", "train", "valid", "test"),
    [(0, 0, [], []), (1, 1, [], []), (2, 2, [], []), (3, 1, [1], [2]), (5, 3, [3], [4])],
)
def test_leave_one_out(events: int, train: int, valid: list[int], test: list[int]) -> None:
    parts = sequences.divide([7.0] * events, LEAVE_ONE_OUT)
    assert (parts.train, _flat(parts.valid), _flat(parts.test)) == (train, valid, test)


@pytest.mark.parametrize(
    ("times", "train", "valid", "test"),
    [
        # a cut-off's own second belongs to the later part
        ([1, 2, 99, 100, 199, 200, 300], 3, [3, 4], [5, 6]),
        ([100, 150, 160], 0, [0, 1, 2], []),  # a user who came after the training period
        ([1, 300], 1, [], []),  # fewer than 3 events: the later one neither tests nor trains
    ],
)
def test_temporal(times: list[float], train: int, valid: list[int], test: list[int]) -> None:
    parts = sequences.divide(times, TEMPORAL)
    assert (parts.train, _flat(parts.valid), _flat(parts.test)) == (train, valid, test)


@pytest.mark.parametrize(
    ("events", "learned", "requests"),
    [
        (0, 0, []),
        (4, 4, []),  # a fifth of 4 is less than one event
        (5, 4, [4]),
        (14, 12, [12, 13]),
        (100, 97, [97, 98, 99]),
    ],
)  # no more than `requests`
def test_the_last_events_of_a_user_are_held_out(
    events: int, learned: int, requests: list[int]
) -> None:
    settings = ranking_config.HoldOut(requests=3, share=0.2)
    held = sequences.hold_out("u", [7.0] * events, settings)
    assert (held.part, held.learners, held.learned) == (0, (0,), learned)
    assert _flat(held.requests) == requests


def test_a_share_that_floats_just_miss_is_whole() -> None:
    assert 0.29 * 100 < 29
    held = sequences.hold_out("u", [7.0] * 100, ranking_config.HoldOut(requests=50, share=0.29))
    assert _flat(held.requests) == list(range(71, 100))


@pytest.mark.parametrize(
    ("times", "learned", "requests"),
    [
        ([1, 2, 99, 100, 101], 3, [3, 4]),  # the start's own second is held out
        # event 1 trains neither: recall's training ends with the start
        ([1, 100, 101, 102, 103], 1, [2, 3, 4]),
        ([100, 101], 0, [0, 1]),
        ([1, 2, 3], 3, []),
    ],
)
def test_hold_out_from_a_time_on(times: list[float], learned: int, requests: list[int]) -> None:
    settings = ranking_config.HoldOut(requests=3, share=0.01, starts=100.0)
    held = sequences.hold_out("u", times, settings)
    assert (held.part, held.learners, held.learned) == (0, (0,), learned)
    assert _flat(held.requests) == requests


def test_under_cross_fit_a_user_is_held_out_from_one_model_and_trains_the_others() -> None:
    settings = ranking_config.HoldOut(method="cross_fit", folds=3, requests=2, share=0.5)
    parts = Counter()
    for n in range(300):
        held = sequences.hold_out(f"u{n}", [7.0] * 10, settings)
        assert held.learners == tuple(p for p in range(3) if p != held.part)
        assert (held.learned, _flat(held.requests)) == (10, [8, 9])
        parts[held.part] += 1
    assert sorted(parts) == [0, 1, 2] and min(parts.values()) > 70  # 100 on average
    # SHA-256("abc") begins with ba7816bf 8f01cfea (FIPS 180-2, B.1), 13436514500253700074 = 0
    # modulo 3
    assert sequences.hold_out("abc", [7.0], settings).part == 0xBA7816BF8F01CFEA % 3


def test_without_a_hold_out_the_same_requests_are_asked_and_nothing_is_learned_for_them() -> None:
    held = sequences.hold_out("u", [7.0] * 10, ranking_config.HoldOut(method="none"))
    assert held == sequences.HoldOut(
        part=0, requests=(range(8, 9), range(9, 10)), learners=(), learned=8
    )


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (None, []),
        (ranking_config.HoldOut(), ["recall_0", "rank_0"]),
        (ranking_config.HoldOut(method="none"), ["rank_0"]),
        (ranking_config.HoldOut(method="cross_fit"), ["recall_0", "recall_1", "rank_0", "rank_1"]),
    ],
)
def test_names_of_the_splits(settings: ranking_config.HoldOut | None, expected: list[str]) -> None:
    assert list(sequences.splits(settings)) == ["train", "valid", "test", *expected]


def _flat(found: tuple[range, ...]) -> list[int]:
    """The events of requests that ask for one each."""
    assert all(len(one) == 1 for one in found)
    return [one.start for one in found]
