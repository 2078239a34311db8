"""Which earlier split may have trained on the events that are held out now."""

from __future__ import annotations

import pytest

from modules import config
from modules.evaluation import held_out

BASKET = config.Split(unit="basket")


def _temporal(valid_from: float) -> config.Split:
    return config.Split(method="temporal", valid_from=valid_from, test_from=1000.0)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (config.Split(), config.Split(), ""),
        # held out for more users than now
        (config.Split(min_events=3), config.Split(min_events=5), ""),
        (config.Split(min_events=5), config.Split(min_events=3), "split.min_events was 5 and is 3"),
        (_temporal(100.0), _temporal(100.0), ""),
        (_temporal(100.0), _temporal(200.0), ""),  # trained on less than it might now
        (_temporal(200.0), _temporal(100.0), "split.valid_from was 200 and is 100"),
        (BASKET, BASKET, ""),
        (config.Split(), BASKET, "split.unit was event and is basket"),
        (BASKET, config.Split(), "split.unit was basket and is event"),
        (_temporal(100.0), config.Split(), "split.method was temporal and is leave_one_out"),
        (config.Split(), _temporal(100.0), "split.method was leave_one_out and is temporal"),
    ],
)
def test_overlap(old: config.Split, new: config.Split, reason: str) -> None:
    found = held_out.overlap(held_out.describe(old), new)
    assert (reason in found) if reason else found == ""


@pytest.mark.parametrize("unknown", [None, ""])
def test_a_model_of_unknown_split(unknown: str | None) -> None:
    assert "not known" in held_out.overlap(unknown, config.Split())
