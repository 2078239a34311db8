"""`recsys dataset check`: prints what was understood of the data, as tables or as JSON."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from modules import config
from modules.beam import causes, check, files
from pipeline import column_text, text_table

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
            columns = shutil.get_terminal_size((100, 24)).columns
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
        "rows": some["rows"],
        "refused": some["refused"],
    }


def text(cfg: config.Config, found: check.Found, width: int) -> Iterator[str]:
    """Yields the lines for a person, at most `width` characters where a value is not longer."""
    for name in found.listings:
        yield from _table(cfg, found, name, width)
        yield ""
    yield from _summary(found.summary, cfg, width)


def _table(cfg: config.Config, found: check.Found, name: str, width: int) -> Iterator[str]:
    facts = _files(cfg, found, name)
    parts = [
        f"{_number(facts['files'], 'file')}, {facts['bytes']:,} bytes",
        facts["format"] + (" (by the ending)" if facts["format_is_guessed"] else ""),
        f"{_number(facts['rows'], 'row')}"
        + (f", {facts['refused']:,} of them refused" if facts["refused"] else ""),
    ]
    if facts["empty_files"]:
        parts.append(f"{_number(facts['empty_files'], 'empty file')} left out")
    yield f"{name}: {'; '.join(parts)}"
    columns = found.profile.get(name, {})
    declared = files.tables(cfg.data)[name].columns
    rows = [
        (
            (
                column,
                _read_as(declared[column]),
                column_text.distinct(facts),
                column_text.missing(facts),
            ),
            [
                *column_text.values(declared[column], facts),
                *_guessed(found.summary, f"{name}.{column}"),
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


def _guessed(summary: Mapping[str, Any], column: str) -> Iterator[str]:
    """What was guessed of a column in a table, as in `items.tags`."""
    guesses = summary.get("guessed_separators", {})
    if column in guesses:
        separator = guesses[column]
        shown = "none, a cell is one value" if separator is None else repr(separator)
        yield f"separator (guessed): {shown}"


def _read_as(column: config.Column) -> str:
    """The role, and the kind of a feature."""
    if column.kind is None:
        return column.role
    return column.kind if column.role == "feature" else f"{column.role}, {column.kind}"


def _summary(summary: Mapping[str, Any], cfg: config.Config, width: int) -> Iterator[str]:
    users, items, events = summary["users"], summary["items"], summary["events"]
    yield (
        f"{_number(events, 'event')} of {_number(users, 'user')}, "
        f"a catalogue of {_number(items, 'item')}"
        + (f"; density {events / (users * items):.2%}" if users and items else "")
    )
    yield "targets: " + ", ".join(f"{name} {n:,}" for name, n in summary["targets"].items())
    for name, policy in summary["policies"].items():
        counts = [f"{n:,} {what}" for what, n in policy.items() if n and what != "policy"]
        if counts:
            yield f"{name} ({policy['policy']}): {', '.join(counts)}"
    for rule, n in summary.get("dropped", {}).items():
        yield f"dropped by {rule}: {n:,}"
    for name, n in summary.items():
        if isinstance(n, int) and n and "_" in name and "timestamp" not in name:
            yield f"{name.replace('_', ' ')}: {n:,}"
    if events:
        yield from textwrap.wrap(
            _suggestion(summary["history_lengths"], cfg.features.max_history), width
        )


def _suggestion(lengths: Mapping[str, int], max_history: int) -> str:
    """Which power of two holds the whole history of nine users in ten."""
    total, held = sum(lengths.values()), 0
    for length, users in lengths.items():
        held += users
        if held >= 0.9 * total:
            more = ", more than they need" if max_history >= 2 * int(length) else ""
            return (
                f"90 % of the users have at most {length} events; features.max_history is "
                f"{max_history}{more}."
            )
    return "no user has an event."


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
