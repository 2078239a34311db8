"""The probabilities against the definition, spelt out; the best ranking against all others."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from modules.evaluation import metrics
from modules.generator import oracle, shape, tables
from tests.modules.generator import made

TINY = {"events": 40, "users": 12, "items": 24, "categories": 3}


def _by_definition(known: tables.Tables, request: oracle.Request) -> np.ndarray:
    """Every way in which an item can be taken, with its probability, one after the other."""
    of, had = known.shape, request.items.tolist()
    part = (request.time - 1_767_225_600) % 86_400 // 14_400
    day = np.array((request.time - 1_767_225_600) // 86_400)
    if not had:
        reasons = {"profile": 0.7, "hour": 0.3}
    elif request.gap >= 1_800:
        reasons = {"profile": 0.4, "hour": 0.2, "habit": 0.4}
    else:
        reasons = {"profile": 0.2, "hour": 0.1, "next": 0.3, "habit": 0.2, "follow": 0.2}
    shares = np.arange(1, of.levels + 1) ** -of.zipf
    shares = shares / shares.sum()
    new = np.zeros(of.items)
    for reason, weight in reasons.items():
        if reason == "follow":
            for step, share in zip(known.steps, (0.6, 0.3, 0.1)):
                new[(had[-1] + step) % of.items] += weight * share
            continue
        for category in range(of.categories):
            chance = {
                "profile": lambda c: known.rows[request.age_group, c],
                "hour": lambda c: known.rows[5 + part, c],
                "next": lambda c: known.rows[11 + had[-1] % of.categories, c],
                "habit": lambda c: sum(i % of.categories == c for i in had) / len(had),
            }[reason](category)
            for rank, share in enumerate(shares):
                level = known.trend_levels(np.array(rank), np.array(category), day)
                for at, by in ((rank, 1 - of.drift), (int(level), of.drift)):
                    new[at * of.categories + category] += weight * chance * share * by
    new[had] = 0  # what the user had is drawn again
    new /= new.sum()
    found = new
    if had:
        again = np.array([had.count(item) / len(had) for item in range(of.items)])
        found = of.repeats * again + (1 - of.repeats) * new
    found = (1 - of.hot_item) * found
    found[of.items - 1] += of.hot_item
    return found


@pytest.mark.parametrize(
    "changes",
    [{}, {"drift": 0.0}, {"drift": 1.0, "zipf": 0.5}, {"repeats": 0.3}, {"hot_item": 0.2}],
    ids=str,
)
@pytest.mark.parametrize("had", [[], [5], [5, 7, 2, 23, 8]], ids=str)
@pytest.mark.parametrize("gap", [1_799, 1_800])
def test_probabilities_are_those_of_the_definition(changes, had, gap):
    known = tables.Tables(shape.Shape(**TINY, **changes))
    time = tables.START + 17 * tables.DAY + 15 * tables.HOUR
    request = oracle.Request(3, np.array(had, np.int64), time, gap)
    found = oracle.probabilities(known, request)
    assert found.sum() == pytest.approx(1.0)
    assert found == pytest.approx(_by_definition(known, request), abs=1e-12)


def test_the_trend_of_a_day():
    """Each day has its own first item; the others are one rank further down, the last is out."""
    known = tables.Tables(shape.Shape(**TINY))
    ranks = np.arange(8)
    for category, day in itertools.product(range(3), range(20)):
        today, tomorrow = (
            known.trend_levels(ranks, np.full(8, category), np.full(8, d)) for d in (day, day + 1)
        )
        assert sorted(today) == list(range(8))
        assert list(tomorrow[1:]) == list(today[:-1])
        assert list(known.trend_ranks(day)[today, category]) == list(ranks)


@pytest.mark.parametrize("changes", [{}, {"repeats": 0.3}, {"hot_item": 0.3}], ids=str)
@pytest.mark.parametrize("seed", [1, 2])
def test_events_come_with_the_probabilities(changes, seed):
    """Sums over events of what happened minus what was expected, in standard deviations.

    Each difference has the mean 0 given all before, so their variances add up (a martingale).
    """
    made_part = made.part(seed=seed, **changes)
    sums, variances = np.zeros(3), np.zeros(3)
    for request, taken in made_part.requests(every=10):
        p = oracle.probabilities(made_part.known, request)
        assert p[taken] > 0
        is_top = np.zeros(p.size)
        is_top[oracle.best(p, np.zeros(0, np.int64), 10)] = 1
        surprise = -np.log(p, out=np.zeros(p.size), where=p > 0)
        for n, value in enumerate((p, is_top, surprise)):
            mean = p @ value
            sums[n] += value[taken] - mean
            variances[n] += p @ (value - mean) ** 2
    assert np.all(np.abs(sums) < 5 * np.sqrt(variances))


def test_expected_metrics_by_hand():
    p = np.array([0.2, 0.5, 0.0, 0.3])
    ranked = oracle.best(p, np.zeros(0, np.int64), 10)
    assert ranked.tolist() == [1, 3, 0, 2]
    found = dict(zip(metrics.names((1, 2)), oracle.attainable(p, ranked, (1, 2))))
    assert found["HR@1"] == pytest.approx(0.5)
    assert found["HR@2"] == pytest.approx(0.8)
    assert found["NDCG@2"] == pytest.approx(0.5 + 0.3 / np.log2(3))
    assert found["MRR@2"] == pytest.approx(0.5 + 0.3 / 2)


def test_what_an_evaluator_leaves_out_is_missed():
    p = np.array([0.2, 0.5, 0.0, 0.3])
    ranked = oracle.best(p, np.array([1, 1]), 2)
    assert ranked.tolist() == [3, 0]
    found = dict(zip(metrics.names((2,)), oracle.attainable(p, ranked, (2,))))
    assert found["HR@2"] == pytest.approx(0.5)


def test_no_ranking_expects_more():
    """Of all rankings of four of the eight most probable items."""
    made_part = made.part()
    request = next(itertools.islice(made_part.requests(every=1), 15, None))[0]
    p = oracle.probabilities(made_part.known, request)
    ranked = oracle.best(p, request.items, 8)
    best = oracle.attainable(p, ranked[:4], (4,))
    for other in itertools.permutations(ranked.tolist(), 4):
        assert np.all(oracle.attainable(p, np.array(other), (4,)) <= best + 1e-12)


def test_the_oracle_beats_popularity_and_reaches_what_it_expects():
    made_part = made.part()
    popularity = np.bincount(made_part.items, minlength=800).astype(float)
    expected, oracles, populars = [], [], []
    for one, last in enumerate(made_part.visits.firsts + made_part.visits.counts - 1):
        own = made_part.items[made_part.visits.firsts[one] : last + 1]
        times = made_part.visits.times
        group = int(tables.age_group(made_part.visits.ages[one]))
        gap = int(times[last] - times[last - 1])
        p = oracle.probabilities(
            made_part.known, oracle.Request(group, own[:-1], int(times[last]), gap)
        )
        ranked = oracle.best(p, own[:-1], 10)
        expected.append(oracle.attainable(p, ranked, (10,))[1])
        for values, items in ((oracles, ranked), (populars, oracle.best(popularity, own[:-1], 10))):
            place = np.flatnonzero(items == own[-1])
            values.append(1 / np.log2(place[0] + 2) if place.size else 0.0)
    users = len(expected)
    gained = np.array(oracles) - populars
    assert gained.mean() > 5 * gained.std() / np.sqrt(users)
    missed = np.array(oracles) - expected
    assert abs(missed.mean()) < 5 * missed.std() / np.sqrt(users)
