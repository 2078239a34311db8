"""Cells to typed values, by the column's role and kind.

A converter raises ValueError with what is wrong.

The same converters serve text (every cell is a string) and formats with types (None is missing).

| column             | value                                   | missing           |
|--------------------|-----------------------------------------|-------------------|
| user_id, item_id   | str on one line                         | refused           |
| timestamp          | float, Unix seconds                     | refused           |
| action_type, title | str                                     | `Column.fill`     |
| categorical        | str                                     | `Column.fill`     |
| multi_categorical  | tuple of str                            | `Column.fill`     |
| numeric            | float                                   | `Column.fill`     |
| weight             | float, 0 or more                        | `Column.fill`     |
| vector             | tuple of `Column.dimension` floats      | all `Column.fill` |

Feedback, a feature of an event, is not filled but stays unknown, NaN or the empty text, so that
objectives of ranking leave it out. For the models' inputs, Transform fills it.
"""

from __future__ import annotations

import datetime
import decimal
import math
from collections.abc import Callable
from typing import Any

from modules import columns, config, ids
from modules.beam import lists, numbers, times
from modules.beam.cells import shown

Converter = Callable[[Any], Any]


def converter(column: config.Column, *, fills: bool = True) -> Converter:
    """Function that turns a column's cell into its value; if `fills`, a missing one into `fill`."""
    absent = absence(column)
    if column.role in ("user_id", "item_id"):
        return _required(_identifier, absent, f"every row needs its {column.role}")
    if column.role == "timestamp":
        return _required(times.converter(column), absent, "every event needs its time")
    present = _present(column)
    missing = fill(column) if fills else math.nan if column.kind == "numeric" else ""

    def convert(cell: Any) -> Any:
        return missing if absent(cell) else present(cell)

    return convert


def absence(column: config.Column) -> Callable[[Any], bool]:
    """Function that says whether a cell of the column is missing.

    Missing is what is empty, what the column's `missing` lists, and of ids and times also what
    stands for nothing everywhere (`columns.NOTHING`).
    """
    texts = missing_texts(column)

    def absent(cell: Any) -> bool:
        if isinstance(cell, str):
            return cell in texts
        if cell is None or cell != cell:
            return True
        return bool(column.missing) and not isinstance(cell, (list, tuple)) and _text(cell) in texts

    return absent


def is_required(column: config.Column) -> bool:
    """Whether a row without the column's value is refused."""
    return column.role in ("user_id", "item_id", "timestamp")


def missing_texts(column: config.Column) -> frozenset[str]:
    """The texts of a column that stand for nothing."""
    nothing = columns.NOTHING if is_required(column) else ()
    return frozenset(("", *column.missing, *nothing))


def _required(present: Converter, absent: Callable[[Any], bool], rule: str) -> Converter:
    def convert(cell: Any) -> Any:
        if absent(cell):
            found = "nothing" if cell in (None, "") or cell != cell else repr(cell)
            raise ValueError(f"found {found}, {rule}. Fill it, or leave such rows out with drop")
        return present(cell)

    return convert


def _present(column: config.Column) -> Converter:
    """What turns a cell that is not missing into its value."""
    if column.role == "weight":
        return _weight(numbers.converter(column))
    if column.kind == "numeric":
        return numbers.converter(column)
    if column.kind == "multi_categorical":
        separator = column.separator
        return lambda cell: tuple(
            [_text(part) for part in lists.parts(cell, separator) if not _is_nothing(part)]
        )
    if column.kind == "vector":
        return _vector(column)
    return _text


def _is_nothing(part: Any) -> bool:
    return part is None or part == "" or part != part


def fill(column: config.Column) -> Any:
    """`Column.fill` as a value of the column's kind."""
    if column.kind == "vector":
        return (float(column.fill),) * int(column.dimension or 0)
    if column.kind == "multi_categorical":
        return column.fill_texts
    return float(column.fill) if column.is_number else str(column.fill)


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bytes):
        try:
            return cell.decode("utf-8")
        except UnicodeDecodeError:
            raise ValueError(
                f"found {shown(cell)}, bytes that are no UTF-8, expected a text. Write the column "
                "as texts, such as hexadecimal ones, in all tables alike"
            ) from None
    if isinstance(cell, (bool, int, datetime.date)):
        return str(cell)
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, decimal.Decimal):
        whole = cell.to_integral_value()
        return str(int(whole)) if cell == whole else str(cell.normalize())
    raise ValueError(f"found {shown(cell)}, expected one text or number")


def _identifier(cell: Any) -> str:
    text = _text(cell)
    if "\n" in text or "\r" in text:  # Transform leaves it out of the vocabulary without a word
        raise ValueError(
            f"found {shown(cell)}, an id with a line break, which no vocabulary can hold. "
            "Remove it, in events, users and items alike"
        )
    problem = ids.problem(text)
    if problem is not None:
        raise ValueError(f"found {shown(cell)}; {problem}. Shorten it, in all tables alike")
    return text


def _weight(number: Converter) -> Converter:
    def convert(cell: Any) -> float:
        value: float = number(cell)
        if value < 0:
            raise ValueError(
                f"found {shown(cell)}, expected a weight of 0 or more. Correct it, or drop such "
                "rows"
            )
        return value

    return convert


def _vector(column: config.Column) -> Converter:
    def convert(cell: Any) -> tuple[float, ...]:
        parts = lists.parts(cell, column.separator)
        if len(parts) != column.dimension:
            separator = "" if column.separator is None else f", separated by {column.separator!r}"
            raise ValueError(
                f"found a vector of {len(parts)} numbers, expected {column.dimension} (dimension)"
                f"{separator}"
            )
        return tuple([number(part) for part in parts])

    number = numbers.converter(column)
    return convert
