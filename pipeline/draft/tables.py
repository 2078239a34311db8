"""Which of several files has the events, which the users and which the items."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping, Sequence

from modules.beam import identity
from pipeline.draft import facts, roles, samples, words

_JOINS = 0.3  # share of ids that two columns have in common, at least, if their names differ
_KEY = 0.7  # distinct values a row of a key, at least
_COPIES = 3  # rows of an id, at most, in a table that is taken for one with a row each
_SURE = 100.0  # weight of what an ending or a well-known layout says
_LAYOUTS = {".inter": "events", ".user": "users", ".item": "items"}


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A table with the facts of its columns, and the roles that they have if it is the events."""

    sample: samples.Sample
    columns: Mapping[str, facts.Facts]
    roles: roles.Roles

    @property
    def declared(self) -> str | None:
        """The table that the file's name says."""
        if self.sample.layout is not None and self.sample.layout.table is not None:
            return self.sample.layout.table
        name = os.path.basename(self.sample.files[0])
        return next((table for ending, table in _LAYOUTS.items() if ending in name), None)


@dataclasses.dataclass(frozen=True)
class Key:
    """A table of users or items, and the column that its rows are known by.

    Attributes:
      candidate: the table.
      column: its name.
      reason: why it is these, such as how many ids it shares with the events; empty: none.
      is_derived: whether it is read from the events' own file.
    """

    candidate: Candidate
    column: str
    reason: str
    is_derived: bool = False


@dataclasses.dataclass(frozen=True)
class Unused:
    """Why a table is not used, and whether that may be a mistake."""

    text: str
    is_unsure: bool = False


@dataclasses.dataclass(frozen=True)
class Tables:
    """Which file is what; `unused` are the paths of the others with the reason."""

    events: Candidate
    users: Key | None
    items: Key | None
    unused: Mapping[str, Unused]


def candidate(sample: samples.Sample) -> Candidate:
    """Looks at the columns of a table; gives them names by their roles where they have none."""
    columns = _facts(sample)
    found = roles.of(columns)
    if not sample.has_header and sample.layout is None:
        sample = sample.renamed(roles.invented(columns, found))
        columns = _facts(sample)
        found = roles.of(columns)
        if found.time or not sample.has_header:
            found = dataclasses.replace(found, unsure={})  # the header is marked instead
    return Candidate(sample, columns, found)


def _facts(sample: samples.Sample) -> dict[str, facts.Facts]:
    return {
        name: facts.of(name, cells, sample.types.get(name, ""))
        for name, cells in sample.columns.items()
    }


def assign(found: Sequence[Candidate], given: Mapping[str, Candidate]) -> Tables:
    """Decides which table is which.

    Args:
      found: all tables.
      given: those that the command line says, by `events`, `users` and `items`.
    """
    free = [one for one in found if one not in given.values()]
    events = given.get("events") or max(free, key=_events_score)
    others = [one for one in free if one is not events]
    events = _with_joined_item(events, others)
    keys = {
        "users": {id(one): _key(one, events, "users") for one in others},
        "items": {id(one): _key(one, events, "items") for one in others},
    }
    chosen: dict[str, Key | None] = {"users": None, "items": None}
    scored = sorted(
        ((score, name, key) for name in keys for score, key in keys[name].values() if score > 0),
        key=lambda one: -one[0],
    )
    for name, one in given.items():
        if name in chosen:
            chosen[name] = _key(one, events, name)[1]
    for _, name, key in scored:
        taken = [k.candidate for k in chosen.values() if k is not None]
        if chosen[name] is None and key is not None and key.candidate not in taken:
            chosen[name] = key
    used = {events.sample.path}
    used |= {key.candidate.sample.path for key in chosen.values() if key is not None}
    unused = {
        one.sample.path: _why_unused(one, events) for one in found if one.sample.path not in used
    }
    return Tables(events, chosen["users"], chosen["items"], unused)


def _events_score(one: Candidate) -> float:
    score = math.log10(1 + (one.sample.rows or 10 * one.sample.sampled)) / 10
    if one.declared is not None:
        score += _SURE if one.declared == "events" else -_SURE
    user, item = one.roles.user, one.roles.item
    if user and item and not {"user", "item"} & set(one.roles.unsure):
        score += 4
        score += not one.columns[user].is_unique and not one.columns[item].is_unique
    return score + 2 * (one.roles.time is not None)


def _with_joined_item(events: Candidate, others: Sequence[Candidate]) -> Candidate:
    """Takes the item's column for which another table has rows, if there is one of that name."""
    for one in others:
        for name, column in one.columns.items():
            known = events.columns.get(name)
            if known is None or name in (events.roles.item, events.roles.user):
                continue
            joined = words.score(name, words.ITEM) > 0 and column.is_unique
            if joined and not any(events.roles.item == other for other in one.columns):
                return dataclasses.replace(
                    events, roles=dataclasses.replace(events.roles, item=name)
                )
    return events


def _key(one: Candidate, events: Candidate, table: str) -> tuple[float, Key | None]:
    """How well a table holds the users or items of the events (0: not at all), and its key."""
    name = events.roles.user if table == "users" else events.roles.item
    if name is None:
        return 0, None
    vocabulary = words.USER if table == "users" else words.ITEM
    theirs = {identity.clean(text) for text in events.columns[name].texts}
    best: tuple[float, Key | None] = (0, None)
    if _is_long(one):
        return 0, None
    is_called_so = _hint(one, table, vocabulary) > 0
    for column in one.columns.values():
        repeats = column.distinct < _KEY * column.present
        if not column.distinct:
            continue
        if repeats and not is_called_so and not _is_doubled(one, column, events):
            continue
        ours = {identity.clean(text) for text in map(str, column.counts)}
        common = len(theirs & ours) / max(1, min(len(theirs), len(ours)))
        same = column.name == name
        fits = words.score(column.name, vocabulary) > 0
        is_text = column.number is None
        says_so = fits or is_called_so or one.declared == table or (is_text and column.is_unique)
        if not ((same and common > 0) or (common >= _JOINS and says_so)):
            continue
        score = common + same + 0.5 * fits + _hint(one, table, vocabulary)
        if score > best[0]:
            reason = f"{common:.0%} in common with {name} of events"
            best = score, Key(one, column.name, reason)
    return best


def _is_doubled(one: Candidate, column: facts.Facts, events: Candidate) -> bool:
    """Whether the events' ids come several times in a table that is none of events for all that.

    It has neither their other id nor a time, and each id comes as often, such as twice.
    """
    others = {events.roles.user, events.roles.item, events.roles.time} - {column.name}
    if not {column.name} & set(events.roles.names) or others & set(one.columns) or one.roles.time:
        return False
    return 1 < max(column.counts.values()) == min(column.counts.values()) <= _COPIES


def _hint(one: Candidate, table: str, vocabulary: Sequence[str]) -> float:
    if one.declared is not None:
        return _SURE if one.declared == table else -_SURE
    stem = os.path.basename(one.sample.files[0]).split(".")[0]
    return 0.5 * (words.score(stem, vocabulary) > 0)


def _is_long(one: Candidate) -> bool:
    """Whether rows are single properties, `item, property, value`, not items."""
    names = {part for name in one.columns for part in words.parts(name)}
    return "value" in names and bool(names & {"property", "attribute", "key", "field"})


def _why_unused(one: Candidate, events: Candidate) -> Unused:
    if _is_long(one):
        return Unused("each row is one property; make a table with a column of each")
    if set(one.columns) == set(events.columns):
        return Unused(
            f"it has the columns of {events.sample.path}, but no path names these files and no "
            "others, or they are written in another way (delimiter, quotes, encoding). If they are "
            "one table, put them into a folder of their own and give that",
            is_unsure=True,
        )
    ids = [name for name in (events.roles.user, events.roles.item) if name in one.columns]
    if len(ids) == 2:
        return Unused(
            f"it has {ids[0]} and {ids[1]} as the events do, but other columns. If its rows are "
            "events, too, write one table of both",
            is_unsure=True,
        )
    for name in ids:
        if one.columns[str(name)].distinct < _KEY * one.sample.sampled:
            return Unused(f"{name} repeats in its rows", is_unsure=True)
    return Unused("it shares no ids with the events")
