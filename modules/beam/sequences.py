"""Which events of a user train, validate and test, and how they are cut into windows.

Plain Python, no Beam.

A user's events are numbered 0..n-1 by (time, file order). A window is a range [start, stop) of
them. L is `Features.max_history`: what a model sees before it predicts. Readers drop the first
event of a window with start > 0 or with more than L + 1 events (it only makes the next one's time
delta right), predict each event from those before it, and the first event of the history from the
profile alone. So a window of train has `stop - start - 2` targets if start > 0, else `stop`; one of
valid or test has its last event.

What is asked for in one request of valid, test or ranking is a range of events that are held out
together: one event, or with `split.unit: basket` all events of one time. Its window ends with the
first of them, which lends the request its time and context.

Of the training events, the last are also requests that the ranker learns from (splits `rank_<n>`),
asked of a recall model that learned from other events (splits `recall_<n>`); see `hold_out`.
"""

from __future__ import annotations

import bisect
import dataclasses
import hashlib
import itertools
from collections.abc import Sequence

from modules import config, data_config, features, ranking_config


@dataclasses.dataclass(frozen=True)
class Parts:
    """Events [0, train) train; each range in `valid` and `test` is asked for with those before."""

    train: int
    valid: tuple[range, ...]
    test: tuple[range, ...]


def units(times: Sequence[float], unit: str) -> list[range]:
    """What is held out together: each event, or with `basket` all those of one time."""
    n = len(times)
    if unit == "event":
        return [range(event, event + 1) for event in range(n)]
    starts = [event for event in range(n) if not event or times[event] != times[event - 1]]
    return [range(start, stop) for start, stop in itertools.pairwise([*starts, n])]


def divide(times: Sequence[float], split: config.Split) -> Parts:
    """Divides a user's events.

    Args:
      times: of the events, sorted, in Unix seconds.
      split: `leave_one_out`: the last unit tests, the one before validates. `temporal`: a unit
          from `valid_from` on validates, from `test_from` on tests. A user with fewer than
          `min_events` units has neither; under `temporal` the later events of such a user are not
          used: training would see the future.
    """
    found = units(times, split.unit)
    enough = len(found) >= split.min_events
    if split.method == "leave_one_out":
        if not enough:
            return Parts(len(times), (), ())
        return Parts(found[-2].start, (found[-2],), (found[-1],))
    valid, test = (bisect.bisect_left(times, cutoff) for cutoff in split.cutoffs)
    if not enough:
        return Parts(valid, (), ())
    return Parts(
        valid,
        tuple(unit for unit in found if valid <= unit.start < test),
        tuple(unit for unit in found if unit.start >= test),
    )


def splits(settings: ranking_config.HoldOut | None) -> tuple[str, ...]:
    """Names of all splits of users' events; without `settings` there are none of ranking."""
    if settings is None:
        return features.SEQUENCE_SPLITS
    return (
        *features.SEQUENCE_SPLITS,
        *(features.hold_out_split(part) for part in range(settings.parts)),
        *(features.rank_split(part) for part in range(max(settings.parts, 1))),
    )


@dataclasses.dataclass(frozen=True)
class HoldOut:
    """What ranking makes of a user's training events.

    Attributes:
      part: number of the recall model that has not seen `requests`.
      requests: ranges of events that ranking asks for, each with all events before it.
      learners: numbers of the recall models that learn from events [0, learned).
      learned: see `learners`.
    """

    part: int
    requests: tuple[range, ...]
    learners: tuple[int, ...]
    learned: int


def hold_out(
    user: str, times: Sequence[float], settings: ranking_config.HoldOut, unit: str = "event"
) -> HoldOut:
    """Divides a user's training events between the ranker and the recall models it learns with.

    Args:
      user: the id; under `cross_fit` its SHA-256 says the fold, the same one in every run.
      times: of the training events, sorted, in Unix seconds.
      settings: see `ranking_config.HoldOut`; its numbers and shares are those of units.
      unit: `split.unit`.
    """
    n, found = len(times), units(times, unit)
    if settings.starts is not None:
        first = bisect.bisect_left(times, data_config.unix_seconds("starts", settings.starts))
        later = [one for one in found if one.start >= first]
        return HoldOut(0, tuple(later[-settings.requests :]), (0,), first)
    most = min(settings.requests, _share(settings.share, len(found)))
    requests = tuple(found[len(found) - most :])
    if settings.method == "cross_fit":
        fold = int.from_bytes(hashlib.sha256(user.encode()).digest()[:8], "big") % settings.folds
        return HoldOut(fold, requests, tuple(f for f in range(settings.folds) if f != fold), n)
    learned = requests[0].start if requests else n
    return HoldOut(0, requests, (0,) if settings.method == "temporal" else (), learned)


def _share(share: float, n: int) -> int:
    """Whole events in a share of n; 0.29 of 100 is 29, which the product of floats just misses."""
    return int(share * n + 1e-9)


def train_windows(n: int, max_history: int) -> list[tuple[int, int]]:
    """Cuts events [0, n) from the end into windows in which every event is a target exactly once.

    A window from start 0 has at most L + 1 events. Any other has L + 2, of which the last L are
    targets; only one that would start at 0 with L + 2 events starts at 1 with L + 1 instead.

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
    """The window that ends with the target: the L events before it and one more for the time delta.

    With L + 1 events or fewer before the target, that is all of them and start 0.
    """
    return max(0, target - (max_history + 1)), target + 1
