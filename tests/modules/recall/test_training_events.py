"""What the training events tell of themselves."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from modules.recall import training_events

PEOPLE = 400


def _events(windows: Iterable[list[tuple[int, int]]]) -> training_events.Events:
    """From (item, time) of each window; all events are targets."""
    return training_events.Events.of(
        (
            np.array([item for item, _ in window]),
            np.ones(len(window), bool),
            np.diff([time for _, time in window], prepend=-1) == 0,
        )
        for window in windows
    )


def _people(share: float, *, seconds: int = 0) -> training_events.Events:
    """Everybody has 1 before 2 with this share, so many seconds apart."""
    generator = np.random.default_rng(3)
    return _events(
        [(first, 0), (3 - first, seconds), (3, 9)]
        for first in np.where(generator.random(PEOPLE) < share, 1, 2).tolist()
    )


@pytest.mark.parametrize(
    ("share", "nothing"),
    [
        pytest.param(0.5, True, id="by-lot"),
        pytest.param(0.8, False, id="mostly-the-same-way"),
        pytest.param(1.0, False, id="sorted-by-item"),
        pytest.param(0.0, False, id="sorted-the-other-way"),
    ],
)
def test_ties_say_nothing_where_they_stand_as_by_lot(share: float, nothing: bool) -> None:
    assert training_events.Ties.of(_people(share)).say_nothing is nothing


def test_events_of_different_times_are_no_ties() -> None:
    assert training_events.Ties.of(_people(1.0, seconds=1)).cases == 0


def test_an_event_counts_in_the_window_alone_that_targets_it() -> None:
    found = _people(1.0)
    again = training_events.Events(
        found.items, found.windows, np.zeros_like(found.targets), found.tied
    )
    assert training_events.Ties.of(again) == training_events.Ties(0, 0, 0.0)


@pytest.mark.parametrize(
    "windows",
    [
        pytest.param([], id="nothing"),
        pytest.param([[(1, 0)]], id="one-event"),
        pytest.param([[(1, 0), (2, 0)]], id="one-case"),
        pytest.param([[(1, 0)] * 50], id="one-item-again-and-again"),
        pytest.param([[(n, 0), (n + 1, 0)] for n in range(0, 90, 2)], id="each-pair-once"),
    ],
)
def test_too_little_says_nothing(windows: list[list[tuple[int, int]]]) -> None:
    assert training_events.Ties.of(_events(windows)).say_nothing


def test_they_are_told_in_words() -> None:
    found = training_events.Ties.of(_people(1.0))
    assert str(found) == (
        "two items of one time stand the same way round in 100.0% of 400 cases, by lot it would be "
        "52.0%"
    )
    assert str(training_events.Ties(0, 0, 0.0)).startswith("no two items")
