"""A logged request as ExampleGen would have written it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modules import requests, schemas
from modules.skew import raw_examples
from tests import examples
from tests.modules.skew import population


def _request(**changes: object) -> dict[str, np.ndarray]:
    """One user with three events, of which the second is padding and the third is the oldest."""
    arrays = {
        "user_age": [40.0],
        "user_gender": [b"F"],
        "user_hobbies": [[b"go", b"", b"chess"]],
        "user_taste": [[0.5, -1.0]],
        "event_item_id": [[b"new", b"", b"old"]],
        "event_timestamp": [[200, 0, 100]],
        "event_action_type": [[b"buy", b"", b""]],
        "event_rating": [[5.0, math.nan, 2.0]],
        "context_device": [[b"app", b"", b"NA"]],
        "context_battery": [[80.0, math.nan, 70.0]],
        "request_timestamp": [300],
        "request_device": [b""],
        "request_battery": [60.0],
        "exclude_item_id": [[b"old"]],
        **changes,
    }
    types = {
        "event_timestamp": np.int64,
        "request_timestamp": np.int64,
        "user_age": np.float32,
        "user_taste": np.float32,
        "event_rating": np.float32,
        "context_battery": np.float32,
        "request_battery": np.float32,
    }
    return {name: np.array(value, types.get(name, object)) for name, value in arrays.items()}


def test_events_are_in_order_and_the_request_is_the_last_one():
    sent = raw_examples.of([_request()], population.DATA, 6)
    (row,) = sent.rows
    assert row == {
        "user_id": [""],
        "seen_item_id": [],
        "repeats_allowed": [0],
        "window_start": [0],
        "user_age": [40.0],
        "user_gender": ["F"],
        "user_hobbies": ["go", "chess"],
        "user_taste": [0.5, -1.0],
        "event_item_id": ["old", "new", ""],
        "event_timestamp": [100, 200, 300],
        "event_action_type": ["", "buy", ""],
        "event_rating": [2.0, 5.0, 3.0],  # 3 is the default
        "context_device": ["web", "app", "web"],
        "context_battery": [70.0, 80.0, 60.0],
    }
    assert (sent.times.tolist(), sent.requests.tolist(), sent.late) == ([100, 200], [300], 0)


def test_what_came_before_the_events_is_kept_without_padding():
    earlier = {
        "earlier_item_id": [[b"old", b"", b"older", b"none"]],
        "earlier_count": [[3, 0, 1, 0]],
        "earlier_first_timestamp": [[10, 0, 101, 4]],
        "earlier_last_timestamp": [[100, 0, 101, 5]],
    }
    given = {
        name: np.array(values, object if name == "earlier_item_id" else np.int64)
        for name, values in earlier.items()
    }
    sent = raw_examples.of([{**_request(), **given}], population.REPEATING, 6)
    (row,) = sent.rows
    assert {name: row[name] for name in earlier} == {
        "earlier_item_id": ["old", "older", "none"],
        "earlier_count": [3, 1, 0],
        "earlier_first_timestamp": [10, 101, 4],
        "earlier_last_timestamp": [100, 101, 5],
    }
    assert row["repeats_allowed"] == [1]
    # one is after the oldest event, at 100; one has no event
    assert (sent.earlier, sent.impossible) == (3, 2)
    serialized = raw_examples.serialize(sent.rows, population.REPEATING)
    again = requests.read_raw_example(serialized[0])
    assert again["earlier_item_id"] == [b"old", b"older", b"none"]
    assert again["earlier_count"] == [3, 1, 0]


def test_missing_values_are_filled_and_counted():
    sent = raw_examples.of(
        [_request(user_age=[math.nan], user_gender=[b""], user_hobbies=[[b"", b"", b""]])],
        population.DATA,
        6,
    )
    assert sent.rows[0]["user_age"] == [30.0]  # the default
    assert sent.rows[0]["user_gender"] == [""] and sent.rows[0]["user_hobbies"] == []
    assert (
        sent.missing["user_age"]
        == sent.missing["user_gender"]
        == sent.missing["user_hobbies"]
        == 1.0
    )
    assert sent.missing["context_device"] == pytest.approx(2 / 3)  # NA and ""
    assert sent.missing["event_rating"] == 0.0


def test_missing_feedback_stays_unknown():
    sent = raw_examples.of([_request(event_rating=[[math.nan, math.nan, 2.0]])], population.DATA, 6)
    assert sent.rows[0]["event_rating"] == pytest.approx([2.0, math.nan, 3.0], nan_ok=True)
    assert sent.missing["event_rating"] == 0.5


def test_missing_feedback_is_filled_where_that_of_training_was():
    schema = schemas.from_config(population.DATA)
    assert schemas.filled_feedback(schema, population.DATA) == []
    (rating,) = (f for f in schema.feature if f.name == "event_rating")
    rating.float_domain.disallow_nan = True
    filled = schemas.filled_feedback(schema, population.DATA)
    assert [feature.name for feature in filled] == ["event_rating"]
    sent = raw_examples.of(
        [_request(event_rating=[[math.nan, math.nan, 2.0]])], population.DATA, 6, filled
    )
    assert sent.rows[0]["event_rating"] == [2.0, 3.0, 3.0]  # 3 is the default
    assert sent.missing["event_rating"] == 0.5


def test_only_what_the_model_sees_is_kept_and_one_more():
    events = {
        "event_item_id": [[b"a", b"b", b"c", b"d"]],
        "event_timestamp": [[1, 2, 3, 4]],
        "event_action_type": [[b"buy"] * 4],
        "event_rating": [[1.0] * 4],
        "context_device": [[b"app"] * 4],
        "context_battery": [[1.0] * 4],
    }
    sent = raw_examples.of([_request(**events)], population.DATA, 2)
    assert sent.rows[0]["event_item_id"] == ["b", "c", "d", ""]


def test_events_after_the_request_are_counted():
    sent = raw_examples.of([_request(request_timestamp=[150]), _request()], population.DATA, 6)
    assert sent.late == 1
    assert [row["window_start"] for row in sent.rows] == [[0], [1]]


def test_it_undoes_what_a_client_does():
    _, valid = population.windows()
    rows = raw_examples.of(
        [population.asked(valid[:20])], population.DATA, population.MAX_HISTORY
    ).rows
    serialized = raw_examples.serialize(rows, population.DATA)
    for row, found in zip(valid, map(requests.read_raw_example, serialized)):
        assert [item.decode() for item in found["event_item_id"][:-1]] == row["event_item_id"][:-1]
        assert found["event_timestamp"] == row["event_timestamp"]
        assert [device.decode() for device in found["context_device"]] == row["context_device"]
        np.testing.assert_allclose(found["event_rating"][:-1], row["event_rating"][:-1])
        assert [hobby.decode() for hobby in found["user_hobbies"]] == row["user_hobbies"]
        np.testing.assert_allclose(found["user_taste"], row["user_taste"], rtol=1e-6)


def test_without_times_the_order_is_that_of_the_request():
    request = _request()
    del request["event_timestamp"], request["request_timestamp"]
    (row,) = raw_examples.of([request], examples.timeless(), 6).rows
    assert row["event_item_id"] == ["new", "old", ""]
    assert row["event_timestamp"] == [0, 2, 3]
    assert row["event_rating"][:2] == [5.0, 2.0]
