"""Cells to times, in Unix seconds: numbers in a unit, texts in ISO 8601 or a declared format.

A text without a zone, and a date or date-time of Parquet without one, is of the column's
`timezone`; a date alone is its midnight.
"""

from __future__ import annotations

import datetime
import functools
import math
import re
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dateutil import parser as dateutil_parser

from modules import columns
from modules.beam import numbers
from modules.beam.cells import shown

YEAR_1971 = 31_536_000.0  # Unix seconds; what lies before is hardly a time in seconds
LATEST = 4_102_444_800.0  # the year 2100
UNIT_NAMES: Mapping[str, str] = {
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "min": "minutes",
    "h": "hours",
    "d": "days",
}
_CORRECT = "Correct it, or leave such rows out with drop"
_UTC = datetime.timezone.utc
_ZONE_WORD = re.compile(r"\s*(UTC|GMT|Z)$", re.IGNORECASE)
_NUMBER = re.compile(r"\s*[-+]?\d+(\.\d*)?([eE][-+]?\d+)?\s*")
_DIGITS, _WORD = re.compile(r"\d+"), re.compile(r"[^\W\d]+")
_COMPACT_DATE = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_FORMATS = (  # that a message suggests, where they fit
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d.%m.%y %H:%M:%S",
    "%d.%m.%y %H:%M",
    "%d.%m.%y",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%d-%m-%Y",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%Y%m%d%H%M%S",
    "%m %d, %Y",
    "%b %d, %Y",
    "%d %b %Y",
    "%d %B %Y",
    "%a %b %d %H:%M:%S %z %Y",
    "%a %b %d %H:%M:%S %Y",
    "%d/%b/%Y:%H:%M:%S %z",
    "%m/%d/%y %H:%M",
    "%m/%d/%y",
)


def converter(column: columns.Column, *, limits: bool = True) -> Callable[[Any], float]:
    """Function that turns a cell that is not missing into Unix seconds; see `columns.Column`.

    It raises ValueError with what is wrong; with `limits`, also of times before 1970 and after
    2099.
    """
    zone = _zone(column.timezone)
    if column.format is not None:
        parse = functools.partial(_formatted, form=column.format, zone=zone)
    elif column.unit is not None:
        parse = functools.partial(_refuse_text, unit=column.unit)
    else:
        parse = functools.partial(_iso, zone=zone)
    unit = column.unit or "s"
    factor = columns.SECONDS[unit]
    doubts = column.unit is None
    form = None if column.number is None else numbers.converter(column)

    def convert(cell: Any) -> float:
        if isinstance(cell, datetime.date):
            return _checked(_typed(cell, zone), cell, limits)
        if column.format is not None:
            return _checked(parse(_text(cell)), cell, limits)
        try:
            number = float(cell) if form is None else form(cell)
        except (TypeError, ValueError):
            if form is not None:
                raise
            return _checked(parse(cell), cell, limits)
        if not math.isfinite(number):
            raise ValueError(f"found {shown(cell)}, expected a time; see unit and format")
        seconds = number / 1e9 if unit == "ns" else number * factor
        if limits and not 0 <= seconds < LATEST:
            remedy = readings(number) if doubts or seconds > 0 else _CORRECT
            raise ValueError(
                f"found {shown(cell)}, expected {UNIT_NAMES[unit]} since 1970, up to the year "
                f"2099. {remedy}"
            )
        return seconds

    return convert


def _text(cell: Any) -> str:
    """Also of a number such as 20240131, which a typed format may hold as 20240131.0."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _zone(name: str) -> datetime.tzinfo:
    return _UTC if name == "UTC" else zoneinfo.ZoneInfo(name)


def _seconds(when: datetime.datetime, zone: datetime.tzinfo) -> float:
    """Unix seconds; `zone` is that of a time without one."""
    return (when if when.tzinfo else when.replace(tzinfo=zone)).timestamp()


def _typed(cell: datetime.date, zone: datetime.tzinfo) -> float:
    """Of a date or date-time that the file holds as such."""
    if not isinstance(cell, datetime.datetime):
        cell = datetime.datetime(cell.year, cell.month, cell.day, tzinfo=zone)
    return _seconds(cell, zone)


def _checked(seconds: float, cell: Any, limits: bool) -> float:
    if limits and not 0 <= seconds < LATEST:
        raise ValueError(f"found {shown(cell)}, expected a time from 1970 to 2099. {_CORRECT}")
    return seconds


def readings(number: float) -> str:
    """What a number would mean in each unit, of those that give a time from 1971 to 2099.

    It is the end of a sentence's remedy, without a full stop.
    """
    text = f"{number:.0f}"
    found = [
        f"{day(number * seconds)} in {UNIT_NAMES[unit]} (unit: {unit})"
        for unit, seconds in columns.SECONDS.items()
        if is_plausible(number * seconds)
    ]
    if _COMPACT_DATE.fullmatch(text):
        found.insert(0, f"{text[:4]}-{text[4:6]}-{text[6:]} as a date (format: '%Y%m%d')")
    if not found:
        return f"In no unit is it a time from 1971 to 2099. {_CORRECT}"
    return f"It would be {', '.join(found)}. Declare which"


def is_plausible(seconds: float) -> bool:
    """Whether it is a time from 1971 to 2099."""
    return YEAR_1971 <= seconds < LATEST


def day(seconds: float) -> str:
    """The date and time in UTC, to the minute."""
    when = datetime.datetime.fromtimestamp(seconds, _UTC)
    return when.strftime("%Y-%m-%d %H:%M")


def _formatted(cell: str, form: str, zone: datetime.tzinfo) -> float:
    try:
        when = datetime.datetime.strptime(cell.strip(), form)  # noqa: DTZ007 - the zone comes below
    except ValueError:
        raise ValueError(
            f"found {shown(cell)}, expected a time like {_example(form)!r} (format: {form!r}). "
            f"Correct it{_suggested(cell, form)}"
        ) from None
    return _seconds(when, zone)


def _iso(cell: Any, zone: datetime.tzinfo) -> float:
    if not isinstance(cell, str):
        raise ValueError(  # noqa: TRY004 - as of all cells
            f"found {shown(cell)}, expected a time as a number or a text"
        )
    text = _ZONE_WORD.sub("+00:00", cell.strip())
    try:
        when = datetime.datetime.fromisoformat(text)
    except ValueError:
        try:  # fractions of any length, weeks, days of the year, zones without colon
            when = dateutil_parser.isoparse(text.replace(" ", "T", 1))
        except ValueError:
            raise ValueError(
                f"found {shown(cell)}, expected a time as Unix seconds or in ISO 8601, like "
                f"2024-01-31T18:05:00Z. {_remedy(cell)}"
            ) from None
    return _seconds(when, zone)


def _refuse_text(cell: Any, unit: str) -> float:
    raise ValueError(
        f"found {shown(cell)}, expected a number of {UNIT_NAMES[unit]} (unit: {unit}). "
        "Correct it, or remove unit where times are texts"
    )


def fitting_formats(text: str) -> list[str]:
    """Formats of strptime, of those that people use most, that read the text."""
    found = []
    for form in _by_shape().get(_shape(text), ()):
        try:
            datetime.datetime.strptime(text.strip(), form)  # noqa: DTZ007 - only whether it fits
        except ValueError:
            continue
        found.append(form)
    return found


@functools.cache
def _by_shape() -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for form in _FORMATS:
        found.setdefault(_shape(_example(form)), []).append(form)
    return found


def _shape(text: str) -> str:
    """The text with all numbers, and all words, alike: few formats are tried for each text."""
    return _WORD.sub("a", _DIGITS.sub("0", text.strip()))


def _remedy(cell: str) -> str:
    if _NUMBER.fullmatch(re.sub(r"(?<=\d)[ ,'.](?=\d{3})", "", cell)):
        forms = " or ".join(map(numbers.shown_form, numbers.forms(cell)))
        return f"Say how numbers are written: {forms}"
    found = fitting_formats(cell)
    if not found:
        return "Say with format how it is written, such as '%d/%m/%Y %H:%M'"
    return f"Set format: {' or '.join(map(repr, found[:2]))}"


def _suggested(cell: str, form: str) -> str:
    others = [other for other in fitting_formats(cell) if other != form]
    return f", or the format, such as {others[0]!r}" if others else ", or the format"


def _example(form: str) -> str:
    return datetime.datetime(2024, 1, 31, 18, 5, tzinfo=_UTC).strftime(form)
