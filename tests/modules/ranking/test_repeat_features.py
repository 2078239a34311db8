"""Features of repeats, by hand and against a reference looping over candidates and events."""

from __future__ import annotations

import math
import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from modules.ranking import entries, repeat_features, statistics
from tests import close

DAY, YEAR = statistics.SECONDS_A_DAY, 365 * statistics.SECONDS_A_DAY
ITEMS, UNKNOWN = 6, 7
NOW = 20_000 * DAY
LARGEST = math.log1p(10 * YEAR)  # of the numbers that a feature is a difference of
REPEATS = statistics.Repeats(
    users=np.linspace(0.0, 0.7, ITEMS + 2).astype(np.float32),
    events=np.linspace(0.1, 0.8, ITEMS + 2).astype(np.float32),
    log_interval=np.full(ITEMS + 2, math.log1p(8 * DAY), np.float32),
)

Event = tuple[int, int]  # row, time
Earlier = tuple[int, int, int, int]  # row, events, time of the first and of the last


def _entries(events: list[Event], earlier: list[Earlier] = ()) -> entries.Entries:
    """One request's entries; `events` are the oldest first."""
    times = [time for _, time in events]
    later = [len({t for t in times if t > time}) for time in times]
    columns: dict[str, Any] = {
        "rows": [row for row, _ in events] + [row for row, *_ in earlier],
        "counts": [1] * len(events) + [count for _, count, *_ in earlier],
        "first": times + [first for *_, first, _ in earlier],
        "last": times + [last for *_, last in earlier],
        "events_since": [*range(len(events))][::-1] + [len(events)] * len(earlier),
        "baskets_since": later + [len(set(times))] * len(earlier),
    }
    is_event = [True] * len(events) + [False] * len(earlier)
    return entries.Entries(
        **{name: tf.constant([values], tf.int64) for name, values in columns.items()},
        is_event=tf.constant([is_event], tf.bool),
    )


def _features(
    past: entries.Entries, candidates: list[int], *, now: int = NOW, has_times: bool = True
) -> dict[str, list[float]]:
    """Values of the candidates by name."""
    made = repeat_features.RepeatFeatures(REPEATS, has_times=has_times)
    columns = made(past, tf.constant([now], tf.int64), tf.constant([candidates], tf.int64))
    values = tf.stack(columns, axis=-1)
    names = repeat_features.names(has_times=has_times)
    return dict(zip(names, values.numpy()[0].T.tolist(), strict=True))


# Baskets 30, 20 and 2 days ago: (1, 2), (1), (1, 3); before them four of item 2 and one of item 4.
EVENTS = [
    (1, NOW - 30 * DAY),
    (2, NOW - 30 * DAY),
    (1, NOW - 20 * DAY),
    (1, NOW - 2 * DAY),
    (3, NOW - 2 * DAY),
]
EARLIER = [(2, 4, NOW - 90 * DAY, NOW - 60 * DAY), (4, 1, NOW - 400 * DAY, NOW - 400 * DAY)]


def test_what_a_user_had_by_hand() -> None:
    found = _features(_entries(EVENTS, EARLIER), [1, 2, 3, 4, 5])
    log, near = math.log1p, close.FUNCTIONS * close.ROUNDING * LARGEST
    expected = {
        "own": [1, 1, 1, 1, 0],
        "own_count": [log(3), log(5), log(1), log(1), 0],
        "own_share": [log(30), log(50), log(10), log(10), 0],  # of ten events
        "own_seconds_since": [
            *(log(days * DAY) / log(YEAR) for days in (2, 30, 2)),
            1,  # longer ago than a year
            1,
        ],
        "own_events_since": [*(log(n) / log(200) for n in (1, 3, 0, 5)), 1],
        "own_baskets_since": [*(log(n) / log(200) for n in (0, 2, 0, 3)), 1],
        "own_last_1_baskets": [log(1), 0, log(1), 0, 0],
        "own_last_5_baskets": [log(3), log(1), log(1), 0, 0],
        "own_last_20_baskets": [log(3), log(1), log(1), 0, 0],
        "own_decayed": [log(1 + 0.9 + 0.81), log(0.81), log(1), 0, 0],
        "own_activation": [
            log(100 * (30**-0.5 + 20**-0.5 + 2**-0.5)),
            log(100 * (30**-0.5 + 8 / (90**0.5 + 60**0.5))),
            log(100 * 2**-0.5),
            log(100 * 400**-0.5),
            0,
        ],
        "own_rate": [log(100 * n / (1 + days)) for n, days in ((3, 30), (5, 90), (1, 2), (1, 400))]
        + [0],
        "own_interval": [
            log(days * DAY) / log(YEAR) for days in (14, 15, 8, 8, 8)
        ],  # 28 days / 2, 60 days / 4, and the typical ones
        "own_due": [log(2 * DAY) - log(14 * DAY), log(30 * DAY) - log(15 * DAY), 0, 0, 0],
        "own_due_typical": [*(log(d * DAY) - log(8 * DAY) for d in (2, 30, 2, 400)), 0],
        "returning_users": [0.1, 0.2, 0.3, 0.4, 0.5],
        "returning_events": [0.2, 0.3, 0.4, 0.5, 0.6],
        "typical_interval": [log(8 * DAY) / log(YEAR)] * 5,
        "user_repeats": [0.6] * 5,  # six of ten events
    }
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=near, rtol=1e-6, err_msg=name)


def test_the_order_of_entries_does_not_matter() -> None:
    one = _entries(EVENTS, EARLIER)
    order = np.random.default_rng(2).permutation(one.rows.shape[1])
    other = entries.Entries(**{n: tf.gather(v, order, axis=1) for n, v in vars(one).items()})
    expected, found = (_features(past, [4, 3, 2, 1]) for past in (one, other))
    for name, values in expected.items():
        close.assert_close(
            found[name], values, roundings=close.FUNCTIONS, scale=LARGEST, err_msg=name
        )


def test_without_times_ages_are_numbers_of_events() -> None:
    """Events 0 to 3 of items 1, 2, 1, 3; before them three of item 1, numbers -9 to -2."""
    past = _entries([(1, 0), (2, 1), (1, 2), (3, 3)], [(1, 3, -9, -2)])
    found = _features(past, [1, 3, 5], now=4, has_times=False)
    log = math.log1p
    assert "own_seconds_since" not in found
    near = {"rel": 1e-6, "abs": 1e-6}
    assert found["own_events_since"] == pytest.approx([log(1) / log(200), 0, 1], **near)
    assert found["own_interval"][0] == pytest.approx(log(11 / 4) / log(200), **near)  # -9 to 2
    assert found["own_due"][0] == pytest.approx(log(2) - log(11 / 4), **near)
    assert found["own_activation"] == pytest.approx(
        [log(100 * (4**-0.5 + 2**-0.5 + 6 / (13**0.5 + 6**0.5))), log(100), 0], **near
    )


@pytest.mark.parametrize(
    "past",
    [
        pytest.param(_entries([]), id="nothing"),
        pytest.param(_entries([(1, NOW)] * 1000), id="one-item-at-one-time"),
        pytest.param(_entries([(1, NOW - n) for n in range(1000, 0, -1)]), id="one-item"),
        pytest.param(_entries([(1, NOW + DAY)]), id="after-the-request"),
        pytest.param(_entries([], [(1, 10**9, -(2**40), 2**40)]), id="absurd-earlier"),
        pytest.param(_entries([(0, 0), (0, 0)], [(0, 0, 0, 0)]), id="padding"),
        pytest.param(_entries([(UNKNOWN, NOW - DAY)], [(UNKNOWN, 5, 0, 1)]), id="unknown"),
    ],
)
@pytest.mark.parametrize("has_times", [True, False])
def test_all_are_finite(past: entries.Entries, has_times: bool) -> None:
    found = _features(past, [*range(ITEMS + 2)], has_times=has_times)
    assert np.isfinite([*found.values()]).all()


@pytest.mark.parametrize(
    "past",
    [
        _entries([]),
        _entries([(0, 0), (0, 0)], [(0, 3, 0, 0)]),
        _entries([(UNKNOWN, NOW - DAY)], [(UNKNOWN, 5, 0, 1)]),
        _entries([], [(1, 0, 0, 0)]),
    ],
    ids=["nothing", "padding", "unknown-items", "no-events"],
)
def test_what_is_no_item_counts_for_nothing(past: entries.Entries) -> None:
    found, without = (_features(p, [0, 1, UNKNOWN]) for p in (past, _entries([(2, NOW - DAY)])))
    for name in found.keys() - {"user_repeats"}:
        assert found[name] == without[name], name
    assert found["own"] == [0, 0, 0] and found["user_repeats"] == [0, 0, 0]


def test_one_item_a_thousand_times() -> None:
    found = _features(_entries([(1, NOW - 60 * n) for n in range(1000, 0, -1)]), [1])
    log = math.log1p
    assert found["own_count"] == pytest.approx([log(1000)], rel=1e-6)
    assert found["own_interval"] == pytest.approx([log(60) / log(YEAR)], rel=1e-6)
    assert found["own_due"] == pytest.approx([0], abs=1e-6)
    assert found["user_repeats"] == pytest.approx([0.999], rel=1e-6)


def test_equal_times_make_an_interval_of_0() -> None:
    found = _features(_entries([(1, NOW - DAY)] * 3), [1])
    assert found["own_interval"] == [0] and found["own_due"] == [5]  # the most
    assert found["own_last_1_baskets"] == pytest.approx([math.log1p(3)], rel=1e-6)


def test_requests_of_a_batch_do_not_mix() -> None:
    many = [EVENTS, [(3, NOW - DAY)] * 5, [(0, 0)] * 5]
    separate = [_features(_entries(events), [1, 3, 6]) for events in many]
    parts = [_entries(events) for events in many]
    joined = entries.Entries(
        **{name: tf.concat([vars(p)[name] for p in parts], axis=0) for name in vars(parts[0])}
    )
    made = repeat_features.RepeatFeatures(REPEATS)
    columns = made(
        joined, tf.fill([3], tf.constant(NOW, tf.int64)), tf.constant([[1, 3, 6]] * 3, tf.int64)
    )
    names = repeat_features.names(has_times=True)
    for n, expected in enumerate(separate):
        for name, column in zip(names, columns, strict=True):
            value = column[n]
            close.assert_close(
                value, expected[name], roundings=close.FUNCTIONS, scale=LARGEST, err_msg=name
            )


@pytest.mark.parametrize("batch, length, count", [(0, 3, 4), (2, 0, 4), (2, 3, 0)])
def test_any_size(batch: int, length: int, count: int) -> None:
    ones = tf.ones([batch, length], tf.int64)
    past = entries.Entries(*[ones] * 6, is_event=tf.ones([batch, length], tf.bool))
    made = repeat_features.RepeatFeatures(REPEATS)
    found = made(past, tf.ones([batch], tf.int64), tf.ones([batch, count], tf.int64))
    assert [column.shape for column in found] == [(batch, count)] * len(
        repeat_features.names(has_times=True)
    )


def test_the_tables_travel_in_the_saved_model(tmp_path: pathlib.Path) -> None:
    module = tf.Module()
    module.features = repeat_features.RepeatFeatures(REPEATS)
    assert len(module.variables) == 1 and not module.trainable_variables
    past = _entries(EVENTS, EARLIER)

    def call(now: tf.Tensor, candidates: tf.Tensor, **batch: tf.Tensor) -> dict[str, tf.Tensor]:
        found = entries.Entries.of_batch(batch)
        assert found is not None
        return {"features": tf.stack(module.features(found, now, candidates), axis=-1)}

    module.call = tf.function(call)
    specs = {n: tf.TensorSpec([None, None], v.dtype, name=n) for n, v in past.to_batch().items()}
    concrete = module.call.get_concrete_function(
        now=tf.TensorSpec([None], tf.int64, name="now"),
        candidates=tf.TensorSpec([None, None], tf.int64, name="candidates"),
        **specs,
    )
    tf.saved_model.save(module, str(tmp_path), signatures=concrete)
    loaded = tf.saved_model.load(str(tmp_path)).signatures["serving_default"]
    asked = {"now": tf.constant([NOW], tf.int64), "candidates": tf.constant([[1, 5]], tf.int64)}
    close.assert_close(
        loaded(**asked, **past.to_batch())["features"],
        call(**asked, **past.to_batch())["features"],
        roundings=close.FUNCTIONS,
        scale=LARGEST,
    )
