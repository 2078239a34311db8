"""Requests at an offered rate, whether or not the server keeps up, and what became of them.

Latency counts from when a request should have been sent. A generator that waits for the server, or
is late itself, hides nothing that way (Tene, "How NOT to Measure Latency", 2013: coordinated
omission).
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy import typing as npt

GOOD = "good"
DEGRADED = "degraded"  # an answer, but a stage is missing from it
SHED = "429/503"
WRONG = "wrong version"
FAILED = "failed"  # any other status, no answer in time, a broken connection
NOT_SENT = "not sent"  # too many requests were under way already
_TIMER = 0.001  # seconds by which asyncio's timers are late
# seconds of a pause; to be awake for its last millisecond takes little from the servers
_IDLE = 0.02


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a request got.

    Attributes:
      verdict: one of the constants above.
      release: that answered; None if none did.
      detail: what was wrong.
    """

    verdict: str
    release: int | None = None
    detail: str = ""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A request: when it was due, was sent and was answered, in seconds of the trial."""

    intended: float
    sent: float
    finished: float
    answer: Answer


@dataclasses.dataclass(frozen=True)
class Summary:
    """A trial.

    Attributes:
      offered: requests a second.
      achieved: good answers a second.
      milliseconds: 50 %, 90 % and 99 % of the good answers' latencies; NaN without any.
      shares: of all requests, by verdict.
      requests: how many there were.
      lag: milliseconds by which 99 % of the requests were sent late at most: the generator's own
          fault.
    """

    offered: float
    achieved: float
    milliseconds: tuple[float, float, float]
    shares: dict[str, float]
    requests: int
    lag: float


Call = Callable[[int], Awaitable[Answer]]


def schedule(rate: float, seconds: float, seed: int) -> npt.NDArray[np.float64]:
    """Send times float64 [rate * seconds] of a Poisson process that has exactly so many arrivals.

    Given their number, arrivals are independent and uniform (Ross, Introduction to Probability
    Models, theorem 5.2).
    """
    return np.sort(np.random.default_rng(seed).uniform(0, seconds, round(rate * seconds)))


def endless(rate: float, seed: int, is_over: Callable[[], bool]) -> Iterator[float]:
    """Send times of a Poisson process, until it is over."""
    random, now = np.random.default_rng(seed), 0.0
    while not is_over():
        now += random.exponential(1 / rate)
        yield now


async def run(call: Call, times: Iterable[float], *, most: int = 1000) -> list[Outcome]:
    """Calls with 0, 1, ... at these times and gives the outcomes in this order.

    Args:
      call: sends a request; does not raise.
      times: seconds from now, ascending; each is asked for once the one before has passed.
      most: requests under way; those that come on top are not sent.
    """
    outcomes: dict[int, Outcome] = {}
    under_way: set[asyncio.Task[None]] = set()
    start = time.perf_counter()

    async def one(number: int, intended: float) -> None:
        sent = time.perf_counter() - start
        answer = await call(number)
        outcomes[number] = Outcome(intended, sent, time.perf_counter() - start, answer)

    for number, intended in enumerate(map(float, times)):
        await _until(start + intended)
        if len(under_way) >= most:
            now = time.perf_counter() - start
            outcomes[number] = Outcome(intended, now, now, Answer(NOT_SENT))
            await asyncio.sleep(0)
            continue
        task = asyncio.create_task(one(number, intended))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)
    return [outcomes[number] for number in sorted(outcomes)]


async def _until(moment: float) -> None:
    """Waits until `moment` of time.perf_counter: exactly, where the pause is long."""
    wait = moment - time.perf_counter()
    if wait < _IDLE:
        if wait > _TIMER / 2:
            await asyncio.sleep(wait)
        return
    while wait > 0:
        await asyncio.sleep(max(0.0, wait - _TIMER))
        wait = moment - time.perf_counter()


def summarize(outcomes: Sequence[Outcome], seconds: float) -> Summary:
    """Counts and times the answers.

    Args:
      outcomes: of the requests of a trial.
      seconds: for how long the trial sent requests.
    """
    verdicts = collections.Counter(outcome.answer.verdict for outcome in outcomes)
    good = [outcome for outcome in outcomes if outcome.answer.verdict == GOOD]
    lasted = max([seconds, *(outcome.finished for outcome in outcomes)])
    latencies = [1e3 * (outcome.finished - outcome.intended) for outcome in good]
    return Summary(
        offered=len(outcomes) / seconds,
        achieved=len(good) / lasted,
        milliseconds=(
            percentile(latencies, 50),
            percentile(latencies, 90),
            percentile(latencies, 99),
        ),
        shares={verdict: number / len(outcomes) for verdict, number in verdicts.items()},
        requests=len(outcomes),
        lag=percentile([1e3 * max(0.0, o.sent - o.intended) for o in outcomes], 99),
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """Smallest value that at least `percent` % of the values do not exceed; NaN without values."""
    if not values:
        return float("nan")
    return float(np.percentile(values, percent, method="inverted_cdf"))
