"""Tiny tables as files, and ExampleGen's transforms run on them, to test bad and good input."""

from __future__ import annotations

import json
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any

import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner import fn_runner

from modules import config, ranking_config, strict
from modules.beam import causes, errors, examples, files, problems
from modules.beam import tables as read_table

EVENTS = """\
user_id:token\titem_id:token\trating:float\ttimestamp:float
u1\ta\t5\t100
u1\tb\t4\t200
u1\tc\t\t300
u2\tb\t1\t150
u2\tc\t2\t250
u2\ta\t3\t350
u2\tb\t4\t450
"""
USERS = """\
user_id:token\tage:float\tgender:token
u1\t20\tF
u2\t30\t
"""
ITEMS = """\
item_id:token\tname:token_seq\tprice:float\ttags:token_seq\timage:float_seq
a\tApple\t1.5\tred round\t0 1
b\tBread\t\t\t
c\tCheese\t3\tround\t1 0.5
"""
SMALL_TIMES = {"role": "timestamp", "unit": "s"}  # of 1970, which nobody doubts who says so
PLAIN: dict[str, Any] = {
    "events": {
        "columns": {
            "user_id": "user_id",
            "item_id": "item_id",
            "timestamp": SMALL_TIMES,
            "rating": {"kind": "numeric", "default": 3},
        }
    },
    "users": {
        "columns": {
            "user_id": "user_id",
            "age": {"kind": "numeric", "default": 40},
            "gender": {"kind": "categorical", "default": "?"},
        }
    },
    "items": {
        "columns": {
            "item_id": "item_id",
            "name": "title",
            "price": {"kind": "numeric", "default": 2},
            "tags": "multi_categorical",
            "image": {"kind": "vector", "dimension": 2, "default": 0.25},
        }
    },
}
_NAMES = {"events": "shop.inter", "users": "shop.user", "items": "shop.item"}


def write(
    folder: pathlib.Path,
    *,
    events: str | bytes = EVENTS,
    users: str | bytes = USERS,
    items: str | bytes = ITEMS,
    **policies: Any,
) -> config.Data:
    """Writes the three tables as atomic files and returns the configuration that reads them."""
    plain = {"repeats": "exclude", **policies}
    for name, content in (("events", events), ("users", users), ("items", items)):
        path = folder / _NAMES[name]
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        plain[name] = {**PLAIN[name], "path": str(path)}
    return strict.read(config.Data, plain)


def only_events(path: pathlib.Path | str, **extra: Any) -> config.Data:
    """Events alone, with the columns user, item and time; `extra` are further keys of the table."""
    columns = {"user": "user_id", "item": "item_id", "time": SMALL_TIMES}
    return strict.read(config.Data, {"events": {"path": str(path), "columns": columns, **extra}})


def history(folder: pathlib.Path, data: config.Data) -> list[str]:
    """The items of the only user, in the order of time."""
    rows = sorted(rows_read(folder, data), key=lambda row: row[2])
    return [row[1] for row in rows]


def rows_read(folder: pathlib.Path, data: config.Data, name: str = "events") -> list[list[Any]]:
    """The rows of a table, in the order of the files, as they are read in pieces."""
    listing = files.list_tables(data)[name]
    with beam.Pipeline(runner=fn_runner.FnApiRunner()) as pipeline:
        read = pipeline | read_table.ReadTable(listing, files.tables(data)[name])
        _write_problems((read[problems.TAG],) | problems.Gather(), folder)
        read[read_table.ROWS] | beam.Map(json.dumps) | beam.io.WriteToText(str(folder / "rows"))
    _refuse(folder, {name: listing})
    lines = (line for path in folder.glob("rows-*") for line in path.read_text().splitlines())
    return [values for _, values in sorted(map(json.loads, lines))]


def _pipeline(options: Any) -> beam.Pipeline:
    """On the runner that the options name; without any, in this process."""
    return beam.Pipeline(runner=None if options else fn_runner.FnApiRunner(), options=options)


def make(
    folder: pathlib.Path,
    data: config.Data,
    split: config.Split | None = None,
    max_history: int = 10,
    options: Any = None,
    hold_out: ranking_config.HoldOut | None = None,
) -> dict[str, list[Any]]:
    """Runs the transforms like a run; refuses problems; returns each output's elements."""
    names = (*examples.splits(hold_out), examples.SUMMARY)
    with _pipeline(options) as pipeline:
        listings, made = _made(pipeline, folder, data, split, max_history, hold_out)
        named = tuple(
            made[name] | f"Name[{name}]" >> beam.Map(lambda row, of: json.dumps([of, row]), name)
            for name in names
        )
        (named | beam.Flatten() | beam.io.WriteToText(str(folder / "made")))
    _refuse(folder, listings)
    rows = [
        json.loads(line)
        for path in sorted(folder.glob("made-*"))
        for line in path.read_text().splitlines()
    ]
    return {name: [row for of, row in rows if of == name] for name in names}


def refusal(
    data: config.Data,
    split: config.Split | None = None,
    options: Any = None,
    hold_out: ranking_config.HoldOut | None = None,
) -> str:
    """The first problem that a run on bad data names."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with _pipeline(options) as pipeline:
                listings, _ = _made(pipeline, pathlib.Path(folder), data, split, 10, hold_out)
            _refuse(pathlib.Path(folder), listings)
        except errors.DataError as error:
            return _first(error)
    raise AssertionError("the run did not fail")


def refusal_of_rows(data: config.Data, name: str = "events") -> str:
    """The first problem that reading a table names; `refusal` makes whole examples."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            rows_read(pathlib.Path(folder), data, name)
        except errors.DataError as error:
            return _first(error)
    raise AssertionError("the rows were read")


def _first(error: errors.DataError) -> str:
    heading, *lines = str(error).splitlines()
    return lines[0].strip() if lines else heading


def _made(
    pipeline: beam.Pipeline,
    folder: pathlib.Path,
    data: config.Data,
    split: config.Split | None,
    max_history: int,
    hold_out: ranking_config.HoldOut | None,
) -> tuple[dict[str, files.Listing], dict[str, Any]]:
    """The files, and what is made of them; the problems are written into the folder."""
    listings = files.list_tables(data)
    make = examples.MakeExamples(
        data,
        split or config.Split(),
        config.Features(max_history=max_history),
        listings,
        hold_out,
    )
    made: dict[str, Any] = pipeline | make
    _write_problems(made[problems.TAG], folder)
    return listings, made


def _write_problems(found: beam.PCollection, folder: pathlib.Path) -> None:
    write = beam.io.WriteToText(str(folder / problems.FILE_NAME), shard_name_template="")
    found | "Problem" >> beam.Map(json.dumps) | "Problems" >> write


def _refuse(folder: pathlib.Path, listings: Mapping[str, files.Listing]) -> None:
    causes.refuse(json.loads((folder / problems.FILE_NAME).read_text()), listings)


def of_user(rows: list[Mapping[str, Any]], user: str) -> list[Mapping[str, Any]]:
    """A user's examples, the oldest window first."""
    return sorted(
        (row for row in rows if row["user_id"] == [user]), key=lambda row: row["window_start"]
    )
