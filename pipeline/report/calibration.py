"""Section: whether the probabilities of the rank model are what happens."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.report import blocks, charts, interval_charts, sources, text

Reliability = Mapping[str, Any]  # bins[{predicted, observed, count}], ece


def body(source: sources.Source) -> Iterator[blocks.Block]:
    """Yields how well the predicted probabilities agree with what happened."""
    found = source.two_stage_tested()["calibration"]
    yield blocks.Text(
        "On test, in bins of about the same number of predictions; on the dashed line, what was "
        "predicted is what happened. ECE is the mean distance from it, weighted by the number of "
        "predictions. Lines are 95% intervals of the observed share (Wilson)."
    )
    yield blocks.Grid(
        (
            card("The next item", "the probability that a candidate is the held-out item", found),
            *(
                card(
                    f"Objective {name}",
                    "the probability that it comes true, where that is known",
                    one,
                )
                for name, one in found["objectives"].items()
            ),
        ),
        least=26,
    )


def card(title: str, what: str, found: Reliability) -> blocks.Card:
    """One kind of prediction: the plot, the error and the bins."""
    if not found["bins"]:
        return blocks.Card(title, what, (blocks.Text("Nothing was predicted.", "quiet"),))
    return blocks.Card(
        title,
        what,
        (
            figure(found),
            blocks.Facts(
                (("ECE", text.compact(found["ece"])), ("predictions", f"{_count(found):,}"))
            ),
            blocks.Folded("The bins as numbers", (table(found),)),
        ),
    )


def figure(found: Reliability) -> blocks.Figure:
    """A reliability diagram, with the numbers in words for those who do not see it."""
    points = [
        (b["predicted"], b["observed"], wilson(b["observed"], b["count"])) for b in found["bins"]
    ]
    values = ", ".join(f"{p:.3g} predicted, {o:.3g} observed" for p, o, _ in points)
    return blocks.Figure(
        charts.reliability(
            points,
            alt=f"Observed share against predicted probability by bin: {values}; "
            f"ECE {found['ece']:.3g}.",
            x_label="predicted probability",
            y_label="observed share",
        ),
        "",
    )


def wilson(share: float, count: int) -> tuple[float, float]:
    """95% interval of a share of `count` trials (Wilson, Probable Inference, 1927)."""
    z = interval_charts.Z95
    shrink = 1 + z**2 / count
    middle = (share + z**2 / (2 * count)) / shrink
    half = z / shrink * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    # the interval holds the share itself, whatever is rounded
    return min(max(middle - half, 0.0), share), max(min(middle + half, 1.0), share)


def table(found: Reliability) -> blocks.Table:
    """The bins as numbers."""
    return blocks.Table(
        "Bins of about the same number of predictions",
        ("predicted#", "observed#", "predictions#"),
        tuple(
            (text.compact(b["predicted"]), text.compact(b["observed"]), f"{b['count']:,}")
            for b in found["bins"]
        ),
    )


def _count(found: Reliability) -> int:
    return sum(b["count"] for b in found["bins"])
