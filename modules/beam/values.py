"""Cells to typed values, by the column's role and kind.

A converter raises ValueError with what is wrong.

The same converters serve text (every cell is a string) and Parquet (cells have types, None is
missing).

| column             | value                                   | missing           |
|--------------------|-----------------------------------------|-------------------|
| user_id, item_id   | str on one line                         | refused           |
| timestamp          | float, Unix seconds                     | refused           |
| action_type, title | str                                     | `Column.fill`     |
| categorical        | str                                     | `Column.fill`     |
| multi_categorical  | tuple of str                            | `Column.fill`     |
| numeric            | float                                   | `Column.fill`     |
| vector             | tuple of `Column.dimension` floats      | all `Column.fill` |

Feedback, a feature of an event, is not filled but stays unknown, NaN or the empty text, so that
objectives of ranking leave it out. For the models' inputs, Transform fills it.
"""

from __future__ import annotations

import datetime
import functools
import math
from collections.abc import Callable
from typing import Any

from modules import config

Converter = Callable[[Any], Any]

_MILLISECONDS = 1e11  # seconds reach this in the year 5138, milliseconds in 1973
_MICROSECONDS = 1e14
_SECONDS_AS_MS = 1e8  # as seconds 1973, as milliseconds the second day of 1970


def converter(column: config.Column, *, fills: bool = True) -> Converter:
    """Function that turns a column's cell into its value; if `fills`, a missing one into `fill`."""
    if column.role in ("user_id", "item_id"):
        return _identifier
    if column.role == "timestamp":
        return functools.partial(_timestamp, unit=column.unit or "s")
    present: Callable[[Any, config.Column], Any] = _PRESENT.get(column.kind or "", _text_of)
    missing = fill(column) if fills else math.nan if column.kind == "numeric" else ""
    empty = frozenset(("", *column.missing))

    def convert(cell: Any) -> Any:
        absent = cell in empty if isinstance(cell, str) else _missing(cell)
        return missing if absent else present(cell, column)

    return convert


def _missing(cell: Any) -> bool:
    return cell is None or cell == "" or (isinstance(cell, float) and math.isnan(cell))


def fill(column: config.Column) -> Any:
    """`Column.fill` as a value of the column's kind."""
    if column.kind == "vector":
        return (float(column.fill),) * int(column.dimension or 0)
    if column.kind == "multi_categorical":
        return column.fill_texts
    return float(column.fill) if column.kind == "numeric" else str(column.fill)


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bytes):
        return cell.decode("utf-8")
    if isinstance(cell, (bool, int)):
        return str(cell)
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    raise ValueError(f"found {_shown(cell)}, expected one text or number")


def _identifier(cell: Any) -> str:
    if _missing(cell):
        raise ValueError("found nothing; every row needs an id. Remove the row or fill it")
    text = _text(cell)
    if "\n" in text or "\r" in text:  # Transform leaves it out of the vocabulary without a word
        raise ValueError(
            f"found {_shown(cell)}, an id with a line break, which no vocabulary can hold. "
            "Remove it, in events, users and items alike"
        )
    return text


def _text_of(cell: Any, _column: config.Column) -> str:
    return _text(cell)


def _number(cell: Any, _column: config.Column) -> float:
    return _finite(cell)


def _finite(cell: Any) -> float:
    try:
        value = float(cell)
    except (TypeError, ValueError):
        raise ValueError(
            f"found {_shown(cell)}, expected a number. Correct it, list it under the column's "
            "missing, or declare the column categorical"
        ) from None
    if not math.isfinite(value):
        raise ValueError(
            f"found {_shown(cell)}, expected a finite number. Leave it empty for the default"
        )
    return value


def _timestamp(cell: Any, unit: str) -> float:
    if isinstance(cell, datetime.datetime):
        return (cell if cell.tzinfo else cell.replace(tzinfo=datetime.timezone.utc)).timestamp()
    try:
        value = float(cell)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(
            f"found {_shown(cell)}, expected a time as a number of Unix seconds (or of "
            "milliseconds with unit: ms)"
        )
    if value < 0:
        raise ValueError(
            f"found {_shown(cell)}, a negative time; expected Unix seconds from 1970 on"
        )
    if unit == "s" and value >= _MILLISECONDS:
        raise ValueError(
            f"found {_shown(cell)}, which looks like "
            + (
                "milliseconds; set unit: ms"
                if value < _MICROSECONDS
                else "microseconds; convert it to seconds"
            )
        )
    if unit == "ms" and _SECONDS_AS_MS <= value < _MILLISECONDS:
        raise ValueError(f"found {_shown(cell)}, which looks like seconds; remove unit: ms")
    return value / 1000 if unit == "ms" else value


def _texts(cell: Any, column: config.Column) -> tuple[str, ...]:
    if isinstance(cell, (list, tuple)):
        return tuple(_text(c) for c in cell if not _missing(c))
    return tuple(part for part in _text(cell).split(column.separator) if part)


def _vector(cell: Any, column: config.Column) -> tuple[float, ...]:
    parts = (
        cell
        if isinstance(cell, (list, tuple))
        else [p for p in _text(cell).split(column.separator) if p]
    )
    if len(parts) != column.dimension:
        raise ValueError(
            f"found a vector of {len(parts)} numbers, expected {column.dimension} (dimension), "
            f"separated by {column.separator!r}"
        )
    return tuple(_finite(part) for part in parts)


def _shown(cell: Any) -> str:
    text = repr(cell)
    return text if len(text) <= 60 else text[:57] + "..."


_PRESENT: dict[str, Callable[[Any, config.Column], Any]] = {
    "numeric": _number,
    "vector": _vector,
    "multi_categorical": _texts,
}
