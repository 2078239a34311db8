"""Cells to finite numbers, also such as `$25.00`, `12,5` and `1,234`, by a declared form."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from typing import Any

from modules import columns
from modules.beam.cells import shown

_SYMBOL = r"[^\d\s.,+\-()']{1,4}"
_AROUND = re.compile(
    rf"(?P<sign>[-+]?)(?P<before>{_SYMBOL})?\s*(?P<digits>[-+]?[\d.,' ]*\d)\s*(?P<after>{_SYMBOL})?"
)
_BRACKETED = re.compile(r"\((.*)\)")
_MINUS = "\u2212"  # the sign of typography
_MAGNITUDES = frozenset("kKmMbB")  # of 1.2k; no symbol that may be taken off
_AS_ASCII = str.maketrans({_MINUS: "-", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2019": "'"})
_EITHER = re.compile(r"[-+]?\d{1,3}[.,]\d{3}")  # a fraction, or thousands
_NOTHING = re.compile(r"(?i)\\n|null|nan|none|n/?a|<na>|-|\?|missing|unknown")


def converter(column: columns.Column) -> Callable[[Any], float]:
    """Function that turns a cell that is not missing into a finite number.

    It raises ValueError with what is wrong.
    """
    if column.number is None:
        return _plain
    return functools.partial(_formed, form=column.number)


def _plain(cell: Any) -> float:
    try:
        value = _float(cell.replace(_MINUS, "-") if isinstance(cell, str) else cell)
    except (TypeError, ValueError):
        raise ValueError(f"found {shown(cell)}, expected a number. {_remedy(cell)}") from None
    return _finite(value, cell)


def _formed(cell: Any, form: columns.Number) -> float:
    if not isinstance(cell, str):
        return _plain(cell)
    text = cell.translate(_AS_ASCII)
    for symbol in form.symbols:
        text = text.replace(symbol, "", 1)
    text = text.strip()
    bracketed = _BRACKETED.fullmatch(text)
    negative = bracketed is not None or text.startswith("-")
    text = (bracketed[1] if bracketed else text[1:] if text[:1] in ("+", "-") else text).strip()
    if form.thousands:
        whole, point, fraction = text.partition(form.decimal)
        groups = whole.split(form.thousands)
        if len(groups) > 1 and not _grouped(groups):
            raise ValueError(
                f"found {shown(cell)}, expected digits in threes between {form.thousands!r} "
                "(number.thousands). Correct it, or the number of the column"
            )
        text = "".join(groups) + point + fraction
    if form.decimal != ".":
        if "." in text:
            raise ValueError(
                f"found {shown(cell)}, expected a number with {form.decimal!r} before its "
                "fraction (number.decimal). Correct it, or the number of the column"
            )
        text = text.replace(form.decimal, ".", 1)
    try:
        value = _float(text)
    except ValueError:
        raise ValueError(
            f"found {shown(cell)}, expected a number as number says it is written. "
            + (_remedy(text) if text != cell else "Correct it, or the number of the column")
        ) from None
    return _finite(-value if negative else value, cell)


def _float(cell: Any) -> float:
    """The number of a cell; 1_000 is one in Python's source only."""
    if isinstance(cell, str) and "_" in cell:
        raise ValueError(cell)
    return float(cell)


def _grouped(groups: list[str]) -> bool:
    """Whether digits are in threes, or as in India, in twos before the last three."""
    first, *middle, last = groups
    return 0 < len(first) <= 3 and len(last) == 3 and all(len(group) in (2, 3) for group in middle)


def _finite(value: float, cell: Any) -> float:
    if not math.isfinite(value):
        remedy = (
            f"list it under the column's missing, as in missing: ['{cell}']"
            if isinstance(cell, str)
            else "correct it"
        )
        raise ValueError(
            f"found {shown(cell)}, expected a finite number. Leave it empty for the default, or "
            f"{remedy}"
        )
    if abs(value) > columns.LARGEST:
        raise ValueError(
            f"found {shown(cell)}, expected a number of at most 3.4e38, as float32 holds it. "
            "Correct it"
        )
    return value


def _remedy(cell: Any) -> str:
    """What to do about a cell that is no number: its form, if that explains it."""
    if not isinstance(cell, str):
        return "Correct it, or declare the column otherwise"
    if _NOTHING.fullmatch(cell.strip()):
        return f"If it stands for no value, set missing: ['{cell}']"
    found = forms(cell)
    if found:
        return f"Say how numbers are written: {' or '.join(map(shown_form, found))}"
    return "Correct it, list it under the column's missing, or declare the column categorical"


def forms(cell: str) -> list[columns.Number]:
    """The forms in which the text is a number: two where a comma or a point may mean either."""
    text = cell.translate(_AS_ASCII).strip()
    bracketed = _BRACKETED.fullmatch(text)
    match = _AROUND.fullmatch(bracketed[1].strip() if bracketed else text)
    if match is None or match["after"] in _MAGNITUDES:
        return []
    symbols = tuple(s for s in (match["before"], match["after"]) if s)
    digits = match["digits"].strip()
    candidates = [
        columns.Number(symbols=symbols),
        columns.Number(decimal=",", symbols=symbols),
        *(
            columns.Number(decimal=decimal, thousands=thousands, symbols=symbols)
            for decimal, thousands in ((".", ","), (",", "."), (".", " "), (",", " "), (".", "'"))
        ),
    ]
    found: list[columns.Number] = []
    for form in candidates:
        if form.thousands and form.thousands not in digits:
            continue
        if form.decimal == "," and "," not in digits:
            continue
        if form == columns.Number() and not bracketed:
            continue
        try:
            _formed(cell, form)
        except ValueError:
            continue
        found.append(form)
    return found if _EITHER.fullmatch(digits) else found[:1]


def shown_form(form: columns.Number) -> str:
    """The key as a configuration has it."""
    parts = []
    if form.decimal != ".":
        parts.append(f'decimal: "{form.decimal}"')
    if form.thousands:
        parts.append(f'thousands: "{form.thousands}"')
    if form.symbols:
        parts.append("symbols: [" + ", ".join(f'"{s}"' for s in form.symbols) + "]")
    return f"number: {{{', '.join(parts)}}}"
