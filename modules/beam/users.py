"""Users with profiles and newest events, from the tables of training, to fill a history store."""

from __future__ import annotations

import collections
import hashlib
import json
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam

from modules import config, features
from modules.beam import files, guesses, histories, identity, problems, tables, values

USERS = "users"
_SEVERAL = ("multi_categorical", "vector")

# id, profile by column (None: the user is not in the table of users), events
User = dict[str, typing.Any]


class ReadUsers(beam.PTransform):
    """Joins events with users, with the checks and policies of ExampleGen (see examples.py).

    Returns:
      A dict: `USERS`, a PCollection of `User`, and `problems.TAG`, one of the output of
      `problems.GroupByKind`.
    """

    def __init__(
        self, data: config.Data, newest: int, listings: Mapping[str, files.Listing]
    ) -> None:
        """`newest` is how many events of a user are given."""
        super().__init__()
        self._data, _ = guesses.resolve(data, listings)
        self._newest, self._listings = newest, listings

    def expand(self, begin: beam.pvalue.PBegin) -> dict[str, Any]:
        read = {
            name: begin | f"Read[{name}]" >> tables.ReadTable(self._listings[name], table)
            for name, table in files.tables(self._data).items()
            if name in ("events", "users")
        }
        joined = {
            histories.EVENTS: read["events"][tables.ROWS]
            | "KeyEvents" >> beam.ParDo(histories.KeyEvents(self._data))
        }
        if self._data.users is not None:
            columns = [f.column for f in features.user_features(self._data)]
            joined[histories.USERS] = read["users"][tables.ROWS] | "KeyUsers" >> beam.ParDo(
                histories.KeyRows(self._data, self._data.users, "user_id", columns)
            )
            joined[histories.REFUSED] = read["users"][problems.TAG] | "KeyRefusedUsers" >> (
                beam.ParDo(problems.KeyRefused(identity.of_join(self._data)))
            )
        made = (
            joined
            | "JoinUsers" >> beam.CoGroupByKey()
            | "MakeUsers"
            >> beam.ParDo(MakeUsers(self._data, self._newest)).with_outputs(
                problems.TAG, main=USERS
            )
        )
        return {
            USERS: made[USERS],
            problems.TAG: tuple(step[problems.TAG] for step in (*read.values(), made))
            | problems.Gather(),
        }


@beam.typehints.with_input_types(tuple[str, dict[str, typing.Iterable[typing.Any]]])
@beam.typehints.with_output_types(User)
class MakeUsers(beam.DoFn):
    """Makes a `User` of one user's rows.

    Its events are {event_id, item_id, timestamp, values by column}, oldest first.
    """

    def __init__(self, data: config.Data, newest: int) -> None:
        self._data, self._newest = data, newest
        weight = features.event_weight(data)  # only training asks for it
        self._carried = [f for f in histories.event_columns(data) if f != weight]

    def process(self, element: tuple[str, Mapping[str, Iterable[Any]]]) -> Iterator[Any]:
        user, groups = element
        profile, events = yield from histories.join(user, groups, self._data, {})
        made = list(_with_ids(events, self._carried))
        yield {
            "user_id": user,
            "profile": None if profile is None else self._by_column(profile),
            "events": made[-self._newest :],
        }

    def _by_column(self, profile: histories.RawFeatures) -> dict[str, Any]:
        return {
            f.column: profile[f.name] if f.kind in _SEVERAL else profile[f.name][0]
            for f in features.user_features(self._data)
        }


def _with_ids(
    events: Iterable[histories.Event], carried: Sequence[features.Feature]
) -> Iterator[dict[str, Any]]:
    """Adds ids made from the content and how often it came before: the same in every reading.

    Gaps count as the columns' defaults there, so ids are those of stores that were filled with the
    defaults.
    """
    times: collections.Counter[str] = collections.Counter()
    for time, _, item, found in events:
        event = {"item_id": item, "timestamp": int(time)}
        filled = {
            f.column: values.fill(f.spec) if _is_missing(v) else v for f, v in zip(carried, found)
        }
        content = json.dumps({**event, "values": filled}, sort_keys=True)
        digest = hashlib.sha256(f"{times[content]} {content}".encode()).hexdigest()[:32]
        times[content] += 1
        known = {f.column: v for f, v in zip(carried, found) if v == v}  # JSON has no NaN
        yield {"event_id": digest, **event, "values": known}


def _is_missing(value: Any) -> bool:
    missing: bool = value == "" or value != value
    return missing
