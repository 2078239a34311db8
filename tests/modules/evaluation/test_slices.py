"""Names of slices at their borders."""

from __future__ import annotations

import pytest

from modules import requests
from modules.evaluation import baselines, slices
from tests import examples


@pytest.mark.parametrize(
    "value,expected",
    [
        (20.0, "<= 25"),
        (25.0, "<= 25"),
        (25.5, "25 - 31"),
        (31.0, "25 - 31"),
        (44.0, "> 43"),
        (float("nan"), "(missing)"),
    ],
)
def test_intervals_are_closed_on_the_right(value, expected):
    assert slices.interval_name([value], (25.0, 31.0, 43.0)) == expected


def test_interval_without_value_or_edges():
    assert slices.interval_name([], (1.0,)) == "(missing)"
    assert slices.interval_name([1.0], ()) == "all"


@pytest.mark.parametrize(
    "length,expected",
    [
        (0, "0"),
        (1, "1-4"),
        (4, "1-4"),
        (5, "5-9"),
        (199, "100-199"),
        (200, "200-499"),
        (999, "500-999"),
        (1000, "1000+"),
        (9999, "1000+"),
    ],
)
def test_lengths(length, expected):
    assert slices.length_name(length) == expected


def test_popularity_is_cut_at_thirds_of_the_events():
    catalogue = baselines.Popularity.of([(b"a", 40), (b"b", 30), (b"c", 20), (b"d", 10), (b"e", 0)])
    expected = {
        b"a": "head",
        b"b": "middle",
        b"c": "tail",
        b"d": "tail",
        b"e": "cold",
        b"unknown": "cold",
    }
    assert {item: slices.popularity_name(item, catalogue) for item in expected} == expected


def test_values_of_a_request():
    """Context is the request's own, history counts past the window, several values are several."""
    example = requests.read_raw_example(
        examples.serialize(
            examples.sequence(
                ["a", "b", "c"],
                [1, 2, 3],
                user_hobbies=["golf", "chess"],
                context_device=["web", "web", "tv"],
                window_start=7,
            )
        )
    )
    slicer = slices.Slicer(
        examples.data(), ["user_hobbies", "context_device", "user_age", "history_length"]
    )
    found = slicer.of(example, baselines.Popularity.of([]), {"user_age": (19.0, 25.0)})
    assert found == {
        "user_hobbies": ("chess", "golf"),
        "context_device": ("tv",),
        "user_age": ("19 - 25",),
        "history_length": ("5-9",),
    }
    assert slicer.numbers(example) == [("user_age", 20.0)]


def test_a_request_is_in_the_slices_of_all_its_targets():
    example = requests.read_raw_example(
        examples.serialize(
            examples.sequence(
                ["a", "b"], [1, 2], seen_item_id=["a", "c"], target_item_id=["b", "c", "new"]
            )
        )
    )
    catalogue = baselines.Popularity.of([(b"a", 1), (b"b", 9), (b"c", 1)])
    slicer = slices.Slicer(examples.data(), ["target_repeats", "target_popularity"])
    assert slicer.of(example, catalogue, {}) == {
        "target_repeats": ("new", "repeated"),
        "target_popularity": ("cold", "head", "tail"),
    }
