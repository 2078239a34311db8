"""`recsys dataset check`: reads all data as a run would; says what is there and what is wrong."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
import tqdm
from apache_beam.runners.portability.fn_api_runner import fn_runner

from modules import config, ranking_config
from modules.beam import causes, examples, files, problems, profile, row_counter


class Found(NamedTuple):
    """What a check found.

    Attributes:
      summary: see `summary.summarise`.
      profile: what was understood of the columns, by table; see `profile_column.ColumnProfile`.
      problems: see `problems.GroupByKind`.
      listings: the files that were read, by table.
    """

    summary: dict[str, Any]
    profile: dict[str, Any]
    problems: dict[str, Any]
    listings: dict[str, files.Listing]


def check(
    data: config.Data,
    split: config.Split,
    features: config.Features | None = None,
    hold_out: ranking_config.HoldOut | None = None,
    show: Callable[[Found], None] | None = None,
) -> Found:
    """Runs ExampleGen's transforms in this process and writes no examples.

    Args:
      data: declares the tables.
      split: how events are held out.
      features: how far back histories go.
      hold_out: how events are held out for ranking; None: without.
      show: is given what was found, before problems are raised.

    Raises:
      errors.DataError: see `causes.refuse`.
    """
    listings = files.list_tables(data)
    options = features or config.Features()
    make = examples.MakeExamples(data, split, options, listings, hold_out)
    with tempfile.TemporaryDirectory() as folder:
        paths, wrong = run(make, (examples.SUMMARY, profile.TAG), folder)
        summary, columns = map(_read_json, paths)
    found = Found(summary, columns, wrong, listings)
    if show is not None:
        show(found)
    causes.refuse(wrong, listings)
    return found


def run(
    make: beam.PTransform, outputs: Sequence[str], folder: str
) -> tuple[list[str], dict[str, Any]]:
    """Runs a transform of tables in this process and shows on a terminal how many rows it has read.

    Args:
      make: gives a dict, with the output of `problems.GroupByKind` under `problems.TAG`.
      outputs: keys of what is written.
      folder: where to write.

    Returns:
      The path of a file for each of `outputs`, with an element a line as JSON, and the problems.
    """
    paths = {name: os.path.join(folder, name) for name in (*outputs, problems.TAG)}
    with (
        tqdm.tqdm(desc="reading", unit=" rows", file=sys.stderr, disable=None) as bar,
        row_counter.telling(bar.update),
        beam.Pipeline(runner=fn_runner.FnApiRunner()) as pipeline,
    ):
        made: Mapping[str, beam.PCollection] = pipeline | "Make" >> make
        for name, path in paths.items():
            (
                made[name]
                | f"ToJson[{name}]" >> beam.Map(json.dumps).with_output_types(str)
                | f"Write[{name}]" >> beam.io.WriteToText(path, shard_name_template="")
            )
    return [paths[name] for name in outputs], _read_json(paths[problems.TAG])


def _read_json(path: str) -> Any:
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)
