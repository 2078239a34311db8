"""The catalogue, never split: an example per item, from the items' table, else from the events."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam

from modules import config, features
from modules.beam import (
    files,
    guesses,
    histories,
    identity,
    problems,
    summary,
    tables,
    values,
)

Use = tuple[int, files.Place | None]  # number of events with the item, place of the first

ITEMS, USES = "items", "uses"


@beam.typehints.with_input_types(tuple[str, histories.Event])
@beam.typehints.with_output_types(tuple[str, files.Place])
class KeyPlaces(beam.DoFn):
    """The places of events, by item."""

    def process(self, element: tuple[str, histories.Event]) -> Iterator[tuple[str, files.Place]]:
        _, (_, place, item, _) = element
        yield item, place


@beam.typehints.with_input_types(files.Place)
@beam.typehints.with_output_types(Use)
class CountUses(beam.CombineFn):
    """Counts an item's events and keeps the first's place, so that none is joined with its item."""

    def create_accumulator(self) -> Use:
        return 0, None

    def add_input(self, accumulator: Use, element: files.Place) -> Use:
        count, first = accumulator
        return count + 1, element if first is None or element < first else first

    def merge_accumulators(self, accumulators: Iterable[Use]) -> Use:
        counts, places = zip(*accumulators)
        return sum(counts), min((p for p in places if p is not None), default=None)

    def extract_output(self, accumulator: Use) -> Use:
        return accumulator


@beam.typehints.with_input_types(tuple[str, dict[str, typing.Iterable[typing.Any]]])
class MakeItems(beam.DoFn):
    """Raw features of items on the output `features.SPLIT_CATALOGUE`.

    It checks the join of events and items.
    """

    def __init__(self, data: config.Data) -> None:
        self._data = data
        self._features = features.item_features(data)
        self._has_title = bool(data.items and data.items.column_with("title"))

    def process(self, element: tuple[str, Mapping[str, Iterable[Any]]]) -> Iterator[Any]:
        item, groups = element
        uses = next(iter(groups[USES]), None)
        refused = next(iter(groups.get(histories.REFUSED, ())), None)
        if refused is not None and not any(True for _ in groups[ITEMS]):
            yield problems.again(refused, uses[0] if uses else 0)
            return
        if self._data.ids == "check":
            yield identity.seen("item", item, *_place(groups, uses))
        if self._data.items is None:
            yield from self._emit({features.ITEM_ID: [item]}, uses)
            return
        found = sorted(groups[ITEMS], key=lambda row: row[0])
        if not found:
            yield from self._unknown(item, *(uses or (0, None)))
            return
        (first, cells), *others = found
        if others:
            yield summary.counted({summary.DUPLICATE_ITEMS: len(others)})
        for place, _ in others if self._data.duplicate_items == "refuse" else ():
            yield problems.found(
                "items",
                place,
                f"item {item!r} again; the catalogue has one row an item. "
                "Remove one, or set data.duplicate_items: first.",
                repeats=first,
            )
        row = {features.ITEM_ID: [item]}
        if self._has_title:
            row[features.ITEM_TITLE] = [cells[-1]]
        row |= {f.name: histories.as_list(f.kind, v) for f, v in zip(self._features, cells)}
        yield from self._emit(row, uses)

    def _emit(self, row: histories.RawFeatures, uses: Use | None) -> Iterator[Any]:
        yield beam.pvalue.TaggedOutput(features.SPLIT_CATALOGUE, row)
        used = summary.ITEMS_WITHOUT_EVENTS if uses is None else summary.uses(uses[0])
        yield summary.counted({summary.ITEMS: 1, used: 1})

    def _unknown(self, item: str, count: int, first: files.Place | None) -> Iterator[Any]:
        counts = {summary.UNKNOWN_ITEMS: 1, summary.UNKNOWN_ITEM_EVENTS: count}
        firsts = {} if first is None else {summary.UNKNOWN_ITEMS: (first, item)}
        yield summary.counted(counts, None, firsts)
        if self._data.unknown_item == "refuse":
            yield problems.found(
                "events",
                first,
                f"item {item!r} is not in data.items ({count} events). "
                "Add the item, or set data.unknown_item: add.",
                needs="items",
            )
        if self._data.unknown_item == "keep":
            yield summary.counted({summary.uses(count): 1})
        if self._data.unknown_item == "add":
            row: histories.RawFeatures = {features.ITEM_ID: [item]}
            if self._has_title:
                row[features.ITEM_TITLE] = [""]
            row |= {f.name: histories.as_list(f.kind, values.fill(f.spec)) for f in self._features}
            yield from self._emit(row, (count, first))


def make(
    data: config.Data, events: beam.PCollection, read: Mapping[str, Any] | None
) -> beam.pvalue.DoOutputsTuple:
    """The outputs of `MakeItems`.

    Args:
      data: the declared tables, with separators resolved.
      events: as `histories.KeyEvents` gives them.
      read: the table of items, as `tables.ReadTable` gives it; None without one.
    """
    joined = {
        USES: events
        | "KeyPlaces" >> beam.ParDo(KeyPlaces())
        | "CountUses" >> beam.CombinePerKey(CountUses())
    }
    if data.items is not None and read is not None:
        columns = [f.column for f in features.item_features(data)]
        title = data.items.column_with("title")
        columns += [title] if title else []
        joined[ITEMS] = read[tables.ROWS] | "KeyItems" >> beam.ParDo(
            histories.KeyRows(data, data.items, "item_id", columns)
        )
        joined[histories.REFUSED] = read[problems.TAG] | "KeyRefusedItems" >> (
            beam.ParDo(problems.KeyRefused(identity.of_join(data)))
        )
    return (
        joined
        | "JoinItems" >> beam.CoGroupByKey()
        | "MakeItems"
        >> beam.ParDo(MakeItems(data)).with_outputs(
            features.SPLIT_CATALOGUE, summary.TAG, identity.TAG, problems.TAG
        )
    )


class ReadCatalogue(beam.PTransform):
    """The catalogue alone, with the checks and policies of ExampleGen (see examples.py).

    Returns:
      A dict: `features.SPLIT_CATALOGUE`, a PCollection of `histories.RawFeatures`, and
      `problems.TAG`, one of the output of `problems.GroupByKind`.
    """

    def __init__(self, data: config.Data, listings: Mapping[str, files.Listing]) -> None:
        super().__init__()
        self._data, _ = guesses.resolve(data, listings)
        self._listings = listings

    def expand(self, begin: beam.pvalue.PBegin) -> dict[str, Any]:
        read = {
            name: begin | f"Read[{name}]" >> tables.ReadTable(self._listings[name], table)
            for name, table in files.tables(self._data).items()
            if name in ("events", "items")
        }
        events = read["events"][tables.ROWS] | "KeyEvents" >> beam.ParDo(
            histories.KeyEvents(self._data)
        )
        made = make(self._data, events, read.get("items"))
        return {
            features.SPLIT_CATALOGUE: made[features.SPLIT_CATALOGUE],
            problems.TAG: tuple(step[problems.TAG] for step in (*read.values(), made))
            | problems.Gather(),
        }


def _place(groups: Mapping[str, Iterable[Any]], uses: Use | None) -> tuple[str, files.Place]:
    """The table and the place where an item stands first, in the events if it is there."""
    if uses is not None and uses[1] is not None:
        return "events", uses[1]
    return "items", min(row[0] for row in groups[ITEMS])
