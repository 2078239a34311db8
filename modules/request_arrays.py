"""The arrays of a request, from raw examples; needs no TensorFlow.

See requests.py for what they mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy import typing as npt

from modules import config, features

EXCLUDE_ITEM_ID = "exclude_item_id"
# of a multi_categorical column, at full width; a request with more values is wider
PROFILE_VALUES = 64

RawExample = dict[str, list[Any]]
_PADDING: dict[Any, Any] = {object: b"", np.int64: 0}


def from_examples(
    examples: Sequence[RawExample], data: config.Data, max_history: int
) -> dict[str, npt.NDArray[Any]]:
    """Builds the request that was made before the last event of each raw example.

    Args:
      examples: sequences, as `requests.read_raw_example` gives them; the last event, the target,
          only lends its time and context.
      data: the declared columns.
      max_history: events that the models see; one more is sent, for the first one's time delta.

    Returns:
      Arrays as `requests.input_specs(data, exclusions=True)` says, B the number of examples.
    """
    batch = {
        f.name: _profile_array([e.get(f.name, []) for e in examples], f)
        for f in features.user_features(data)
    }

    def past(name: str, pad: Any, dtype: Any) -> npt.NDArray[Any]:
        return _padded([example[name][:-1][-max_history - 1 :] for example in examples], pad, dtype)

    batch[features.EVENT_ITEM_ID] = past(features.EVENT_ITEM_ID, b"", object)
    if not data.events.is_timeless:
        batch[features.EVENT_TIMESTAMP] = past(features.EVENT_TIMESTAMP, 0, np.int64)
        times = [example[features.EVENT_TIMESTAMP][-1] for example in examples]
        batch[features.REQUEST_TIMESTAMP] = np.array(times, np.int64)
    for feature in (*features.event_features(data), *features.context_features(data)):
        batch[feature.name] = past(feature.name, missing(feature), _numpy_dtype(feature))
    for feature in features.context_features(data):
        targets = [example[feature.name][-1] for example in examples]
        batch[features.request_name(feature)] = np.array(targets, _numpy_dtype(feature))
    if data.allows_repeats:
        for name, dtype in earlier_types().items():
            batch[name] = _padded([e.get(name, []) for e in examples], _PADDING[dtype], dtype)
    batch[EXCLUDE_ITEM_ID] = _padded([excluded(e, data) for e in examples], b"", object)
    return batch


def excluded(example: RawExample, data: config.Data) -> list[bytes]:
    """Items that must not be recommended: those that the request names itself, or the seen ones.

    Where repeats are allowed, the latter are none.
    """
    if EXCLUDE_ITEM_ID in example:
        return example[EXCLUDE_ITEM_ID]
    return [] if data.allows_repeats else example.get(features.SEEN_ITEM_ID, [])


def targets(example: RawExample) -> list[bytes]:
    """What the user took: all items that the example names, or else the last event's alone."""
    return example.get(features.TARGET_ITEM_ID) or example[features.EVENT_ITEM_ID][-1:]


def earlier_types() -> dict[str, Any]:
    """The inputs with what a user did before the events that are sent, and their numpy types."""
    return {features.EARLIER_ITEM_ID: object, **dict.fromkeys(features.EARLIER_NUMBERS, np.int64)}


def at_full_width(
    arrays: Mapping[str, npt.NDArray[Any]],
    data: config.Data,
    *,
    events: int,
    exclusions: int,
    earlier: int = 0,
) -> dict[str, npt.NDArray[Any]]:
    """Pads the inputs to widths that do not depend on the request.

    TensorFlow Serving may run requests together that arrive together. It fails all of them where an
    input of one is wider than that of another.

    Args:
      arrays: as `from_examples` gives them.
      data: the declared columns.
      events: columns of what has one for each past event.
      exclusions: columns of `exclude_item_id`.
      earlier: columns of `earlier_item_id` and what goes with it.
    """
    widths = {
        f.name: PROFILE_VALUES
        for f in features.user_features(data)
        if f.kind == "multi_categorical"
    }
    past = [f.name for f in (*features.event_features(data), *features.context_features(data))]
    widths |= dict.fromkeys((features.EVENT_ITEM_ID, features.EVENT_TIMESTAMP, *past), events)
    widths |= dict.fromkeys(earlier_types(), earlier)
    widths[EXCLUDE_ITEM_ID] = exclusions
    return {
        name: _widened(array, widths[name]) if name in widths else array
        for name, array in arrays.items()
    }


def is_number(feature: features.Feature) -> bool:
    """Whether its values are float32; else they are strings."""
    return feature.kind in ("numeric", "vector")


def missing(feature: features.Feature) -> Any:
    """What a request says where a value is not known; Transform puts the column's default."""
    return float("nan") if is_number(feature) else b""


def _profile_array(values: Sequence[list[Any]], feature: features.Feature) -> npt.NDArray[Any]:
    """A profile feature of a batch, from the lists of raw examples."""
    if feature.kind == "multi_categorical":
        return _padded(values, b"", object)
    array = _padded(
        values, missing(feature), _numpy_dtype(feature), width=feature.spec.dimension or 1
    )
    return array if feature.kind == "vector" else array[:, 0]


def _padded(
    rows: Sequence[Sequence[Any]], pad: Any, dtype: Any, width: int | None = None
) -> npt.NDArray[Any]:
    """Rows of differing length as one array [B, longest], or [B, width]."""
    longest = max((len(row) for row in rows), default=0) if width is None else width
    array = np.full((len(rows), longest), pad, dtype)
    for place, row in zip(array, rows):
        place[: len(row)] = row
    return array


def _widened(array: npt.NDArray[Any], width: int) -> npt.NDArray[Any]:
    """[B, any] as [B, width], unless it is wider."""
    if array.shape[1] >= width:
        return array
    pad: Any = {"O": b"", "i": 0, "f": np.nan}[array.dtype.kind]
    result = np.full((len(array), width), pad, array.dtype)
    result[:, : array.shape[1]] = array
    return result


def _numpy_dtype(feature: features.Feature) -> Any:
    return np.float32 if is_number(feature) else object
