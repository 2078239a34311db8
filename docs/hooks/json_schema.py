"""JSON Schema, as OpenAPI has it, in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from docs.hooks import markdown

Schema = Mapping[str, Any]
_SCALARS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
}
_REFERENCE = "#/components/schemas/"


def words(schema: Schema) -> str:
    """The type as Markdown, with links to the schemas that it names."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REFERENCE)
        return f"[{name}](#schema-{name})"
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return " or ".join(dict.fromkeys(words(option) for option in options))
    if "enum" in schema or "const" in schema:
        values = schema.get("enum") or [schema["const"]]
        return "one of " + ", ".join(markdown.code(json.dumps(value)) for value in values)
    kind = schema.get("type")
    if kind == "array":
        return f"list of {_inner(schema['items'])}"
    if kind == "object" or "additionalProperties" in schema:
        values = schema.get("additionalProperties")
        return (
            f"mapping to {_inner(values)}" if isinstance(values, Mapping) and values else "mapping"
        )
    return _SCALARS[kind] if kind else "anything"


def _inner(schema: Schema) -> str:
    text = words(schema)
    return f"({text})" if " or " in text else text


def bounds(schema: Schema) -> str:
    """What values are allowed, such as `1 to 100`; empty where all are."""
    found = []
    for one in (schema, *schema.get("anyOf", ())):
        found.append(_range(one.get("minimum"), one.get("maximum"), ""))
        found.append(_range(one.get("minLength"), one.get("maxLength"), " characters"))
        found.append(_range(one.get("minItems"), one.get("maxItems"), " elements"))
    return ", ".join(filter(None, found))


def fields(schema: Schema) -> list[tuple[str, str, str]]:
    """(name, type and bounds, meaning with the default) of each property of an object."""
    required = schema.get("required", ())
    found = []
    for name, one in schema.get("properties", {}).items():
        allowed = bounds(one)
        kind = words(one) + (f", {allowed}" if allowed else "")
        found.append((name, kind, _meaning(one, name in required)))
    return found


def _meaning(schema: Schema, required: bool) -> str:
    text = markdown.sentence(schema.get("description", ""))
    if required or schema.get("default") is None:
        return text
    return f"{text} Default: {markdown.code(json.dumps(schema['default']))}.".strip()


def _range(low: float | None, high: float | None, unit: str) -> str:
    if low is None and high is None:
        return ""
    if low is None:
        return f"at most {high:,.0f}{unit}"
    return f"at least {low:,.0f}{unit}" if high is None else f"{low:,.0f} to {high:,.0f}{unit}"
