"""The served graph against the pipeline's Transform: equal value by value, differences named."""

from __future__ import annotations

import pathlib
import shutil

import numpy as np
import pytest

from modules import schemas
from modules.skew import raw_examples, replay
from modules.skew import transformed as transformed_skew
from tests import examples
from tests import transformed as transformed_lib
from tests.modules.skew import population

DATA, LENGTH = examples.data(), transformed_lib.MAX_HISTORY
LAYOUT = transformed_skew.layout(DATA, LENGTH)


@pytest.fixture(scope="module")
def asked(transformed) -> population.Arrays:
    """Validation's requests, one that says nothing, and one with a long history out of order."""
    silent = examples.sequence(
        ["i1"],
        [10**9 + 5],
        user_age=float("nan"),
        user_gender="",
        user_hobbies=[],
        user_taste=[float("nan")] * 2,
        context_device=["NA"],
        context_battery=[float("nan")],
    )
    times = [10**9 + 3600 * n for n in (5, 3, 1, 4, 2, 0, 7, 9)]
    long = examples.sequence(
        ["i3", "never", *transformed_lib.ITEMS[4:10]], times, context_device=["", "x"] * 4
    )
    return population.asked([*transformed.raw["valid"], silent, long], max_history=100)


def _served(model: replay.Model, asked: population.Arrays) -> list[transformed_skew.Row]:
    lengths = (asked["event_item_id"] != b"").sum(axis=1) + 1
    return transformed_skew.of_served(model.ask("features", asked), lengths, LAYOUT)


def _by_pipeline(asked: population.Arrays, graph: str) -> list[transformed_skew.Row]:
    rows = raw_examples.of([asked], DATA, LENGTH).rows
    return transformed_skew.by_pipeline(
        raw_examples.serialize(rows, DATA), schemas.from_config(DATA), graph, LAYOUT
    )


@pytest.fixture(scope="module")
def model(saved: pathlib.Path) -> replay.Model:
    return replay.Model(str(saved))


@pytest.fixture(scope="module")
def served(model: replay.Model, asked: population.Arrays) -> list[transformed_skew.Row]:
    return _served(model, asked)


def test_both_sides_transform_alike(transformed, asked, served):
    expected = _by_pipeline(asked, transformed.graph)
    found = transformed_skew.differences(expected, served)
    assert {d.feature for d in found} == {
        "event_item_id_xf",
        "event_time_of_day_xf",
        "event_day_of_week_xf",
        "event_time_delta_xf",
        "event_action_type_xf",
        "event_rating_xf",
        "context_device_xf",
        "context_battery_xf",
        "user_age_xf",
        "user_gender_xf",
        "user_taste_xf",
        "user_hobbies_xf",
    }
    assert [(d.feature, d.example) for d in found if d.unequal] == []
    events = sum(min(int(n), LENGTH) + 1 for n in (asked["event_item_id"] != b"").sum(axis=1))
    assert {d.values for d in found if d.feature.startswith(("event", "context"))} == {events}


def test_of_a_long_history_the_newest_events_are_compared(transformed, served):
    """By time: i7, i4, i6, never, i5, i3, i8 and the request; hours 0, 1, 2, 3, 4, 5, 7 and 9."""
    ids = {
        item: n for n, item in enumerate(transformed.output.vocabulary_by_name("item_id"), start=1)
    }
    unknown = len(ids) + 1
    assert served[-1]["event_item_id_xf"].tolist() == [
        unknown,
        ids[b"i5"],
        ids[b"i3"],
        ids[b"i8"],
        unknown,
    ]
    assert served[-1]["event_time_delta_xf"].tolist() == [3600, 3600, 3600, 7200, 7200]


def test_another_vocabulary_is_found_out(transformed, asked, served, tmp_path):
    """The pipeline's graph with two items in each other's place, of which i10 is in no history."""
    graph = tmp_path / "graph"
    shutil.copytree(transformed.graph, graph)
    (file,) = graph.glob("transform_fn/assets/*item_id*")
    words = file.read_bytes().split(b"\n")
    first, second = words.index(b"i3"), words.index(b"i10")
    words[first], words[second] = words[second], words[first]
    file.write_bytes(b"\n".join(words))
    found = {
        d.feature: d for d in transformed_skew.differences(_by_pipeline(asked, str(graph)), served)
    }
    assert {name for name, d in found.items() if d.unequal} == {"event_item_id_xf"}
    times = int((asked["event_item_id"] == b"i3").sum())
    assert found["event_item_id_xf"].unequal == times > 0
    assert found["event_item_id_xf"].example.endswith(f"{second + 1} there, {first + 1} here")


def test_differences_are_counted_and_shown():
    rows = [
        {"a": np.array([1, 2]), "b": np.array([0.5, 1.0])},
        {"a": np.array([3]), "b": np.array([2.0])},
    ]
    others = [
        {"a": np.array([1, 4]), "b": np.array([0.5, 1.000001])},
        {"a": np.array([3]), "b": np.array([np.nan])},
    ]
    a, b = transformed_skew.differences(rows, others)
    assert (a.values, a.unequal, a.greatest, a.example) == (3, 1, 2.0, "request 0: 2 there, 4 here")
    assert (b.values, b.unequal, b.example) == (3, 1, "request 1: 2.0 there, nan here")


def test_lengths_that_differ_are_unequal():
    (found,) = transformed_skew.differences([{"a": np.array([3])}], [{"a": np.array([3, 5])}])
    assert (found.unequal, found.example) == (2, "request 0: 1 values there, 2 here")


def test_a_model_says_whether_it_has_the_signature(model):
    assert "features" in model and "parts" not in model
