"""Columns that folders name, as Hive writes them: `day=1` in `events/day=1/part-0.parquet`."""

from __future__ import annotations

import os
import urllib.parse

from modules import config

_NULL = "__HIVE_DEFAULT_PARTITION__"


def of(path: str, table: config.Table) -> dict[str, str | None]:
    """The cells that the folders of a file give to columns that the table declares or filters by.

    Args:
      path: of the file.
      table: what is declared; other folders with such a name say nothing.

    Returns:
      The cells by the columns' names in the file; None is a missing one.
    """
    read = {column.source or key for key, column in table.columns.items()}
    read |= {rule.column for rule, _ in table.filters}
    found: dict[str, str | None] = {}
    for folder in os.path.dirname(path).split("/"):
        name, equals, value = folder.partition("=")
        name = urllib.parse.unquote(name)
        if equals and name in read:
            found[name] = None if value == _NULL else urllib.parse.unquote(value)
    return found
