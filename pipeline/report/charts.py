"""Charts as small inline SVGs, drawn by Matplotlib.

Colours are placeholders that become CSS variables, so one drawing serves light, dark and print. Text stays text in
the page's own font. Figures are about 420 px wide: they fill a phone and stand side by side on a desk.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from xml.sax import saxutils

import matplotlib
from matplotlib import axes, figure, ticker
from matplotlib.backends import backend_svg

_INK, _MUTED, _GRID, _SURFACE = "#00a001", "#00a002", "#00a003", "#00a004"
SERIES = ("#00b001", "#00b002", "#00b003", "#00b004")
_VARIABLES = {_INK: "--ink", _MUTED: "--muted", _GRID: "--line", _SURFACE: "--surface",
              **{colour: f"--series-{n}" for n, colour in enumerate(SERIES, start=1)}}
_MARKERS = ("o", "s", "^", "D")
_WIDTH = 4.4  # inches, at 96 px each
_STYLE = {
    "svg.fonttype": "none", "svg.hashsalt": "report", "text.parse_math": False, "font.size": 9,
    "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none",
    "axes.edgecolor": _GRID, "axes.labelcolor": _MUTED, "text.color": _INK, "xtick.color": _MUTED,
    "ytick.color": _MUTED, "xtick.major.size": 0, "ytick.major.size": 0, "xtick.minor.size": 0, "ytick.minor.size": 0,
    "axes.grid": True, "axes.grid.axis": "y", "grid.color": _GRID, "grid.linewidth": 0.8, "axes.axisbelow": True,
    "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False,
    "legend.frameon": False, "legend.labelcolor": _INK, "lines.linewidth": 1.8, "path.simplify": True,
}
Z95 = 1.96  # half the width of a 95 % interval, in standard errors


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A measured value with its standard error; `quiet` greys it."""

    label: str
    value: float
    se: float
    quiet: bool = False


def lines(series: Mapping[str, Sequence[tuple[float, float]]], *, alt: str, x_label: str, y_label: str,
          mark: tuple[float, str] | None = None) -> str:
    """Lines over a common x.

    Args:
      series: (x, y) points by name; two or more get a legend.
      alt: what the chart shows, for those who do not see it.
      mark: an x to mark with a vertical line, and what to call it.
    """
    with _axes(height=2.5) as (drawing, ax):
        for n, (name, points) in enumerate(series.items()):
            xs, ys = zip(*points)
            ax.plot(xs, ys, color=SERIES[n], label=name, marker=_MARKERS[n] if len(xs) < 3 else None, markersize=4)
            if mark and mark[0] in xs:
                ax.plot(mark[0], ys[xs.index(mark[0])], "o", color=SERIES[n], markeredgecolor=_SURFACE, markersize=7)
        if mark:
            ax.axvline(mark[0], color=_MUTED, linewidth=1, linestyle=(0, (3, 3)))
            ax.annotate(mark[1], (mark[0], 1), xycoords=("data", "axes fraction"), xytext=(4, -2),
                        textcoords="offset points", va="top", color=_MUTED, fontsize=8)
        _labels(ax, x_label, y_label)
        ax.xaxis.set_major_locator(ticker.MaxNLocator(integer=True, nbins=8))
        if len(series) > 1:
            _legend_above(ax)
        return _svg(drawing, alt)


def estimates(groups: Mapping[str, Sequence[Estimate]], *, alt: str, x_label: str,
              reference: tuple[float, str] | None = None) -> str:
    """A dot plot with 95 % intervals: one row a label, one colour and marker a group.

    Args:
      groups: estimates by group; all groups have the same labels in the same order.
      reference: a value to mark with a vertical line, and what to call it.
    """
    labels = [e.label for e in next(iter(groups.values()))]
    spread = 0.5 / max(1, len(groups) - 1) if len(groups) > 1 else 0.0
    with _axes(height=0.85 + len(labels) * (0.26 if len(groups) == 1 else 0.44), grid="x") as (drawing, ax):
        for n, (group, found) in enumerate(groups.items()):
            for place, estimate in enumerate(found):
                ax.errorbar(estimate.value, place + n * spread - spread * (len(groups) - 1) / 2, xerr=Z95 * estimate.se,
                            fmt=_MARKERS[n], color=_MUTED if estimate.quiet else SERIES[n], markersize=5,
                            elinewidth=1.4, alpha=0.55 if estimate.quiet else 1, label=group if place == 0 else None)
        if reference:
            ax.axvline(reference[0], color=_MUTED, linewidth=1, linestyle=(0, (3, 3)))
            ax.annotate(reference[1], (reference[0], 1), xycoords=("data", "axes fraction"), xytext=(3, 3),
                        textcoords="offset points", color=_MUTED, fontsize=8)
        ax.set_yticks(range(len(labels)), labels)
        ax.tick_params(axis="y", labelcolor=_INK)
        ax.set_ylim(len(labels) - 0.4, -0.6)
        ax.set_xlim(left=min(0, ax.get_xlim()[0]) if not reference else None)
        _labels(ax, x_label, "")
        if len(groups) > 1:
            _legend_above(ax)
        return _svg(drawing, alt)


def trade_off(points: Sequence[tuple[float, float]], *, chosen: tuple[float, float] | None,
              exact_ms: float | None, gate: float, alt: str, y_label: str) -> str:
    """Recall of an index against its latency.

    Args:
      points: (latency in ms, recall) of every setting tried.
      chosen: the point of the setting in use.
      exact_ms: latency of exact search, whose recall is 1.
      gate: the lowest recall that is let through.
    """
    with _axes(height=2.8) as (drawing, ax):
        xs, ys = zip(*sorted(points))
        ax.plot(xs, ys, color=SERIES[0], marker="o", markersize=4, linewidth=1.2, label="settings tried")
        if chosen:
            ax.plot(*chosen, marker="*", color=SERIES[1], markersize=14, linestyle="", markeredgecolor=_SURFACE, label="in use")
        if exact_ms:
            ax.plot(exact_ms, 1, marker="D", color=SERIES[2], markersize=6, linestyle="", label="exact search")
        ax.axhline(gate, color=_MUTED, linewidth=1, linestyle=(0, (3, 3)))
        ax.annotate(f"gate {gate:g}", (1, gate), xycoords=("axes fraction", "data"), xytext=(-2, -3),
                    textcoords="offset points", ha="right", va="top", color=_MUTED, fontsize=8)
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter(ticker.FuncFormatter(lambda x, _: f"{x:g}"))
        ax.xaxis.set_minor_formatter(ticker.NullFormatter())
        _labels(ax, "latency per query, ms (log)", y_label)
        _legend_above(ax)
        return _svg(drawing, alt)


def bars(labels: Sequence[str], series: Mapping[str, Sequence[float]], *, alt: str, x_label: str, y_label: str) -> str:
    """Bars of each series side by side, one group a label; values are shares and shown in percent."""
    with _axes(height=2.6) as (drawing, ax):
        width = 0.8 / len(series)
        for n, (name, values) in enumerate(series.items()):
            ax.bar([place + (n + 0.5) * width - 0.4 for place in range(len(labels))], values, width * 0.94,
                   color=SERIES[n], label=name)
        ax.set_xticks(range(len(labels)), labels)
        ax.yaxis.set_major_formatter(ticker.PercentFormatter(1, decimals=0))
        _labels(ax, x_label, y_label)
        if len(series) > 1:
            _legend_above(ax)
        return _svg(drawing, alt)


def histogram(buckets: Sequence[tuple[float, float, float]], *, alt: str, x_label: str, dates: bool = False) -> str:
    """A histogram of (low, high, count) buckets; `dates` shows Unix seconds as dates."""
    with _axes(height=1.9) as (drawing, ax):
        widths = [(high - low) or 1.0 for low, high, _ in buckets]
        ax.bar([low for low, _, _ in buckets], [count for _, _, count in buckets], widths, align="edge",
               color=SERIES[0], edgecolor=_SURFACE, linewidth=0.6)
        ax.xaxis.set_major_locator(ticker.MaxNLocator(4 if dates else 7))
        if dates:
            ax.xaxis.set_major_formatter(ticker.FuncFormatter(lambda x, _: _date(x)))
        ax.yaxis.set_major_locator(ticker.MaxNLocator(4))
        ax.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
        _labels(ax, "", x_label)
        return _svg(drawing, alt)


def _date(unix_seconds: float) -> str:
    return datetime.datetime.fromtimestamp(unix_seconds, datetime.timezone.utc).strftime("%Y-%m-%d")


@contextlib.contextmanager
def _axes(height: float, grid: str = "y") -> Iterator[tuple[figure.Figure, axes.Axes]]:
    with matplotlib.rc_context({**_STYLE, "axes.grid.axis": grid}):
        drawing = figure.Figure(figsize=(_WIDTH, height), layout="constrained")
        yield drawing, drawing.add_subplot()


def _labels(ax: axes.Axes, x_label: str, y_label: str) -> None:
    """The y label lies flat above the axis, where it is read first."""
    ax.set_xlabel(x_label, fontsize=8.5)
    ax.set_title(y_label, loc="left", fontsize=8.5, color=_MUTED, pad=6)


def _legend_above(ax: axes.Axes) -> None:
    ax.figure.legend(loc="outside upper left", ncols=len(ax.get_legend_handles_labels()[0]), fontsize=8.5,
                     handlelength=1.6, columnspacing=1.2, borderaxespad=0)


def _svg(drawing: figure.Figure, alt: str) -> str:
    """The drawing without what a page does not need: prolog, metadata, unused ids, fixed fonts and colours."""
    text = io.StringIO()
    backend_svg.FigureCanvasSVG(drawing).print_svg(text, metadata={"Date": None})
    markup = text.getvalue()
    markup = markup[markup.index("<svg"):]
    markup = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", markup, flags=re.DOTALL)
    width, height = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', markup).groups()  # type: ignore[union-attr]
    markup = re.sub(r"<svg[^>]*>", f'<svg viewBox="0 0 {width} {height}" width="{float(width) * 4 / 3:.0f}" '
                    f'role="img" aria-label={saxutils.quoteattr(alt)}>', markup, count=1)
    markup = re.sub(r"<style.*?</style>", "", markup, count=1, flags=re.DOTALL)  # it would style the whole page
    used = set(re.findall(r'(?:url\(|href=")#([^")]+)', markup))
    markup = re.sub(r' id="([^"]+)"', lambda m: m[0] if m[1] in used else "", markup)
    markup = re.sub(r" font-family: [^;]+;| transform=\"rotate\(-0[^\"]*\"", "", markup)
    markup = re.sub(r"<g/>|<defs>\s*</defs>", "", markup)
    markup = markup.replace("xlink:href", "href")
    for placeholder, variable in _VARIABLES.items():
        markup = markup.replace(placeholder, f"var({variable})")
    return re.sub(r"\s*\n\s*", "\n", markup).strip()


def with_prefix(svg: str, prefix: str) -> str:
    """The drawing with its ids (and what refers to them) prefixed, so that many can share a page."""
    return re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{prefix}", svg)
