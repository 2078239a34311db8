"""`recsys dataset check`: prints what was understood of the data, as tables or as JSON."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

from modules import config
from modules.beam import causes, check, files
from pipeline import column_text, dataset_text, text_table

_NARROWEST, _WIDEST = 80, 120


def main(cfg: config.Config, *, as_json: bool) -> None:
    """Reads all data and prints what is there.

    Raises:
      errors.DataError: what is wrong, after all else is printed.
    """

    def show(found: check.Found) -> None:
        if as_json:
            print(json.dumps(to_json(cfg, found), indent=1, ensure_ascii=False, allow_nan=False))
        else:
            columns = shutil.get_terminal_size((120, 24)).columns
            width = min(max(columns, _NARROWEST), _WIDEST)
            print("\n".join(text(cfg, found, width)), flush=True)

    hold_out = cfg.ranking.hold_out if cfg.ranking.enabled else None
    check.check(cfg.data, cfg.split, cfg.features, hold_out, show)


def to_json(cfg: config.Config, found: check.Found) -> dict[str, Any]:
    """What was found; the keys are those of docs/own-data.md."""
    return {
        "name": cfg.name,
        "tables": {
            name: {
                **_files(cfg, found, name),
                "columns": found.profile.get(name, {}),
            }
            for name in found.listings
        },
        "summary": found.summary,
        "problems": causes.to_json(found.problems, found.listings),
    }


def _files(cfg: config.Config, found: check.Found, name: str) -> dict[str, Any]:
    listing, table = found.listings[name], files.tables(cfg.data)[name]
    some = next(iter(found.profile.get(name, {}).values()), {"rows": 0, "refused": 0})
    return {
        "path": table.path,
        "format": listing.format,
        "format_is_guessed": table.format is None,
        "files": len(listing.paths),
        "bytes": sum(listing.sizes),
        "empty_files": listing.empty,
        "other_files": listing.others,
        "rows": some["rows"],
        "refused": some["refused"],
    }


def text(cfg: config.Config, found: check.Found, width: int) -> Iterator[str]:
    """Yields the lines for a person, at most `width` characters where a value is not longer."""
    for name in found.listings:
        yield from _table(cfg, found, name, width)
        yield ""
    if found.summary["events"]:
        yield "what can be used of it:" if found.problems["groups"] else "all together:"
        yield from text_table.named(dataset_text.facts(found.summary, cfg), width)


def _table(cfg: config.Config, found: check.Found, name: str, width: int) -> Iterator[str]:
    facts = _files(cfg, found, name)
    parts = [
        f"{_number(facts['files'], 'file')}, {facts['bytes']:,} bytes",
        facts["format"] + (" (by the ending)" if facts["format_is_guessed"] else ""),
        f"{_number(facts['rows'], 'row')}" + _refused(facts["rows"], facts["refused"]),
    ]
    if facts["empty_files"]:
        parts.append(f"{_number(facts['empty_files'], 'empty file')} left out")
    if facts["other_files"]:
        parts.append(f"{_number(facts['other_files'], 'file')} with another ending left out")
    yield f"{name}: {'; '.join(parts)}"
    columns = found.profile.get(name, {})
    declared = files.tables(cfg.data)[name].columns
    guesses = found.summary["guessed_separators"]
    rows = [
        (
            (
                column,
                column_text.read_as(facts),
                column_text.distinct(facts),
                column_text.missing(facts),
            ),
            [
                *column_text.values(facts),
                *column_text.guessed(guesses, f"{name}.{column}"),
            ],
        )
        for column, facts in columns.items()
    ]
    rows += [
        ((column, declared[column].role, "", ""), ["the order of the rows, no time"])
        for column in declared
        if declared[column].from_ is not None
    ]
    if rows:
        head = ("column", "read as", "distinct", "missing", "values")
        yield from text_table.wrapped(head, rows, width)


def _refused(rows: int, refused: int) -> str:
    if not refused:
        return ""
    return ", all refused" if refused == rows else f", {refused:,} of them refused"


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
