"""`recsys dataset check`: reads all data as a run would; says what is there and what is wrong."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

import apache_beam as beam
import tqdm
from apache_beam.runners.portability.fn_api_runner import fn_runner

from modules import config, ranking_config
from modules.beam import errors, examples, files, problems, row_counter

LIMIT = 10  # problems that are shown


def check(
    data: config.Data,
    split: config.Split,
    features: config.Features | None = None,
    hold_out: ranking_config.HoldOut | None = None,
) -> dict[str, Any]:
    """Runs ExampleGen's transforms in this process, writes no examples and prints what was counted.

    Returns:
      The summary (see `summary.summarise`).

    Raises:
      errors.DataError: with the number of problems and the first `LIMIT` of them, a line each.
    """
    max_history = (features or config.Features()).max_history
    listings = files.list_tables(data)
    make = examples.MakeExamples(data, split, max_history, listings, hold_out)
    with tempfile.TemporaryDirectory() as folder:
        path, found = run(make, examples.SUMMARY, folder)
        summary: dict[str, Any] = _read_json(path)
    print(report(summary, listings, max_history))
    refuse(found, listings)
    return summary


def run(make: beam.PTransform, output: str, folder: str) -> tuple[str, problems.CountedProblems]:
    """Runs a transform of tables in this process and shows on a terminal how many rows it has read.

    Args:
      make: gives a dict, with a tuple of PCollections of problems under `problems.TAG`.
      output: key of what is written.
      folder: where to write.

    Returns:
      The path of a file of `output`'s elements, each a line of JSON, and the problems, the first
      `LIMIT`.
    """
    paths = {name: os.path.join(folder, name) for name in (output, problems.TAG)}
    with (
        tqdm.tqdm(desc="reading", unit=" rows", file=sys.stderr, disable=None) as bar,
        row_counter.telling(bar.update),
        beam.Pipeline(runner=fn_runner.FnApiRunner()) as pipeline,
    ):
        made = pipeline | "Make" >> make
        first = (
            made[problems.TAG]
            | "AllProblems" >> beam.Flatten()
            | "First" >> beam.CombineGlobally(problems.CountAndFirst(LIMIT))
        )
        for name, found in ((output, made[output]), (problems.TAG, first)):
            (
                found
                | f"ToJson[{name}]" >> beam.Map(json.dumps).with_output_types(str)
                | f"Write[{name}]" >> beam.io.WriteToText(paths[name], shard_name_template="")
            )
    count, kept = _read_json(paths[problems.TAG])
    return paths[output], (
        count,
        [(table, _place(at), text, _place(repeats)) for table, at, text, repeats in kept],
    )


def refuse(found: problems.CountedProblems, listings: Mapping[str, files.Listing]) -> None:
    """Does nothing where there are no problems.

    Raises:
      errors.DataError: with the number of problems and the first `LIMIT` of them, a line each.
    """
    count, first = found
    if count:
        shown = "\n".join(f"  {problems.describe(problem, listings)}" for problem in first)
        more = f"\n  and {count - len(first)} more" if count > len(first) else ""
        raise errors.DataError(f"{_number(count, 'problem')} in the data:\n{shown}{more}")


def _read_json(path: str) -> Any:
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)


def _place(value: list[int] | None) -> files.Place | None:
    return None if value is None else (value[0], value[1], value[2])


def report(
    summary: Mapping[str, Any], listings: Mapping[str, files.Listing], max_history: int
) -> str:
    """The summary for a person, with a suggestion for `max_history`."""
    lines = [
        f"{name}: {_number(len(listing.paths), 'file')}, {sum(listing.sizes):,} bytes"
        + (f"; {_number(listing.empty, 'empty file')} left out" if listing.empty else "")
        for name, listing in listings.items()
    ]
    events, users, items = (
        _number(summary[f"{what}s"], what) for what in ("event", "user", "item")
    )
    lines.append(f"{events} of {users}, a catalogue of {items}")
    lines.append(
        "targets: " + ", ".join(f"{name} {number:,}" for name, number in summary["targets"].items())
    )
    for name, policy in summary["policies"].items():
        counts = [
            f"{number:,} {what}" for what, number in policy.items() if number and what != "policy"
        ]
        if counts:
            lines.append(f"{name} ({policy['policy']}): {', '.join(counts)}")
    lines += [
        f"{name.replace('_', ' ')}: {number:,}"
        for name, number in summary.items()
        if isinstance(number, int) and number and "_" in name and "timestamp" not in name
    ]
    return "\n".join([*lines, _suggestion(summary["history_lengths"], max_history)])


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _suggestion(lengths: Mapping[str, int], max_history: int) -> str:
    """Which power of two holds the whole history of nine users in ten."""
    total, held = sum(lengths.values()), 0
    for length, users in lengths.items():
        held += users
        if held >= 0.9 * total:
            return (
                f"90 % of the users have at most {length} events; features.max_history is "
                f"{max_history}"
                + (", more than they need." if max_history >= 2 * int(length) else ".")
            )
    return "no user has an event."
