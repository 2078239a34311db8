"""One user's events and profile to windows of raw features for all splits but the catalogue."""

from __future__ import annotations

import itertools
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam

from modules import config, earlier, features, ranking_config, ties
from modules.beam import count_ties, files, identity, problems, rows, sequences, summary, values

Event = tuple[float, files.Place, str, tuple[typing.Any, ...]]  # time, place, item, features
Keyed = tuple[str, tuple[files.Place, tuple[typing.Any, ...]]]  # id, (place, other values)
RawFeatures = dict[str, list[typing.Any]]  # by raw name: texts, whole numbers or numbers

EVENTS, USERS, REFUSED = "events", "users", "refused"


@beam.typehints.with_input_types(rows.Row)
@beam.typehints.with_output_types(tuple[str, Event])
class KeyEvents(beam.DoFn):
    """Events by user. Their features come in the order of `event_columns`."""

    def __init__(self, data: config.Data) -> None:
        names = rows.names(data.events)
        self._user, self._item, self._time = (
            names.index(str(data.events.column_with(role)))
            for role in ("user_id", "item_id", "timestamp")
        )
        self._features = [names.index(f.column) for f in event_columns(data)]
        self._cleans = data.ids == "clean"

    def process(self, element: rows.Row) -> Iterator[tuple[str, Event]]:
        place, row = element
        carried = tuple([row[n] for n in self._features])
        user, item = row[self._user], row[self._item]
        if self._cleans:
            user, item = identity.clean(user), identity.clean(item)
        yield user, (row[self._time], place, item, carried)


@beam.typehints.with_input_types(rows.Row)
@beam.typehints.with_output_types(Keyed)
class KeyRows(beam.DoFn):
    """Rows of users or items by their id; the other values in the order of `columns`."""

    def __init__(
        self, data: config.Data, table: config.Table, role: str, columns: Sequence[str]
    ) -> None:
        self._cleans = data.ids == "clean"
        names = rows.names(table)
        self._key = names.index(str(table.column_with(role)))
        self._others = [names.index(column) for column in columns]

    def process(self, element: rows.Row) -> Iterator[Keyed]:
        place, row = element
        key = identity.clean(row[self._key]) if self._cleans else row[self._key]
        yield key, (place, tuple([row[n] for n in self._others]))


def event_columns(data: config.Data) -> tuple[features.Feature, ...]:
    """What an event carries: its features, the action type first, its context, and its weight."""
    weight = features.event_weight(data)
    return (
        *features.event_features(data),
        *features.context_features(data),
        *([weight] if weight else []),
    )


def as_list(kind: str, value: Any) -> list[Any]:
    """A value as a raw feature: a number or text, or several of a multi_categorical or vector."""
    return list(value) if kind in ("multi_categorical", "vector") else [value]


def join(
    user: str, groups: Mapping[str, Iterable[Any]], data: config.Data, counts: dict[str, int]
) -> typing.Generator[Any, None, tuple[RawFeatures | None, list[Event]]]:
    """What is known of a user, checked, with the policies applied; yields the problems.

    Args:
      user: the id.
      groups: rows of the user by table, `EVENTS` and `USERS`, in any order, and under `REFUSED`
          the problems with its rows of users.
      data: the declared columns and policies.
      counts: what the policies did is added to it.

    Returns:
      The profile, None if the user is not in the table of users, and the events, the oldest first.
    """
    profile = yield from _find_profile(
        user, sorted(groups.get(USERS, ()), key=lambda row: row[0]), data, counts
    )
    events = _in_order(user, groups[EVENTS], data)
    refused = next(iter(groups.get(REFUSED, ())), None)
    if profile is None and refused is not None:
        yield problems.again(refused, len(events))
    elif profile is None and events:
        counts |= {summary.UNKNOWN_USERS: 1, summary.UNKNOWN_USER_EVENTS: len(events)}
        if data.unknown_user == "refuse":
            yield problems.found(
                "events",
                events[0][1],
                f"user {user!r} is not in data.users "
                f"({len(events)} events). Add the user, or set data.unknown_user: keep.",
                needs="users",
            )
    return profile, (yield from _distinct(user, events, data, counts))


def _in_order(user: str, events: Iterable[Event], data: config.Data) -> list[Event]:
    """The oldest first; without times they get their numbers."""
    ordered: list[Event] = sorted(events, key=lambda event: event[:2])
    if data.ties == "lot":
        ordered.sort(key=lambda event: (event[0], ties.lot(user, event[2])))
    if data.events.is_timeless:
        return [(float(n), *event[1:]) for n, event in enumerate(ordered)]
    return ordered


def _find_profile(
    user: str, found: list[Any], data: config.Data, counts: dict[str, int]
) -> typing.Generator[Any, None, RawFeatures | None]:
    if data.users is None:
        return {}
    if not found:
        return None
    (first, row), *others = found
    counts[summary.DUPLICATE_USERS] = len(others)
    for place, _ in others if data.duplicate_users == "refuse" else ():
        yield problems.found(
            "users",
            place,
            f"user {user!r} again; data.users has one row a user. Remove one, or set "
            "data.duplicate_users: first.",
            repeats=first,
        )
    return {f.name: as_list(f.kind, v) for f, v in zip(features.user_features(data), row)}


def _distinct(
    user: str, events: list[Event], data: config.Data, counts: dict[str, int]
) -> typing.Generator[Any, None, list[Event]]:
    """Applies the policy for the same user, item and time again."""
    firsts = _firsts(events)
    for event in events if data.duplicate_events == "refuse" else ():
        first = firsts[event[0], event[2]]
        if event is not first:
            text = (
                f"user {user!r}, item {event[2]!r} and the time repeat an event. Remove one, or "
                "set data.duplicate_events: drop."
            )
            yield problems.found("events", event[1], text, repeats=first[1])
    counts[summary.DUPLICATE_EVENTS] = len(events) - len(firsts)
    return events if data.duplicate_events == "keep" else list(firsts.values())


def _firsts(events: Iterable[Event]) -> dict[tuple[float, str], Event]:
    """The first event of each time and item, in their order."""
    firsts: dict[tuple[float, str], Event] = {}
    for event in events:
        firsts.setdefault((event[0], event[2]), event)
    return firsts


def _repeats(items: list[str], train: int) -> dict[str, int]:
    """How many of a user's events, and whether the last, are of an item that it had before."""
    return {
        summary.REPEATS: len(items) - len(set(items)),
        summary.TRAIN_EVENTS: train,
        summary.TRAIN_REPEATS: train - len(set(items[:train])),
        summary.LAST_REPEATS: int(items.index(items[-1]) < len(items) - 1),
    }


@beam.typehints.with_input_types(tuple[str, dict[str, typing.Iterable[typing.Any]]])
@beam.typehints.with_output_types(tuple[int, int])
class CountRepeats(beam.DoFn):
    """Joined rows of a user -> training events, and those of them that repeat (repeats.py)."""

    def __init__(self, data: config.Data, split: config.Split) -> None:
        self._data, self._split = data, split

    def process(
        self, element: tuple[str, Mapping[str, Iterable[Any]]]
    ) -> Iterator[tuple[int, int]]:
        events = _in_order(element[0], element[1][EVENTS], self._data)
        if self._data.duplicate_events != "keep":
            events = list(_firsts(events).values())
        train = sequences.divide([event[0] for event in events], self._split).train
        yield train, train - len({event[2] for event in events[:train]})


@beam.typehints.with_input_types(tuple[str, dict[str, typing.Iterable[typing.Any]]], bool)
class MakeWindows(beam.DoFn):
    """Sorts a user's events, applies the policies and emits windows on the outputs of their splits.

    One user's events have to fit in memory; users do not have to.
    """

    def __init__(
        self,
        data: config.Data,
        split: config.Split,
        options: config.Features,
        hold_out: ranking_config.HoldOut | None = None,
    ) -> None:
        """`hold_out` adds the splits of ranking; without it there are none."""
        self._data, self._split, self._options = data, split, options
        self._hold_out = hold_out
        self._events = event_columns(data)
        self._allows_repeats = False

    def process(
        self, element: tuple[str, Mapping[str, Iterable[Any]]], allows_repeats: bool
    ) -> Iterator[Any]:
        """`allows_repeats`: see repeats.py; a side input where the events decide."""
        self._allows_repeats = allows_repeats
        user, groups = element
        counts: dict[str, int] = {}
        profile, events = yield from join(user, groups, self._data, counts)
        if self._data.ids == "check" and (events or profile is not None):
            table, rows_ = (EVENTS, [e[1] for e in events[:1]]) if events else (USERS, [])
            place = rows_[0] if rows_ else min(row[0] for row in groups[USERS])
            yield identity.seen("user", user, table, place)
        if not events:
            yield summary.counted({summary.USERS_WITHOUT_EVENTS: 1})
            return
        if profile is None:
            known = features.user_features(self._data)
            profile = {f.name: as_list(f.kind, values.fill(f.spec)) for f in known}
        times = [event[0] for event in events]
        counts[summary.TIES] = sum(a == b for a, b in itertools.pairwise(times))
        for pair in ties.pairs(times, [event[2] for event in events]):
            yield beam.pvalue.TaggedOutput(count_ties.TAG, pair)
        parts = sequences.divide(times, self._split)
        counts |= _repeats([event[2] for event in events], parts.train)
        yield from self._windows({features.USER_ID: [user], **profile}, events, parts, counts)
        if self._hold_out is not None:
            held = sequences.hold_out(user, times[: parts.train], self._hold_out, self._split.unit)
            yield from self._ranking({features.USER_ID: [user], **profile}, events, held, counts)
        unknown = (
            {summary.UNKNOWN_USERS: (events[0][1], user)}
            if counts.get(summary.UNKNOWN_USERS)
            else {}
        )
        span = None if self._data.events.is_timeless else (times[0], times[-1])
        yield summary.counted(counts, span, unknown)

    def _windows(
        self,
        profile: RawFeatures,
        events: list[Event],
        parts: sequences.Parts,
        counts: dict[str, int],
    ) -> Iterator[Any]:
        yield from self._learned((features.SPLIT_TRAIN,), profile, events, parts.train, counts)
        yield from self._requests(features.SPLIT_VALID, profile, events, parts.valid, counts)
        yield from self._requests(features.SPLIT_TEST, profile, events, parts.test, counts)
        counts |= {
            summary.USERS: 1,
            summary.EVENTS: len(events),
            summary.UNUSED_EVENTS: len(events)
            - parts.train
            - sum(map(len, (*parts.valid, *parts.test))),
            summary.ONLY_TRAIN: int(not parts.valid and not parts.test),
            summary.history_length(len(events)): 1,
        }

    def _ranking(
        self,
        profile: RawFeatures,
        events: list[Event],
        held: sequences.HoldOut,
        counts: dict[str, int],
    ) -> Iterator[Any]:
        learners = tuple(features.hold_out_split(part) for part in held.learners)
        yield from self._learned(learners, profile, events, held.learned, counts)
        yield from self._requests(
            features.rank_split(held.part), profile, events, held.requests, counts
        )

    def _learned(
        self,
        splits: Sequence[str],
        profile: RawFeatures,
        events: list[Event],
        stop: int,
        counts: dict[str, int],
    ) -> Iterator[Any]:
        """Windows in which events [0, stop) are targets, for each of `splits`."""
        seen = list(dict.fromkeys(event[2] for event in events[:stop])) if splits else []
        windows = sequences.train_windows(stop, self._options.max_history)
        for split in splits:
            for first, end in windows:
                window = self._window(profile, events, first, end, seen)
                yield beam.pvalue.TaggedOutput(split, window)
            counts |= {summary.windows(split): len(windows), summary.targets(split): stop}

    def _requests(
        self,
        split: str,
        profile: RawFeatures,
        events: list[Event],
        asked: Sequence[range],
        counts: dict[str, int],
    ) -> Iterator[Any]:
        """A window for each range of targets, with the items before it as seen ones."""
        seen = list(dict.fromkeys(event[2] for event in events[: asked[0].start])) if asked else []
        known = set(seen)
        for targets in asked:
            items = list(dict.fromkeys(events[target][2] for target in targets))
            start, stop = sequences.request_window(targets.start, self._options.max_history)
            window = self._window(profile, events, start, stop, seen)
            window[features.TARGET_ITEM_ID] = items
            if self._allows_repeats:
                counted = max(0, targets.start - self._options.repeat_history)
                window |= self._earlier(events[counted : targets.start])
            yield beam.pvalue.TaggedOutput(split, window)
            if new := [item for item in items if item not in known]:
                known.update(new)
                seen = [*seen, *new]  # windows of no new item share one list
        counts |= {
            summary.windows(split): len(asked),
            summary.targets(split): sum(map(len, asked)),
        }

    def _earlier(self, history: list[Event]) -> RawFeatures:
        """What came before the window, of the events that count."""
        times = None if self._data.events.is_timeless else [int(event[0]) for event in history]
        return earlier.of_history([event[2] for event in history], times, self._options)

    def _window(
        self, profile: RawFeatures, events: list[Event], start: int, stop: int, seen: list[str]
    ) -> RawFeatures:
        window = events[start:stop]
        columns = {
            feature.name: [event[3][n] for event in window]
            for n, feature in enumerate(self._events)
        }
        return {
            **profile,
            **columns,
            features.EVENT_ITEM_ID: [event[2] for event in window],
            features.EVENT_TIMESTAMP: [int(event[0]) for event in window],
            features.WINDOW_START: [start],
            features.SEEN_ITEM_ID: seen,
            features.REPEATS_ALLOWED: [int(self._allows_repeats)],
        }
