"""Rules that say which rows of a table count: `rating >= 4`, `invoice not startswith C`.

A rule is a column's name in the file, an operator and a value, with spaces between them. A name or
a value with spaces stands in single or double quotes. A number is compared as a number with cells
that are numbers; all else as a text. An empty cell fulfils `is missing` and the operators with
`not` and `!=`, no other; so does a text such as NULL, and one that the column's `missing` lists.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
import re
from collections.abc import Callable
from typing import Any

from modules import columns
from modules.strict import ConfigError

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_EQUAL = {"==": False, "!=": True}  # whether it is the opposite
_TEXTS: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": lambda cell, text: text in cell,
}
OPERATORS = (
    *_ORDER,
    *_EQUAL,
    *(f"{negated}{name}" for name in (*_TEXTS, "in") for negated in ("", "not ")),
    "is missing",
    "is not missing",
)
_WORD = r"""(?:"(?P<{0}_d>[^"]*)"|'(?P<{0}_s>[^']*)'|(?P<{0}_p>{1}))"""
_RULE = re.compile(
    r"\s*"
    + _WORD.format("name", r"[^\s\"'<>=!]\S*?")
    + r"\s*(?P<operator>is\s+(?:not\s+)?missing\b|"
    + "|".join(map(re.escape, (*_ORDER, *_EQUAL)))
    + r"|(?<=[\s\"'])(?:not\s+)?(?:startswith|endswith|contains|in)\b)"
    + r"\s*(?P<rest>.*?)\s*"
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_ITEM = re.compile(r"\s*" + _WORD.format("item", r"[^,\"'\]]+?") + r"\s*(?:,|$)")


@dataclasses.dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
      text: as the configuration has it.
      column: its name in the file.
      operator: one of `OPERATORS`.
      values: what the cell is compared with: none for `is missing`, several for `in`.
    """

    text: str
    column: str
    operator: str
    values: tuple[str, ...]

    def holds(self, cell: Any) -> bool:
        """Whether a cell, a text or a typed value (None: missing), fulfils the rule."""
        return self._test(cell)

    @property
    def compares_dates(self) -> bool:
        """Whether it compares with dates such as 2024-01-31, also with a time of day."""
        dates = bool(self.values) and all(map(_DATE.match, self.values))
        return dates and not any(name in self.operator for name in _TEXTS)

    @property
    def compares_numbers(self) -> bool:
        """Whether it compares with numbers."""
        return bool(self.values) and all(_number(value) is not None for value in self.values)

    @functools.cached_property
    def _test(self) -> Callable[[Any], bool]:
        name = self.operator
        if name.startswith("is "):
            wanted = "not" not in name.split()
            return lambda cell: is_missing(cell) is wanted
        negated = name.startswith("not ") or _EQUAL.get(name, False)
        name = name.removeprefix("not ")
        if name in _ORDER:
            return _ordered(_ORDER[name], self.values[0])
        if name in _EQUAL or name == "in":
            equal = [_same(value) for value in self.values]
            return lambda cell: any(same(cell) for same in equal) is not negated
        test, value = _TEXTS[name], self.values[0]
        return lambda cell: (not is_missing(cell) and test(_text(cell), value)) is not negated


def read(text: str) -> Rule:
    """Reads a rule.

    Raises:
      ConfigError: the message goes on from the key's path.
    """
    expected = "expected a column, an operator and a value, such as 'rating >= 4'"
    match = _RULE.fullmatch(text)
    if match is None:
        raise ConfigError(
            f"found {text!r}, {expected}. Operators: {', '.join(OPERATORS)}. Quote names and "
            "values with spaces."
        )
    name, found = _word(match, "name"), " ".join(match["operator"].split())
    rest = match["rest"]
    if found.startswith("is "):
        if rest:
            raise ConfigError(f"found {text!r}; nothing may follow '{found}'. Remove {rest!r}.")
        return Rule(text, name, found, ())
    if found.endswith("in") and not found.endswith("contains"):
        values = _items(rest.removeprefix("[").removesuffix("]"))
        if not values or not (rest.startswith("[") and rest.endswith("]")):
            raise ConfigError(
                f"found {text!r}, expected a list after '{found}', such as '{name} {found} [a, b]'."
            )
        return Rule(text, name, found, values)
    values = _items(rest) if rest[:1] in ("'", '"') else (rest,)
    if not rest or len(values) != 1:
        raise ConfigError(f"found {text!r}, {expected}.")
    if found in _ORDER and _number(values[0]) is None and not _DATE.match(values[0]):
        raise ConfigError(
            f"found {text!r}, expected a number or a date like 2024-01-31 after '{found}'."
        )
    return Rule(text, name, found, values)


def is_missing(cell: Any) -> bool:
    """Whether a cell is empty, or one of the texts that stand for nothing, such as NULL and NaN."""
    if isinstance(cell, str):
        return not cell.strip() or cell in columns.NOTHING
    return cell is None or cell != cell


def _ordered(compare: Callable[[Any, Any], bool], value: str) -> Callable[[Any], bool]:
    number = _number(value)

    def test(cell: Any) -> bool:
        if is_missing(cell):
            return False
        if number is None:
            return compare(_text(cell), value)
        found = _number(cell)
        return found is not None and compare(found, number)

    return test


def _same(value: str) -> Callable[[Any], bool]:
    number = _number(value)

    def test(cell: Any) -> bool:
        if is_missing(cell):
            return False
        if isinstance(cell, bool) and value.lower() == str(cell).lower():
            return True  # of JSON and Parquet: true, like the text of it
        return _text(cell) == value or (number is not None and _number(cell) == number)

    return test


def _number(cell: Any) -> float | None:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None


def _text(cell: Any) -> str:
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace")
    return str(cell)


def _items(text: str) -> tuple[str, ...]:
    found, at = [], 0
    while at < len(text):
        match = _ITEM.match(text, at)
        if match is None:
            return ()
        found.append(_word(match, "item"))
        at = match.end()
    return tuple(found)


def _word(match: re.Match[str], name: str) -> str:
    for suffix in "dsp":
        if match[f"{name}_{suffix}"] is not None:
            return match[f"{name}_{suffix}"]
    return ""
