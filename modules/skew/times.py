"""Whether request times can be what the model expects: Unix seconds, a request after its past.

How far requests are in time from training is shown, not judged: a model serves after it was
trained.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy import typing as npt
from tensorflow_metadata.proto.v0 import statistics_pb2

from modules import features, schemas
from modules.skew import raw_examples

MOST_LATE = 0.01  # share of past events that may be later than their request
MOST_IMPOSSIBLE = 0.01  # share of what came before the past events that may not lie before them

Range = tuple[int, int]  # Unix seconds, the earliest and the latest


@dataclasses.dataclass(frozen=True)
class Times:
    """Ranges of time, None where there are none.

    Attributes:
      training: of the events of training.
      history: of the past events of requests.
      requests: of the requests themselves.
      late: share of past events that are later than their request.
      problems: a sentence for each thing that cannot be.
    """

    training: Range | None
    history: Range | None
    requests: Range | None
    late: float
    problems: tuple[str, ...]


def check(sent: raw_examples.Sent, training: statistics_pb2.FeatureNameStatistics | None) -> Times:
    """Holds the times of requests against those of training (`features.EVENT_TIMESTAMP`)."""
    learned = (
        (int(training.num_stats.min), int(training.num_stats.max)) if training is not None else None
    )
    history, requests = _range(sent.times), _range(sent.requests)
    ranges = {features.EVENT_TIMESTAMP: history, features.REQUEST_TIMESTAMP: requests}
    late = sent.late / len(sent.times) if len(sent.times) else 0.0
    problems = [
        problem
        for name, found in ranges.items()
        if found is not None
        for problem in _problems(name, found, learned)
    ]
    if late > MOST_LATE:
        problems.append(
            f"{features.EVENT_TIMESTAMP}: {late:.1%} of the past events are later than their "
            f"request, expected at most {MOST_LATE:.0%}; all times have to be of one clock."
        )
    impossible = sent.impossible / sent.earlier if sent.earlier else 0.0
    if impossible > MOST_IMPOSSIBLE:
        problems.append(
            f"{features.EARLIER_FIRST}, {features.EARLIER_LAST}: {impossible:.1%} of the earlier "
            f"items are not before the request's oldest event, have their last event before the "
            f"first or none, expected at most {MOST_IMPOSSIBLE:.0%}; see modules/requests.py."
        )
    return Times(learned, history, requests, late, tuple(problems))


def _range(times: npt.NDArray[np.int64]) -> Range | None:
    return (int(times.min()), int(times.max())) if len(times) else None


def _problems(name: str, found: Range, learned: Range | None) -> list[str]:
    if found[1] >= schemas.LATEST_TIMESTAMP:
        return [
            (
                f"{name}: found up to {found[1]}, which looks like milliseconds; the model expects "
                "Unix seconds, as in training."
            )
        ]
    if found[0] < 0 or (learned is not None and found[1] < learned[0]):
        return [
            (
                f"{name}: found {found[0]} to {found[1]}, all of it before training's first event "
                f"({learned[0] if learned else 'of 1970'}); the model expects Unix seconds."
            )
        ]
    return []
