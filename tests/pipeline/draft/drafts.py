"""Small files to draft from, and what a draft of them says."""

from __future__ import annotations

import pathlib
import random

from modules import config
from pipeline import configuration
from pipeline.draft import draft

START = 1_700_000_000


def rows(users: int = 8, events: int = 6, items: int = 9) -> list[tuple[str, str, int]]:
    """(user, item, Unix seconds), by user."""
    chance = random.Random(1)
    return [
        (f"u{user}", f"i{chance.randrange(items)}", START + 1000 * user + 60 * event)
        for user in range(users)
        for event in range(events)
    ]


def write(path: pathlib.Path, lines, encoding="utf-8") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding=encoding)
    return str(path)


def make(*files, given=None, folder=".") -> str:
    return draft.make([str(f) for f in files], given or {}, None, str(folder), "shop.yaml")


def load(text: str, folder: pathlib.Path) -> config.Data:
    path = folder / "draft.yaml"
    path.write_text(text, encoding="utf-8")
    return configuration.load(str(path)).data


def roles(table: config.Table) -> dict[str, str]:
    """By column: its role, or the kind of a feature."""
    return {name: column.kind or column.role for name, column in table.columns.items()}
