"""Counts on Beam how users come back to items: histories -> one list of `tabulate.Returns`."""

from __future__ import annotations

import collections
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam

from modules import features
from modules.beam import counting
from modules.ranking import tabulate

Event = tuple[Any, ...]  # row (PADDING_ID: of no catalogue), Unix seconds, and more


class CountReturns(beam.PTransform):
    """(user, all events in order) -> one list of `tabulate.Returns`, an item each."""

    def expand(self, histories: beam.PCollection) -> beam.PCollection:
        return (
            histories
            | "ByItem" >> beam.FlatMap(_by_item)
            | "SumItems" >> beam.CombinePerKey(counting.AddEach())
            | "CollectItems" >> beam.CombineGlobally(counting.Collect(list))
        )


def _by_item(history: tuple[bytes, Sequence[Event]]) -> Iterator[tabulate.Returns]:
    """What one user adds to each of its items; whole numbers, whose sums need no order."""
    times: dict[int, list[int]] = collections.defaultdict(list)
    for row, time, *_ in history[1]:
        times[row].append(time)
    times.pop(features.PADDING_ID, None)
    for row, own in times.items():
        logs = (math.log1p(later - time) for time, later in itertools.pairwise(own))
        units = sum(round(log * tabulate.LOG_UNITS) for log in logs)
        yield row, (1.0, float(len(own) > 1), float(len(own) - 1), float(units))
