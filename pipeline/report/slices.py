"""Section: the recall model's metrics on groups of requests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from modules import config
from pipeline.report import blocks, interval_charts, sources, systems, text

NONE = "No slices were evaluated: evaluation.slices of the configuration names none."
_MOST = 20  # values of one feature that are shown, the largest first

Slices = Mapping[str, Mapping[str, Any]]  # value -> users and metrics


def body(source: sources.Source) -> Iterator[blocks.Block]:
    """Yields the metric of recall for each group of users or requests."""
    test = source.tested()
    if not test["slices"]:
        raise sources.NotMade(NONE)
    evaluation = source.cfg.evaluation
    yield blocks.Text(
        f"On test, recall alone. Groups of fewer than {evaluation.min_slice_users} users are "
        f"greyed: their means say little. The dashed line is {evaluation.primary} of all users."
    )
    yield blocks.Grid(
        tuple(card(name, values, test, evaluation) for name, values in test["slices"].items()),
        least=26,
    )


def card(
    name: str, values: Slices, test: systems.Split, evaluation: config.Evaluation
) -> blocks.Card:
    """One feature: a dot plot of the primary metric, and a table."""
    shown, subtitle = largest(values)
    overall = test["metrics"]["recall"][evaluation.primary]["value"]
    return blocks.Card(
        name, subtitle, (_figure(name, shown, overall, evaluation), _table(name, shown, evaluation))
    )


def largest(values: Slices) -> tuple[Slices, str]:
    """The largest groups in the order of their values, and a sentence if those are not all."""
    shown = sorted(sorted(values, key=lambda v: -values[v]["users"])[:_MOST], key=order)
    rest = len(values) - len(shown)
    return {v: values[v] for v in shown}, (
        f"The {len(shown)} largest of {len(values)} groups." if rest else ""
    )


def order(value: str) -> tuple[bool, float, str]:
    """Sorts `<= 25` before `25 - 31` before `> 43`, `1-4` before `10-19`, words alphabetically."""
    number = re.search(r"\d+(\.\d+)?", value)
    if number is None:
        return True, 0.0, value
    return (
        False,
        float(number[0])
        + (-0.5 if value.startswith("<") else 0.5 if value.startswith(">") else 0.0),
        value,
    )


def _figure(
    name: str, values: Slices, overall: float, evaluation: config.Evaluation
) -> blocks.Figure:
    metric = evaluation.primary
    found = [
        interval_charts.Estimate.of_error(
            v, s[metric]["value"], s[metric]["se"], quiet=s["users"] < evaluation.min_slice_users
        )
        for v, s in values.items()
    ]
    alt = f"{metric} by {name} with 95% intervals: " + ", ".join(
        f"{e.label} {e.value:.3f}" for e in found
    )
    return blocks.Figure(
        interval_charts.dots(
            {metric: found},
            alt=f"{alt}; all users {overall:.3f}.",
            x_label=metric,
            reference=(overall, "all users"),
        ),
        "",
    )


def _table(name: str, values: Slices, evaluation: config.Evaluation) -> blocks.Table:
    metrics = list(dict.fromkeys([evaluation.primary, f"HR@{max(evaluation.ks)}"]))
    rows = []
    for value, found in values.items():
        tone: blocks.Tone = "quiet" if found["users"] < evaluation.min_slice_users else ""
        cells = [
            blocks.Cell(text.estimate(found[m]["value"], found[m]["se"], 3), tone) for m in metrics
        ]
        rows.append((blocks.Cell(value, tone), blocks.Cell(f"{found['users']:,}", tone), *cells))
    return blocks.Table(
        "Mean ± one standard error.", (name, "users#", *(f"{m}#" for m in metrics)), tuple(rows)
    )
