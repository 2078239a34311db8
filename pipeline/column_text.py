"""What is known of a column, in words for the terminal and the report."""

from __future__ import annotations

import datetime
import os
import zoneinfo
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_TOP = 5  # frequent values that are named
_LEAST = 0.001  # share of the values from which the most frequent one is named
_STRANGE = 0.1  # share from which an id is so frequent, among more than _FEW, that it is named
_FEW = 20
_LONGEST = 30  # characters of a frequent value


def distinct(found: Mapping[str, Any]) -> str:
    """How many distinct values there are; an estimate is rounded to three digits."""
    count = found["distinct"]
    if found["rows"] == found["refused"]:
        return "-"  # no row says what its cells mean
    if found["distinct_is_exact"]:
        return f"{count:,}"
    return f"~{int(float(f'{count:.3g}')):,}"


def missing(found: Mapping[str, Any]) -> str:
    """The share of missing cells."""
    if not found["missing"]:
        return "0"
    share = found["missing"] / found["rows"]
    return f"{share:.1%}" if share >= 0.001 else "<0.1%"


def read_as(found: Mapping[str, Any]) -> str:
    """The role, and the kind of a feature."""
    if found["kind"] is None:
        return str(found["role"])
    return str(found["kind"]) if found["role"] == "feature" else f"{found['role']}, {found['kind']}"


def values(found: Mapping[str, Any]) -> Iterator[str]:
    """Yields lines about what the cells hold."""
    yield from held(found)
    if found["examples"]:
        yield "e.g. " + ", ".join(_quoted(text) for text in found["examples"])
    if found["missing"]:
        yield "missing: " + ", ".join(
            f"{_quoted(text) if text else 'empty'} {count:,}"
            for text, count in found["missing_texts"].items()
        )
    if found.get("absurd"):
        yield absurd(found["absurd"])


def held(found: Mapping[str, Any]) -> Iterator[str]:
    """Yields lines about the values: range, lengths of lists, the most frequent ones."""
    if found.get("times"):
        yield span(found["times"], found["timezone"])
        if found["unit"] is None and found["format"] is None and found["cells"] != ["date"]:
            yield f"taken as {_time_form(found['examples'][0])}"
    if found.get("numbers"):
        yield numbers(found["numbers"])
    if found.get("lengths"):
        lengths = found["lengths"]
        ends = f"{lengths['min']:g} to {lengths['max']:g} values a row"
        same = lengths["min"] == lengths["max"]
        one = lengths["max"] == 1
        yield (
            f"{lengths['max']:g} value{'' if one else 's'} in each row"
            if same
            else f"{ends}, median {lengths['median']:g}"
        )
    if found.get("frequent"):
        text = frequent(found)
        if text:
            yield text


def guessed(guesses: Mapping[str, str | None], column: str) -> Iterator[str]:
    """Yields what was guessed of a column in a table, as in `items.tags`, if it was."""
    if column in guesses:
        separator = guesses[column]
        shown_as = "none, a cell is one value" if separator is None else repr(separator)
        yield f"separator (guessed): {shown_as}"


def span(times: Mapping[str, float], zone: str) -> str:
    """First and last time in the zone, with the difference from UTC."""
    (first, offset), (last, other) = (_moment(times[name], zone) for name in ("min", "max"))
    if zone == "UTC":
        return f"{first} to {last} UTC"
    start = first if offset == other else f"{first} {offset}"
    return f"{start} to {last} {other} ({zone})"


def _moment(seconds: float, zone: str) -> tuple[str, str]:
    """A time in the zone, and the zone's difference from UTC then."""
    when = datetime.datetime.fromtimestamp(seconds, zoneinfo.ZoneInfo(zone))
    offset = when.strftime("%z")
    return when.strftime("%Y-%m-%d %H:%M:%S"), f"{offset[:3]}:{offset[3:]}"


def _time_form(example: str) -> str:
    """How a time is read that no key explains."""
    try:
        float(example)
    except ValueError:
        return "ISO 8601"
    return "seconds since 1970 (no unit is declared)"


def numbers(found: Mapping[str, float]) -> str:
    """The range, and the quartiles."""
    if found["min"] == found["max"]:
        return f"{compact(found['min'])}, always"
    quartiles = " ".join(
        compact(found[name]) for name in ("lower_quartile", "median", "upper_quartile")
    )
    return f"{compact(found['min'])} to {compact(found['max'])}, quartiles {quartiles}"


def frequent(found: Mapping[str, Any]) -> str:
    """The most frequent values with their shares of the cells; empty where all are rare."""
    total = found["rows"] - found["missing"]
    top = found["frequent"][:_TOP]
    if found["role"] in ("user_id", "item_id"):
        top = [(t, n) for t, n in top if found["distinct"] > _FEW and n >= _STRANGE * total]
    if not top or top[0][1] < 2 or top[0][1] < _LEAST * total:
        return ""
    return ", ".join(f"{_quoted(_short(text))} {count / total:.1%}" for text, count in top)


def compact(number: float) -> str:
    """A number of at most six digits; from five on, those of whole ones are in threes."""
    if number == int(number) and abs(number) < 1e15:
        return f"{int(number):,}" if abs(number) >= 10_000 else f"{int(number)}"
    return f"{number:.6g}"


def absurd(found: Sequence[Mapping[str, Any]]) -> str:
    """Values far outside of the others, with their rows."""
    by_file: dict[str, list[str]] = {}
    for one in found:
        row = f"line {one['line']}" if "line" in one else f"row {one['row']}"
        by_file.setdefault(one["file"], []).append(f"{compact(one['value'])} in {row}")
    shown = "; ".join(
        f"{', '.join(rows)} of {os.path.basename(file)}" for file, rows in by_file.items()
    )
    return f"far outside: {shown}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _quoted(text: str) -> str:
    """A text, in quotes where its ends would not be seen."""
    return repr(text) if text != text.strip() or "," in text or not text else text
