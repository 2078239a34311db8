"""Texts of YAML: scalars, lists and mappings on one line, quoted where they have to be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

_PLAIN = re.compile(r"[\w$./~*-][\w $./:*()=<>+-]*", re.ASCII)


def scalar(value: Any) -> str:
    """A value on one line; what is no text, or would be none without quotes, in quotes."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{scalar(key)}: {scalar(item)}" for key, item in value.items())
        return f"{{{inner}}}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(scalar, value))}]"
    if not isinstance(value, str):
        return str(value)
    plain = _PLAIN.fullmatch(value) and ": " not in value and not value.endswith((" ", ":"))
    if plain and _is_same(value):
        return value
    return escaped(json.dumps(value, ensure_ascii=False))


def escaped(text: str) -> str:
    """The same, but what YAML refuses or a terminal obeys by its code, as in JSON."""
    return "".join(char if char.isprintable() else _escape(ord(char)) for char in text)


def _escape(code: int) -> str:
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _is_same(text: str) -> bool:
    try:
        return bool(yaml.safe_load(f"[{text}]") == [text])
    except yaml.YAMLError:
        return False
