"""Labels of objectives: yes, no, and not known."""

from __future__ import annotations

import math
from typing import Any

import pytest

from modules import config, objectives, strict

DATA = strict.read(
    config.Data,
    {
        "events": {
            "path": "events",
            "columns": {
                "user_id": "user_id",
                "item_id": "item_id",
                "timestamp": "timestamp",
                "action": "action_type",
                "rating": {"kind": "numeric", "default": 5},
                "mood": {"kind": "categorical", "missing": ["NA"]},
            },
        }
    },
)


@pytest.mark.parametrize(
    ("action", "rating", "mood", "expected"),
    [
        (b"buy", 4.0, b"good", {"bought": 1, "liked": 1, "happy": 1}),
        (b"click", 3.9, b"bad", {"bought": 0, "liked": 0, "happy": 0}),
        # whatever the default
        (b"", math.nan, b"", dict.fromkeys(("bought", "liked", "happy"), math.nan)),
        (b"click", 4.5, b"NA", {"bought": 0, "liked": 1, "happy": math.nan}),
    ],
)
def test_the_last_event_says_yes_no_or_nothing(
    action: bytes, rating: float, mood: bytes, expected: dict[str, float]
) -> None:
    declared = strict.read(
        config.Ranking,
        {
            "objectives": {
                "bought": {"column": "action", "values": ["buy", "order"]},
                "liked": {"column": "rating", "at_least": 4},
                "happy": {"column": "mood", "values": ["good"]},
            }
        },
    ).objectives
    example: dict[str, Any] = {
        "event_action_type": [b"order", action],
        "event_rating": [1.0, rating],
        "event_mood": [b"good", mood],
    }
    found = objectives.Objectives(DATA, declared).of(example)
    assert found == pytest.approx(expected, nan_ok=True)
