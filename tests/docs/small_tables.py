"""Small CSV files for a configuration of the documentation: as many rows as its columns need."""

from __future__ import annotations

import csv
import pathlib
from typing import Any

from modules import config, strict

USERS, ITEMS, EVENTS = 6, 10, 8  # events of each user
_START, _DAY = 1_767_225_600, 86_400  # 2026-01-01


def write(content: dict[str, Any], folder: pathlib.Path) -> None:
    """Writes the tables that the configuration declares to where it says.

    Args:
      content: the configuration, as YAML has read it; its formats are CSV.
      folder: of its YAML file.
    """
    data = strict.read(config.Data, content["data"])
    keys = {
        "events": [(user, event) for user in range(USERS) for event in range(EVENTS)],
        "users": [(user, 0) for user in range(USERS)],
        "items": [(0, item) for item in range(ITEMS)],
    }
    for name, rows in keys.items():
        table = getattr(data, name)
        if table is None:
            continue
        assert table.format in ("csv", None), f"{name}: found {table.format}"
        with (folder / table.path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=table.delimiter or ",")
            if table.header is None:
                writer.writerow(column.source or key for key, column in table.columns.items())
            for user, number in rows:
                writer.writerow(
                    _cell(column, user, number, of_events=name == "events")
                    for column in table.columns.values()
                )


def _cell(column: config.Column, user: int, number: int, *, of_events: bool) -> str:
    """A value that the column may have; every user walks through the items from another one on."""
    kind = column.kind or column.role
    item = (user + number) % ITEMS if of_events else number
    if kind == "timestamp":
        seconds = _START + (number * USERS + user) * _DAY
        return str(seconds * (1000 if column.unit == "ms" else 1))
    return {
        "user_id": f"u{user}",
        "item_id": f"i{item}",
        "title": f"Item {item}",
        "action_type": "click",
        "numeric": str(number + 1),
        "categorical": "even" if item % 2 == 0 else "odd",
        "multi_categorical": (column.separator or "|").join(("one", "two")[: 1 + item % 2]),
        "vector": (column.separator or "|").join(["0.5"] * (column.dimension or 0)),
        "ignore": "",
    }[kind]
