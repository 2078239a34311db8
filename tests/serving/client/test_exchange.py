"""When calls are sent again, and when not: the steps alone, with a clock that the test moves."""

from __future__ import annotations

import httpx
import pytest

from serving.client import calls, errors, exchange

SAFE = calls.Call("GET", "/v1/release", lambda found: found["x"])
UNSAFE = calls.Call("POST", "/v1/events", lambda found: found["x"], {}, is_safe=False)
GOOD = httpx.Response(200, json={"x": 7}, request=httpx.Request("GET", "http://gateway/"))
CONNECT, READ = httpx.ConnectError("no route"), httpx.ReadError("broken")


def busy(status=503, **headers):
    return httpx.Response(
        status,
        headers=headers,
        json={"error": {"code": "busy", "message": "too much", "field": None}, "request_id": "r1"},
    )


class Play:
    """Answers the steps of a call from a list; pauses and attempts (`seconds`) move the clock."""

    def __init__(self, outcomes, seconds=0.0):
        self.outcomes, self.seconds, self.now = list(outcomes), seconds, 100.0
        self.sent, self.pauses = [], []

    def __call__(self, call, timeout=5.0, budget=None):
        todo = exchange.steps(
            call, "http://gateway", timeout, budget or exchange.Budget(), lambda: self.now
        )
        outcome = None
        while True:
            try:
                step = todo.send(outcome)
            except StopIteration as end:
                return end.value
            outcome = None
            if isinstance(step, exchange.Wait):
                self.pauses.append(step.seconds)
                self.now += step.seconds
            else:
                self.sent.append(step)
                self.now += self.seconds
                outcome = self.outcomes.pop(0)


def test_the_first_answer_is_enough():
    play = Play([GOOD])
    assert play(SAFE) == 7
    assert play.sent == [exchange.Send("GET", "/v1/release", 5.0, None, {})]


@pytest.mark.parametrize("status", [429, 503])
def test_a_refused_call_is_sent_again_when_the_server_says(status):
    play = Play([busy(status, **{"retry-after": "2"}), GOOD])
    assert play(SAFE) == 7
    assert play.pauses == [2.0]


@pytest.mark.parametrize(
    "outcome",
    [
        busy(),
        busy(**{"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}),
        READ,
        CONNECT,
        httpx.ReadTimeout("slow"),
    ],
)
def test_without_a_number_of_seconds_the_pause_grows(outcome):
    """0.1 s and 0.2 s, each by half more or less."""
    play = Play([outcome, outcome, GOOD])
    assert play(SAFE) == 7
    assert 0.05 <= play.pauses[0] <= 0.15 and 0.1 <= play.pauses[1] <= 0.3


def test_three_attempts_are_all():
    play = Play([busy(), busy(), busy(429)])
    with pytest.raises(errors.Overloaded):
        play(SAFE)
    assert len(play.sent) == 3


@pytest.mark.parametrize("outcome", [busy(500), busy(507), busy(400), busy(404)])
def test_other_failures_are_final(outcome):
    play = Play([outcome])
    with pytest.raises(errors.ApiError):
        play(SAFE)
    assert len(play.sent) == 1


@pytest.mark.parametrize("outcome", [busy(), busy(429), READ, httpx.ReadTimeout("slow")])
def test_what_may_have_been_done_is_not_sent_again_if_twice_is_not_once(outcome):
    play = Play([outcome])
    with pytest.raises(errors.ClientError):
        play(UNSAFE)
    assert len(play.sent) == 1


def test_what_never_arrived_is_sent_again_in_any_case():
    play = Play([CONNECT, GOOD])
    assert play(UNSAFE) == 7


def test_the_timeout_is_that_of_all_attempts():
    """The first attempt takes 1 s, the pause 2 s: 2 s are left; then 1 s and 2 s are too much."""
    play = Play([busy(**{"retry-after": "2"})] * 2, seconds=1.0)
    with pytest.raises(errors.Unavailable):
        play(SAFE)
    assert [step.timeout for step in play.sent] == [5.0, 2.0]


def test_retries_have_a_budget():
    """Two are allowed, then one for every ten calls: 0.1 of it a call, from nothing."""
    budget = exchange.Budget(most=2)
    for _ in range(2):
        assert Play([busy(), GOOD])(SAFE, budget=budget) == 7
    with pytest.raises(errors.Unavailable):
        Play([busy()])(SAFE, budget=budget)
    for _ in range(10):
        Play([GOOD])(SAFE, budget=budget)
    assert Play([busy(), GOOD])(SAFE, budget=budget) == 7


@pytest.mark.parametrize(
    ("outcome", "kind", "text"),
    [
        (
            CONNECT,
            errors.Unreachable,
            "http://gateway: no route. Check that the server runs there.",
        ),
        (
            httpx.ReadTimeout("slow"),
            errors.TimedOut,
            "http://gateway: no answer in time (ReadTimeout)",
        ),
    ],
)
def test_no_answer_is_an_error_that_names_the_place(outcome, kind, text):
    with pytest.raises(kind) as failure:
        Play([outcome] * 3)(SAFE)
    assert str(failure.value).startswith(text)


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b'{"y": 1}'])
def test_another_answer_is_refused(answer):
    request = httpx.Request("GET", "http://other/v1/release")
    with pytest.raises(errors.ClientError, match="http://other/v1/release: the answer is not"):
        Play([httpx.Response(200, content=answer, request=request)])(SAFE)
