"""What is said of repeats: how many there are, what was chosen and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modules import repeats

MOST = 0.5  # share of the training events from which on `exclude` is doubted


def choice(found: Mapping[str, Any]) -> str:
    """The choice with its reason and what follows.

    Args:
      found: `repeats` of ExampleGen's summary (modules/beam/summary.py).
    """
    reason = f"data.repeats: {found['declared']}"
    if found["declared"] == "auto":
        side = "at least" if found["allowed"] else "fewer than"
        reason += (
            f", and {side} {repeats.THRESHOLD:.0%} of the training events repeat "
            f"({_share(found):.1%})"
        )
    if found["allowed"]:
        return (
            f"allowed ({reason}): a user's own items are candidates, too, and only what a request "
            "excludes is left out"
        )
    return (
        f"excluded ({reason}): what a user had is never recommended, and no system can hit an "
        "event that repeats"
    )


def warnings(found: Mapping[str, Any]) -> Iterator[str]:
    """What a person should think about."""
    if found["declared"] == "exclude" and _share(found) >= MOST:
        yield (
            f"data.repeats: exclude, but {_share(found):.1%} of the training events are of an item "
            "that the user had before. Nothing that is recommended can be one of them; set "
            "data.repeats: allow, unless only new items are wanted."
        )


def _share(found: Mapping[str, Any]) -> float:
    share: float = found["train_repeats"] / max(found["train_events"], 1)
    return share
