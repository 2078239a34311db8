"""Logged requests as ExampleGen would write them: the way back from modules/request_arrays.py.

What a request leaves out ("" or NaN) is filled with the column's default, but for feedback, as
ExampleGen fills an empty cell.
The request is the last event, of item "" and with the defaults of what is known only after an
event.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy import typing as npt

from modules import config, features, request_arrays
from modules.beam import encode, histories, values


@dataclasses.dataclass(frozen=True)
class Sent:
    """What requests held.

    Attributes:
      rows: raw features of each, by name; `window_start` is the row's number, which Transform hands
          through.
      missing: share of values that were left out, by name of a feature.
      times: int64 [all], Unix seconds of all past events; their numbers where events have no times.
      requests: int64 [rows], of the requests themselves.
      late: past events with a time after their request's.
      earlier: items that requests know of before these events.
      impossible: those of them without an event, with a last one before the first, or with one
          after the oldest past event.
    """

    rows: list[histories.RawFeatures]
    missing: dict[str, float]
    times: npt.NDArray[np.int64]
    requests: npt.NDArray[np.int64]
    late: int
    earlier: int = 0
    impossible: int = 0


def of(
    batches: Sequence[Mapping[str, npt.NDArray[Any]]],
    data: config.Data,
    max_history: int,
    filled: Collection[features.Feature] = (),
) -> Sent:
    """Reads the inputs of requests.

    Args:
      batches: inputs as `requests.input_specs` says, each of any number of requests.
      data: the declared columns.
      max_history: events that the models see; one more is kept, for the first one's time delta.
      filled: feedback that is filled all the same; see `schemas.filled_feedback`.
    """
    reader = _Reader(data, max_history, filled)
    rows = [
        reader.row(inputs, n)
        for inputs in batches
        for n in range(len(inputs[features.EVENT_ITEM_ID]))
    ]
    for number, row in enumerate(rows):
        row[features.WINDOW_START] = [number]
    times = [row[features.EVENT_TIMESTAMP] for row in rows]
    return Sent(
        rows,
        reader.missing(),
        np.array([t for row in times for t in row[:-1]], np.int64),
        np.array([row[-1] for row in times], np.int64),
        sum(t > row[-1] for row in times for t in row[:-1]),
        reader.earlier,
        reader.impossible,
    )


def serialize(rows: Sequence[histories.RawFeatures], data: config.Data) -> list[bytes]:
    """tf.Examples, as ExampleGen serialises them."""
    encoder = encode.Encode(encode.value_types(data))
    return [serialized for row in rows for serialized in encoder.process(row)]


class _Reader:
    """Turns rows of requests into raw features, and counts what is missing."""

    def __init__(
        self, data: config.Data, max_history: int, filled: Collection[features.Feature]
    ) -> None:
        self._max_history, self._filled_feedback = max_history, filled
        self._has_times = not data.events.is_timeless
        self._allows_repeats = data.allows_repeats
        self._profile, self._events = features.user_features(data), features.event_features(data)
        self._context = features.context_features(data)
        self.earlier = self.impossible = 0  # see `Sent`
        self._counts = {f.name: [0, 0] for f in (*self._profile, *self._events, *self._context)}

    def missing(self) -> dict[str, float]:
        """Share of missing values by name of a feature."""
        return {
            name: absent / total if total else 0.0 for name, (absent, total) in self._counts.items()
        }

    def row(self, inputs: Mapping[str, npt.NDArray[Any]], n: int) -> histories.RawFeatures:
        """Raw features of request `n` of a batch."""
        items = inputs[features.EVENT_ITEM_ID][n]
        given = np.flatnonzero(items != b"")
        if self._has_times:
            times = inputs[features.EVENT_TIMESTAMP][n]
            moment = int(inputs[features.REQUEST_TIMESTAMP][n])
        else:
            times, moment = np.arange(len(items)), len(items)
        order = given[np.argsort(times[given], kind="stable")][-(self._max_history + 1) :]
        row: histories.RawFeatures = {features.USER_ID: [""], features.SEEN_ITEM_ID: []}
        row[features.REPEATS_ALLOWED] = [int(self._allows_repeats)]
        for feature in self._profile:
            row[feature.name] = self._of_profile(inputs[feature.name][n], feature)
        row[features.EVENT_ITEM_ID] = [*map(_text, items[order]), ""]
        row[features.EVENT_TIMESTAMP] = [*map(int, times[order]), moment]
        for feature in self._events:
            past = self._filled(inputs[feature.name][n][order], feature)
            row[feature.name] = [*past, values.fill(feature.spec)]
        for feature in self._context:
            now = inputs[features.request_name(feature)][n]
            row[feature.name] = self._filled([*inputs[feature.name][n][order], now], feature)
        if self._allows_repeats:
            row |= self._earlier(inputs, n, row[features.EVENT_TIMESTAMP][0])
        return row

    def _earlier(
        self, inputs: Mapping[str, npt.NDArray[Any]], n: int, oldest: int
    ) -> histories.RawFeatures:
        """What the user did before the past events, of which `oldest` is the time of the first."""
        items = inputs[features.EARLIER_ITEM_ID][n]
        given = items != b""
        counts, first, last = (inputs[name][n][given] for name in features.EARLIER_NUMBERS)
        self.earlier += int(given.sum())
        self.impossible += int(np.sum((counts < 1) | (first > last) | (last > oldest)))
        return {
            features.EARLIER_ITEM_ID: [*map(_text, items[given])],
            features.EARLIER_COUNT: counts.tolist(),
            features.EARLIER_FIRST: first.tolist(),
            features.EARLIER_LAST: last.tolist(),
        }

    def _of_profile(self, value: Any, feature: features.Feature) -> list[Any]:
        if feature.kind != "multi_categorical":
            return self._filled(value if feature.kind == "vector" else [value], feature)
        present = [_text(v) for v in value if v]
        absent = not present or present in [[text] for text in feature.spec.missing]
        self._count(feature, int(absent), 1)
        return list(values.fill(feature.spec)) if absent else present

    def _filled(self, sent: Sequence[Any], feature: features.Feature) -> list[Any]:
        """Single values, with what ExampleGen puts for missing ones."""
        read: list[Any]
        if request_arrays.is_number(feature):
            read = [None if math.isnan(v) else float(v) for v in sent]
        else:
            absent = ("", *feature.spec.missing)
            read = [None if text in absent else text for text in map(_text, sent)]
        self._count(feature, read.count(None), len(read))
        unknown = math.nan if request_arrays.is_number(feature) else ""
        stays = feature.stays_unknown and feature not in self._filled_feedback
        fill = unknown if stays else feature.spec.fill
        return [fill if v is None else v for v in read]

    def _count(self, feature: features.Feature, absent: int, total: int) -> None:
        self._counts[feature.name][0] += absent
        self._counts[feature.name][1] += total


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")  # the model knows no id that is no text, either
