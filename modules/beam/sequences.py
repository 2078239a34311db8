"""Which events of a user train, validate and test, and how they are cut into windows. Plain Python, no Beam.

A user's events are numbered 0..n-1 by (time, file order). A window is a range [start, stop) of them. L is
`Features.max_history`: what a model sees before it predicts. Readers drop the first event of a window with
start > 0 or with more than L + 1 events (it only makes the next one's time delta right), predict each event
from those before it, and the first event of the history from the profile alone. So a window of train has
`stop - start - 2` targets if start > 0, else `stop`; one of valid or test has its last event.
"""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Sequence

from modules import config


@dataclasses.dataclass(frozen=True)
class Parts:
    """Events [0, train) train; those in `valid` and `test` are targets, each with all events before it."""

    train: int
    valid: range
    test: range


def divide(times: Sequence[float], split: config.Split) -> Parts:
    """Divides a user's events.

    Args:
      times: of the events, sorted, in Unix seconds.
      split: `leave_one_out`: the last event tests, the one before validates. `temporal`: an event from
        `valid_from` on validates, from `test_from` on tests. A user with fewer than `min_events` events has
        neither; under `temporal` the later events of such a user are not used: training would see the future.
    """
    n = len(times)
    if split.method == "leave_one_out":
        cut = n - 2 if n >= split.min_events else n
        return Parts(cut, range(cut, min(cut + 1, n)), range(min(cut + 1, n), n))
    valid, test = (bisect.bisect_left(times, cutoff) for cutoff in split.cutoffs)
    if n < split.min_events:
        return Parts(valid, range(0), range(0))
    return Parts(valid, range(valid, test), range(test, n))


def train_windows(n: int, max_history: int) -> list[tuple[int, int]]:
    """Cuts events [0, n) from the end into windows in which every event is a target exactly once.

    A window from start 0 has at most L + 1 events. Any other has L + 2, of which the last L are targets; only
    one that would start at 0 with L + 2 events starts at 1 with L + 1 instead.

    Returns:
      (start, stop) of each window, oldest first.
    """
    windows = []
    stop = n
    while stop > max_history + 1:
        start = max(1, stop - (max_history + 2))
        windows.append((start, stop))
        stop = start + 2
    if stop:
        windows.append((0, stop))
    return windows[::-1]


def request_window(target: int, max_history: int) -> tuple[int, int]:
    """The window whose last event is the target: the L events before it and one more for the time delta.

    With L + 1 events or fewer before the target, that is all of them and start 0.
    """
    return max(0, target - (max_history + 1)), target + 1
