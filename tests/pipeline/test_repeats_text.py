"""The choice about repeats is told with its reason, and doubted where it cannot be meant."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline import repeats_text


def _found(declared: str, repeats: int, *, allowed: bool) -> dict[str, Any]:
    return {
        "declared": declared,
        "allowed": allowed,
        "train_events": 200,
        "train_repeats": repeats,
        "events": 0,
        "last_events": 0,
    }


@pytest.mark.parametrize(
    ("found", "beginning"),
    [
        (
            _found("auto", 84, allowed=True),
            "allowed (data.repeats: auto, and at least 10% of the training events repeat (42.0%))",
        ),
        (
            _found("auto", 19, allowed=False),
            "excluded (data.repeats: auto, and fewer than 10% of the training events repeat (9.5%)",
        ),
        (_found("allow", 0, allowed=True), "allowed (data.repeats: allow): a user's own items"),
        (_found("exclude", 0, allowed=False), "excluded (data.repeats: exclude): what a user had"),
    ],
    ids=["auto-allowed", "auto-excluded", "allow", "exclude"],
)
def test_the_choice_says_why(found: dict[str, Any], beginning: str) -> None:
    assert repeats_text.choice(found).startswith(beginning)


@pytest.mark.parametrize(
    ("declared", "repeats", "warned"),
    [("exclude", 100, True), ("exclude", 99, False), ("auto", 150, False), ("allow", 150, False)],
)
def test_exclusion_is_doubted_where_most_events_repeat(
    declared: str, repeats: int, warned: bool
) -> None:
    found = list(repeats_text.warnings(_found(declared, repeats, allowed=declared != "exclude")))
    assert len(found) == warned
    assert all("50.0% of the training events" in text for text in found)
