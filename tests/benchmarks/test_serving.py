"""The load test's arithmetic: when requests are sent, what latency is, and which answers count."""

import asyncio
import json
import math
import time

import numpy as np
import pytest

from benchmarks.serving import clients, open_loop, report, servers, trials
from serving import tensors
from serving.protos import serving_pb2

GOOD = open_loop.Answer(open_loop.GOOD, 7)


def _outcome(latency, verdict=open_loop.GOOD, *, intended=0.0, late=0.0):
    return open_loop.Outcome(
        intended, intended + late, intended + latency, open_loop.Answer(verdict)
    )


@pytest.mark.parametrize("percent, expected", [(50, 2), (75, 3), (76, 4), (99, 4), (100, 4)])
def test_a_percentile_is_a_value_that_was_measured(percent, expected):
    assert open_loop.percentile([4, 1, 3, 2], percent) == expected


def test_there_is_no_percentile_of_nothing():
    assert math.isnan(open_loop.percentile([], 99))


def test_the_schedule_offers_exactly_the_rate_at_random_times():
    times = open_loop.schedule(rate=50, seconds=40, seed=3)
    assert len(times) == 2000 and times[0] >= 0 and times[-1] < 40
    gaps = np.diff(times)
    assert (gaps >= 0).all()
    # exponential: as large as the mean; even: 0
    assert gaps.std() == pytest.approx(1 / 50, rel=0.1)
    assert (times != open_loop.schedule(rate=50, seconds=40, seed=4)).any()


def test_an_endless_schedule_has_the_rate_and_ends():
    count = iter(range(2001))
    times = list(open_loop.endless(100, 1, lambda: next(count) == 2000))
    assert len(times) == 2000 and times == sorted(times)
    assert times[-1] == pytest.approx(20, rel=0.1)


def test_latency_counts_from_the_intended_time_and_only_of_good_answers():
    found = open_loop.summarize(
        [
            _outcome(0.010),
            _outcome(0.030, intended=1, late=0.02),
            _outcome(0.020, intended=2),
            _outcome(0.001, open_loop.SHED, intended=3),
        ],
        seconds=4,
    )
    assert found.milliseconds == pytest.approx((20, 30, 30))
    assert (found.offered, found.achieved, found.requests) == (1, 0.75, 4)
    assert found.shares == {open_loop.GOOD: 0.75, open_loop.SHED: 0.25}
    assert found.lag == pytest.approx(20)


def test_answers_after_the_end_do_not_count_as_if_they_had_come_in_time():
    found = open_loop.summarize([_outcome(3.0), _outcome(8.0)], seconds=2)
    assert found.achieved == 2 / 8


def test_the_loop_does_not_wait_for_answers():
    async def slow(number):
        await asyncio.sleep(0.2)
        return GOOD

    outcomes = asyncio.run(open_loop.run(slow, [0.0, 0.01, 0.02, 0.03]))
    assert [o.intended for o in outcomes] == [0.0, 0.01, 0.02, 0.03]
    assert max(o.sent for o in outcomes) < 0.2  # all were sent before the first answer
    assert all(0.19 < o.finished - o.sent < 0.5 for o in outcomes)


def test_a_generator_that_is_late_says_so_and_hides_no_latency():
    async def blocks(number):
        if number == 0:
            time.sleep(0.1)  # noqa: ASYNC251 - as if the generator were too slow
        return GOOD

    outcomes = asyncio.run(open_loop.run(blocks, [0.0, 0.02]))
    assert outcomes[1].sent >= 0.1
    found = open_loop.summarize(outcomes, 0.02)
    assert found.lag >= 80 and found.milliseconds[2] >= 80


def test_what_is_under_way_is_bounded():
    async def slow(number):
        await asyncio.sleep(0.1)
        return GOOD

    outcomes = asyncio.run(open_loop.run(slow, [0.0, 0.001, 0.002], most=2))
    assert [o.answer.verdict for o in outcomes] == [
        open_loop.GOOD,
        open_loop.GOOD,
        open_loop.NOT_SENT,
    ]


def _body(release=7, degraded=(), ranked=True):
    items = [{"rank": {"rank": 1} if ranked else None}]
    return json.dumps({"release": release, "degraded": list(degraded), "items": items}).encode()


@pytest.mark.parametrize(
    "status, body, verdict",
    [
        (200, _body(), open_loop.GOOD),
        (200, _body(release=8), open_loop.WRONG),
        (200, _body(release=None), open_loop.WRONG),
        (200, _body(degraded=[{"stage": "rank"}]), open_loop.DEGRADED),
        (200, _body(ranked=False), open_loop.DEGRADED),
        (429, b"", open_loop.SHED),
        (503, b"", open_loop.SHED),
        (500, b"", open_loop.FAILED),
    ],
)
def test_only_whole_answers_of_a_known_release_are_good(status, body, verdict):
    assert clients.judge(status, body, {7}).verdict == verdict


class _Models:
    """Answers recall with one version and rank with another."""

    def __init__(self, recall, rank):
        self._versions = {"recall": recall, "rank": rank}
        self.asked = []

    async def predict(self, request):
        asked = serving_pb2.PredictRequest.FromString(request)
        self.asked.append(asked)
        response = serving_pb2.PredictResponse()
        response.model_spec.version.value = self._versions[asked.model_spec.name]
        response.outputs["item_id"].CopyFrom(tensors.encode(np.array([[b"a", b"b"]], object)))
        response.outputs["score"].CopyFrom(tensors.encode(np.array([[2, 1]], np.float32)))
        return response


@pytest.mark.parametrize(
    "recall, rank, verdict",
    [(7, 7, open_loop.GOOD), (7, 8, open_loop.WRONG), (9, 9, open_loop.WRONG)],
)
def test_a_pair_is_good_if_one_known_release_gave_both(recall, rank, verdict):
    request = serving_pb2.PredictRequest(output_filter=["item_id", "score"])
    request.model_spec.name, request.model_spec.version_label = "recall", "stable"
    request.inputs["exclude_item_id"].CopyFrom(tensors.encode(np.array([[b"x"]], object)))
    models = _Models(recall, rank)
    answer = asyncio.run(clients.Pair(models, [request.SerializeToString()], {7, 8})(0))
    assert answer.verdict == verdict
    asked = models.asked[1]
    assert (asked.model_spec.name, asked.model_spec.version.value) == ("rank", recall)
    assert sorted(asked.inputs) == ["candidate_item_id", "recall_score"] and not asked.output_filter


def test_capacity_counts_good_answers_alone():
    async def half(number):
        await asyncio.sleep(0.01)
        return GOOD if number % 2 else open_loop.Answer(open_loop.SHED)

    found = asyncio.run(trials.capacity(half, 0.3))
    assert 100 < found <= trials.CLIENTS / 0.01 / 2  # each client at most 100; half of them nothing


@pytest.mark.parametrize("load, busy", [(0.25, False), (2.5, True)])
def test_the_page_and_the_plot(tmp_path, load, busy):
    rows = [
        trials.Row(name, open_loop.summarize([_outcome(0.01 * n) for n in range(1, 11)], 1))
        for name in ("recall", "recommend")
    ]
    reloads = trials.Reloads(
        3,
        [1.0, 2.0],
        [_outcome(0.01, intended=1), _outcome(0.01, open_loop.DEGRADED, intended=2)],
        [_outcome(0.02, open_loop.WRONG, intended=1)],
        {"gateway": (100.0, 110.0)},
    )
    text = report.text(
        report.Results(
            rows,
            [
                trials.Compared(servers.ONE, rows, [7.5, 8.5], 120, 900),
                trials.Compared(servers.TWO, rows, [9.5, 10.5], 80, 1000),
            ],
            rows[:1],
            reloads,
            trials.Kills(2, 1234, 5),
            trials.Overload(20, rows[0].summary),
            [2.5, 3.5],
            200,
            (load, 1.5),
        ),
        "the command",
    )
    assert ("busy with other programs" in text) == busy
    for expected in (
        "Made by `the command`",
        f"load average {load:.1f} before and 1.5 after",
        "| recommend | 10 | 10.0 | 50.0 | 90.0 | 100.0 | 100.0 % | 10 |",
        "| recommend | 2 | 1 | 1 | 0 | 0 | 0 | 10.0 | 10.0 |",
        "| recall, then rank | 1 | 0 | 0 | 1 | 0 | 0 |  |  |",
        "- wrong version",
        "1,234 events were acknowledged; **5 of them are lost**",
        "| 10 | 10 | 50.0 % |",
        "to the first good recommendation: 2.5, 3.5 s.",
        "| one process | 10 | 50.0 | 90.0 | 100.0 | 100.0 % | 7.5 |  |  | 10 |",
        "| two processes | 10 | 50.0 | 90.0 | 100.0 | 100.0 % | 10.5 | 80 | 1000 | 10 |",
        "| gateway | 100 | 110 |",
    ):
        assert expected in text
    report.plot(rows, tmp_path / report.PLOT)
    assert (tmp_path / report.PLOT).read_bytes().startswith(b"\x89PNG")
