"""The slices of a request: groups of users, contexts, history length, kinds of the target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np

from modules import config, features, request_arrays, requests
from modules.evaluation import baselines, kinds

HISTORY_LENGTH = "history_length"
TARGET_POPULARITY, TARGET_REPEATS = "target_popularity", "target_repeats"
MISSING = "(missing)"
_LENGTHS = (0, 1, 5, 10, 20, 50, 100, 200, 500, 1000)  # lower bounds, events


class Slicer:
    """Names the value of every declared slice for a request."""

    def __init__(self, data: config.Data, names: Sequence[str]) -> None:
        """Finds the features that the declared slices name.

        Args:
          data: the declared columns.
          names: `evaluation.slices` of the configuration.
        """
        known = {
            f.name: f for f in (*features.user_features(data), *features.context_features(data))
        }
        self._features = [known[name] for name in names if name in known]
        self.names = tuple(names)

    def of(
        self,
        example: requests.RawExample,
        catalogue: baselines.Popularity,
        edges: Mapping[str, Sequence[float]],
    ) -> dict[str, tuple[str, ...]]:
        """Values of each slice for the request before the last event of a raw example.

        Of several targets, each has a value; the request belongs to the slices of all of them.
        """
        result: dict[str, tuple[str, ...]] = {}
        for feature in self._features:
            values = _request_values(example, feature)
            if feature.kind == "numeric":
                result[feature.name] = (interval_name(values, edges.get(feature.name, ())),)
            else:
                result[feature.name] = tuple(sorted({_text(v) for v in values})) or (MISSING,)
        if HISTORY_LENGTH in self.names:
            length = example[features.WINDOW_START][0] + len(example[features.EVENT_ITEM_ID]) - 1
            result[HISTORY_LENGTH] = (length_name(length),)
        targets = request_arrays.targets(example)
        if TARGET_POPULARITY in self.names:
            result[TARGET_POPULARITY] = tuple(
                sorted({popularity_name(target, catalogue) for target in targets})
            )
        if TARGET_REPEATS in self.names:
            seen = frozenset(example.get(features.SEEN_ITEM_ID, ()))
            result[TARGET_REPEATS] = tuple(
                sorted({kinds.REPEATED if target in seen else kinds.NEW for target in targets})
            )
        return {name: result[name] for name in self.names}

    def numbers(self, example: requests.RawExample) -> list[tuple[str, float]]:
        """(feature, value) of the numeric slices, for `Quartiles`."""
        return [
            (f.name, value)
            for f in self._features
            if f.kind == "numeric"
            for value in _request_values(example, f)
            if not np.isnan(value)
        ]


class Quartiles(beam.PTransform):
    """Parsed examples -> one dictionary: bounds between the quartiles of each numeric slice."""

    def __init__(self, slicer: Slicer) -> None:
        super().__init__()
        self._slicer = slicer

    def expand(self, examples: beam.PCollection) -> beam.PCollection:
        return (
            examples
            | "Numbers" >> beam.FlatMap(self._slicer.numbers)
            | "Quantiles" >> beam.ApproximateQuantiles.PerKey(num_quantiles=5)
            | "Inner" >> beam.MapTuple(lambda name, found: (name, tuple(sorted(set(found[1:-1])))))
            | "ToDict" >> beam.combiners.ToDict()
        )


def interval_name(values: Sequence[float], edges: Sequence[float]) -> str:
    """`<= 25`, `25 - 31`, `> 43`: the interval, closed on its right, that holds the value."""
    if not values or np.isnan(values[0]):
        return MISSING
    if not edges:
        return "all"
    place = int(np.searchsorted(edges, values[0], side="left"))
    if place == 0:
        return f"<= {edges[0]:g}"
    return f"> {edges[-1]:g}" if place == len(edges) else f"{edges[place - 1]:g} - {edges[place]:g}"


def length_name(length: int) -> str:
    """`0`, `20-49`, `1000+`: the group of a number of past events."""
    place = int(np.searchsorted(_LENGTHS, length, side="right")) - 1
    if place == len(_LENGTHS) - 1:
        return f"{_LENGTHS[-1]}+"
    low, high = _LENGTHS[place], _LENGTHS[place + 1] - 1
    return str(low) if low == high else f"{low}-{high}"


def popularity_name(item: bytes, catalogue: baselines.Popularity) -> str:
    """`head`, `middle`, `tail`: thirds of all events, most popular items first; `cold`: none."""
    place = catalogue.places.get(item)
    if place is None or not catalogue.counts[place]:
        return "cold"
    return ("head", "middle", "tail")[min(int(catalogue.share_before[place] * 3), 2)]


def _request_values(example: requests.RawExample, feature: features.Feature) -> list[Any]:
    values: Iterable[Any] = example.get(feature.name, [])
    return list(values)[-1:] if feature.is_sequence else list(values)


def _text(value: object) -> str:
    return (
        (value.decode("utf-8", "replace") or MISSING) if isinstance(value, bytes) else f"{value:g}"
    )
