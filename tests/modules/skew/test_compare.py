"""Distances and verdicts: users who ask as in training have no skew; what is wrong is named."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from modules.skew import compare, measure, raw_examples, times
from tests.modules.skew import population

NAMES = measure.names(population.DATA)


@pytest.fixture(scope="module")
def learned() -> measure.Statistics:
    """The statistics of training."""
    return population.statistics(population.windows()[0])


@pytest.fixture
def asked() -> population.Arrays:
    """The requests of validation."""
    return population.asked(population.windows()[1])


def _sent(asked: population.Arrays) -> raw_examples.Sent:
    return raw_examples.of([asked], population.DATA, population.MAX_HISTORY)


def _compare(
    learned: measure.Statistics, asked: population.Arrays, **options: object
) -> dict[str, compare.Finding]:
    sent = _sent(asked)
    now = measure.requests(sent.rows, population.DATA, learned)
    found = compare.compare(
        NAMES,
        compare.Side(learned, "in training"),
        compare.Side(now, "now"),
        requests=len(sent.rows),
        missing=sent.missing,
        vocabularies=population.VOCABULARIES,
        **{"thresholds": {}, "drift": False, **options},
    )
    return {f.feature: f for f in found}


def test_the_requests_of_validation_have_no_skew(learned, asked):
    found = _compare(learned, asked)
    assert list(found) == [
        "event_item_id",
        "user_age",
        "user_gender",
        "user_hobbies",
        "user_taste",
        "event_action_type",
        "event_rating",
        "context_device",
        "context_battery",
    ]
    assert {name: f.distance for name, f in found.items() if f.skewed} == {}
    assert all(f.distance is not None and f.distance > 0 for f in found.values())
    sent = _sent(asked)
    checked = times.check(sent, learned["event_timestamp"])
    assert checked.problems == ()
    assert checked.late == 0 and checked.training[0] >= population.BEGIN


def _texts(change: Callable[[bytes], bytes]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda values: np.vectorize(change, otypes=[object])(values)


@pytest.mark.parametrize(
    ("feature", "change", "said"),
    [
        ("user_age", lambda ages: ages * 12, "median 4"),
        ("user_gender", _texts(bytes.lower), "unknown: 'm', 'f'|unknown: 'f', 'm'"),
        (
            "user_hobbies",
            _texts(lambda text: text and b"chess go"),
            "'chess go' 0.0% in training, 100.0% now",
        ),
        ("user_taste", lambda vectors: vectors + 10, "in training"),
        ("event_item_id", _texts(lambda item: item and b"item-" + item), "unknown: 'item-i"),
        ("event_rating", lambda ratings: ratings * 20, "1 to 5, 20 to 100"),
        (
            "event_action_type",
            _texts(lambda action: action and b"buy"),
            "in training, 0.0% now|100.0% now",
        ),
        ("context_battery", lambda shares: shares / 100, "0.03007 to 99.96, 0.0003007 to"),
    ],
)
def test_a_seeded_skew_is_named_and_nothing_else(learned, asked, feature, change, said):
    found = _compare(learned, {**asked, feature: change(asked[feature])})
    assert {name for name, f in found.items() if f.skewed} == {feature}
    assert any(part in found[feature].differs for part in said.split("|")), found[feature].differs


def test_values_that_are_left_out_show_as_missing_and_as_skew(learned, asked):
    ages = asked["user_age"].copy()
    ages[::2] = np.nan
    found = _compare(learned, {**asked, "user_age": ages})
    assert found["user_age"].missing == 0.5
    # half of them are the default, 30
    assert {name for name, f in found.items() if f.skewed} == {"user_age"}


def test_a_feature_that_nobody_sends_is_skewed(learned, asked):
    empty = {
        name: values[:, :0] if name.startswith(("event_", "context_")) else values
        for name, values in asked.items()
    }
    found = _compare(learned, empty)
    assert found["event_item_id"].distance is None and found["event_item_id"].skewed
    assert found["event_item_id"].differs == "no values now"
    assert not found["context_device"].skewed  # the request itself has one


def test_distances_are_those_of_the_definition():
    """3 of 4 against 1 of 4: the shares differ by 0.5. Numbers without a common bucket: 1 bit."""
    before = population.statistics(
        [{"user_gender": gender, "user_age": 1.0 + n} for n, gender in enumerate("FFFM")]
    )
    now = population.statistics(
        [{"user_gender": gender, "user_age": 11.0 + n} for n, gender in enumerate("FMMM")]
    )
    for drift in (False, True):
        found = compare.compare(
            {"user_gender": None, "user_age": NAMES["user_age"]},
            compare.Side(before, "before"),
            compare.Side(now, "now"),
            requests=4,
            missing={},
            vocabularies={"user_gender": {"F"}},
            thresholds={"user_gender": 0.5, "user_age": 0.9},
            drift=drift,
        )
        gender, age = found
        assert gender.distance == pytest.approx(0.5)
        assert gender.unknown == 0.75 and gender.skewed  # unknown is above, the distance is not
        assert gender.differs in (
            "'F' 75.0% before, 25.0% now; unknown: 'M'",
            "'M' 25.0% before, 75.0% now; unknown: 'M'",
        )
        assert age.distance == pytest.approx(1.0) and age.skewed and age.unknown is None


def test_thresholds_allow_for_chance():
    assert compare.threshold(compare.L_INFINITY, 400) == pytest.approx(0.05 + 1 / 20)
    assert compare.threshold(compare.JENSEN_SHANNON, 400) == pytest.approx(0.05 + 10 / 400)


def test_the_same_whole_numbers_over_another_range_are_no_skew():
    """2 to 5 in other buckets than 1 to 5: TFDV alone calls that a divergence of about 0.3."""
    rng = np.random.default_rng(0)
    numbers = rng.integers(1, 6, 2000).astype(float)
    before = population.statistics([{"user_age": number} for number in numbers])
    row = {name: [] for name in NAMES}
    rows = [{**row, "user_age": [number]} for number in numbers[numbers > 1]]
    alone = measure.requests(rows, population.DATA, None)
    aligned = measure.requests(rows, population.DATA, before)
    counts = [
        b.sample_count for b in measure.histogram(aligned["user_age"]).buckets if b.sample_count
    ]
    assert counts == [np.sum(numbers == n) for n in (2, 3, 4, 5)]
    distance = {}
    for name, now in (("alone", alone), ("aligned", aligned)):
        (found,) = compare.compare(
            {"user_age": NAMES["user_age"]},
            compare.Side(before, ""),
            compare.Side(now, ""),
            requests=2000,
            missing={},
            vocabularies={},
            thresholds={},
            drift=False,
        )
        distance[name] = found.distance
    assert distance["aligned"] < 0.15 < distance["alone"]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([50.0] * 4, 0.0),
        ([50.0, 50.0, 60.0, 70.0], 0.3113),
        ([40.0, 50.0, 50.0, 60.0], 0.3113),
        ([60.0] * 4, 1.0),
    ],
)
def test_a_constant_of_training_is_one_point(numbers, expected):
    """Half elsewhere: (log2(1 / .75) + .5 log2(.5 / .75) + .5 log2(.5 / .25)) / 2 = .3113."""
    before = population.statistics([{"user_age": 50.0}] * 4)
    now = measure.requests(
        [{**{name: [] for name in NAMES}, "user_age": [number]} for number in numbers],
        population.DATA,
        before,
    )
    (found,) = compare.compare(
        {"user_age": NAMES["user_age"]},
        compare.Side(before, ""),
        compare.Side(now, ""),
        requests=4,
        missing={},
        vocabularies={},
        thresholds={},
        drift=False,
    )
    assert found.distance == pytest.approx(expected, abs=1e-3)


# --- values that are missing ---


def _ratings(gaps: float) -> list[population.Row]:
    """Rows of ten events, of which a share has no rating; the others have the same ratings."""
    known = np.tile(np.arange(1.0, 6.0), 200)
    known[np.random.default_rng(0).permutation(1000)[: round(gaps * 1000)]] = np.nan
    return [{"event_rating": part.tolist()} for part in known.reshape(100, 10)]


def _compared(
    before: list[population.Row], now: list[population.Row], *, drift: bool, **thresholds: float
) -> compare.Finding:
    """What is found of the ratings, of requests whose own event follows."""
    row = {name: [] for name in NAMES}
    rows = [{**row, "event_rating": [*one["event_rating"], 3.0]} for one in now]
    learned = (
        population.statistics(before)
        if not drift
        else measure.requests(
            [{**row, "event_rating": [*one["event_rating"], 3.0]} for one in before],
            population.DATA,
            None,
        )
    )
    (found,) = compare.compare(
        {"event_rating": NAMES["event_rating"]},
        compare.Side(learned, "before"),
        compare.Side(measure.requests(rows, population.DATA, learned), "now"),
        requests=1000,
        missing={},
        vocabularies={},
        thresholds=thresholds,
        drift=drift,
    )
    return found


@pytest.mark.parametrize("drift", [False, True])
def test_numbers_that_are_missing_on_both_sides_are_no_skew(drift):
    found = _compared(_ratings(0.2), _ratings(0.2), drift=drift)
    assert found.distance < 0.01 and not found.skewed
    assert "missing" not in found.differs


@pytest.mark.parametrize("drift", [False, True])
@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (0.0, 0.3, "missing 0.0% before, 30.0% now; median 3 "),
        (0.3, 0.0, "missing 30.0% before, 0.0% now; "),
        (1.0, 0.3, "missing 100.0% before, 30.0% now; no values before"),
        (0.3, 1.0, "missing 30.0% before, 100.0% now; no values now"),
    ],
)
def test_numbers_that_one_side_lacks_more_often_are_skew(before, now, said, drift):
    found = _compared(_ratings(before), _ratings(now), drift=drift)
    assert found.skewed and found.differs.startswith(said), found.differs
    if 1.0 in (before, now):
        assert found.distance is None
    else:
        assert found.distance < 0.01  # those that are there are alike
    assert _compared(_ratings(before), _ratings(now), drift=drift, event_rating=1.0).skewed == (
        now == 1.0
    )


def test_numbers_that_nobody_has_are_no_skew():
    found = _compared(_ratings(1.0), _ratings(1.0), drift=False)
    assert found.distance is None and not found.skewed


def test_a_missing_text_is_not_unknown():
    """Nor are the texts that are known; the one that is not is a quarter."""
    before = population.statistics([{"user_gender": gender} for gender in ("", "", "F", "F")])
    now = population.statistics([{"user_gender": gender} for gender in ("", "", "F", "X")])
    (found,) = compare.compare(
        {"user_gender": None},
        compare.Side(before, "before"),
        compare.Side(now, "now"),
        requests=4,
        missing={},
        vocabularies={"user_gender": {"F"}},
        thresholds={},
        drift=False,
    )
    assert found.unknown == 0.25
    assert found.differs.endswith("; unknown: 'X'")


# --- times ---


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("event_timestamp", lambda t: t * 1000, "event_timestamp: found up to .* milliseconds"),
        ("request_timestamp", lambda t: t * 1000, "request_timestamp: found up to .* milliseconds"),
        (
            "event_timestamp",
            lambda t: t // 60,
            "event_timestamp: found .* before training's first event",
        ),
        ("request_timestamp", lambda t: t - 3 * 10**6, "past events are later than their request"),
    ],
)
def test_times_that_cannot_be_are_named(learned, asked, name, change, said):
    checked = times.check(_sent({**asked, name: change(asked[name])}), learned["event_timestamp"])
    assert any(re.search(said, problem) for problem in checked.problems), checked.problems


def test_requests_long_after_training_are_no_problem(learned, asked):
    later = {**asked, "request_timestamp": asked["request_timestamp"] + 10**8}
    assert times.check(_sent(later), learned["event_timestamp"]).problems == ()


@pytest.fixture(scope="module")
def known() -> measure.Statistics:
    """The statistics of training, with those of validation of what came before."""
    train, valid = population.windows(seed=1)
    asked = population.statistics(valid)
    names = measure.earlier_names(population.REPEATING)
    return {**population.statistics(train), **{name: asked[name] for name in names}}


def _earlier(
    known: measure.Statistics, **changes: Callable[[np.ndarray], np.ndarray]
) -> tuple[dict[str, compare.Finding], times.Times]:
    """What is found of requests where repeats are allowed."""
    asked = population.asked(population.windows()[1], data=population.REPEATING)
    asked |= {name: change(asked[name]) for name, change in changes.items()}
    sent = raw_examples.of([asked], population.REPEATING, population.MAX_HISTORY)
    found = compare.compare(
        measure.names(population.REPEATING),
        compare.Side(known, "in training"),
        compare.Side(measure.requests(sent.rows, population.REPEATING, known), "now"),
        requests=len(sent.rows),
        missing=sent.missing,
        vocabularies={
            **population.VOCABULARIES,
            "earlier_item_id": population.VOCABULARIES["event_item_id"],
        },
        thresholds={},
        drift=False,
    )
    return {f.feature: f for f in found}, times.check(sent, known["event_timestamp"])


def test_what_came_before_is_compared_where_repeats_are_allowed(known):
    found, checked = _earlier(known)
    assert [name for name in found if name.startswith("earlier")] == [
        "earlier_item_id",
        "earlier_count",
    ]
    assert {name: f.distance for name, f in found.items() if f.skewed} == {}
    assert all(found[name].distance > 0 for name in ("earlier_item_id", "earlier_count"))
    assert checked.problems == ()


@pytest.mark.parametrize(
    ("feature", "change", "said"),
    [
        ("earlier_item_id", _texts(lambda i: i and b"x" + i), "unknown: 'xi"),
        ("earlier_item_id", lambda ids: np.where(ids != b"", b"i7", ids), "'i7'"),
        ("earlier_count", lambda counts: counts * 5, "median 1 in training, 5 now"),
    ],
)
def test_a_skew_of_what_came_before_is_found(known, feature, change, said):
    found, _ = _earlier(known, **{feature: change})
    assert [name for name, f in found.items() if f.skewed] == [feature]
    assert said in found[feature].differs


@pytest.mark.parametrize(
    "changes",
    [
        {"earlier_last_timestamp": lambda seconds: seconds * 1000},
        {"earlier_first_timestamp": lambda seconds: seconds * 1000},
        {"earlier_count": lambda counts: counts * 0},
    ],
    ids=["last-in-milliseconds", "first-in-milliseconds", "no-events"],
)
def test_what_cannot_have_come_before_is_named(known, changes):
    _, checked = _earlier(known, **changes)
    assert len(checked.problems) == 1 and "100.0% of the earlier items" in checked.problems[0]
