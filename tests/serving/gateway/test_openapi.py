"""Whatever /openapi.json allows or forbids is sent, and the answers are those that it promises."""

from __future__ import annotations

import hypothesis
import schemathesis
from schemathesis import checks
from schemathesis.specs.openapi import checks as promised

from tests.serving.gateway import conftest

EXAMPLES = 25  # of each operation
CHECKS = [
    checks.not_a_server_error,
    promised.status_code_conformance,
    promised.content_type_conformance,
    promised.response_schema_conformance,
]


def test_answers_are_what_openapi_says(gateway: conftest.Gateway):
    schema = schemathesis.openapi.from_dict(gateway.http.get("/openapi.json").json())
    operations = [found.ok() for found in schema.get_all_operations()]
    assert {operation.label for operation in operations} == {
        "POST /v1/recommend",
        "POST /v1/events",
        "GET /v1/users",
        "GET /v1/users/{user_id}",
        "PUT /v1/users/{user_id}",
        "GET /v1/items",
        "GET /v1/items/{item_id}",
        "GET /v1/release",
    }
    for operation in operations:
        _fuzz(gateway, operation)


def _fuzz(gateway: conftest.Gateway, operation: schemathesis.APIOperation) -> None:
    right, wrong = (
        operation.as_strategy(generation_mode=mode)
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    )

    @hypothesis.given(case=right | wrong)
    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    def check(case: schemathesis.Case) -> None:
        sent = case.as_transport_kwargs(base_url="http://127.0.0.1")
        body = {"content": sent["data"]} if "data" in sent else {"json": sent.get("json")}
        answer = gateway.http.request(
            sent["method"], sent["url"], headers=sent["headers"], params=sent.get("params"), **body
        )
        case.validate_response(schemathesis.Response.from_any(answer), checks=CHECKS)

    check()
