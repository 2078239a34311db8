"""ExampleGen as one transform: tables in; raw features of the splits, summary and problems out."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import apache_beam as beam

from modules import config, features, ranking_config, repeats
from modules.beam import (
    catalogue,
    count_ties,
    files,
    guesses,
    histories,
    identity,
    problems,
    profile,
    rows,
    sequences,
    summary,
    tables,
)

SUMMARY = "summary"


def splits(hold_out: ranking_config.HoldOut | None) -> tuple[str, ...]:
    """Names of all splits; without `hold_out` there are none of ranking."""
    return (*sequences.splits(hold_out), features.SPLIT_CATALOGUE)


class MakeExamples(beam.PTransform):
    """Joins, sorts, splits and cuts events into windows; makes the catalogue.

    Returns:
      A dict: under the name of each split a PCollection of raw features (`histories.RawFeatures`),
      under `SUMMARY` one of a single dict, under `profile.TAG` another (see profile.py), and under
      `problems.TAG` one more, the output of `problems.GroupByKind`.
    """

    def __init__(
        self,
        data: config.Data,
        split: config.Split,
        options: config.Features,
        listings: Mapping[str, files.Listing],
        hold_out: ranking_config.HoldOut | None = None,
    ) -> None:
        super().__init__()
        self._data, self._guesses = guesses.resolve(data, listings)
        self._split, self._options, self._listings = split, options, listings
        self._hold_out = hold_out

    def expand(self, begin: beam.pvalue.PBegin) -> dict[str, Any]:
        read = {
            name: begin | f"Read[{name}]" >> tables.ReadTable(self._listings[name], table)
            for name, table in files.tables(self._data).items()
        }
        events = read["events"][tables.ROWS] | "KeyEvents" >> beam.ParDo(
            histories.KeyEvents(self._data)
        )
        windows = self._windows(events, read)
        items = catalogue.make(self._data, events, read.get("items"))
        dropped = (
            tuple(table[rows.DROPPED] for table in read.values())
            | "AllDropped" >> beam.Flatten().with_output_types(rows.Dropped)
            | "CountDropped" >> beam.combiners.Count.PerElement()
            | "Dropped" >> beam.ParDo(summary.CountDropped())
        )
        tied = (
            windows[count_ties.TAG]
            | "CountTies" >> count_ties.CountTies()
            | "Tied" >> beam.Map(lambda counts: (counts, None, {}))
        )
        found = (
            (windows[summary.TAG], items[summary.TAG], dropped, tied)
            | "AllCounts" >> beam.Flatten().with_output_types(summary.Counts)
            | "AddCounts" >> beam.CombineGlobally(summary.Add())
            | "Summarise"
            >> beam.ParDo(
                summary.Summarise(self._data, self._split, self._hold_out, self._guesses)
            ).with_outputs(problems.TAG, main=SUMMARY)
        )
        ids = (
            (windows[identity.TAG], items[identity.TAG])
            | "AllIds" >> beam.Flatten().with_output_types(identity.Keyed)
            | "CheckIds" >> identity.Check()
        )
        return {
            **{split: windows[split] for split in sequences.splits(self._hold_out)},
            features.SPLIT_CATALOGUE: items[features.SPLIT_CATALOGUE],
            SUMMARY: found[SUMMARY],
            profile.TAG: tuple(table[profile.TAG] for table in read.values())
            | "AllProfiles" >> beam.Flatten()
            | "MergeProfiles" >> beam.CombineGlobally(profile.Merge())
            | "LocateProfiles" >> beam.Map(profile.locate, dict(self._listings)),
            problems.TAG: tuple(
                step[problems.TAG] for step in (*read.values(), windows, items, ids, found)
            )
            | problems.Gather(),
        }

    def _windows(
        self, events: beam.PCollection, read: Mapping[str, Any]
    ) -> beam.pvalue.DoOutputsTuple:
        joined = {histories.EVENTS: events}
        if self._data.users is not None:
            columns = [f.column for f in features.user_features(self._data)]
            joined[histories.USERS] = read["users"][tables.ROWS] | "KeyUsers" >> beam.ParDo(
                histories.KeyRows(self._data, self._data.users, "user_id", columns)
            )
            joined[histories.REFUSED] = read["users"][problems.TAG] | "KeyRefusedUsers" >> (
                beam.ParDo(problems.KeyRefused(identity.of_join(self._data)))
            )
        users = joined | "JoinUsers" >> beam.CoGroupByKey()
        make = beam.ParDo(
            histories.MakeWindows(self._data, self._split, self._options, self._hold_out),
            self._allows_repeats(users),
        )
        return users | "MakeWindows" >> make.with_outputs(
            *sequences.splits(self._hold_out),
            summary.TAG,
            count_ties.TAG,
            identity.TAG,
            problems.TAG,
        )

    def _allows_repeats(self, users: beam.PCollection) -> bool | beam.pvalue.AsSingleton:
        """What is declared, or what the training events say; see repeats.py."""
        if self._data.repeats != "auto":
            return self._data.repeats == "allow"
        counted = (
            users
            | "CountRepeats" >> beam.ParDo(histories.CountRepeats(self._data, self._split))
            | "AddRepeats" >> beam.CombineGlobally(beam.combiners.TupleCombineFn(sum, sum))
            | "AllowRepeats" >> beam.MapTuple(functools.partial(repeats.allowed, self._data))
        )
        return beam.pvalue.AsSingleton(counted)
