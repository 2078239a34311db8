"""Section: whether the model only recommends what is popular anyway."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.report import blocks, charts, sources, text


def body(source: sources.Source) -> Iterator[blocks.Block]:
    test = source.tested()
    histogram = test.get("popularity_histogram")
    if histogram:
        yield blocks.Grid((figure(histogram, next(iter(test["coverage"]))),))
    yield table(test)


def figure(histogram: Sequence[Mapping[str, Any]], k: str) -> blocks.Figure:
    """Shares of events and of recommended places by the popularity of the item."""
    labels = [f"{100 * b['from']:g}-{100 * b['to']:g} %" for b in histogram]
    consumed, recommended = [b["consumed"] for b in histogram], [b["recommended"][k] for b in histogram]
    values = ", ".join(f"{label}: {c:.0%} of events, {r:.0%} of recommendations"
                       for label, c, r in zip(labels, consumed, recommended))
    svg = charts.bars(
        labels, {"events of users": consumed, f"top-{k} recommendations": recommended},
        alt=f"By popularity of the item. {values}.", x_label="items, the most popular first", y_label="share")
    return blocks.Figure(svg, "The catalogue is ordered by popularity and cut at shares of its items. Equal bars mean "
                              "that recommendations are as popular as what users choose by themselves.")


def table(split: Mapping[str, Any]) -> blocks.Table:
    """Coverage and inequality at each depth."""
    rows = []
    for k, bias in split["popularity_bias"].items():
        numbers = (text.percent(split["coverage"][k]), f"{bias['gini_of_exposure']:.3f}",
                   f"{bias['mean_popularity_percentile']:.3f}", f"{bias['average_recommendation_popularity']:.1f}")
        rows.append((f"top {k}", *numbers))
    return blocks.Table(
        "What the lists on test show of the catalogue. Coverage: the share of items in anybody's list. Gini: 0 if all items "
        "are shown alike, near 1 if a few are shown to all. Percentile: 0.5 for items drawn evenly, 1 for the most popular.",
        ("list", "coverage#", "Gini of exposure#", "mean popularity percentile#", "events of a recommended item#"),
        tuple(rows))
