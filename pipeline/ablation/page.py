"""The results of a plan as one HTML page: the table, the changes as a picture, learning curves."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from modules import config
from pipeline.ablation import plan, rows, table
from pipeline.report import blocks, charts, learning, measures
from pipeline.report import page as report_page


def write(
    file: pathlib.Path,
    found: Sequence[rows.Row],
    reader: plan.Reader,
    cfg: config.Config,
    seeds: Sequence[int],
) -> None:
    """Writes the page."""
    sections = [
        blocks.Section("table", "Results", list(_table(found, reader, seeds))),
        blocks.Section("changes", "Changes", list(measures.figures(summary(found)))),
        blocks.Section("learning", "Learning curves", list(_curves(found, cfg))),
    ]
    page = report_page.render(
        title=f"{cfg.name}: {reader.plan.title}",
        heading=reader.plan.title,
        meta=f"{cfg.name}, {len(found)} variants, seeds {', '.join(map(str, seeds))}",
        sections=[section for section in sections if section.blocks],
    )
    report_page.write(file, page)


def summary(found: Sequence[rows.Row]) -> list[dict[str, Any]]:
    """What `measures` reads of the rows that were measured."""
    return [
        {
            "name": row.name,
            "compared_with": row.compared_with,
            "test": {metric: row.test[metric] for metric in row.errors},
            "differences": {
                metric: {
                    name: _number(value)
                    for name, value in (
                        ("difference", found.mean),
                        ("low", found.low),
                        ("high", found.high),
                    )
                }
                for metric, found in row.differences.items()
            },
        }
        for row in found
        if row.validation is not None
    ]


def _number(value: float) -> float | None:
    """As JSON has it, which knows no NaN."""
    return value if math.isfinite(value) else None


def _table(
    found: Sequence[rows.Row], reader: plan.Reader, seeds: Sequence[int]
) -> Iterator[blocks.Block]:
    for line in table.about(found, reader, seeds):
        yield blocks.Text(line)
    head = table.columns(found)
    yield blocks.Table(
        reader.plan.title,
        (head[0], *(f"{name}#" for name in head[1:])),
        tuple(tuple(_cells(row, found)) for row in found),
    )
    yield blocks.Items(tuple(table.remarks(found, seeds)))


def _cells(row: rows.Row, found: Sequence[rows.Row]) -> Iterator[blocks.Cell]:
    for text in table.cells(row, found):
        tone: blocks.Tone = "bad" if row.failure and text == table.first_line(row.failure) else ""
        if text.startswith("**"):
            tone = "good" if text.startswith("**+") else "bad"
        yield blocks.Cell(text.strip("*"), tone)


def _curves(found: Sequence[rows.Row], cfg: config.Config) -> Iterator[blocks.Block]:
    """For each variant the first seed's curves, beside those of the one that it builds on."""
    by_name = {row.name: row for row in found if row.results}
    primary = cfg.evaluation.primary
    for key, what in (
        (primary, f"{primary} on validation"),
        ("val_loss", "validation loss"),
        ("loss", "training loss"),
        ("gradient_norm", "gradient norm"),
    ):
        figures = []
        for row in by_name.values():
            shown = [by_name[row.compared_with]] if row.compared_with else []
            series = {
                each.name: learning.points(next(iter(each.results.values())).history, key)
                for each in (row, *shown)
            }
            series = {name: points for name, points in series.items() if points}
            if series:
                svg = charts.lines(
                    series,
                    alt=f"{what} by epoch of {', '.join(series)}.",
                    x_label="epoch",
                    y_label=what,
                )
                figures.append(blocks.Figure(svg, row.name))
        if figures:
            yield blocks.Folded(f"Recall: {what}", (blocks.Grid(tuple(figures)),))
