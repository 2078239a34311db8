"""Writes the report of a run: one HTML page that holds everything it shows."""

from __future__ import annotations

import os
import pathlib
import tempfile
from collections.abc import Callable, Iterable
from importlib import resources

import jinja2
import markupsafe

from modules import config
from pipeline import runs
from pipeline.report import (
    blocks,
    calibration,
    dataset,
    importance,
    index,
    learning,
    lift,
    lineage,
    linear_ranker,
    metrics,
    popularity,
    released,
    reordering,
    results,
    samples,
    slices,
    sources,
    text,
    timing,
    two_stage_slices,
    verdict,
)

Maker = Callable[[sources.Source], Iterable[blocks.Block]]
Titled = tuple[str, str, Maker]  # anchor, title and maker of a section

# In the page's order.
_RESULTS: tuple[Titled, ...] = (("results", "Results", results.body),)
_TWO_STAGES: tuple[Titled, ...] = (
    ("lift", "Two stages: lift over recall", lift.body),
    ("reordering", "Two stages: before and after", reordering.body),
    ("two-stage-slices", "Two stages: slices", two_stage_slices.body),
    ("importance", "Two stages: importance of features", importance.body),
    ("calibration", "Two stages: calibration", calibration.body),
    ("linear", "Two stages: the linear ranker", linear_ranker.body),
    ("rank-learning", "Two stages: learning curves", learning.rank),
)
_RECALL: tuple[Titled, ...] = (
    ("metrics", "Recall: metrics against the baselines", metrics.body),
    ("slices", "Recall: slices", slices.body),
    ("popularity", "Recall: popularity bias", popularity.body),
    ("samples", "Recall: sample users", samples.body),
    ("learning", "Recall: learning curves", learning.recall),
    ("index", "Recall: index", index.body),
)
_RUN: tuple[Titled, ...] = (
    ("release", "Release", released.body),
    ("data", "Data", dataset.body),
    ("time", "Where the time went", timing.body),
    ("lineage", "Lineage", lineage.body),
)


def write(cfg: config.Config, root: str | pathlib.Path) -> pathlib.Path:
    """Writes `report.html` into the run's folder, at once or not at all.

    Args:
      cfg: the configuration, with resolved paths.
      root: the folder that holds runs.

    Returns:
      The page's path.

    Raises:
      sources.NotMade: nothing has run in this folder yet.
    """
    run = runs.Run(root, cfg.name)
    found = sources.of(run)
    page = render(sources.Source(found.run, found.pipeline_run, cfg))
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=run.folder, prefix=".report-", delete=False
    ) as file:
        file.write(page)
    try:
        os.chmod(file.name, 0o644)
        os.replace(file.name, run.report)
    except OSError:
        os.unlink(file.name)
        raise
    return run.report


def results_table(run: runs.Run) -> str:
    """Results on test, verdict and places of model and report, as plain text for the terminal.

    Raises:
      sources.NotMade: nothing has run in this folder yet.
    """
    return results.terminal(sources.of(run))


def render(source: sources.Source) -> str:
    """The page as HTML. A section whose artifacts do not exist says so in one line."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline", "report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals.update(kind=blocks.kind, chart=markupsafe.Markup)
    css = resources.files("pipeline.report").joinpath("report.css").read_text(encoding="utf-8")
    return environment.get_template("report.html").render(
        name=source.cfg.name,
        started=text.moment(source.pipeline_run.started),
        verdict=verdict.of(source),
        sections=[_section(source, *parts) for parts in _sections(source.cfg)],
        css=markupsafe.Markup(css),
    )


def _sections(cfg: config.Config) -> tuple[Titled, ...]:
    return (*_RESULTS, *(_TWO_STAGES if cfg.ranking.enabled else ()), *_RECALL, *_RUN)


def _section(source: sources.Source, anchor: str, title: str, make: Maker) -> blocks.Section:
    try:
        found = list(make(source))
    except sources.NotMade as missing:
        found = [blocks.Text(str(missing), "quiet")]
    return blocks.Section(anchor, title, found)
