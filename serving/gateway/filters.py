"""Items by their attributes: `{"genre": ["Comedy", "Drama"], "year": {"min": 1990}}`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from modules import features, strict
from serving.gateway import columns, errors, wire

Test = Callable[[Any], bool]
_TEXTS = "a text or a list of texts"
_NUMBERS = 'a number, a list of numbers or {"min": ..., "max": ...}'


class Filters:
    """What an item has to be like, all of it."""

    def __init__(self, given: Mapping[str, Any], declared: columns.Columns) -> None:
        """Checks the conditions against the columns of the release.

        Args:
          given: by column of items: a value, several of which one has to be there, or a
              `wire.Range`.
          declared: the columns of the release.

        Raises:
          ApiError: an unknown column, or a condition that its kind cannot have.
        """
        self._tests = {
            column: _test(column, wanted, declared.item) for column, wanted in given.items()
        }

    def __bool__(self) -> bool:
        return bool(self._tests)

    def match(self, attributes: Mapping[str, list[Any]], position: int) -> bool:
        """Whether a catalogue position's item is wanted; `attributes` as Catalogue.features."""
        return all(test(attributes[column][position]) for column, test in self._tests.items())


def _test(column: str, wanted: Any, known: Mapping[str, features.Feature]) -> Test:
    field = f"filters.{column}"
    if column not in known:
        raise errors.invalid(
            field, f"no column of items is called so.{strict.nearest(column, known)}"
        )
    kind = known[column].kind
    if kind == "vector":
        raise errors.invalid(field, "is a vector, which cannot be filtered by")
    if isinstance(wanted, wire.Range):
        if kind != "numeric":
            raise errors.invalid(
                field, f"is {kind}; a range needs a number. Give one of its values"
            )
        low = float("-inf") if wanted.min is None else wanted.min
        high = float("inf") if wanted.max is None else wanted.max
        return lambda value: value is not None and low <= value <= high
    values = wanted if isinstance(wanted, list) else [wanted]
    types, expected = ((int, float), _NUMBERS) if kind == "numeric" else ((str,), _TEXTS)
    for value in values:
        if isinstance(value, bool) or not isinstance(value, types):
            raise errors.invalid(field, f"found {value!r}, expected {expected}")
    allowed = frozenset(values)
    if kind == "multi_categorical":
        return lambda value: not allowed.isdisjoint(value or ())
    return lambda value: value in allowed
