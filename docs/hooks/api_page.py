"""The page `api.md`: the gateway's HTTP API, made of its own OpenAPI description."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from docs.hooks import json_schema, markdown
from serving.gateway import api

_JSON = "application/json"
_ADDRESS = "localhost:8080"
_INTRODUCTION = """\
# HTTP API

{description}

`recsys serve` listens on port 8080. Bodies are JSON with `Content-Type: application/json`; an
unknown field is refused. Where the server has keys (`--api-keys`), paths that begin with `/v1/`
need one, as `X-API-Key: KEY` or `Authorization: Bearer KEY`. Every answer has the header
`X-Request-ID`, by which the server's log has the request; a request may bring its own. The
description in OpenAPI's form is at `/openapi.json`;
[the Python client](reference/serving.client.md) speaks this API.

"""
_FAILURES = """\
## Failures

Any route may answer with these. A request that fails gets a [Failure](#schema-Failure), whose
`error.code` is a word for programs. With 429 and 503, `Retry-After` says after how many seconds
trying again makes sense.

"""


def make() -> str:
    """The page as Markdown."""
    return render(api.described().openapi(), api.unlisted())


def render(described: Mapping[str, Any], unlisted: Mapping[str, str]) -> str:
    """The page of an OpenAPI description.

    Args:
      described: what `/openapi.json` answers.
      unlisted: by method and path: what other routes do.
    """
    schemas = described.get("components", {}).get("schemas", {})
    operations = list(_operations(described))
    parts = [_INTRODUCTION.format(description=described["info"]["description"])]
    routes = [(f"[{code}](#{_slug(title)})", _summary(one)) for title, code, one in operations]
    others = [(markdown.code(title), markdown.sentence(text)) for title, text in unlisted.items()]
    parts.append(markdown.table(("Route", "What it does"), [*routes, *others]))
    for title, code, operation in operations:
        parts.append(f"## {code} {{#{_slug(title)}}}\n\n")
        parts.append(_operation(title, operation, schemas))
    parts.append(_FAILURES)
    parts.append(markdown.table(("Status", "Code and reason"), _failures(operations)))
    parts.append("## Schemas\n\n")
    sent = _sent(operations, schemas)
    for name, schema in sorted(schemas.items()):
        parts.append(_schema(name, schema, sent=name in sent))
    return "".join(parts)


def _operations(described: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(title, title as code, operation)."""
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            title = f"{method.upper()} {path}"
            yield title, markdown.code(title), operation


def _operation(title: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    parts = [f"{' '.join(operation.get('description', '').split())}\n\n"]
    rows = [_parameter(one) for one in operation.get("parameters", ())]
    parts.append(markdown.table(("Parameter", "Type", "Meaning"), rows))
    body = operation.get("requestBody", {}).get("content", {}).get(_JSON, {}).get("schema")
    if body:
        parts.append(f"Body: {json_schema.words(body)}\n\n")
    parts.append(_example(title, body, schemas))
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            schema = response.get("content", {}).get(_JSON, {}).get("schema", {})
            parts.append(f"Answer {status}: {json_schema.words(schema)}\n\n")
    return "".join(parts)


def _parameter(parameter: Mapping[str, Any]) -> tuple[str, str, str]:
    """A row: the parameter of the path or the query, its type with bounds, and its meaning."""
    name, schema = parameter["name"], parameter["schema"]
    found = {"properties": {name: {"description": parameter.get("description", ""), **schema}}}
    required = [name] if parameter.get("required") else []
    ((_, kind, meaning),) = json_schema.fields({**found, "required": required})
    return f"{markdown.code(name)} ({parameter['in']})", kind, meaning


def _example(title: str, body: Mapping[str, Any] | None, schemas: Mapping[str, Any]) -> str:
    """A call with curl; of a route with a body only where the schema has an example."""
    method, path = title.split(" ")
    path = path.replace("{user_id}", "42").replace("{item_id}", "50")
    if body is None:
        return markdown.fenced(f"curl {_ADDRESS}{path}", "sh")
    options = (body, *body.get("oneOf", ()))
    names = [one["$ref"].rpartition("/")[2] for one in options if "$ref" in one]
    examples = [example for name in names for example in schemas[name].get("examples", ())]
    if not examples:
        return ""
    verb = "" if method == "POST" else f" -X {method}"
    return markdown.fenced(
        f"curl{verb} -H 'Content-Type: {_JSON}' {_ADDRESS}{path} \\\n"
        f"  -d '{json.dumps(examples[0])}'",
        "sh",
    )


def _failures(
    operations: Sequence[tuple[str, str, Mapping[str, Any]]],
) -> list[tuple[str, str]]:
    """Rows of all failures that there are."""
    found = {
        status: response["description"]
        for _, _, operation in operations
        for status, response in operation["responses"].items()
        if not status.startswith("2")
    }
    return [(markdown.code(status), found[status]) for status in sorted(found)]


def _sent(
    operations: Sequence[tuple[str, str, Mapping[str, Any]]], schemas: Mapping[str, Any]
) -> set[str]:
    """Names of the schemas that bodies of requests have, directly or inside."""
    found: set[str] = set()
    new = [name for *_, one in operations for name in _named(one.get("requestBody", {}))]
    while new:
        name = new.pop()
        if name not in found:
            found.add(name)
            new += _named(schemas[name])
    return found


def _named(schema: Mapping[str, Any]) -> list[str]:
    return re.findall(r'"#/components/schemas/(\w+)"', json.dumps(schema))


def _schema(name: str, schema: Mapping[str, Any], *, sent: bool) -> str:
    rows = [
        (f"{markdown.code(field)}", kind, meaning)
        for field, kind, meaning in json_schema.fields(schema)
    ]
    required = ", ".join(map(markdown.code, schema.get("required", ()) if sent else ()))
    return (
        f"### {name} {{#schema-{name}}}\n\n{' '.join(schema.get('description', '').split())}\n\n"
        + (f"Required: {required}.\n\n" if required else "")
        + markdown.table(("Field", "Type", "Meaning"), rows)
    )


def _summary(operation: Mapping[str, Any]) -> str:
    """The first sentence."""
    text = " ".join(operation.get("description", operation.get("summary", "")).split())
    return re.split(r"(?<=[.;]) ", text, maxsplit=1)[0].rstrip(";.") + "."


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
