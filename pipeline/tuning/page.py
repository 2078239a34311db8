"""What a search found, as one HTML page."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from modules import tuning_config
from pipeline.report import blocks, charts
from pipeline.report import page as report_page

Trials = Sequence[dict[str, Any]]  # best first: trial_id, score, and a value by key


def write(
    file: pathlib.Path, name: str, space: tuning_config.Space, trials: Trials, monitor: str
) -> None:
    """Writes the page."""
    title = "Values tried for recall's training"
    page = report_page.render(
        title=f"{name}: {title.lower()}",
        heading=title,
        meta=f"{name}, {len(trials)} trials, {monitor} on validation",
        sections=[
            blocks.Section("search", "The search", list(_search(trials, monitor))),
            blocks.Section("values", "By value", list(_by_value(space, trials, monitor))),
            blocks.Section("trials", "All trials", [_table(space, trials, monitor)]),
        ],
    )
    report_page.write(file, page)


def _search(trials: Trials, monitor: str) -> Iterator[blocks.Block]:
    best_of = min if monitor == "loss" else max
    in_order = sorted(trials, key=lambda trial: int(trial["trial_id"]))
    numbers = [int(trial["trial_id"]) + 1 for trial in in_order]
    scores = [trial["score"] for trial in in_order]
    best = list(itertools.accumulate(scores, best_of))
    yield blocks.Text("The first trial is the configuration as it is. Each is one training.")
    svg = charts.lines(
        {"trial": list(zip(numbers, scores)), "best so far": list(zip(numbers, best))},
        alt=f"{monitor} by trial: first {scores[0]:.4f}, best {best[-1]:.4f}.",
        x_label="trial",
        y_label=f"{monitor} on validation",
    )
    yield blocks.Figure(svg, "")


def _by_value(space: tuning_config.Space, trials: Trials, monitor: str) -> Iterator[blocks.Block]:
    first = next((trial for trial in trials if not int(trial["trial_id"])), None)
    figures = []
    for key, dimension in space.space.items():
        svg = charts.scatter(
            [(trial[key], trial["score"]) for trial in trials],
            marked=None if first is None else (first[key], first["score"]),
            marked_name="configuration",
            is_log=dimension.log,
            alt=f"{monitor} by {key}: the best trial has {trials[0][key]}.",
            x_label=key,
            y_label=f"{monitor} on validation",
        )
        figures.append(blocks.Figure(svg, ""))
    yield blocks.Grid(tuple(figures))


def _table(space: tuning_config.Space, trials: Trials, monitor: str) -> blocks.Table:
    rows = [
        (
            str(int(trial["trial_id"]) + 1),
            f"{trial['score']:.4f}",
            *(_shown(trial[key]) for key in space.space),
        )
        for trial in trials
    ]
    return blocks.Table(
        "Best first", ("trial#", f"{monitor}#", *(f"{key}#" for key in space.space)), tuple(rows)
    )


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
