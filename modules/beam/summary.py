"""What ExampleGen counted, as JSON beside the splits, and what makes a whole data set useless."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam

from modules import config, data_config, features, ranking_config, repeats, ties
from modules.beam import amounts, doubts, files, problems, rows, sequences

TAG = "counts"
FILE_NAME = "summary.json"

# Names of counts.
USERS = "users"
EVENTS = "events"  # after the policies
ITEMS = "items"
UNUSED_EVENTS = "unused_events"
ONLY_TRAIN = "users_only_in_train"
USERS_WITHOUT_EVENTS = "users_without_events"
ITEMS_WITHOUT_EVENTS = "items_without_events"
TIES = "events_with_the_time_of_the_one_before"
UNKNOWN_USERS = "unknown_users"
UNKNOWN_USER_EVENTS = "events_of_unknown_users"
UNKNOWN_ITEMS = "unknown_items"
UNKNOWN_ITEM_EVENTS = "events_of_unknown_items"
DUPLICATE_EVENTS = "duplicate_events"
DUPLICATE_ITEMS = "duplicate_items"
DUPLICATE_USERS = "duplicate_users"
REPEATS = "repeats"
TRAIN_EVENTS = "train_events"
TRAIN_REPEATS = "train_repeats"
LAST_REPEATS = "last_repeats"
_LENGTH = "length_"
_USES = "uses_"
_RULE = "rule_"

Times = tuple[float, float] | None  # first and last, Unix seconds
Firsts = dict[str, tuple[files.Place, str]]  # of what is counted, the first one's place and id
Counts = tuple[dict[str, int], Times, Firsts]


def targets(split: str) -> str:
    """Name of the count of a split's targets."""
    return f"{split}_targets"


def windows(split: str) -> str:
    """Name of the count of the windows in which a split's targets are."""
    return f"{split}_windows"


def history_length(events: int) -> str:
    """Name of the count of users with so many events."""
    return f"{_LENGTH}{events}"


def uses(events: int) -> str:
    """Name of the count of items with so many events."""
    return f"{_USES}{events}"


def counted(
    counts: Mapping[str, int], times: Times = None, firsts: Firsts | None = None
) -> beam.pvalue.TaggedOutput:
    """Counts, on their output."""
    return beam.pvalue.TaggedOutput(TAG, (dict(counts), times, firsts or {}))


@beam.typehints.with_input_types(tuple[rows.Dropped, int])
@beam.typehints.with_output_types(Counts)
class CountDropped(beam.DoFn):
    """Counts of rows that do not count by a rule."""

    def process(self, element: tuple[rows.Dropped, int]) -> Iterator[Counts]:
        (table, rule), count = element
        yield {f"{_RULE}{table}.{rule}": count}, None, {}


@beam.typehints.with_input_types(Counts)
@beam.typehints.with_output_types(Counts)
class Add(beam.CombineFn):
    """Adds counts by name and widens the range of times."""

    def create_accumulator(self) -> Counts:
        return {}, None, {}

    def add_input(self, accumulator: Counts, element: Counts) -> Counts:
        return self.merge_accumulators([accumulator, element])

    def merge_accumulators(self, accumulators: Iterable[Counts]) -> Counts:
        (total, times, firsts), *others = accumulators  # the first one is added to
        for counts, found, first in others:
            for name, count in counts.items():
                total[name] = total.get(name, 0) + count
            if found is not None and times is not None:
                times = min(times[0], found[0]), max(times[1], found[1])
            times = times or found
            for name, one in first.items():
                firsts[name] = min(one, firsts.get(name, one))
        return total, times, firsts

    def extract_output(self, accumulator: Counts) -> Counts:
        return accumulator


@beam.typehints.with_input_types(Counts)
@beam.typehints.with_output_types(dict[str, typing.Any])
class Summarise(beam.DoFn):
    """The summary, and the problems of a data set from which nothing can be learned or measured."""

    def __init__(
        self,
        data: config.Data,
        split: config.Split,
        hold_out: ranking_config.HoldOut | None = None,
        guesses: Mapping[str, str | None] | None = None,
    ) -> None:
        self._data, self._split, self._hold_out = data, split, hold_out
        self._guesses = dict(guesses or {})

    def process(self, element: Counts) -> Iterator[Any]:
        counts, times, firsts = element
        for name, count in counts.items():
            if not name.startswith((_LENGTH, _USES)):  # thousands of names
                beam.metrics.Metrics.counter(problems.NAMESPACE, name).inc(count)
        found = summarise(counts, times, self._data, self._hold_out)
        found["guessed_separators"] = self._guesses
        for what, (place, one) in firsts.items():
            text = doubts.of_unknown(what.removeprefix("unknown_"), one, found, self._data)
            if text is not None:
                table = what.removeprefix("unknown_")
                yield problems.found("events", place, text, needs=table)
        text = doubts.of_times(times, found["events"], self._data)
        if text is not None:
            yield problems.found("events", None, text)
        for complaint in complaints(found, self._split, self._hold_out):
            is_of_items = complaint.startswith("data.items") and self._data.items is not None
            table = "items" if is_of_items else "events"
            yield problems.found("events", None, complaint, needs=table)
        yield found


def summarise(
    counts: Mapping[str, int],
    times: Times,
    data: config.Data,
    hold_out: ranking_config.HoldOut | None = None,
) -> dict[str, Any]:
    """The summary as JSON holds it; times in Unix seconds."""

    def count(name: str) -> int:
        return counts.get(name, 0)

    splits = sequences.splits(hold_out)
    lengths, used = (
        {
            int(name.removeprefix(prefix)): number
            for name, number in counts.items()
            if name.startswith(prefix)
        }
        for prefix in (_LENGTH, _USES)
    )
    return {
        "users": count(USERS),
        "items": count(ITEMS),
        "events": count(EVENTS),
        "first_timestamp": int(times[0]) if times else None,
        "last_timestamp": int(times[1]) if times else None,
        "targets": {split: count(targets(split)) for split in splits},
        "examples": {
            **{split: count(windows(split)) for split in splits},
            features.SPLIT_CATALOGUE: count(ITEMS),
        },
        "policies": {
            "unknown_item": {
                "policy": data.unknown_item,
                "items": count(UNKNOWN_ITEMS),
                "events": count(UNKNOWN_ITEM_EVENTS),
            },
            "unknown_user": {
                "policy": data.unknown_user,
                "users": count(UNKNOWN_USERS),
                "events": count(UNKNOWN_USER_EVENTS),
            },
            "duplicate_events": {
                "policy": data.duplicate_events,
                "events": count(DUPLICATE_EVENTS),
            },
            "duplicate_items": {"policy": data.duplicate_items, "items": count(DUPLICATE_ITEMS)},
            "duplicate_users": {"policy": data.duplicate_users, "users": count(DUPLICATE_USERS)},
        },
        "dropped": {
            f"{name}.{rule.text}": count(f"{_RULE}{name}.{rule.text}")
            for name, table in files.tables(data).items()
            for rule, _ in table.filters
        },
        **{
            name: count(name)
            for name in (
                ONLY_TRAIN,
                UNUSED_EVENTS,
                USERS_WITHOUT_EVENTS,
                ITEMS_WITHOUT_EVENTS,
                TIES,
            )
        },
        "ties": ties.told(counts),
        "repeats": {
            "events": count(REPEATS),
            "last_events": count(LAST_REPEATS),
            "train_events": count(TRAIN_EVENTS),
            "train_repeats": count(TRAIN_REPEATS),
            "declared": data.repeats,
            "allowed": repeats.allowed(data, count(TRAIN_EVENTS), count(TRAIN_REPEATS)),
        },
        "events_a_user": amounts.quantiles(lengths),
        "events_an_item": amounts.quantiles(used),
        "events_of_top_items": amounts.concentration(used),
        "history_lengths": amounts.by_powers_of_two(lengths),
        "item_uses": amounts.by_powers_of_two(used),
        "item_use_events": amounts.events_by_powers_of_two(used),
    }


def complaints(
    summary: Mapping[str, Any], split: config.Split, hold_out: ranking_config.HoldOut | None = None
) -> Iterator[str]:
    """Why nothing can be learned or measured, if so."""
    if not summary["events"]:
        yield (
            "data.events: no events at all; there is only a header, or every row is refused. "
            "Expected at least one user with 3 events."
        )
        return
    if summary["items"] < 2:
        yield (
            f"data.items: a catalogue of {summary['items']}, expected at least 2 items; with one "
            "there is nothing to choose. Check the path, and that events and items have the same "
            "ids."
        )
    for name, number in summary["targets"].items():
        if not number:
            yield (
                _no_targets(name, summary, split)
                if hold_out is None or name in features.SEQUENCE_SPLITS
                else _nothing_for_ranking(name, summary, hold_out)
            )
            return


def _no_targets(name: str, summary: Mapping[str, Any], split: config.Split) -> str:
    if split.method == "leave_one_out":
        return (
            f"split: no event is left for {name}; leave_one_out needs a user with at least "
            f"{split.min_events} events (min_events), found {summary['users']} users with fewer."
        )
    return (
        f"split: no event falls into {name}; events last from {summary['first_timestamp']} to "
        f"{summary['last_timestamp']} (Unix seconds), valid_from is {split.cutoffs[0]} and "
        f"test_from {split.cutoffs[1]}. Move the cut-off times."
    )


def _nothing_for_ranking(
    name: str, summary: Mapping[str, Any], hold_out: ranking_config.HoldOut
) -> str:
    if hold_out.starts is not None:
        return (
            f"ranking.hold_out: no training event falls into {name}; events last from "
            f"{summary['first_timestamp']} to {summary['last_timestamp']} (Unix seconds), starts "
            f"is {data_config.unix_seconds('starts', hold_out.starts)}. Move it, or set "
            "ranking.enabled: false."
        )
    folds = f" in each of {hold_out.folds} folds" if hold_out.method == "cross_fit" else ""
    return (
        f"ranking.hold_out: no training event is left for {name}; it needs users{folds} of whose "
        f"training events a share of {hold_out.share:g} is a whole event, found "
        f"{summary['users']} users with {summary['targets'][features.SPLIT_TRAIN]} training "
        "events. Raise ranking.hold_out.share, or set ranking.enabled: false."
    )
