"""Reads the keys of the configuration from its dataclasses, as a tree."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from docs.hooks import meanings
from modules import strict

ANY_NAME, ANY_PLACE = "NAME", "[N]"  # steps of a path that the writer of the file chooses
_SCALARS = {int: "whole number", float: "number", bool: "true or false", str: "text"}


@dataclasses.dataclass(frozen=True)
class Key:
    """One key of the file.

    Attributes:
      path: such as `training.epochs`.
      type: in words.
      default: as YAML writes it; None for a key that has to be there.
      meaning: for people; Markdown.
      choices: the only values that there are, where only some are.
      section: what lies below it, if anything does.
    """

    path: str
    type: str
    default: str | None
    meaning: str
    choices: tuple[str, ...] = ()
    section: Section | None = None


@dataclasses.dataclass(frozen=True)
class Section:
    """The keys of one dataclass.

    Attributes:
      cls: the dataclass.
      path: such as `ranking.hold_out`; empty for the whole file.
      meaning: for people; Markdown.
      keys: in the order of the file.
    """

    cls: type
    path: str
    meaning: str
    keys: tuple[Key, ...]

    def walk(self) -> Iterator[Section]:
        """This section and all below it."""
        yield self
        for key in self.keys:
            if key.section:
                yield from key.section.walk()


def read(cls: type, template: Mapping[str, str], path: str = "") -> Section:
    """The section of a dataclass.

    Args:
      cls: the dataclass.
      template: meaning by path, for keys that the docstrings do not explain.
      path: of the section.
    """
    return _read(cls, template, path, _by_field(cls, template, path))


def _read(
    cls: type, template: Mapping[str, str], path: str, alike: Mapping[tuple[type, str], str]
) -> Section:
    hints = typing.get_type_hints(cls)
    told = meanings.of_attributes(cls)
    keys = []
    for field in dataclasses.fields(cls):
        inner = _join(path, strict.key_of(field))
        below = _dataclass_in(hints[field.name])
        section = _read(below[1], template, inner + below[0], alike) if below else None
        elsewhere = (alike.get((base, field.name), "") for base in cls.__mro__)
        meaning = (
            told.get(field.name)
            or template.get(inner)
            or next(filter(None, elsewhere), "")
            or (section.meaning if section else "")
        )
        hint = hints[field.name]
        keys.append(Key(inner, words(hint), _default(field), meaning, _choices(hint), section))
    return Section(cls, path, meanings.of_class(cls), tuple(keys))


def _by_field(cls: type, template: Mapping[str, str], path: str) -> dict[tuple[type, str], str]:
    """Returns what the template says of a field of a dataclass, at whichever path it says it first.

    A key that stands in several places may be explained in one.
    """
    found: dict[tuple[type, str], str] = {}
    for key, text in template.items():
        steps = key.removeprefix(path).strip(".").split(".")
        owner: type | None = cls
        while owner and steps:
            hint = typing.get_type_hints(owner).get(steps[0])
            if len(steps) == 1 and hint is not None:
                found.setdefault((owner, steps[0]), text)
            below = _dataclass_in(hint)
            chosen = below[0].count(ANY_NAME) if below else 0
            owner, steps = (below[1] if below else None), steps[1 + chosen :]
    return found


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def words(hint: Any) -> str:
    """A type in words: `whole number`, `list of numbers`, `one of ...`."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        named = [words(arg) for arg in args if arg is not type(None)]
        return " or ".join([*named, "null"] if type(None) in args else named)
    if origin is typing.Literal:
        return "one of " + ", ".join(f"`{arg}`" for arg in args)
    if origin is tuple:
        inner = words(args[0])
        return f"list of {inner if inner.startswith(('one of', 'list')) else inner + 's'}"
    if origin in (dict, Mapping):
        return f"mapping of names to {words(args[1])}"
    if dataclasses.is_dataclass(hint):
        return "section"
    return _SCALARS[hint]


def _dataclass_in(hint: Any) -> tuple[str, type] | None:
    """(steps of the path, dataclass) where the type holds one: itself, or as values or elements."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return "", typing.cast(type, hint)
    if origin in (typing.Union, types.UnionType):
        return next((found for arg in args if (found := _dataclass_in(arg))), None)
    if origin in (dict, Mapping, tuple):
        inner = _dataclass_in(args[0] if origin is tuple else args[1])
        step = ANY_PLACE if origin is tuple else f".{ANY_NAME}"
        return (step + inner[0], inner[1]) if inner else None
    return None


def _choices(hint: Any) -> tuple[str, ...]:
    """Those of a Literal, wherever it stands in the type."""
    args = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Literal:
        return tuple(map(str, args))
    return tuple(choice for arg in args for choice in _choices(arg))


def _default(field: dataclasses.Field[Any]) -> str | None:
    if field.default is not dataclasses.MISSING:
        value = field.default
    elif field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    else:
        return None
    text = yaml.safe_dump(strict.to_plain(value), default_flow_style=True, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...")
