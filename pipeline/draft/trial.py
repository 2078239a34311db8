"""Reads the samples by the drafted configuration, with the converters and rules that a run has."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Iterator, Mapping

from modules import config
from modules.beam import values
from pipeline import configuration
from pipeline.draft import samples


@dataclasses.dataclass(frozen=True)
class Failure:
    """A column of a table whose cells the draft does not read.

    Attributes:
      table: its name.
      column: its key.
      count: of the cells.
      message: what the first one is, what was expected, and what to do.
    """

    table: str
    column: str
    count: int
    message: str


def load(text: str) -> config.Config:
    """The configuration that a text is.

    Raises:
      ConfigError: it cannot be used.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "draft.yaml")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        return configuration.load(path)


def failures(
    found: config.Config, samples_by_table: Mapping[str, samples.Sample]
) -> Iterator[Failure]:
    """The columns with cells that are not read."""
    for name, sample in samples_by_table.items():
        table: config.Table = getattr(found.data, name)
        kept = _kept(table, sample)
        for key, column in table.columns.items():
            cells = sample.columns.get(column.source or key)
            if column.role == "ignore" or cells is None:
                continue
            failure = _failure(name, key, column, [cells[at] for at in kept])
            if failure is not None:
                yield failure


def _kept(table: config.Table, sample: samples.Sample) -> list[int]:
    """Numbers of the sampled rows that count by the rules."""
    kept = list(range(sample.sampled))
    declared = {column.source or key: column for key, column in table.columns.items()}
    for rule, wanted in table.filters:
        cells = sample.columns[rule.column]
        if rule.column in declared:
            absent = values.absence(declared[rule.column])
            cells = [None if absent(cell) else cell for cell in cells]
        kept = [at for at in kept if rule.holds(cells[at]) is wanted]
    return kept


def _failure(table: str, key: str, column: config.Column, cells: list[object]) -> Failure | None:
    convert = values.converter(column)
    count, message = 0, ""
    for cell in cells:
        try:
            convert(cell)
        except ValueError as error:
            count, message = count + 1, message or str(error)
    return Failure(table, key, count, message) if count else None
