"""Writes a generated data set on Beam, part by part: events and users, the catalogue, the oracle.

A part is a function of shape and number alone, so any number of workers write the same bytes, and a
worker holds one part at a time. A file takes its name when it is complete.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from typing import Literal, get_args

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.io import filesystems
from numpy import typing as npt
from pyarrow import csv, parquet

from modules.beam import row_counter
from modules.generator import activity, draws, ids, judged, shape, tables

Format = Literal["parquet", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)
EVENTS, USERS, ITEMS = "events", "users", "items"  # folders of the data set
# names of columns, as dataset.yaml declares them
USER_ID, ITEM_ID, TIMESTAMP = "user_id", "item_id", "timestamp"
AGE, COUNTRY, TITLE, CATEGORY, PRICE = "age", "country", "title", "category", "price"

_KINDS = (USERS, "hot", ITEMS)  # of parts
_PRICE = (3.0, 0.8)  # mean and standard deviation of an item's logarithmic price; means nothing


class Generate(beam.PTransform):
    """Nothing -> the paths of the files that were written."""

    def __init__(self, of: shape.Shape, folder: str, form: Format) -> None:
        super().__init__()
        self._shape, self._folder, self._format = of, folder, form

    def expand(self, begin: beam.Pipeline) -> beam.PCollection:
        of = self._shape
        numbers = dict(zip(_KINDS, (of.user_parts, of.hot_parts, of.item_parts)))
        every = [(kind, part) for kind, number in numbers.items() for part in range(number)]
        return (
            begin
            | "Parts" >> beam.Create(every).with_output_types(tuple[str, int])
            | "Spread" >> beam.Reshuffle()
            | "Write" >> beam.ParDo(WritePart(of, self._folder, self._format))
        )


@beam.typehints.with_input_types(tuple[str, int])
@beam.typehints.with_output_types(str)
class WritePart(beam.DoFn):
    """Writes the files of one part and yields their paths."""

    def __init__(self, of: shape.Shape, folder: str, form: Format) -> None:
        self._shape, self._folder, self._format = of, folder, form
        self._rows = row_counter.RowCounter("generated")

    def setup(self) -> None:
        self._known = tables.Tables(self._shape)

    def process(self, element: tuple[str, int]) -> Iterator[str]:
        kind, part = element
        if kind == USERS:
            yield from self._users(part)
        elif kind == ITEMS:
            yield self._write(ITEMS, f"part-{part:05}", _items(self._shape, part))
        else:
            yield from self._hot_user(part)

    def _users(self, part: int) -> Iterator[str]:
        of, known = self._shape, self._known
        rng = tables.generator(of.seed, tables.Stream.USERS, part)
        visits = activity.visits(of, part, rng)
        items = draws.items(known, visits, rng)
        users = np.repeat(visits.users, visits.counts)
        name = f"part-{part:05}"
        yield self._write(USERS, name, _profiles(visits.users, visits.ages, visits.countries))
        yield self._write(EVENTS, name, _events(users, items, visits.times))
        found = [one.to_json() for one in judged.judge(known, visits, items, part, rng)]
        yield self._save(judged.file(part), "".join(f"{line}\n" for line in found))
        self._rows.inc(users.size)

    def _hot_user(self, part: int) -> Iterator[str]:
        """A slice of time, in which events come evenly."""
        of = self._shape
        rng = tables.generator(of.seed, tables.Stream.HOT_USER, part)
        first, last = (of.hot_user * n // of.hot_parts for n in (part, part + 1))
        places = np.arange(first, last)
        times = tables.START + places * (of.days * tables.DAY) // of.hot_user
        items = draws.by_popularity(self._known, times, rng)
        user = np.array([of.users])
        name = f"hot-{part:05}"
        if part == 0:
            yield self._write(USERS, name, _profiles(user, *activity.profiles(1, rng)))
        yield self._write(EVENTS, name, _events(np.repeat(user, places.size), items, times))
        self._rows.inc(places.size)

    def _write(self, folder: str, name: str, table: pa.Table) -> str:
        stream = io.BytesIO()
        if self._format == "csv":
            csv.write_csv(table, stream)
        else:
            parquet.write_table(table, stream)
        return self._save(f"{folder}/{name}.{self._format}", stream.getvalue())

    def _save(self, name: str, content: str | bytes) -> str:
        data = content.encode() if isinstance(content, str) else content
        return save(filesystems.FileSystems.join(self._folder, name), data)


def save(path: str, content: bytes) -> str:
    """Writes a file, which appears when it is complete, on any file system; returns its path."""
    folder, name = filesystems.FileSystems.split(path)
    unfinished = filesystems.FileSystems.join(folder, f"._{uuid.uuid4().hex}-{name}")
    with filesystems.FileSystems.create(unfinished) as stream:
        stream.write(content)
    if filesystems.FileSystems.exists(path):  # of an attempt that ended before it was counted
        filesystems.FileSystems.delete([path])
    filesystems.FileSystems.rename([unfinished], [path])
    return path


def _events(
    users: npt.NDArray[np.int64], items: npt.NDArray[np.int64], times: npt.NDArray[np.int64]
) -> pa.Table:
    """Events as a log has them, by time."""
    order = np.lexsort((users, times))
    return pa.table(
        {
            USER_ID: [ids.user(user) for user in users[order].tolist()],
            ITEM_ID: [ids.item(item) for item in items[order].tolist()],
            TIMESTAMP: times[order],
        }
    )


def _profiles(
    users: npt.NDArray[np.int64], ages: npt.NDArray[np.int64], countries: npt.NDArray[np.int64]
) -> pa.Table:
    return pa.table(
        {
            USER_ID: [ids.user(user) for user in users.tolist()],
            AGE: ages,
            COUNTRY: [activity.COUNTRIES[country] for country in countries.tolist()],
        }
    )


def _items(of: shape.Shape, part: int) -> pa.Table:
    """A block of the catalogue."""
    first, last = (of.items * n // of.item_parts for n in (part, part + 1))
    numbers = np.arange(first, last)
    rng = tables.generator(of.seed, tables.Stream.ITEMS, part)
    prices = np.exp(rng.normal(*_PRICE, numbers.size)).round(2)
    return pa.table(
        {
            ITEM_ID: [ids.item(item) for item in numbers.tolist()],
            TITLE: [f"Item {item}" for item in numbers.tolist()],
            CATEGORY: [f"c{category}" for category in (numbers % of.categories).tolist()],
            PRICE: prices,
        }
    )
