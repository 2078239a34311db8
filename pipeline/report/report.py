"""Writes the report of a run: one HTML page that holds everything it shows."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterable

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
    measures,
    metrics,
    page,
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
    ("measures", "What each measure is worth", measures.body),
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
    page.write(run.report, render(sources.Source(found.run, found.pipeline_run, cfg)))
    return run.report


def results_table(run: runs.Run) -> str:
    """Results on test, verdict and places of model and report, as plain text for the terminal.

    Raises:
      sources.NotMade: nothing has run in this folder yet.
    """
    return results.terminal(sources.of(run))


def render(source: sources.Source) -> str:
    """The page as HTML. A section whose artifacts do not exist says so in one line."""
    name = source.cfg.name
    return page.render(
        title=f"{name}: report",
        heading=name,
        meta=f"Pipeline run of {text.moment(source.pipeline_run.started)}",
        sections=[_section(source, *parts) for parts in _sections(source.cfg)],
        verdict=verdict.of(source),
    )


def _sections(cfg: config.Config) -> tuple[Titled, ...]:
    return (*_RESULTS, *(_TWO_STAGES if cfg.ranking.enabled else ()), *_RECALL, *_RUN)


def _section(source: sources.Source, anchor: str, title: str, make: Maker) -> blocks.Section:
    try:
        found = list(make(source))
    except sources.NotMade as missing:
        found = [blocks.Text(str(missing), "quiet")]
    return blocks.Section(anchor, title, found)
