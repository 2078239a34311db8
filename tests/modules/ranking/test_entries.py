"""A request's past as entries, by hand."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from modules.ranking import entries

# Two requests; the last event of each is the request itself. Items 1 to 9, 10 is unknown.
ITEMS = [[1, 2, 1, 3, 10], [10]]
TIMES = [[5, 20, 20, 30, 44], [44]]
EARLIER = {
    "earlier_item_id": tf.constant([[b"four", b"one"], [b"", b""]]),
    "earlier_count": tf.constant([[3, 2], [0, 0]], tf.int64),
    "earlier_first_timestamp": tf.constant([[1, 2], [0, 0]], tf.int64),
    "earlier_last_timestamp": tf.constant([[4, 3], [0, 0]], tf.int64),
}


def _of(most: int, **changes: tf.Tensor) -> dict[str, list[list[int]]]:
    inputs = {**EARLIER, **changes}
    # as Transform does: padding becomes an unknown item
    known = {b"four": 4, b"one": 1}
    ids = [[known.get(i, 10) for i in row] for row in inputs["earlier_item_id"].numpy()]
    transformed = {
        "event_item_id_xf": tf.ragged.constant(ITEMS, tf.int64, row_splits_dtype=tf.int64),
        "earlier_item_id_xf": tf.RaggedTensor.from_tensor(
            tf.constant(ids, tf.int64, [2, len(ids[0])])
        ),
    }
    raw = {"event_timestamp": tf.ragged.constant(TIMES, tf.int64, row_splits_dtype=tf.int64)}
    found = entries.Entries.of_request(inputs, raw, transformed, most)
    again = entries.Entries.of_batch({**found.to_batch(), "other": tf.zeros([])})
    assert again == found
    return {name: values.numpy().tolist() for name, values in vars(found).items()}


def test_events_and_earlier_items() -> None:
    assert _of(4) == {
        "rows": [[1, 2, 1, 3, 4, 1], [0, 0, 0, 0, 0, 0]],
        "counts": [[1, 1, 1, 1, 3, 2], [0] * 6],
        "first": [[5, 20, 20, 30, 1, 2], [0] * 6],
        "last": [[5, 20, 20, 30, 4, 3], [0] * 6],
        "events_since": [[3, 2, 1, 0, 4, 4], [0] * 6],
        "baskets_since": [[2, 1, 1, 0, 3, 3], [0] * 6],
        "is_event": [[True] * 4 + [False] * 2, [False] * 6],
    }


def test_only_the_last_events_count() -> None:
    found = _of(2)
    assert found["rows"] == [[1, 3, 4, 1], [0, 0, 0, 0]]
    assert found["events_since"][0] == [1, 0, 2, 2]
    assert found["baskets_since"][0] == [1, 0, 2, 2]


def test_nothing_earlier() -> None:
    nothing = {name: values[:, :0] for name, values in EARLIER.items()}
    found = _of(4, **nothing)
    assert found["rows"] == [[1, 2, 1, 3], [0, 0, 0, 0]]


def test_a_batch_without_entries() -> None:
    batch = {"other": tf.zeros([])}
    assert entries.Entries.of_batch(batch) is None
    found = entries.Entries(*[tf.constant(np.zeros([1, 1]))] * 7).to_batch()
    assert entries.without({**batch, **found}).keys() == {"other"}
