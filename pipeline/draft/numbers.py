"""Tells how a column writes numbers: plainly, with a decimal comma, with thousands, with symbols.

The forms are those of the reader, and each is tried with the reader's own converter.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from collections.abc import Collection, Mapping, Sequence

from modules import columns
from modules.beam import numbers as readers
from pipeline.draft import words

_SHARE = 0.8  # of the cells that are numbers, at least; the others are then few texts for nothing
_TYPOS = 0.01  # share of texts that look like damaged numbers, at most
_PLACEHOLDERS = 3  # other distinct texts, at most
_NOTHING = frozenset(
    ("na", "n/a", "n.a.", "#n/a", "-", "--", "?", "~", ".", "no", "missing", "unknown", "(null)")
)
_CURRENCIES = frozenset(
    words.split_words(
        "eur usd gbp jpy chf cny rmb inr rs krw sek nok dkk pln czk huf try brl r mxn aud cad nzd "
        "rub kr zł kč ft lei лв zar sgd hkd thb idr rp vnd ₫"
    )
)
_PROBED = 50  # texts of which half have to be numbers in some form
_SEEN = 2_000  # texts that tell the form
_THREES = re.compile(r"\d([., '])\d{3}(?!\d)")


@dataclasses.dataclass(frozen=True)
class Form:
    """How a column writes numbers.

    Attributes:
      number: what the configuration has to say of it; None: nothing, Python's float() reads it.
      missing: texts that stand for nothing.
      is_whole: whether all numbers are whole.
      low: the least.
      high: the greatest.
      unsure: what is not certain; None: nothing.
    """

    number: columns.Number | None
    missing: tuple[str, ...]
    is_whole: bool
    low: float
    high: float
    unsure: str | None = None


def form(counts: Mapping[str, int]) -> Form | None:
    """The form of a column's cells.

    Args:
      counts: distinct texts that are not missing, and how often each occurs.

    Returns:
      None if too few are numbers.
    """
    found = _read(counts, None)
    if found is not None:
        return found
    fitting = [made for number in _candidates(counts) if (made := _read(counts, number))]
    if not fitting:
        return None
    best = min(fitting, key=lambda made: len(made.missing))
    rivals = [made for made in fitting if len(made.missing) == len(best.missing)]
    if len(rivals) == 1:
        return best
    grouped = [made for made in rivals if made.number and made.number.thousands]
    text = next((text for text in counts if _THREES.search(text)), "")
    if grouped and any(text.strip("-+").isdecimal() for text in counts):
        return grouped[0]  # fractions, of three digits each, would be there in all
    shown = " or ".join(readers.shown_form(made.number) for made in rivals[:2] if made.number)
    return dataclasses.replace((grouped or rivals)[0], unsure=f"{text!r} may be {shown}")


def look_so(texts: Sequence[str]) -> bool:
    """Whether nearly all of the texts are numbers, be it each in a form of its own."""
    seen = texts[:_SEEN]
    like = sum(
        _is_float(text) or any(not any(map(_is_word, form.symbols)) for form in readers.forms(text))
        for text in seen
    )
    return bool(seen) and like >= _SHARE * len(seen)


def _is_float(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def plainly(text: str) -> float | None:
    """A finite number that Python's float() reads; None for all else."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def _candidates(texts: Collection[str]) -> list[columns.Number]:
    """The forms that the reader suggests for any of the texts, each with the symbols of all."""
    probed = list(itertools.islice(texts, _PROBED))
    numbers = [text for text in probed if plainly(text) is not None or readers.forms(text)]
    if len(numbers) < len(probed) / 2:
        return []
    found = [f for text in itertools.islice(texts, _SEEN) for f in readers.forms(text)]
    symbols = tuple(sorted({symbol for number in found for symbol in number.symbols}))
    if any(map(_is_word, symbols)):
        return []
    marks = {(number.decimal, number.thousands): None for number in found}
    return [columns.Number(decimal, thousands, symbols) for decimal, thousands in marks]


def _is_word(symbol: str) -> bool:
    """Whether letters beside digits make a name of it, such as that of a game or a product."""
    return any(char.isalpha() for char in symbol) and symbol.lower() not in _CURRENCIES


def _read(counts: Mapping[str, int], number: columns.Number | None) -> Form | None:
    convert = readers.converter(columns.Column(kind="numeric", number=number))
    values: dict[str, float] = {}
    for text in counts:
        try:
            values[text] = convert(text)
        except ValueError:
            continue
    others = [text for text in counts if text not in values]
    doubtful = [text for text in others if text.strip().lower() not in _NOTHING]
    read = sum(counts[text] for text in values)
    share = read / max(1, read + sum(counts[text] for text in doubtful))
    if not values or share < _SHARE or len(doubtful) > _PLACEHOLDERS:
        return None
    with_digits = sum(counts[text] for text in doubtful if any(map(str.isdigit, text)))
    if with_digits > _TYPOS * read:  # such as 5+
        return None
    return Form(
        number,
        tuple(others),
        all(value.is_integer() for value in values.values()),
        min(values.values()),
        max(values.values()),
        f"{', '.join(map(repr, doubtful))} taken for no value" if doubtful else None,
    )
