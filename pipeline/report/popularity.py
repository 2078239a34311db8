"""Section: whether the model only recommends what is popular anyway."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.report import blocks, charts, sources, text


def body(source: sources.Source) -> Iterator[blocks.Block]:
    """Yields how popular the recommended items are, and how much of the catalogue they cover."""
    test = source.tested()
    yield blocks.Text(
        "The catalogue is ordered by popularity and cut into equal parts. Equal bars mean that "
        "recommendations are as popular as what users choose by themselves."
    )
    yield blocks.Grid(tuple(figure(test["popularity_histogram"], k) for k in test["coverage"]))
    yield blocks.Text(
        "Coverage is the share of items in anybody's list. Gini is 0 if all items are shown alike "
        "and near 1 if a few are shown to all. The percentile is 0.5 for items drawn evenly and 1 "
        "for the most popular."
    )
    yield table(test)


def figure(histogram: Sequence[Mapping[str, Any]], k: str) -> blocks.Figure:
    """Shares of events and of recommended places by the popularity of the item.

    Args:
      histogram: parts of the catalogue, the most popular items first: `from` and `to` (shares of
          the items), `consumed` (share of the events) and `recommended` (by depth, share of the
          places).
      k: the depth.
    """
    consumed, recommended = (
        [b["consumed"] for b in histogram],
        [b["recommended"][k] for b in histogram],
    )
    values = ", ".join(
        f"{b['from']:.0%} to {b['to']:.0%}: {c:.0%} of events, {r:.0%} of recommendations"
        for b, c, r in zip(histogram, consumed, recommended)
    )
    svg = charts.bars(
        [f"{100 * b['to']:.0f}" for b in histogram],
        {"events of users": consumed, f"top-{k} recommendations": recommended},
        alt=f"Shares by popularity of the item, the most popular first. {values}.",
        x_label="% of the catalogue, the most popular first",
        y_label="share",
    )
    return blocks.Figure(svg, "")


def table(split: Mapping[str, Any]) -> blocks.Table:
    """Coverage and inequality at each depth."""
    rows = []
    for k, bias in split["popularity_bias"].items():
        numbers = (
            text.percent(split["coverage"][k]),
            f"{bias['gini_of_exposure']:.3f}",
            f"{bias['mean_popularity_percentile']:.3f}",
            f"{bias['average_recommendation_popularity']:.1f}",
        )
        rows.append((f"top {k}", *numbers))
    return blocks.Table(
        "What the lists on test show of the catalogue",
        (
            "list",
            "coverage#",
            "Gini of exposure#",
            "mean popularity percentile#",
            "events of a recommended item#",
        ),
        tuple(rows),
    )
