"""Section: what the second stage adds for groups of requests."""

from __future__ import annotations

from collections.abc import Iterator

from modules import config
from pipeline.report import blocks, differences, interval_charts, slices, sources, text


def body(source: sources.Source) -> Iterator[blocks.Block]:
    """Yields the lift of two stages for each group of users or requests."""
    test = source.two_stage_tested()
    if not test["slices"]:
        raise sources.NotMade(slices.NONE)
    evaluation = source.cfg.evaluation
    yield blocks.Text(
        f"On test: {evaluation.primary} of two stages minus that of recall alone, with its 95% "
        f"interval. Groups of fewer than {evaluation.min_slice_users} users are greyed."
    )
    yield blocks.Grid(
        tuple(card(name, values, evaluation) for name, values in test["slices"].items()), least=30
    )


def card(name: str, values: slices.Slices, evaluation: config.Evaluation) -> blocks.Card:
    """One feature: a dot plot of the lift, and a table."""
    shown, subtitle = slices.largest(values)
    return blocks.Card(
        name, subtitle, (_figure(name, shown, evaluation), _table(shown, evaluation))
    )


def _figure(name: str, values: slices.Slices, evaluation: config.Evaluation) -> blocks.Figure:
    metric = evaluation.primary
    found = [
        interval_charts.Estimate.of_paired(
            value, s["lift"][metric]["recall"], quiet=s["users"] < evaluation.min_slice_users
        )
        for value, s in values.items()
    ]
    said = ", ".join(f"{e.label} {text.difference(e.value, e.low, e.high, 3)}" for e in found)
    svg = interval_charts.dots(
        {metric: found},
        alt=f"Two stages minus recall in {metric} by {name}: {said}.",
        x_label=f"difference in {metric}",
        reference=(0, "equal"),
    )
    return blocks.Figure(svg, "")


def _table(values: slices.Slices, evaluation: config.Evaluation) -> blocks.Table:
    metric, rows = evaluation.primary, []
    for value, found in values.items():
        quiet: blocks.Tone = "quiet" if found["users"] < evaluation.min_slice_users else ""
        of_systems = [
            blocks.Cell(text.fixed(found[s][metric]["value"], 3), quiet)
            for s in ("recall", "two_stage")
        ]
        rows.append(
            (
                blocks.Cell(value, quiet),
                blocks.Cell(f"{found['users']:,}", quiet),
                *of_systems,
                differences.stacked(found["lift"][metric]["recall"], digits=3),
            )
        )
    return blocks.Table(
        f"{metric}; the difference with its 95% interval.",
        ("group", "users#", "recall#", "two stages#", "difference#"),
        tuple(rows),
    )
