"""Users and items that have no file of their own: columns of events that say the same of each.

A column belongs to the items if it has one value in all rows of an item, and hardly would by
chance.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.draft import facts, tables

_REPEATS = 50  # rows of an id that was there before, at least
_AGREEMENT = 0.95  # beyond chance, from which a column belongs to its id


def with_derived(found: tables.Tables) -> tables.Tables:
    """The same with users and items from the events' own file, where they have no other."""
    names = {"users": found.events.roles.user, "items": found.events.roles.item}
    lacking = {table: key for table, key in names.items() if key and not getattr(found, table)}
    columns: dict[str, list[str]] = collections.defaultdict(list)
    for name in found.events.columns:
        if name not in found.events.roles.names and name not in found.events.sample.partitions:
            scores = {
                table: agreement(*_cells(found.events, key, name)) for table, key in lacking.items()
            }
            best = max(scores, key=lambda table: scores[table], default=None)
            if best is not None and scores[best] >= _AGREEMENT:
                columns[best].append(name)
    keys: dict[str, Any] = {
        table: _key(found.events, lacking[table], of_table) for table, of_table in columns.items()
    }
    return dataclasses.replace(found, **keys)


def agreement(ids: Sequence[Any], cells: Sequence[Any]) -> float:
    """How far rows of the same id have the same cell, beyond chance: 1 always, 0 by chance.

    It is Cohen's kappa between a row and the first one with its id.
    """
    first: dict[Any, Any] = {}
    same = repeats = 0
    for one, cell in zip(ids, cells):
        if one in first:
            repeats += 1
            same += first[one] == cell
        else:
            first[one] = cell
    if repeats < _REPEATS:
        return 0.0
    counts = collections.Counter(cells)
    chance = sum((count / len(cells)) ** 2 for count in counts.values())
    return 0.0 if chance > 0.999 else (same / repeats - chance) / (1 - chance)


def _cells(events: tables.Candidate, key: str, name: str) -> tuple[list[Any], list[Any]]:
    """The id and the cell of each row that has both."""
    absent = {None, *events.columns[key].missing}, {None, *events.columns[name].missing}
    pairs = _rows(events, key, name)
    kept = [(a, b) for a, b in pairs if a not in absent[0] and b not in absent[1]]
    return [one for one, _ in kept], [cell for _, cell in kept]


def _rows(events: tables.Candidate, key: str, name: str) -> Iterator[tuple[Any, Any]]:
    columns = events.sample.columns
    return zip(map(facts.hashable, columns[key]), map(facts.hashable, columns[name]))


def _key(events: tables.Candidate, key: str, names: Sequence[str]) -> tables.Key:
    columns = {name: events.sample.columns[name] for name in (key, *names)}
    sample = dataclasses.replace(events.sample, columns=columns)
    one = dataclasses.replace(
        events, sample=sample, columns={name: events.columns[name] for name in columns}
    )
    return tables.Key(one, key, "", is_derived=True)
