"""Reads plain dictionaries into frozen, typed dataclasses and refuses what it does not understand.

Every error names the path of the key, what was found, what was expected and, for an unknown name,
the nearest known one. The same reader serves the YAML file, overrides and the JSON that reaches
workers.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")
_hints = functools.cache(typing.get_type_hints)
_KNOWN = 40  # words that a message lists


class ConfigError(ValueError):
    """A configuration that cannot be used; the message is meant for the person who wrote it."""


def nearest(word: str, known: typing.Iterable[str]) -> str:
    """Returns ' Did you mean X?' for the nearest known word, else the list of known words."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f" Did you mean '{close[0]}'?"
    if len(known) > _KNOWN:
        return f" Known: {', '.join(known[:_KNOWN])} and {len(known) - _KNOWN} more."
    return f" Known: {', '.join(known)}." if known else ""


def read(cls: type[T], value: Any, path: str = "") -> T:
    """Builds the dataclass `cls` from the mapping `value`.

    Args:
      cls: a frozen dataclass; its `__post_init__` may raise ConfigError for contradictions.
      value: what YAML or JSON gave: a mapping, None (all defaults), or a text where `cls` has a
          `shorthand`.
      path: the dotted path of `value` in the file, for error messages.

    Raises:
      ConfigError: an unknown key, a wrong type, a missing key or a contradiction.
    """
    if isinstance(value, cls):
        return value
    if value is None:
        value = {}
    shorthand = getattr(cls, "shorthand", None)
    if isinstance(value, str) and shorthand is not None:
        value = shorthand(value, path)
    if not isinstance(value, Mapping):
        raise ConfigError(
            f"{path or 'the file'}: found {_shown(value)}, expected a mapping of {_keys(cls)}."
        )
    hints = _hints(cls)  # type: ignore[arg-type]  # mypy takes no type for hashable
    fields = {key_of(f): f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in value:
        if key not in fields:
            raise ConfigError(f"{_join(path, key)}: unknown key.{nearest(str(key), fields)}")
    arguments = {}
    for name, field in fields.items():
        if name in value:
            arguments[field.name] = _convert(hints[field.name], value[name], _join(path, name))
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ConfigError(
                f"{_join(path, name)}: missing; expected {_expected(hints[field.name])}."
            )
    try:
        return cls(**arguments)
    except ConfigError as error:
        text = str(error)
        raise ConfigError(
            _join(path, text) if path and not text.startswith(path) else text
        ) from None


def at_least(section: Any, **lowest: float) -> None:
    """Refuses fields of a dataclass below their lowest value; None passes.

    For use in `__post_init__`.
    """
    for name, low in lowest.items():
        value = getattr(section, name)
        if value is not None and not value >= low:  # not `<`, so that NaN is refused
            raise ConfigError(f"{name}: found {value}, expected at least {low}.")


def to_plain(value: Any) -> Any:
    """The inverse of `read`: dictionaries, lists and scalars only, ready for JSON or YAML."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {key_of(f): to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {k: to_plain(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_plain(v) for v in value]
    return value


def _convert(hint: Any, value: Any, path: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        # "0" stays a text, also where a number may stand
        if isinstance(value, str) and str in args:
            return value
        options = [a for a in args if a is not type(None)]
        for option in options[:-1]:
            try:
                return _convert(option, value, path)
            except ConfigError:
                continue
        return (
            _convert(options[-1], value, path)
            if len(options) == 1
            else _last(options, hint, value, path)
        )
    if origin is typing.Literal:
        if value in args and not isinstance(value, bool):
            return value
        raise ConfigError(
            f"{path}: found {_shown(value)}, expected one of {', '.join(map(str, args))}."
            + (nearest(value, map(str, args)) if isinstance(value, str) else "")
        )
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise ConfigError(f"{path}: found {_shown(value)}, expected a list.")
        return tuple(_convert(args[0], v, f"{path}[{n}]") for n, v in enumerate(value))
    if origin in (dict, Mapping):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{path}: found {_shown(value)}, expected a mapping.")
        return {str(k): _convert(args[1], v, _join(path, k)) for k, v in value.items()}
    if dataclasses.is_dataclass(hint):
        return read(hint, value, path)  # type: ignore[arg-type]
    return _scalar(hint, value, path)


def _last(options: list[Any], hint: Any, value: Any, path: str) -> Any:
    try:
        return _convert(options[-1], value, path)
    except ConfigError:
        raise ConfigError(f"{path}: found {_shown(value)}, expected {_expected(hint)}.") from None


def _scalar(hint: Any, value: Any, path: str) -> Any:
    if hint is Any:
        return value
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if hint is float and isinstance(value, str):  # YAML 1.1 reads 1e-3 as a string
        try:
            return float(value)
        except ValueError:
            pass
    if hint is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if hint in (bool, str) and isinstance(value, hint):
        return value
    raise ConfigError(f"{path}: found {_shown(value)}, expected {_expected(hint)}.")


def _expected(hint: Any) -> str:
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_expected(a) for a in args if a is not type(None))
    if origin is typing.Literal:
        return "one of " + ", ".join(map(str, args))
    if origin is tuple:
        return "a list"
    if origin in (dict, Mapping) or dataclasses.is_dataclass(hint):
        return "a mapping"
    return names.get(hint, str(hint))


def _shown(value: Any) -> str:
    kinds = {
        bool: "true/false",
        int: "number",
        float: "number",
        str: "text",
        list: "list",
        dict: "mapping",
    }
    if value is None:
        return "nothing"
    return f"{value!r} (a {kinds.get(type(value), type(value).__name__)})"


def _keys(cls: Any) -> str:
    return ", ".join(map(key_of, dataclasses.fields(cls)))


def key_of(field: dataclasses.Field[Any]) -> str:
    """What a file calls the field: `from_` is there because `from` is a word of Python."""
    return field.name.removesuffix("_")


def _join(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)
