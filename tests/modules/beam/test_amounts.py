"""How events are spread over users and items, by hand."""

from __future__ import annotations

import pytest

from modules.beam import amounts

# 1 event of six items, 2 of three, 20 of one: ten items, 32 events
SPREAD = {20: 1, 1: 6, 2: 3}


def test_quantiles_are_exact() -> None:
    assert amounts.quantiles(SPREAD) == {
        "mean": 3.2,
        "min": 1,
        "lower_quartile": 1,
        "median": 1,
        "upper_quartile": 2,
        "p90": 2,
        "max": 20,
    }
    assert amounts.quantiles({}) == {}


def test_amounts_are_gathered_by_the_upper_end() -> None:
    assert amounts.by_powers_of_two({5: 2, 1: 7, 3: 1, 4: 1, 2: 1}) == {
        "1": 7,
        "2": 1,
        "4": 2,
        "8": 2,
    }


def test_events_are_gathered_with_those_that_have_them() -> None:
    assert amounts.events_by_powers_of_two(SPREAD) == {"1": 6, "2": 6, "32": 20}


def test_the_most_frequent_items_have_the_most_events() -> None:
    """One item of ten: 20 of 32 events; five: 20 + 3 * 2 + 1."""
    assert amounts.concentration(SPREAD) == pytest.approx({"0.1": 20 / 32, "0.5": 27 / 32})
    assert amounts.concentration({}) == {}
