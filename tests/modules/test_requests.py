"""Requests: their signature, the way into raw features, and back from raw examples."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from modules import request_arrays, requests
from tests import examples

DATA = examples.data()


def row_of(row):
    return requests.read_raw_example(examples.serialize(row))


def batch(*rows, history=5):
    return request_arrays.from_examples([row_of(row) for row in rows], DATA, history)


def tensors(arrays):
    specs = requests.input_specs(DATA, exclusions=True)
    return {name: tf.constant(value, specs[name].dtype) for name, value in arrays.items()}


def raw(arrays, data=DATA):
    return {
        name: value.to_list()
        for name, value in requests.to_raw_features(tensors(arrays), data).items()
    }


def test_specs_follow_the_columns():
    specs = requests.input_specs(DATA, exclusions=True)

    assert {name: (spec.dtype.name, spec.shape.as_list()) for name, spec in specs.items()} == {
        "user_age": ("float32", [None]),
        "user_gender": ("string", [None]),
        "user_hobbies": ("string", [None, None]),
        "user_taste": ("float32", [None, 2]),
        "event_item_id": ("string", [None, None]),
        "event_timestamp": ("int64", [None, None]),
        "event_action_type": ("string", [None, None]),
        "event_rating": ("float32", [None, None]),
        "context_device": ("string", [None, None]),
        "context_battery": ("float32", [None, None]),
        "request_timestamp": ("int64", [None]),
        "request_device": ("string", [None]),
        "request_battery": ("float32", [None]),
        "exclude_item_id": ("string", [None, None]),
    }
    assert set(specs) - set(requests.input_specs(DATA, exclusions=False)) == {"exclude_item_id"}


def test_the_target_only_lends_its_time_and_context():
    request = batch(
        examples.sequence(
            ["a", "b", "target"],
            [10, 20, 30],
            context_device=["app", "web", "tv"],
            context_battery=[1.0, 2.0, 3.0],
            event_rating=[5.0, 4.0, 1.0],
            seen_item_id=["a", "b"],
        )
    )

    assert request["event_item_id"].tolist() == [[b"a", b"b"]]
    assert request["event_timestamp"].tolist() == [[10, 20]]
    assert request["event_rating"].tolist() == [[5.0, 4.0]]
    assert request["request_timestamp"].tolist() == [30]
    assert request["request_device"].tolist() == [b"tv"]
    assert request["request_battery"].tolist() == [3.0]
    assert request["exclude_item_id"].tolist() == [[b"a", b"b"]]


def test_a_long_history_keeps_its_end_and_one_event_more_for_the_delta():
    request = batch(examples.sequence(list("abcdef"), [1, 2, 3, 4, 5, 6]), history=2)

    assert request["event_item_id"].tolist() == [[b"c", b"d", b"e"]]


def test_a_batch_is_padded_and_gaps_of_the_profile_are_marked_as_missing():
    request = batch(
        examples.sequence(["a", "b"], [1, 2]),
        examples.sequence(
            ["b"],
            [7],
            user_age=None,
            user_gender=None,
            user_hobbies=[],
            user_taste=None,
            seen_item_id=[],
        ),
    )

    assert request["event_item_id"].tolist() == [[b"a"], [b""]]
    assert request["exclude_item_id"].tolist() == [[b"a", b"b"], [b"", b""]]
    assert request["user_gender"].tolist() == [b"F", b""]
    assert request["user_hobbies"].tolist() == [[b"chess"], [b""]]
    assert request["user_age"][0] == 20.0
    assert math.isnan(request["user_age"][1])
    assert np.isnan(request["user_taste"][1]).all()


def test_the_request_becomes_the_last_event_without_an_item():
    found = raw(batch(examples.sequence(["a", "target"], [10, 30], context_device=["app", "tv"])))

    assert found["event_item_id"] == [[b"a", b""]]
    assert found["event_timestamp"] == [[10, 30]]
    assert found["event_action_type"] == [[b"click", b""]]
    assert found["context_device"] == [[b"app", b"tv"]]
    assert math.isnan(found["event_rating"][0][1])
    assert found["user_age"] == [[20.0]]
    assert found["user_taste"] == [[0.5, -0.5]]


def test_padding_goes_wherever_it_stands_and_events_are_put_in_order_of_time():
    request = batch(examples.sequence(["x"] * 5, [0, 0, 0, 0, 50]))
    request["event_item_id"] = np.array([[b"", b"late", b"", b"early"]], object)
    request["event_timestamp"] = np.array([[7, 40, -3, 20]])
    request["event_rating"] = np.array([[9, 4, 9, 2]], np.float32)

    found = raw(request)

    assert found["event_item_id"] == [[b"early", b"late", b""]]
    assert found["event_timestamp"] == [[20, 40, 50]]
    assert found["event_rating"][0][:2] == [2.0, 4.0]


def test_events_of_one_second_keep_the_order_in_which_they_were_sent():
    found = raw(batch(examples.sequence([*"zyxwvabc", "target"], [5] * 8 + [9]), history=10))

    assert found["event_item_id"] == [[b"z", b"y", b"x", b"w", b"v", b"a", b"b", b"c", b""]]


def test_without_times_the_order_of_the_events_is_that_of_the_request():
    data = examples.timeless()
    specs = requests.input_specs(data, exclusions=True)
    row = examples.sequence([*"abc", "target"], range(4), event_rating=[1.0, 2.0, 3.0, 4.0])
    request = request_arrays.from_examples([row_of(row)], data, max_history=5)

    assert set(requests.input_specs(DATA, exclusions=True)) - set(specs) == {
        "event_timestamp",
        "request_timestamp",
    }
    assert set(request) == set(specs)
    request["event_item_id"] = np.array([[b"", b"b", b"", b"a", b"c"]], object)
    for name in ("event_action_type", "context_device"):
        request[name] = np.array([[b""] * 5], object)
    request["event_rating"] = np.array([[9, 2, 9, 1, 3]], np.float32)
    request["context_battery"] = np.zeros((1, 5), np.float32)
    given = {name: tf.constant(value, specs[name].dtype) for name, value in request.items()}
    found = requests.to_raw_features(given, data)

    assert found["event_item_id"].to_list() == [[b"b", b"a", b"c", b""]]
    assert found["event_timestamp"].to_list() == [[0, 1, 2, 3]]
    assert found["event_rating"].to_list()[0][:3] == [2.0, 1.0, 3.0]


def test_a_hidden_time_of_the_request_is_that_of_the_last_event():
    data = dataclasses.replace(DATA, request_time="hidden")
    request = batch(examples.sequence(["a", "b", "target"], [20, 10, 90]))
    request["event_item_id"] = np.array([[b"a", b"", b"b"]], object)
    request["event_timestamp"] = np.array([[20, 70, 10]])
    for name in ("event_action_type", "context_device"):
        request[name] = np.array([[b""] * 3], object)
    for name in ("event_rating", "context_battery"):
        request[name] = np.zeros((1, 3), np.float32)

    found = raw(request, data)

    assert found["event_item_id"] == [[b"b", b"a", b""]]
    assert found["event_timestamp"] == [[10, 20, 20]]
    request["request_timestamp"] += 10**6
    np.testing.assert_equal(raw(request, data), found)
    assert raw(request)["event_timestamp"] == [[10, 20, 90 + 10**6]]


@pytest.mark.parametrize(
    ("events", "expected"), [([], [0]), ([b"", b""], [0]), ([b"a", b""], [0, 0])]
)
def test_a_hidden_time_without_events_before_is_nothing(events, expected):
    """Padding has no time; an event at 0 has."""
    data = dataclasses.replace(DATA, request_time="hidden")
    request = batch(examples.sequence(["target"], [30]))
    for name in ("event_item_id", "event_action_type", "context_device"):
        request[name] = np.array([events], object).reshape(1, -1)
    for name, kind in (
        ("event_timestamp", np.int64),
        ("event_rating", np.float32),
        ("context_battery", np.float32),
    ):
        request[name] = np.zeros((1, len(events)), kind)
    assert raw(request, data)["event_timestamp"] == [expected]


@pytest.mark.parametrize("width", [0, 3])
def test_an_empty_history_leaves_only_the_request(width):
    request = batch(examples.sequence(["target"], [30]))
    for name in ("event_item_id", "event_action_type", "context_device"):
        request[name] = np.full((1, width), b"", object)
    for name, kind in (
        ("event_timestamp", np.int64),
        ("event_rating", np.float32),
        ("context_battery", np.float32),
    ):
        request[name] = np.zeros((1, width), kind)

    found = raw(request)

    assert found["event_item_id"] == [[b""]]
    assert found["event_timestamp"] == [[30]]


def test_at_full_width_all_requests_have_one_shape_and_mean_the_same():
    short = batch(examples.sequence(["target"], [30]))
    long = batch(
        examples.sequence(
            ["a", "b", "target"],
            [10, 20, 30],
            seen_item_id=["a", "b"],
            event_rating=[5.0, 4.0, 1.0],
        )
    )
    wide = [
        request_arrays.at_full_width(request, DATA, events=6, exclusions=9)
        for request in (short, long)
    ]

    assert {name: value.shape for name, value in wide[0].items()} == {
        name: value.shape for name, value in wide[1].items()
    }
    assert wide[0]["event_item_id"].shape == wide[0]["event_rating"].shape == (1, 6)
    assert wide[0]["exclude_item_id"].shape == (1, 9)
    assert wide[1]["exclude_item_id"][0].tolist() == [b"a", b"b"] + [b""] * 7
    for before, after in zip((short, long), wide):
        before, after = raw(before), raw(after)
        sent, hobbies = before.pop("user_hobbies")[0], after.pop("user_hobbies")[0]
        assert (hobbies[: len(sent)], set(hobbies[len(sent) :]), len(hobbies)) == (sent, {b""}, 64)
        assert str(after) == str(before)  # in which NaN equals NaN


def test_what_is_wider_than_full_width_stays():
    request = batch(examples.sequence(["a", "b", "target"], [10, 20, 30]))
    found = request_arrays.at_full_width(request, DATA, events=1, exclusions=0)

    assert found["event_item_id"].tolist() == [[b"a", b"b"]]


def test_raw_features_are_made_inside_a_graph_for_any_batch_and_length():
    @tf.function(input_signature=[requests.input_specs(DATA, exclusions=True)])
    def graph(inputs):
        return requests.to_raw_features(inputs, DATA)

    one = graph(tensors(batch(examples.sequence(["a", "b"], [1, 2]))))
    two = graph(
        tensors(batch(examples.sequence(["a", "b", "c"], [1, 2, 3]), examples.sequence(["b"], [7])))
    )

    assert one["event_timestamp"].to_list() == [[1, 2]]
    assert two["event_timestamp"].to_list() == [[1, 2, 3], [7]]
    assert two["event_timestamp"].row_splits.dtype == tf.int64


def test_an_example_is_read_by_type():
    parsed = requests.read_raw_example(
        examples.serialize({"text": ["ä", "b"], "whole": 2**40, "number": 0.5, "nothing": []})
    )

    assert parsed == {
        "text": ["ä".encode(), b"b"],
        "whole": [2**40],
        "number": [0.5],
        "nothing": [],
    }
