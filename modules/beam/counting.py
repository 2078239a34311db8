"""Counts what users did: whole histories of windows, sums, one object of it all.

Everything runs on Beam.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable
from typing import Any

import apache_beam as beam

from modules import features, requests


def target_places(example: requests.RawExample) -> range:
    """Places, in a training window, of the events that it has as targets.

    A window at the start of the history: all events. A later one: the first only serves the time
    delta of the second, which is an input only. So each event of the history is a target of exactly
    one window.
    """
    return range(
        2 if example[features.WINDOW_START][0] else 0, len(example[features.EVENT_ITEM_ID])
    )


class InOrder(beam.PTransform):
    """Turns (user, [(place in the history, event)]) into (user, all events by their place).

    A user comes in once or more, and goes out once.
    """

    def expand(self, windows: beam.PCollection) -> beam.PCollection:
        return (
            windows
            | "ByUser" >> beam.GroupByKey()
            | "InOrder" >> beam.MapTuple(lambda user, found: (user, _in_order(found)))
        )


def _in_order(windows: Iterable[list[tuple[int, Any]]]) -> list[Any]:
    return [
        event
        for _, event in sorted((pair for window in windows for pair in window), key=lambda p: p[0])
    ]


class AddEach(beam.CombineFn):
    """Adds tuples of numbers place by place."""

    def create_accumulator(self) -> tuple[float, ...]:
        return ()

    def add_input(
        self, accumulator: tuple[float, ...], element: tuple[float, ...]
    ) -> tuple[float, ...]:
        return tuple(map(operator.add, accumulator, element)) if accumulator else element

    def merge_accumulators(self, accumulators: Iterable[tuple[float, ...]]) -> tuple[float, ...]:
        return functools.reduce(self.add_input, filter(None, accumulators), ())

    def extract_output(self, accumulator: tuple[float, ...]) -> tuple[float, ...]:
        return accumulator


class Collect(beam.CombineFn):
    """Makes one object, of the size of the catalogue, out of all elements."""

    def __init__(self, build: Callable[[list[Any]], Any]) -> None:
        self._build = build

    def create_accumulator(self) -> list[Any]:
        return []

    def add_input(self, accumulator: list[Any], element: Any) -> list[Any]:
        accumulator.append(element)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[list[Any]]) -> list[Any]:
        return [element for accumulator in accumulators for element in accumulator]

    def extract_output(self, accumulator: list[Any]) -> Any:
        return self._build(accumulator)
