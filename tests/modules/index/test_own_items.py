"""A user's most frequent items, by hand: order, ties, padding, and histories of every length."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from modules import features
from modules.index import own_items

DAY = 86_400
NOW = 1_700_000_000  # Unix seconds


def most_frequent(
    entries: list[tuple[int, int, int]], most: int, width: int | None = None
) -> list[int]:
    """Of one request with (position, count, last) entries, padded to `width`."""
    padding = [(-1, 0, 0)] * ((width or len(entries)) - len(entries))
    table = np.array([*entries, *padding], np.int64).reshape(-1, 3)[np.newaxis]
    found = own_items.most_frequent(
        tf.constant(table[..., 0], tf.int32),
        tf.constant(table[..., 1]),
        tf.constant(table[..., 2]),
        most,
    )
    assert found.dtype == tf.int32
    return found.numpy()[0].tolist()


@pytest.mark.parametrize(
    ("entries", "most", "expected"),
    [
        ([(5, 1, 10), (3, 1, 20), (5, 1, 30)], 3, [5, 3, -1]),
        ([(5, 2, 10), (3, 1, 20), (3, 1, 5), (3, 1, 1)], 3, [3, 5, -1]),
        # an item once more is worth more than any time
        ([(1, 1, NOW), (2, 2, -NOW)], 2, [2, 1]),
        ([(4, 2, NOW), (7, 2, NOW + 1), (2, 1, NOW + DAY)], 3, [7, 4, 2]),
        ([(4, 1, 9), (7, 3, 2), (2, 2, 5)], 2, [7, 2]),
        ([(0, 1, 0)], 2, [0, -1]),
        ([(-1, 900, NOW), (6, 1, 1), (-1, 1, NOW)], 2, [6, -1]),
        ([(8, 1, n) for n in range(1000)], 2, [8, -1]),
        ([(8, 1000, NOW), (9, 1001, 1)], 2, [9, 8]),
        # numbers of events that stand for times, of which earlier ones are below 0
        ([(1, 1, -3), (2, 1, -2), (3, 1, 0), (4, 1, 1)], 4, [4, 3, 2, 1]),
        ([(1, 1, 1), (2, 1, 2)], 0, []),
        ([], 3, [-1, -1, -1]),
        ([], 0, []),
    ],
    ids=[
        "counts add up",
        "counts of several entries",
        "count before time",
        "the latest first",
        "no more than asked",
        "the first position",
        "unknown items",
        "one item a thousand times",
        "a thousand in one entry",
        "without times",
        "none asked",
        "no history",
        "neither",
    ],
)
def test_by_frequency_and_then_by_time(
    entries: list[tuple[int, int, int]], most: int, expected: list[int]
) -> None:
    assert most_frequent(entries, most) == expected
    assert most_frequent(entries, most, width=len(entries) + 3) == expected


def test_rows_do_not_mix() -> None:
    positions = tf.constant([[1, 2, 1], [2, 2, -1], [-1, -1, -1]], tf.int32)
    counts = tf.constant([[1, 1, 1], [1, 1, 0], [0, 0, 0]], tf.int64)
    last = tf.constant([[1, 2, 3], [1, 2, 0], [0, 0, 0]], tf.int64)
    found = own_items.most_frequent(positions, counts, last, 2)
    assert found.numpy().tolist() == [[1, 2], [2, -1], [-1, -1]]
    none = own_items.most_frequent(positions[:0], counts[:0], last[:0], 2)
    assert none.shape == (0, 2)


def test_against_a_loop() -> None:
    rng = np.random.default_rng(0)
    positions, counts = rng.integers(-1, 9, (50, 30)), rng.integers(0, 4, (50, 30))
    last = rng.permuted(np.tile(np.arange(30), [50, 1]), axis=1)  # no ties
    found = own_items.most_frequent(
        tf.constant(positions, tf.int32), tf.constant(counts), tf.constant(last), 5
    ).numpy()
    for row in range(50):
        known: dict[int, tuple[int, int]] = {}
        for item, count, time in zip(positions[row], counts[row], last[row]):
            before = known.get(item, (0, -1))
            known[item] = (before[0] + count, max(before[1], time))
        ordered = sorted((item for item in known if item >= 0 and known[item][0]), key=known.get)
        expected = [*ordered[::-1], *[-1] * 5][:5]
        assert found[row].tolist() == expected


@pytest.mark.parametrize("timeless", [False, True])
def test_a_request_holds_events_and_what_was_before_them(timeless: bool) -> None:
    """Item 1 three times, 2 twice and later than 0, and two of the events are unknown."""
    inputs = {
        features.EARLIER_COUNT: tf.constant([[2, 2, 0]], tf.int64),
        features.EARLIER_LAST: tf.constant([[-5, -1, 0]], tf.int64),
    }
    if not timeless:
        inputs[features.EVENT_TIMESTAMP] = tf.constant([[10, 11, 12, 13]], tf.int64)
    found = own_items.of_request(
        inputs,
        tf.constant([[2, -1, 1, 2]], tf.int32),
        tf.constant([[1, 0, -1]], tf.int32),
        4,
    )
    assert found.numpy().tolist() == [[1, 2, 0, -1]]
