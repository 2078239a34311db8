"""What is known of a table before anything is decided: its files, and some of its rows."""

from __future__ import annotations

import dataclasses
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

from modules import formats
from pipeline.draft import layouts

ROWS = 50_000  # that are looked at, of the beginning of a table
_NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"  # of Hive: the value is missing
HEAD = 16 * 2**20  # bytes, decompressed, that are looked at, at most


@dataclasses.dataclass(frozen=True)
class Sample:
    """Rows of a table and how its files have to be read.

    Attributes:
      path: as the configuration names the table: a file, a folder or a glob.
      files: those that belong to it, by name.
      format: what they hold.
      columns: the sampled cells by the column's name; texts, or typed values of Parquet and JSON,
          None where a value is missing.
      is_whole: whether these are all rows.
      rows: how many rows the table has; an estimate where not all were read, None if there is none.
      has_header: whether the files have a line with the names; else the names are made up.
      delimiter: of a text.
      encoding: of a text.
      quote: of a csv; empty: quotes are letters.
      escape: of a csv; empty: none.
      list_column: holds the list of events, of a table with one row a user.
      layout: the public data set that the file is of, if its name says so.
      types: what a file says itself of a column, such as `token_seq` of RecBole.
      partitions: columns that folders name; which rows have which value is not in the sample.
      unsure: by the key that it is about (delimiter, header, encoding, path), what is not certain.
    """

    path: str
    files: tuple[str, ...]
    format: formats.Format
    columns: Mapping[str, Sequence[Any]]
    is_whole: bool = True
    rows: int | None = None
    has_header: bool = True
    delimiter: str | None = None
    encoding: str = "utf-8"
    quote: str = '"'
    escape: str = ""
    list_column: str | None = None
    layout: layouts.Layout | None = None
    types: Mapping[str, str] = dataclasses.field(default_factory=dict)
    partitions: frozenset[str] = frozenset()
    unsure: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return list(self.columns)

    @property
    def sampled(self) -> int:
        """How many rows are in the sample."""
        return max((len(cells) for cells in self.columns.values()), default=0)

    def renamed(self, names: Mapping[str, str]) -> Sample:
        """The same with other names of columns, where `names` has one."""
        columns = {names.get(name, name): cells for name, cells in self.columns.items()}
        return dataclasses.replace(self, columns=columns)


def repeated_doubt(names: Sequence[str]) -> str | None:
    """What is unsure of columns that have the same name; None: nothing."""
    if not names:
        return None
    return f"{', '.join(names)}: there several times, so left out. Rename all but one"


def made_up(count: int) -> list[str]:
    """Names for the columns of a file without any."""
    return [f"column_{n}" for n in range(1, count + 1)]


def with_partitions(sample: Sample) -> Sample:
    """The same with the columns that folders such as `day=2024-01-31` name, as Hive has them."""
    found: dict[str, dict[str | None, None]] = {}
    for file in sample.files:
        for part in file.removeprefix(sample.path).split("/")[:-1]:
            name, equals, value = part.partition("=")
            name = urllib.parse.unquote(name)
            if equals and name not in sample.columns:
                cell = None if value == _NO_PARTITION else urllib.parse.unquote(value)
                found.setdefault(name, {})[cell] = None
    cells = {name: [*values] for name, values in found.items()}
    spread = {
        name: [values[at % len(values)] for at in range(sample.sampled)]
        for name, values in cells.items()
    }
    return dataclasses.replace(
        sample, columns={**sample.columns, **spread}, partitions=frozenset(spread)
    )
