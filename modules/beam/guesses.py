"""What the configuration leaves open and the first rows of a table say: separators of lists."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from modules import config
from modules.beam import files, lists, samples

Guesses = dict[str, str | None]  # separators by table and column, as in `items.genres`


def resolve(
    data: config.Data, listings: Mapping[str, files.Listing]
) -> tuple[config.Data, Guesses]:
    """The configuration with separators, where it declares none, and those that were guessed."""
    guesses: Guesses = {}
    tables: dict[str, Any] = {}
    for name, table in files.tables(data).items():
        found = _separators(listings[name], table)
        guesses |= {f"{name}.{column}": separator for column, separator in found.items()}
        columns = {
            column: dataclasses.replace(spec, separator=found[column]) if column in found else spec
            for column, spec in table.columns.items()
        }
        tables[name] = dataclasses.replace(table, columns=columns)
    return dataclasses.replace(data, **tables), guesses


def _separators(listing: files.Listing, table: config.Table) -> dict[str, str | None]:
    names = [
        name
        for name, column in table.columns.items()
        if column.kind in ("multi_categorical", "vector") and column.separator is None
    ]
    is_atomic = listing.format == "recbole"
    texts = {} if is_atomic else samples.first_texts(listing, table, names)
    return {
        name: (lists.guess_of_numbers if table.columns[name].kind == "vector" else lists.guess)(
            texts.get(name, []), is_atomic=is_atomic
        )
        for name in names
        if is_atomic or texts[name]
    }
