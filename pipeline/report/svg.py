"""A Matplotlib drawing as a small inline SVG that takes its colours and font from the page.

Colours are placeholders here and CSS variables in the page, so one drawing serves light, dark and
print. Text stays text.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import matplotlib
from matplotlib import axes, figure
from matplotlib.backends import backend_svg

INK, MUTED, GRID, SURFACE = "#00a001", "#00a002", "#00a003", "#00a004"
SERIES = ("#00b001", "#00b002", "#00b003", "#00b004")
MARKERS = ("o", "s", "^", "D")  # of the series, so that colour is not all that tells them apart
DASHED: dict[str, Any] = {"color": MUTED, "linewidth": 1, "linestyle": (0, (3, 3))}
NOTE: dict[str, Any] = {"textcoords": "offset points", "color": MUTED, "fontsize": 9}
_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--line",
    SURFACE: "--surface",
    **{colour: f"--series-{n}" for n, colour in enumerate(SERIES, start=1)},
}
WIDTH = 4.4  # inches, at 96 px each: fills a phone, and stands side by side on a desk
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "text.parse_math": False,
    "font.size": 10,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "legend.fontsize": 9.5,
    "lines.linewidth": 1.8,
}
_DROPPED = ("metadata", "style")  # the style would hold for the whole page
_REFERENCE = re.compile(r"#([^)]+)")


@contextlib.contextmanager
def axes_of(
    height: float, grid: str = "y", width: float = WIDTH
) -> Iterator[tuple[figure.Figure, axes.Axes]]:
    """A drawing of that size in inches with one set of axes, and grid lines along x or y."""
    with matplotlib.rc_context({**_STYLE, "axes.grid.axis": grid}):
        drawing = figure.Figure(figsize=(width, height), layout="constrained")
        yield drawing, drawing.add_subplot()


def label(ax: axes.Axes, x_label: str, y_label: str) -> None:
    """The y label lies flat above the axis, where it is read first."""
    ax.set_xlabel(x_label, fontsize=9.5)
    ax.set_title(y_label, loc="left", fontsize=9.5, color=MUTED, pad=6)


def legend_above(ax: axes.Axes) -> None:
    """Puts the legend above the axes, in one row."""
    ax.figure.legend(
        loc="outside upper left",
        ncols=len(ax.get_legend_handles_labels()[0]),
        handlelength=1.6,
        columnspacing=1.2,
        borderaxespad=0,
    )


def markup(drawing: figure.Figure, alt: str) -> str:
    """The drawing as an `svg` element whose ids are its own, so that many can share a page.

    Args:
      drawing: made within `axes_of`.
      alt: what the chart shows, for those who do not see it.
    """
    written = io.StringIO()
    canvas = backend_svg.FigureCanvasSVG(drawing)
    canvas.print_svg(written, metadata={"Date": None})  # type: ignore[no-untyped-call]
    prefix = f"c{hashlib.sha256(written.getvalue().encode()).hexdigest()[:8]}-"
    root = ElementTree.fromstring(written.getvalue())
    _, _, width, height = (root.get("viewBox") or "").split()
    used = {
        name
        for element in root.iter()
        for value in element.attrib.values()
        if value.startswith(("#", "url(#"))
        for name in _REFERENCE.findall(value)
    }
    for element in root.iter():
        _simplify(element, used, prefix)
    root.attrib = {
        "viewBox": f"0 0 {width} {height}",
        "width": f"{float(width) * 4 / 3:.0f}",
        "role": "img",
        "aria-label": alt,
    }
    return re.sub(r"\s*\n\s*", "\n", ElementTree.tostring(root, encoding="unicode"))


def _simplify(element: ElementTree.Element, used: set[str], prefix: str) -> None:
    """Drops namespaces, unused ids, fonts and empty turns; sets colour variables; prefixes ids."""
    element.tag = _local(element.tag)
    for child in [c for c in element if _local(c.tag) in _DROPPED]:
        element.remove(child)
    given = {_local(name): value for name, value in element.attrib.items()}
    if given.get("id") not in used:
        given.pop("id", None)
    if given.get("transform", "").startswith("rotate(-0 "):
        del given["transform"]
    for name in ("style", "fill", "stroke"):
        if name in given:
            given[name] = re.sub(r" font-family: [^;]+;", "", given[name])
            given[name] = re.sub(
                r"#00[ab]00\d", lambda colour: f"var({_VARIABLES[colour[0]]})", given[name]
            )
    for name in ("id", "href", "clip-path"):
        if name in given:
            given[name] = (
                prefix + given[name] if name == "id" else given[name].replace("#", f"#{prefix}")
            )
    element.attrib = given


def _local(name: str) -> str:
    """A tag or attribute without its namespace."""
    return name.rpartition("}")[2]
