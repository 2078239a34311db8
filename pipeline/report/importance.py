"""Section: what the rank model owes to each group of its features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.report import blocks, interval_charts, sources, text

Importance = Mapping[str, Mapping[str, Any]]  # group -> drop{metric: {value, low, high}}, requests


def body(source: sources.Source) -> Iterator[blocks.Block]:
    """Yields how much worse the ranking gets without each group of features."""
    found = source.two_stage_tested()["importance"]
    if not found:
        raise sources.NotMade("No importance was measured: there were no test requests.")
    metric, requests = source.two_stage()["primary"], next(iter(found.values()))["requests"]
    yield blocks.Text(
        f"On {requests:,} test requests: how much {metric} drops when the values of one group "
        "change hands among all candidates, as if the group told nothing of the candidate at "
        "hand. Groups that say the same stand in for each other, so drops do not add up. Greyed "
        "where the 95% interval holds 0."
    )
    yield figure(found, metric)
    yield blocks.Folded("The drops as numbers", (table(found, metric),))


def figure(found: Importance, metric: str) -> blocks.Figure:
    """Bars with intervals, the most important group first."""
    estimates = []
    for group, drop in _ordered(found, metric):
        quiet = drop["low"] <= 0 <= drop["high"]
        estimates.append(
            interval_charts.Estimate(_name(group), drop["value"], drop["low"], drop["high"], quiet)
        )
    values = ", ".join(f"{e.label} {text.difference(e.value, e.low, e.high)}" for e in estimates)
    svg = interval_charts.bars(
        estimates,
        alt=f"Drop of {metric} without each group: {values}.",
        x_label=f"drop of {metric}",
    )
    return blocks.Figure(svg, "")


def table(found: Importance, metric: str) -> blocks.Table:
    """The drops as numbers, with their intervals."""
    return blocks.Table(
        f"Drop of {metric}, with the 95% interval of a bootstrap over users",
        ("group", "drop#"),
        tuple(
            (_name(group), text.difference(drop["value"], drop["low"], drop["high"]))
            for group, drop in _ordered(found, metric)
        ),
    )


def _ordered(found: Importance, metric: str) -> list[tuple[str, Mapping[str, float]]]:
    drops = [(group, of_group["drop"][metric]) for group, of_group in found.items()]
    return sorted(drops, key=lambda pair: -pair[1]["value"])


def _name(group: str) -> str:
    return group.replace("_", " ")
