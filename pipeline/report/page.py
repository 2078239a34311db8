"""Writes sections as one HTML page that holds everything it shows."""

from __future__ import annotations

import os
import pathlib
import tempfile
from collections.abc import Sequence
from importlib import resources

import jinja2
import markupsafe

from pipeline.report import blocks, verdict


def render(
    *,
    title: str,
    heading: str,
    meta: str,
    sections: Sequence[blocks.Section],
    verdict: verdict.Verdict | None = None,
) -> str:
    """The page as HTML.

    Args:
      title: of the browser's window.
      heading: of the page.
      meta: stands below the heading.
      sections: in their order.
      verdict: stands above the sections.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline", "report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals.update(kind=blocks.kind, chart=markupsafe.Markup)
    css = resources.files("pipeline.report").joinpath("report.css").read_text(encoding="utf-8")
    return environment.get_template("report.html").render(
        title=title,
        heading=heading,
        meta=meta,
        verdict=verdict,
        sections=sections,
        css=markupsafe.Markup(css),
    )


def write(file: pathlib.Path, page: str) -> None:
    """Writes a page at once or not at all."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=file.parent, prefix=".report-", delete=False
    ) as unfinished:
        unfinished.write(page)
    try:
        os.chmod(unfinished.name, 0o644)
        os.replace(unfinished.name, file)
    except OSError:
        os.unlink(unfinished.name)
        raise
