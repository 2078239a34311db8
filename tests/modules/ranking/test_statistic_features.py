"""The statistic features against a NumPy reference looping over requests, candidates and events."""

from __future__ import annotations

import dataclasses
import math
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from modules import ranking_config
from modules.ranking import sparse_table, statistic_features, statistics
from tests import close

DAY = statistics.SECONDS_A_DAY
ITEMS, TAGS, FIRST_DAY, DAYS = 9, 4, 100, 12
SETTINGS = ranking_config.Statistics(
    windows_days=(1, 2.5), last_events=(1, 3), session_seconds=3 * DAY, session_events=4
)
SHAPE = (ITEMS + 2, ITEMS + 2)
LARGEST = -math.log(1e-3)  # of the numbers that a feature is a difference of: of a lift


@pytest.fixture(scope="module")
def known() -> dict[str, np.ndarray]:
    """Dense tables: what the sparse ones are made of, and the reference reads."""
    random = np.random.default_rng(5)
    daily = random.integers(0, 3, (ITEMS + 2, DAYS))
    daily[[0, ITEMS + 1]] = 0
    following = np.where(random.random(SHAPE) < 0.5, random.random(SHAPE), 0)
    sessions, similarity = random.poisson(1.0, SHAPE) * 1.0, random.normal(0, 0.1, SHAPE)
    for table in (following, sessions, similarity):
        table[[0, ITEMS + 1]] = table[:, [0, ITEMS + 1]] = 0
    tags = np.full((ITEMS + 2, 2), -1)
    for row in range(1, ITEMS + 1):
        # none, one or two; the last tag is the unknown one
        own = random.permutation(TAGS - 1)[: row % 3]
        tags[row, : len(own)] = own
    return {
        "daily": daily,
        "following": following,
        "sessions": sessions,
        "similarity": similarity,
        "tags": tags,
        "share": np.array([0.5, 0.2, 0.7, 0.0]),
        "rating": random.normal(3, 1, ITEMS + 2),
    }


@pytest.fixture(scope="module")
def counted(known: dict[str, np.ndarray]) -> statistics.Statistics:
    rows, days = np.nonzero(known["daily"])
    cumulative = np.cumsum(known["daily"], axis=1)
    pairs = {}
    for name in ("following", "sessions"):
        before, then = np.nonzero(known[name])
        pairs[name] = sparse_table.SparseTable.of(
            before, then, known[name][before, then], ITEMS + 2
        )
    return statistics.Statistics(
        popularity=known["daily"].sum(axis=1).astype(np.float32),
        daily=sparse_table.SparseTable.of(rows, days, cumulative[rows, days], DAYS),
        first_day=FIRST_DAY,
        co_occurrence=pairs["following"],
        sessions=pairs["sessions"],
        session_totals=known["sessions"].sum(axis=1).astype(np.float32),
        similarity=statistics.Neighbours.of(known["similarity"], ITEMS + 2),
        categories={
            "item_tags": statistics.Categories(
                known["tags"].astype(np.int32), known["share"].astype(np.float32)
            )
        },
        feedback={
            "event_rating": statistics.Feedback(known["rating"].astype(np.float32), 3.0, 2.0)
        },
        events=int(known["daily"].sum()),
        users=1,
        first_timestamp=FIRST_DAY * DAY,
        last_timestamp=(FIRST_DAY + DAYS) * DAY - 1,
    )


def _reference(
    known: dict[str, np.ndarray], events: list[tuple[int, int]], now: int, candidate: int
) -> list[float]:
    """All features of one candidate; `events` are (row, time), oldest first."""
    daily, following = known["daily"], known["following"]
    tags = [[t for t in row if t >= 0] for row in known["tags"]]
    end = min(now // DAY - FIRST_DAY, DAYS)  # the first day that is not counted
    found = [math.log1p(daily[candidate].sum())]
    found += [
        math.log1p(sum(daily[candidate, day] for day in range(max(0, end - days), max(0, end))))
        for days in (1, 3)
    ]
    last = [row for row, _ in events][::-1]
    found += [math.log1p(sum(following[row, candidate] for row in last[:n])) for n in (1, 3)]
    found.append(
        math.log1p(100 * sum(following[r, candidate] / (1 + daily[r].sum()) for r in last[:5]))
    )
    found += _together(known, events, now, candidate)
    distinct = list(dict.fromkeys(last))  # an item counts where it stands last
    found += [
        10 * sum(known["similarity"][row, candidate] for row in distinct[:n]) for n in (99, 10)
    ]
    own = tags[candidate]
    found.append(math.log1p(TAGS * np.mean([known["share"][t] for t in own])) if own else 0)
    for taken in (last, last[:5]):
        shares = [sum(t in tags[row] for row in taken) / len(taken) for t in own] if taken else []
        found.append(np.mean(shares) if shares else 0)
    touched = [(n, time) for n, (row, time) in enumerate(events[::-1]) if set(tags[row]) & set(own)]
    since = min((n for n, _ in touched), default=200)
    seconds = now - max(time for _, time in touched) if touched else 365 * DAY
    found.append(math.log1p(min(since, 200)) / math.log1p(200))
    found.append(math.log1p(min(max(seconds, 0), 365 * DAY)) / math.log1p(365 * DAY))
    return [*found, float(not touched), (known["rating"][candidate] - 3) / 2]


def _together(
    known: dict[str, np.ndarray], events: list[tuple[int, int]], now: int, candidate: int
) -> list[float]:
    """Both session features, lifts drawn to chance by 5 events, 0.001 and 0.0001 of all events."""
    table, popularity = known["sessions"], known["daily"].sum(axis=1)
    lasting = [row for row, time in events[-4:] if now - time <= 3 * DAY]
    if not lasting:
        return [0.0, 0.0]
    often = sum(table[row, candidate] / (5 + table[row].sum()) for row in lasting)
    chance = (popularity[candidate] + 1) / popularity.sum() + 1e-4
    return [
        math.log1p(sum(table[row, candidate] for row in lasting)),
        math.log((often + 1e-3) / chance),
    ]


NAMES = (
    "popularity",
    "popularity_1_days",
    "popularity_2.5_days",
    "co_occurrence_last_1",
    "co_occurrence_last_3",
    "co_occurrence_share_last_5",
    "together",
    "together_lift",
    "similarity",
    "similarity_last_10",
    "item_tags_popularity",
    "item_tags_affinity",
    "item_tags_affinity_last_5",
    "item_tags_events_since",
    "item_tags_seconds_since",
    "item_tags_never",
    "event_rating_mean",
)
# Days of the requests: before the first, the first, within, the day after the last, long after.
REQUEST_DAYS = (
    FIRST_DAY - 3,
    FIRST_DAY,
    FIRST_DAY + 1,
    FIRST_DAY + 6,
    FIRST_DAY + DAYS,
    FIRST_DAY + 500,
)


def _requests() -> tuple[list[list[tuple[int, int]]], np.ndarray, np.ndarray]:
    """Histories of 0 to 18 events, request times [B], and candidates [B, C] with all rows."""
    random = np.random.default_rng(6)
    times = np.array([day * DAY + int(random.integers(DAY)) for day in REQUEST_DAYS])
    histories = []
    for n, now in enumerate(times):
        length = (0, 1, 3, 4, 7, 18)[n]
        rows = random.integers(1, ITEMS + 2, length).tolist()  # the unknown item too
        histories.append(
            list(zip(rows, sorted((now - random.integers(0, 9 * DAY, length)).tolist())))
        )
    return histories, times, np.stack([random.permutation(ITEMS + 2) for _ in times])


def _padded(histories: list[list[tuple[int, int]]], *, left: bool) -> tuple[np.ndarray, np.ndarray]:
    width = 20
    events = np.zeros((len(histories), width, 2), np.int64)
    for place, history in zip(events, histories):
        if history:
            start = width - len(history) if left else 0
            place[start : start + len(history)] = history
    return events[..., 0], events[..., 1]


@pytest.mark.parametrize("left", [False, True])
def test_all_features_equal_the_reference(
    known: dict[str, np.ndarray], counted: statistics.Statistics, left: bool
) -> None:
    histories, times, candidates = _requests()
    features = statistic_features.StatisticFeatures(counted, SETTINGS)
    found = features(*map(tf.constant, (*_padded(histories, left=left), times, candidates)))
    expected = [
        [_reference(known, events, now, c) for c in row]
        for events, now, row in zip(histories, times, candidates)
    ]
    assert features.names == NAMES == statistic_features.names(counted, SETTINGS)
    for n, name in enumerate(NAMES):
        close.assert_close(
            found[..., n],
            np.array(expected)[..., n],
            roundings=close.FUNCTIONS,
            scale=LARGEST,
            err_msg=name,
        )


def test_events_of_the_requests_own_day_and_later_do_not_count(
    counted: statistics.Statistics,
) -> None:
    """Seven o'clock or midnight: the windows end with the day before."""
    features = statistic_features.StatisticFeatures(counted, SETTINGS)
    nothing, candidates = np.zeros((1, 0), np.int64), np.arange(ITEMS + 2)[np.newaxis]

    def windows(now: int) -> np.ndarray:
        return features(*map(tf.constant, (nothing, nothing, np.array([now]), candidates)))[
            0, :, 1:3
        ].numpy()

    day = (FIRST_DAY + 6) * DAY
    close.assert_close(
        windows(day + DAY - 1), windows(day), roundings=close.FUNCTIONS, scale=LARGEST
    )
    assert close.distance(windows(day), windows(day + DAY)) > 0.1
    assert not windows(FIRST_DAY * DAY).any()


@pytest.mark.parametrize("batch, length, count", [(0, 3, 4), (2, 0, 4), (2, 3, 0), (1, 1, 1000)])
def test_any_size_is_finite(
    counted: statistics.Statistics, batch: int, length: int, count: int
) -> None:
    features = statistic_features.StatisticFeatures(counted, SETTINGS)
    events = np.ones((batch, length), np.int64)
    candidates = np.arange(batch * count).reshape(batch, count) % (ITEMS + 2)
    found = features(*map(tf.constant, (events, events, np.full(batch, 10**9), candidates)))
    assert found.shape == (batch, count, len(NAMES))
    assert np.isfinite(found).all()


def test_without_categories_feedback_and_similarity(counted: statistics.Statistics) -> None:
    plain = dataclasses.replace(counted, categories={}, feedback={}, similarity=None)
    features = statistic_features.StatisticFeatures(
        plain, ranking_config.Statistics(windows_days=(), last_events=())
    )
    assert features.names == (
        "popularity",
        "co_occurrence_share_last_5",
        "together",
        "together_lift",
    )
    ones = tf.ones([1, 2], tf.int64)
    assert features(ones, ones, tf.ones([1], tf.int64), ones).shape == (1, 2, 4)


def test_without_times_nothing_counts_seconds(counted: statistics.Statistics) -> None:
    settings = dataclasses.replace(SETTINGS, windows_days=(), session_seconds=4, session_events=4)
    features = statistic_features.StatisticFeatures(counted, settings, has_times=False)
    assert [n for n in NAMES if n not in features.names] == [
        n for n in NAMES if n.endswith(("_days", "seconds_since"))
    ]
    timed = statistic_features.StatisticFeatures(counted, settings)
    events, numbers = np.array([[1, 2, 3]]), np.array([[0, 1, 2]])
    asked = tuple(map(tf.constant, (events, numbers, np.array([3]), np.arange(ITEMS)[np.newaxis])))
    found, expected = (dict(zip(f.names, f(*asked).numpy()[0].T)) for f in (features, timed))
    for name in features.names:
        np.testing.assert_array_equal(found[name], expected[name])


def test_the_statistics_travel_in_the_saved_model(
    counted: statistics.Statistics, tmp_path: pathlib.Path
) -> None:
    features = statistic_features.StatisticFeatures(counted, SETTINGS)
    assert features.variables and not features.trainable_variables
    module = tf.Module()
    module.features = features
    many, one = tf.TensorSpec([None, None], tf.int64), tf.TensorSpec([None], tf.int64)
    module.call = tf.function(lambda h, t, now, c: {"features": module.features(h, t, now, c)})
    tf.saved_model.save(
        module, str(tmp_path), module.call.get_concrete_function(many, many, one, many)
    )
    histories, times, candidates = _requests()
    given = [*map(tf.constant, (*_padded(histories, left=False), times, candidates))]
    loaded = tf.saved_model.load(str(tmp_path))
    close.assert_close(
        loaded.call(*given)["features"],
        features(*given),
        roundings=close.FUNCTIONS,
        scale=LARGEST,
    )
