"""Tells which times a column's cells are: the unit of numbers, the format of texts.

What is proposed is what the reader accepts: each format is tried with the reader's own converter.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from modules import columns
from modules.beam import times as readers
from pipeline.draft import numbers, words

_FROM = 631_152_000.0  # 1990, in Unix seconds
_AHEAD = 366 * 86400.0  # seconds from now on that a likely time may lie
_PLACEHOLDERS = 2  # distinct numbers that are no times but stand for none, at most
_PROBED = 30  # values that a format is tried on before all are
_SHARE = 0.9  # of the values that are times, at least
_UNITS: tuple[columns.Unit, ...] = ("s", "ms", "us", "ns")
_COARSE: tuple[columns.Unit, ...] = ("min", "h", "d")  # only where the name is that of a time
_DATES = (
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d.%m.%y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%m %d, %Y",
)
_CLOCKS = (
    "",
    " %H:%M",
    " %H:%M:%S",
    " %H:%M:%S.%f",
    " %I:%M:%S %p",
    " %I:%M %p",
    ", %H:%M",
    ", %H:%M:%S",
)
_COMPACT = (  # of digits alone: the format, and the least and the greatest number
    ("%Y%m%d", 19000101, 20991231),
    ("%Y%m%d%H%M", 190001010000, 209912312359),
    ("%Y%m%d%H%M%S", 19000101000000, 20991231235959),
)
_OTHERS = (
    "%Y%m%d %H:%M:%S",
    "%a %b %d %H:%M:%S %z %Y",  # Twitter, Foursquare
    "%a %b %d %H:%M:%S %Y",
    "%a, %d %b %Y %H:%M:%S %z",
    "%d/%b/%Y:%H:%M:%S %z",  # logs of web servers
    "Posted %B %d, %Y.",  # reviews of Steam
)


@dataclasses.dataclass(frozen=True)
class Time:
    """How a column writes times.

    Attributes:
      column: the declaration that reads them.
      first: the earliest, in Unix seconds.
      last: the latest, in Unix seconds.
      count: how many cells are times.
      is_days: whether all are midnights.
      is_naive: whether they are texts without a zone, of some time of day.
      unsure: what is not certain; None: nothing.
    """

    column: columns.Column
    first: float
    last: float
    count: int
    is_days: bool = False
    is_naive: bool = False
    unsure: str | None = None


def guess(cells: Sequence[Any], name: str) -> Time | None:
    """The times that distinct cells are; None: they are none.

    Args:
      cells: without missing ones.
      name: of the column.
    """
    if not cells or any(isinstance(cell, (bool, tuple, bytes)) for cell in cells):
        return None
    if all(isinstance(cell, datetime.date) for cell in cells):
        return _read(cells, columns.Column(role="timestamp"))
    form = numbers.form({str(cell): 1 for cell in cells[:1000]})
    if form is not None:
        return _of_days(cells, form, name) or _of_numbers(cells, form, name)
    texts = [cell for cell in cells if isinstance(cell, str)]
    return _of_texts(texts) if len(texts) == len(cells) else None


def _of_numbers(cells: Sequence[Any], form: numbers.Form, name: str) -> Time | None:
    """Numbers in the unit that gives likely times."""
    plain = columns.Column(role="timestamp", unit="s", number=form.number, missing=form.missing)
    nothing = [cell for cell in cells if any(value <= 0 for value in _seconds([cell], plain))]
    if len(nothing) < len(cells) and len(nothing) <= _PLACEHOLDERS:  # such as 0 and -1
        cells = [cell for cell in cells if cell not in nothing]
        missing = dict.fromkeys((*form.missing, *map(written, nothing)))
        plain = dataclasses.replace(plain, missing=tuple(missing))
    middle = statistics.median(_seconds(cells, plain) or [0.0])
    latest = datetime.datetime.now(datetime.timezone.utc).timestamp() + _AHEAD
    is_named = words.time_score(name) > 0
    for unit in (*_UNITS, *(_COARSE if is_named else ())):
        if not _FROM <= middle * columns.SECONDS[unit] <= latest:
            continue
        found = _read(cells, dataclasses.replace(plain, unit=None if unit == "s" else unit))
        if found is None or unit not in _COARSE:
            return found
        doubt = f"the numbers were taken for {readers.UNIT_NAMES[unit]} since 1970"
        return dataclasses.replace(found, unsure=doubt)
    if not is_named or not words.is_plainly_time(name):
        return None
    return Time(
        dataclasses.replace(plain, unit=None),
        middle,
        middle,
        0,
        unsure=f"in no unit are the numbers likely times. {readers.readings(middle)}",
    )


def _of_days(cells: Sequence[Any], form: numbers.Form, name: str) -> Time | None:
    """Dates as numbers, such as 20200705, also with the time of day."""
    if not form.is_whole or not words.time_score(name):
        return None
    for text, least, most in _COMPACT:
        if least <= form.low <= form.high <= most:
            return _read(cells, columns.Column(role="timestamp", format=text, missing=form.missing))
    return None


def _of_texts(texts: Sequence[str]) -> Time | None:
    """Texts in the format that reads most of them; day and month may be either if two do."""
    probed = texts[:_PROBED]
    if not all(any(map(str.isdigit, text)) for text in probed):
        return None
    if sum(numbers.plainly(text) is not None for text in probed) > len(probed) / 2:
        return None  # numbers of which too few are likely times
    found = []
    for form in _formats():
        column = columns.Column(role="timestamp", format=form)
        if _read(probed, column) is not None and (time := _read(texts, column)):
            found.append(time)
            if form is None:
                break
    most = max((time.count for time in found), default=0)
    best = [time for time in found if time.count == most]
    if len(best) > 1:
        one, other = best[:2]
        return dataclasses.replace(one, unsure=_either(texts, one.column, other.column))
    return best[0] if best else None


def _either(texts: Sequence[str], one: columns.Column, other: columns.Column) -> str | None:
    """The first text that is another day by the other format; None: all are the same."""
    for text in texts:
        seconds = [found for column in (one, other) for found in _seconds([text], column)]
        if len(seconds) == 2 and seconds[0] != seconds[1]:
            return (
                f"{text} is {day(seconds[0])} by {one.format} and {day(seconds[1])} by "
                f"{other.format}; both read all sampled values"
            )
    return None


def _formats() -> Iterator[str | None]:
    yield None
    for date, clock in itertools.product(_DATES, _CLOCKS):
        yield date + clock
    yield from _OTHERS


def _read(cells: Sequence[Any], column: columns.Column) -> Time | None:
    """Reads the cells as a run would; None if too few are times."""
    seconds = _seconds(cells, column)
    if not seconds or len(seconds) < _SHARE * len(cells):
        return None
    is_days = all(second % 86400 == 0 for second in seconds)
    is_naive = isinstance(cells[0], str) and column.unit is None and _follows_zone(cells[0], column)
    return Time(column, min(seconds), max(seconds), len(seconds), is_days, is_naive and not is_days)


def _follows_zone(cell: str, column: columns.Column) -> bool:
    """Whether the declared zone says which time the cell is."""
    elsewhere = dataclasses.replace(column, timezone="Asia/Tokyo")
    return _seconds([cell], column) != _seconds([cell], elsewhere)


def _seconds(cells: Sequence[Any], column: columns.Column) -> list[float]:
    """The times of the cells that are some; none if too many are not, as soon as that is known."""
    convert = readers.converter(column, limits=False)
    left = (1 - _SHARE) * len(cells)
    seconds = []
    for cell in cells:
        try:
            seconds.append(convert(cell))
        except (ValueError, OverflowError):
            left -= 1
            if left < 0:
                return []
    return seconds


def written(cell: Any) -> str:
    """A cell as the text that a column's `missing` lists: `0` of the number 0.0."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def day(seconds: float) -> str:
    """A date of UTC, such as 2024-01-31; the seconds where no calendar has one."""
    try:
        return readers.day(seconds)[:10]
    except (ValueError, OverflowError, OSError):
        return f"{seconds:g} s"
