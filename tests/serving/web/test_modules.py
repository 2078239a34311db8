"""The page's own arithmetic, run in the browser that will run it."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from playwright import sync_api

from tests.serving.web import shop


@pytest.fixture(scope="module")
def blank(browser: sync_api.Browser, gateway: shop.Gateway) -> Any:
    """A page of the origin without the app."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{gateway.base}/web/icon.svg")
    yield page
    context.close()


def _run(page: sync_api.Page, module: str, expression: str, *args: Any) -> Any:
    script = (
        f"async (args) => {{ const m = await import('/web/{module}.js'); return {expression}; }}"
    )
    return page.evaluate(script, list(args))


def test_wall_clocks_of_a_time_zone(blank: sync_api.Page) -> None:
    # 2024-03-31 01:00 UTC is when Berlin goes from 02:00 to 03:00.
    assert _run(blank, "clock", "[-1, 0].map((n) => m.input(1711846800 + n, 'Europe/Berlin'))") == [
        "2024-03-31T01:59",
        "2024-03-31T03:00",
    ]
    assert _run(blank, "clock", "m.fromInput('2024-03-31T03:30', 'Europe/Berlin')") == 1_711_848_600
    assert _run(blank, "clock", "m.fromInput('2024-01-01T12:00', 'Asia/Kolkata')") == 1_704_090_600
    assert _run(blank, "clock", "m.wall(1704090600, 'Asia/Kolkata')") == {
        "day": 1,
        "month": 1,
        "year": 2024,
        "hour": 12,
        "minute": 0,
        "second": 0,
        "weekday": 0,
    }
    assert _run(
        blank, "clock", "m.unix({year: 2024, month: 2, day: 31, hour: 0, minute: 0}, 'UTC')"
    ) == (1_709_337_600)  # 2024-03-02
    assert _run(
        blank, "clock", "[m.earlier(100, 3700), m.earlier(90000, 300000), m.earlier(5, 5)]"
    ) == ["1 hour earlier", "2 days earlier", "at that time"]


def test_a_state_comes_back_from_its_hash(blank: sync_api.Page) -> None:
    state = {
        "user": "a&b=#😀",
        "at": 880000000,
        "profile": {"age": 3, "gender": None},
        "context": {"device": "app"},
        "deny": ["x", "é"],
        "history": [{"item_id": "<m&1>", "timestamp": 5, "values": {"rating": 4}}],
        "seen": True,
        "filters": {"price": {"min": 1}, "tags": ["a", "b"]},
        "k": 20,
    }
    assert _run(blank, "state", "m.fromHash(m.toHash(args[0]))", state) == state
    state["seen"] = False
    assert _run(blank, "state", "m.fromHash(m.toHash(args[0]))", state) == state
    empty = {**state, "history": []}
    assert _run(blank, "state", "m.fromHash(m.toHash(args[0]))", empty) == empty
    assert _run(blank, "state", "m.toHash(m.START)") == ""


@pytest.mark.parametrize(
    "given", ["#profile={&deny=5&history={}&at=soon&k=-1&filters=[1]", "#answer", "#=&&=%"]
)
def test_a_hash_that_cannot_be_read_is_the_start(given: str, blank: sync_api.Page) -> None:
    assert _run(blank, "state", "m.fromHash(args[0])", given) == {
        "user": None,
        "at": "auto",
        "profile": {},
        "context": {},
        "history": None,
        "deny": [],
        "seen": None,
        "filters": {},
        "k": None,
    }


def test_the_curl_command_survives_a_shell(blank: sync_api.Page) -> None:
    hostile = 'it\'s $(touch x) `y` "z" \\ !\n'
    command = _run(blank, "request", "m.curl('http://h', {user_id: args[0]}, true)", hostile)
    said = (
        subprocess.run(
            ["sh", "-c", f"printf '%s\\0' {command}"],
            capture_output=True,
            check=True,
            env={"API_KEY": "secret"},
        )
        .stdout.decode()
        .split("\0")
    )
    assert "secret" not in command
    assert said[:6] == [
        "curl",
        "-H",
        "Content-Type: application/json",
        "-H",
        "X-API-Key: secret",
        "http://h/v1/recommend",
    ]
    assert json.loads(said[7]) == {"user_id": hostile}


def test_numbers_for_people(blank: sync_api.Page) -> None:
    assert _run(blank, "numbers", "[-0.0004, 0.0006, -1.5, 12].map(m.signed)") == [
        "0.000",
        "+0.001",
        f"{shop.MINUS}1.500",
        "+12.000",
    ]
    assert _run(blank, "numbers", "[0, 0.00042, 0.0467, 0.75, 1].map(m.percent)") == [
        "0 %",
        "0.042 %",
        "4.7 %",
        "75 %",
        "100 %",
    ]
    assert _run(blank, "numbers", "[m.count(1, 'item'), m.count(1682, 'item')]") == [
        "1 item",
        "1,682 items",
    ]


def test_how_a_list_differs_from_the_one_before(blank: sync_api.Page) -> None:
    script = (
        "(([before, after]) => m.describe(after.map((item_id) => ({item_id})), "
        "before && m.places(before.map((item_id) => ({item_id})))))(args)"
    )
    assert _run(blank, "changes", script, ["a", "b", "c"], ["a", "d", "b"]) == (
        "Against the list before: 1 new, 1 at another place, 1 item unmoved."
    )
    assert _run(blank, "changes", script, ["a"], ["a"]) == "The list is the same as before."
    assert _run(blank, "changes", script, None, ["a"]) is None
