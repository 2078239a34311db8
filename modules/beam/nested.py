"""Cells that lie inside of others: `source: a.b` is what `a` has under `b`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

SEPARATOR = "."


def getter(source: str) -> Callable[[Mapping[str, Any]], Any]:
    """Function that finds a cell in an object: under the very name, else along its parts.

    Inside a list, it finds a list: what each of the objects in it has. What is missing is None.
    """
    path = source.split(SEPARATOR)
    if len(path) == 1:
        return lambda found: found.get(source)
    return lambda found: found[source] if source in found else along(found, path)


def has(found: Mapping[str, Any], source: str) -> bool:
    """Whether an object has the cell, be it null, or the outermost part of the way to it."""
    return source in found or source.partition(SEPARATOR)[0] in found


def along(value: Any, path: list[str]) -> Any:
    """What a value has at the end of a path of names; None if it ends before."""
    for at, name in enumerate(path):
        if isinstance(value, list):
            return [along(element, path[at:]) for element in value]
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def names(value: Any, before: str = "") -> Iterator[str]:
    """The sources of all cells in an object: `a`, then `a.b`; those of objects in lists, too."""
    for element in value if isinstance(value, list) else [value]:
        for name, inner in element.items() if isinstance(element, dict) else ():
            yield before + name
            yield from names(inner, before + name + SEPARATOR)
