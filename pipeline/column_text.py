"""What is known of a column, in words for the terminal and the report."""

from __future__ import annotations

import datetime
import os
import zoneinfo
from collections.abc import Iterator, Mapping
from typing import Any

from modules import columns

_TOP = 5  # frequent values that are named
_LEAST = 0.001  # share of the values from which the most frequent one is named
_STRANGE = 0.1  # share from which an id is so frequent, among more than _FEW, that it is named
_FEW = 20
_LONGEST = 30  # characters of a frequent value


def distinct(found: Mapping[str, Any]) -> str:
    """How many distinct values there are; an estimate is rounded to three digits."""
    count = found["distinct"]
    if found["distinct_is_exact"]:
        return f"{count:,}"
    return f"about {int(float(f'{count:.3g}')):,}"


def missing(found: Mapping[str, Any]) -> str:
    """The share of missing cells."""
    if not found["missing"]:
        return "0"
    share = found["missing"] / found["rows"]
    return f"{share:.1%}" if share >= 0.001 else "<0.1%"


def values(column: columns.Column, found: Mapping[str, Any]) -> Iterator[str]:
    """Yields lines about what the cells hold."""
    if found.get("times"):
        yield span(found["times"], column.timezone)
    if found.get("numbers"):
        yield numbers(found["numbers"])
    if found.get("lengths"):
        lengths = found["lengths"]
        yield (
            f"{lengths['min']:g} to {lengths['max']:g} values a row, median {lengths['median']:g}"
        )
    if found.get("frequent"):
        text = frequent(found)
        if text:
            yield text
    if found["examples"]:
        yield "e.g. " + ", ".join(_quoted(text) for text in found["examples"])
    if found["missing"]:
        yield "missing: " + ", ".join(
            f"{_quoted(text) if text else 'empty'} {count:,}"
            for text, count in found["missing_texts"].items()
        )
    if found.get("absurd"):
        yield "far outside: " + ", ".join(map(_absurd, found["absurd"]))


def span(times: Mapping[str, float], zone: str) -> str:
    """First and last time in the zone, with the difference from UTC."""
    (first, offset), (last, other) = (moment(times[name], zone) for name in ("min", "max"))
    return (
        f"{first} to {last} {other}" if offset == other else f"{first} {offset} to {last} {other}"
    )


def moment(seconds: float, zone: str) -> tuple[str, str]:
    """A time in the zone, and the zone's difference from UTC then."""
    when = datetime.datetime.fromtimestamp(seconds, zoneinfo.ZoneInfo(zone))
    offset = when.strftime("%z")
    return (
        when.strftime("%Y-%m-%d %H:%M:%S"),
        "UTC" if zone == "UTC" else f"{offset[:3]}:{offset[3:]} ({zone})",
    )


def numbers(found: Mapping[str, float]) -> str:
    """The range, and the quartiles."""
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
    """A number, with thousands separators and at most six digits."""
    if number == int(number) and abs(number) < 1e15:
        return f"{int(number):,}"
    return f"{number:.6g}"


def _absurd(found: Mapping[str, Any]) -> str:
    row = f"line {found['line']}" if "line" in found else f"row {found['row']}"
    return f"{compact(found['value'])} ({os.path.basename(found['file'])}, {row})"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _quoted(text: str) -> str:
    """A text, in quotes where its ends would not be seen."""
    return repr(text) if text != text.strip() or "," in text or not text else text
