"""Section: the linear ranker that the rank model has to beat, and what it weighs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.report import blocks, sources, text

_MEANINGS = {
    "log_recall_rank": "log of the place in recall's list",
    "ease": "EASE: a linear model of all items the user has seen, in closed form",
    "log_popularity": "log of 1 + training events of the item",
    "co_occurrence_last_1": "how often, and how soon, the item follows the user's last one",
    "co_occurrence_last_5": "the same, summed over the last five",
    "log_own_events": "log of 1 + the user's own events of the item",
    "log_baskets_since": "log of 1 + baskets since the user's last one with the item",
    "recent_share": "share of the user's last baskets that hold the item",
    "present": "whether the user has the item at the time of the request already",
}


def body(source: sources.Source) -> Iterator[blocks.Block]:
    """Yields the weights of the linear baseline."""
    found = source.two_stage()["linear"]
    repeats = "log_own_events" in found["features"]
    own = ", those of the user's own events on all before the request" if repeats else ""
    yield blocks.Text(
        "The baseline that the rank model is measured against: the same candidates in the order "
        f"of a weighted sum of {len(found['features'])} features, counted on training events "
        f"alone{own}. The weights are fitted by a softmax over {found['lists']:,} lists of "
        "validation whose held-out item is among the candidates, so on validation this baseline "
        "looks a little better than it is; on test it does not."
    )
    yield weights(found)
    if left_out := found.get("left_out"):
        yield blocks.Text(f"Left out: {left_out}", "quiet")


def weights(found: Mapping[str, Any]) -> blocks.Table:
    """Bars are as long as the weight, whichever its sign."""
    largest = max((abs(w) for w in found["weights"]), default=0.0) or 1.0
    return blocks.Table(
        "Weights of standardised features: what one standard deviation more adds to the score",
        ("feature", "weight#"),
        tuple(
            (
                blocks.Cell(_MEANINGS.get(name, name), note=name),
                blocks.Cell(text.signed(weight, 3), share=abs(weight) / largest),
            )
            for name, weight in zip(found["features"], found["weights"])
        ),
    )
