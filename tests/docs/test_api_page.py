"""The page of the HTTP API, and what OpenAPI has to say for it."""

from __future__ import annotations

import ast
import pathlib

import pytest

from docs.hooks import api_page, json_schema
from serving.gateway import api

GATEWAY = pathlib.Path(api.__file__).parent
SMALL = {
    "info": {"description": "About it."},
    "paths": {
        "/v1/things/{user_id}": {
            "put": {
                "description": "Puts a thing; nothing\nelse. More.",
                "parameters": [
                    {
                        "name": "user_id",
                        "in": "path",
                        "required": True,
                        "description": "who",
                        "schema": {"type": "string", "maxLength": 9},
                    }
                ],
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/T"}}}
                },
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"type": "null"}}}},
                    "400": {"description": "`wrong`: it is wrong."},
                },
            }
        }
    },
    "components": {
        "schemas": {
            "T": {
                "description": "A thing.",
                "examples": [{"size": 2}],
                "required": ["size"],
                "properties": {
                    "size": {"type": "integer", "minimum": 1, "description": "in metres"},
                    "name": {"type": "string", "default": "x", "description": "of it"},
                },
            }
        }
    },
}


def test_a_small_api():
    page = api_page.render(SMALL, {"GET /alive": "whether it lives"})
    assert "\nAbout it.\n" in page
    for part in (
        "| [`PUT /v1/things/{user_id}`](#put-v1-things-user-id) | Puts a thing. |",
        "| `GET /alive` | Whether it lives. |",
        "## `PUT /v1/things/{user_id}` {#put-v1-things-user-id}\n\nPuts a thing; nothing else.",
        "| `user_id` (path) | text, at most 9 characters | Who. |",
        "Body: [T](#schema-T)\n",
        "curl -X PUT -H 'Content-Type: application/json' localhost:8080/v1/things/42 \\\n  -d",
        "  -d '{\"size\": 2}'\n",
        "Answer 200: null\n",
        "| `400` | `wrong`: it is wrong. |",
        "### T {#schema-T}\n\nA thing.\n\nRequired: `size`.\n",
        "| `size` | whole number, at least 1 | In metres. |",
        '| `name` | text | Of it. Default: `"x"`. |',
    ):
        assert part in page


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "array", "items": {"type": "number"}}, "list of number"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text or null"),
        ({"type": "object"}, "mapping"),
        (
            {"additionalProperties": {"anyOf": [{"type": "string"}, {"type": "number"}]}},
            "mapping to (text or number)",
        ),
        ({"enum": ["a", "b"]}, 'one of `"a"`, `"b"`'),
        ({}, "anything"),
    ],
)
def test_types_in_words(schema, expected):
    assert json_schema.words(schema) == expected


def test_bounds_in_words():
    assert json_schema.bounds({"minimum": 0, "maximum": 4102444800}) == "0 to 4,102,444,800"
    assert json_schema.bounds({"anyOf": [{"minLength": 1}, {}]}) == "at least 1 characters"
    assert json_schema.bounds({}) == ""


@pytest.fixture(scope="module")
def described():
    return api.described().openapi()


def test_every_field_and_parameter_is_described(described):
    bare = [
        f"{name}.{field}"
        for name, schema in described["components"]["schemas"].items()
        for field, one in schema["properties"].items()
        if not one.get("description")
    ]
    for path, methods in described["paths"].items():
        for operation in methods.values():
            assert operation["description"]
            bare += [
                f"{path} {one['name']}"
                for one in operation.get("parameters", ())
                if not one.get("description")
            ]
    assert bare == []
    assert all(schema["description"] for schema in described["components"]["schemas"].values())


def test_every_code_of_a_failure_is_told():
    """Read from the sources: ApiError(404, "not_found", ...)."""
    raised = {
        (call.args[0].value, call.args[1].value)
        for file in GATEWAY.glob("*.py")
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and getattr(call.func, "attr", getattr(call.func, "id", "")) == "ApiError"
        and all(isinstance(argument, ast.Constant) for argument in call.args[:2])
    }
    assert len(raised) >= 10
    page = api_page.make()
    rows = dict(line.split(" | ", 1) for line in page.splitlines() if line.startswith("| `"))
    assert [(s, code) for s, code in sorted(raised) if f"`{code}`" not in rows[f"| `{s}`"]] == []


def test_every_route_is_on_the_page(described):
    page = api_page.make()
    for path, methods in described["paths"].items():
        for method in methods:
            assert f"## `{method.upper()} {path}` {{#" in page
    assert "| `GET /readyz` | " in page
