"""Users whose best ranking for their last event is computed, by lot: what `oracle/` is made of."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator

import numpy as np
from numpy import typing as npt

from modules.generator import activity, ids, oracle, tables

FOLDER = "oracle"  # of the data set
KS = (10, 50, 200)  # depths of the metrics
LENGTH = max(KS)  # of a list


@dataclasses.dataclass(frozen=True)
class Judged:
    """A user with the best ranking for the last event, made without looking at it.

    Attributes:
      user: their id.
      events: (item, Unix seconds) of each event, in order.
      best: items, best first.
      expected: the metrics that this list can expect, in the order of `metrics.names(KS)`.
    """

    user: str
    events: list[tuple[str, int]]
    best: list[str]
    expected: list[float]

    def to_json(self) -> str:
        """One line, for `Judged(**json.loads(line))`."""
        return json.dumps(dataclasses.asdict(self))


def file(part: int) -> str:
    """Where the users of a part stand until all parts are there, relative to the data set."""
    return f"{FOLDER}/part-{part:05}.jsonl"


def judge(
    known: tables.Tables,
    visits: activity.Visits,
    items: npt.NDArray[np.int64],
    part: int,
    rng: np.random.Generator,
) -> Iterator[Judged]:
    """Judges the part's share of the `judged` users.

    Args:
      known: what is generated.
      visits: of the part.
      items: int64 [N], of the visits.
      part: its number.
      rng: the lot.
    """
    of = known.shape
    number = of.judged_before(part + 1) - of.judged_before(part)
    for one in np.sort(rng.choice(visits.users.size, number, replace=False)).tolist():
        user = slice(visits.firsts[one], visits.firsts[one] + visits.counts[one])
        own, times = items[user], visits.times[user]
        group = int(tables.age_group(visits.ages[one]))
        request = oracle.Request(group, own[:-1], int(times[-1]), int(times[-1] - times[-2]))
        found = oracle.probabilities(known, request)
        excluded = np.zeros(0, np.int64) if of.allows_repeats else own[:-1]
        best = oracle.best(found, excluded, LENGTH)
        yield Judged(
            user=ids.user(int(visits.users[one])),
            events=[(ids.item(i), t) for i, t in zip(own.tolist(), times.tolist())],
            best=[ids.item(item) for item in best.tolist()],
            expected=oracle.attainable(found, best, KS).tolist(),
        )
