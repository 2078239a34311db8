"""Values of the declared columns: checked as they come in, and made into the models' request.

The store and the API name values by column; the models get features (modules/features.py).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy import typing as npt

from modules import catalogue, earlier, features, request_arrays, strict
from serving.gateway import errors
from serving.history import store

EXCLUDE_ITEM_ID = request_arrays.EXCLUDE_ITEM_ID  # an input of recall alone
MAX_TEXT_BYTES = 4096
MAX_VALUES = 1000  # of a multi_categorical
_LARGEST = float(np.finfo(np.float32).max)
_EXPECTED = {
    "categorical": "a text",
    "numeric": "a number",
    "multi_categorical": "a list of texts",
    "vector": "a list of {dimension} numbers",
}


@dataclasses.dataclass(frozen=True)
class Asked:
    """What the models are told.

    Attributes:
      profile: values by column of users.
      events: of the history, oldest first.
      context: values by column with the role context.
      timestamp: of the request, Unix seconds; means nothing where events have no times.
      excluded: ids that must not come back.
      own: by item of the history that may come back, its events and the time of the last of them.
    """

    profile: Mapping[str, Any]
    events: Sequence[store.Event]
    context: Mapping[str, Any]
    timestamp: int
    excluded: Sequence[str]
    own: Mapping[str, tuple[int, int]] = dataclasses.field(default_factory=dict)


class Columns:
    """The columns of a release.

    Attributes:
      about: what the release says of them.
      has_times: whether events have times; else their order is all that is known.
      user: the features of users by column; `context`, `event` and `item` likewise.
      user_values: by categorical column of users whose values are all known, those of training and
          those that stand for a missing one.
      event_values: the same of events and contexts.
    """

    def __init__(self, about: catalogue.About) -> None:
        self.about = about
        data = about.data
        self.has_times = not data.events.is_timeless
        self.user = {f.column: f for f in features.user_features(data)}
        self.context = {f.column: f for f in features.context_features(data)}
        self.event = {f.column: f for f in features.event_features(data)} | self.context
        self.item = {f.column: f for f in features.item_features(data)}
        self.user_values = dict(_values(self.user, about.choices))
        self.event_values = dict(_values(self.event, about.choices))

    def check_profile(self, given: Mapping[str, Any], path: str) -> dict[str, Any]:
        """Values of users' columns; raises ApiError naming the field."""
        return _checked(given, self.user, path, "users")

    def check_context(self, given: Mapping[str, Any], path: str) -> dict[str, Any]:
        """Values of columns with the role context."""
        return _checked(given, self.context, path, "events with the role context")

    def check_event(self, given: Mapping[str, Any], path: str) -> dict[str, Any]:
        """Values of an event's columns."""
        return _checked(given, self.event, path, "events")

    def check_time(self, given: int | None, path: str, *, needed: bool = False) -> None:
        """Whether a time is given where there are times, and only there; raises ApiError."""
        if given is not None and not self.has_times:
            raise errors.invalid(
                path,
                "events of this data set have no times; leave it out. The order of a history is "
                "that of its events, the oldest first",
            )
        if given is None and needed and self.has_times:
            raise errors.invalid(path, "is missing; expected Unix seconds")

    def arrays(self, asked: Asked, *, full_width: bool = True) -> dict[str, npt.NDArray[Any]]:
        """The recall model's inputs for one request, as modules/requests.py says.

        Args:
          asked: what they say.
          full_width: whether their widths do not depend on the request, as batching needs it.
        """
        about = self.about
        arrays = request_arrays.from_examples([self.example(asked)], about.data, about.max_history)
        if not full_width:
            return arrays
        return request_arrays.at_full_width(
            arrays,
            about.data,
            events=about.max_history + 1,
            exclusions=about.max_exclusions,
            earlier=about.repeat_items,
        )

    def example(self, asked: Asked) -> request_arrays.RawExample:
        """The raw example of the request: the history, then the request as the last event."""
        past = asked.events[-(self.about.max_history + 1) :]
        example: request_arrays.RawExample = {
            feature.name: _raw(asked.profile.get(column), feature)
            for column, feature in self.user.items()
        }
        example[features.EVENT_ITEM_ID] = [*(event.item_id.encode() for event in past), b""]
        if self.has_times:
            times = (event.timestamp for event in past)
            example[features.EVENT_TIMESTAMP] = [*times, asked.timestamp]
        for column, feature in self.event.items():
            now = asked.context.get(column) if column in self.context else None
            example[feature.name] = _of_events(
                [*(event.values.get(column) for event in past), now], feature
            )
        if self.about.data.allows_repeats:
            example |= self._earlier(asked.events)
        newest = list(dict.fromkeys(reversed(asked.excluded)))[: self.about.max_exclusions]
        example[EXCLUDE_ITEM_ID] = list(map(str.encode, newest))
        return example

    def _earlier(self, events: Sequence[store.Event]) -> request_arrays.RawExample:
        """What a history says of the events before those that are sent."""
        times = [event.timestamp for event in events] if self.has_times else None
        found = earlier.of_history([event.item_id for event in events], times, self.about)
        found[features.EARLIER_ITEM_ID] = list(map(str.encode, found[features.EARLIER_ITEM_ID]))
        return found


def _values(
    known: Mapping[str, features.Feature], choices: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, frozenset[str]]]:
    for column, feature in known.items():
        ours = choices.get(feature.name)
        if ours is not None and len(ours) < catalogue.MAX_CHOICES:  # else there may be more
            missing = ("", *feature.spec.missing, str(feature.spec.fill), *feature.spec.fill_texts)
            yield column, frozenset((*ours, *missing))


def in_order(events: Iterable[store.Event]) -> list[store.Event]:
    """By time; those of one second stay as they came."""
    return sorted(events, key=lambda event: event.timestamp)


def _checked(
    given: Mapping[str, Any], known: Mapping[str, features.Feature], path: str, what: str
) -> dict[str, Any]:
    for column, value in given.items():
        field = f"{path}.{column}" if path else column
        if column not in known:
            raise errors.invalid(
                field, f"no column of {what} is called so.{strict.nearest(column, known)}"
            )
        problem = _problem(value, known[column])
        if problem:
            raise errors.invalid(field, problem)
    return dict(given)


def _problem(value: Any, feature: features.Feature) -> str | None:
    """What is wrong with a value; None stands for one that is unknown, and is right everywhere."""
    if value is None:
        return None
    several = feature.kind in ("multi_categorical", "vector")
    is_right = _is_number if request_arrays.is_number(feature) else _is_text
    if several and isinstance(value, list) and all(map(is_right, value)):
        if feature.kind == "vector" and len(value) != feature.spec.dimension:
            return f"found {len(value)} numbers, expected {feature.spec.dimension}"
        if len(value) > MAX_VALUES:
            return f"found {len(value)} values, expected at most {MAX_VALUES}"
        return None
    if not several and is_right(value):
        return None
    expected = _EXPECTED[feature.kind].format(dimension=feature.spec.dimension)
    return f"found {_shown(value)}, expected {expected}" + (
        f" of at most {MAX_TEXT_BYTES} bytes" if feature.kind == "categorical" else ""
    )


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) and abs(value) <= _LARGEST


def _is_text(value: Any) -> bool:
    return (
        isinstance(value, str)
        and len(value) <= MAX_TEXT_BYTES
        and len(value.encode()) <= MAX_TEXT_BYTES
    )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _raw(value: Any, feature: features.Feature) -> list[Any]:
    """A profile value as in raw examples: a list, empty where it is unknown or of another kind."""
    if value is None or _problem(value, feature):  # the store may hold values of another schema
        return []
    values = value if isinstance(value, list) else [value]
    return [float(v) if request_arrays.is_number(feature) else v.encode() for v in values]


def _of_events(values: Sequence[Any], feature: features.Feature) -> list[Any]:
    """A column of events as in raw examples; such columns have one value an event."""
    is_right, made = (
        (_is_number, float) if request_arrays.is_number(feature) else (_is_text, str.encode)
    )
    unknown = request_arrays.missing(feature)
    return [made(value) if is_right(value) else unknown for value in values]
