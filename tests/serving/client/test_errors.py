"""Answers of the gateway that refuse, as exceptions."""

from __future__ import annotations

import httpx
import pytest

from serving.client import errors


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidRequest),
        (401, errors.Unauthenticated),
        (404, errors.NotFound),
        (405, errors.ApiError),
        (408, errors.ApiError),
        (413, errors.InvalidRequest),
        (415, errors.InvalidRequest),
        (429, errors.Overloaded),
        (500, errors.ApiError),
        (503, errors.Unavailable),
        (507, errors.StoreFull),
    ],
)
def test_the_message_is_the_servers(status, kind):
    error = errors.of_response(
        httpx.Response(
            status,
            headers={"retry-after": "3"},
            json={
                "error": {"code": "some_code", "message": "what and why", "field": "history.3"},
                "request_id": "r9",
            },
        )
    )
    assert type(error) is kind and str(error) == "what and why"
    assert (error.status, error.code, error.field, error.request_id, error.retry_after) == (
        status,
        "some_code",
        "history.3",
        "r9",
        3.0,
    )


@pytest.mark.parametrize(
    "content", [b"<h1>Bad</h1>", b"[]", b'{"error": "x"}', b'{"error": {}}', b""]
)
def test_an_answer_of_something_else_is_shown(content):
    error = errors.of_response(httpx.Response(502, content=content, headers={"x-request-id": "p1"}))
    assert str(error) == (
        "status 502 with an answer that is not the gateway's: " + (content.decode() or "none")
    )
    assert (error.code, error.request_id, error.retry_after) == ("", "p1", None)
