"""The report's charts.

Each returns an inline SVG; `alt` says what it shows to those who do not see it.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

from matplotlib import axes, ticker

from pipeline.report import svg

MOST_SERIES = len(svg.SERIES)
_ORDERS = 20  # the largest value by the smallest, from which on axes are logarithmic


def lines(
    series: Mapping[str, Sequence[tuple[float, float]]],
    *,
    alt: str,
    x_label: str,
    y_label: str,
    mark: tuple[float, str] | None = None,
) -> str:
    """Lines over a common x of whole numbers.

    Args:
      series: (x, y) points by name, at most `MOST_SERIES`; two or more are named in a legend.
      alt: what the chart shows, for those who do not see it.
      x_label: name of the x axis.
      y_label: name of the y axis.
      mark: an x to mark with a vertical line, and what to call it.
    """
    with svg.axes_of(height=2.5) as (drawing, ax):
        for colour, (name, points) in zip(svg.SERIES, series.items()):
            ax.plot(*zip(*points), color=colour, label=name if len(series) > 1 else "")
            marked = [p for p in points if mark and p[0] == mark[0]]
            if marked:
                ax.plot(
                    *zip(*marked),
                    "o",
                    color=colour,
                    markersize=7,
                    markeredgecolor=svg.SURFACE,
                )
        if mark:
            ax.axvline(mark[0], **svg.DASHED, label=mark[1])
        svg.label(ax, x_label, y_label)
        ax.xaxis.set_major_locator(ticker.MaxNLocator(integer=True, nbins=8))
        if len(series) > 1 or mark:
            svg.legend_above(ax)
        return svg.markup(drawing, alt)


def scatter(
    points: Sequence[tuple[float, float]],
    *,
    marked: tuple[float, float] | None,
    marked_name: str,
    is_log: bool,
    alt: str,
    x_label: str,
    y_label: str,
) -> str:
    """Points, one of them marked and named; `is_log` makes the x axis logarithmic."""
    with svg.axes_of(height=2.5) as (drawing, ax):
        ax.plot(*zip(*points), "o", color=svg.SERIES[0], markersize=5, alpha=0.7)
        if marked:
            ax.plot(
                *marked,
                "*",
                color=svg.SERIES[1],
                markersize=14,
                markeredgecolor=svg.SURFACE,
                label=marked_name,
            )
            svg.legend_above(ax)
        if is_log:
            _log_x(ax)
        svg.label(ax, x_label, y_label)
        return svg.markup(drawing, alt)


def trade_off(
    points: Sequence[tuple[float, float]],
    *,
    chosen: tuple[float, float] | None,
    exact_ms: float,
    gate: float,
    alt: str,
    y_label: str,
) -> str:
    """Recall of an index against its latency.

    Args:
      points: (latency in ms, recall) of every setting tried, in the order of their effort.
      chosen: the point of the setting in use.
      exact_ms: latency of exact search, whose recall is 1.
      gate: the lowest recall that is let through.
      alt: what the chart shows, for those who do not see it.
      y_label: name of the axis of recall; the other one is of milliseconds.
    """
    with svg.axes_of(height=2.8) as (drawing, ax):
        ax.plot(
            *zip(*points),
            color=svg.SERIES[0],
            marker="o",
            markersize=4,
            linewidth=1.2,
            label="settings tried",
        )
        if chosen:
            ax.plot(
                *chosen,
                color=svg.SERIES[1],
                marker="*",
                markersize=14,
                markeredgecolor=svg.SURFACE,
                linestyle="",
                label="in use",
            )
        ax.plot(
            exact_ms,
            1,
            color=svg.SERIES[2],
            marker="D",
            markersize=6,
            linestyle="",
            label="exact search",
        )
        ax.axhline(gate, **svg.DASHED)
        ax.annotate(
            f"gate {gate:g}",
            (1, gate),
            xycoords=("axes fraction", "data"),
            xytext=(-2, -3),
            ha="right",
            va="top",
            **svg.NOTE,
        )
        _log_x(ax)
        svg.label(ax, "latency per query, ms (log)", y_label)
        svg.legend_above(ax)
        return svg.markup(drawing, alt)


def bars(
    labels: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    alt: str,
    x_label: str,
    y_label: str,
) -> str:
    """Bars of each series side by side, one group a label; values are shares, shown in percent."""
    with svg.axes_of(height=2.6) as (drawing, ax):
        width = 0.8 / len(series)
        for n, (name, values) in enumerate(series.items()):
            ax.bar(
                [place + (n + 0.5) * width - 0.4 for place in range(len(labels))],
                values,
                width * 0.94,
                color=svg.SERIES[n],
                label=name,
            )
        ax.set_xticks(range(len(labels)), labels)
        ax.yaxis.set_major_formatter(ticker.PercentFormatter(1, decimals=0))
        svg.label(ax, x_label, y_label)
        if len(series) > 1:
            svg.legend_above(ax)
        return svg.markup(drawing, alt)


def histogram(
    buckets: Sequence[tuple[float, float, float]], *, alt: str, title: str, dates: bool = False
) -> str:
    """A histogram of (low, high, count) buckets; `dates` shows Unix seconds as dates."""
    with svg.axes_of(height=1.9) as (drawing, ax):
        lows, highs, counts = zip(*buckets)
        ax.bar(
            lows,
            counts,
            [(high - low) or 1.0 for low, high in zip(lows, highs)],
            align="edge",
            color=svg.SERIES[0],
            edgecolor=svg.SURFACE,
            linewidth=0.6,
        )
        ax.xaxis.set_major_locator(ticker.MaxNLocator(4 if dates else 7))
        if dates:
            ax.xaxis.set_major_formatter(ticker.FuncFormatter(lambda x, _: _date(x)))
        ax.yaxis.set_major_locator(ticker.MaxNLocator(4))
        ax.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
        svg.label(ax, "", title)
        return svg.markup(drawing, alt)


def _date(unix_seconds: float) -> str:
    return datetime.datetime.fromtimestamp(unix_seconds, datetime.timezone.utc).strftime("%Y-%m-%d")


def reliability(
    points: Sequence[tuple[float, float, tuple[float, float]]],
    *,
    alt: str,
    x_label: str,
    y_label: str,
) -> str:
    """Observed shares against predicted probabilities, with the diagonal on which both agree.

    Where the values span orders of magnitude, as of one among many candidates, both axes are
    logarithmic, and linear from the smallest value down to 0.

    Args:
      points: (predicted, observed, its interval) of each bin.
      alt: what the chart shows, for those who do not see it.
      x_label: name of the axis of predictions.
      y_label: name of the axis of observations.
    """
    largest = max(v for predicted, _, (_, high) in points for v in (predicted, high))
    positive = [v for predicted, observed, _ in points for v in (predicted, observed) if v > 0]
    smallest = min(positive, default=largest)
    with svg.axes_of(height=3.1, grid="both") as (drawing, ax):
        ax.plot([0, largest], [0, largest], **svg.DASHED)
        for predicted, observed, (low, high) in points:
            ax.errorbar(
                predicted,
                observed,
                yerr=[[observed - low], [high - observed]],
                color=svg.SERIES[0],
                fmt="o",
                markersize=5,
                elinewidth=1.2,
            )
        if largest > _ORDERS * smallest:
            ax.set_xscale("symlog", linthresh=smallest)
            ax.set_yscale("symlog", linthresh=smallest)
            named = ticker.FuncFormatter(lambda x, _: "" if 0 < x < smallest else f"{x:g}")
            for axis in (ax.xaxis, ax.yaxis):
                axis.set_major_formatter(named)
        ax.set_xlim(left=0)
        ax.set_ylim(bottom=0)
        svg.label(ax, x_label, y_label)
        return svg.markup(drawing, alt)


def _log_x(ax: axes.Axes) -> None:
    """A logarithmic x axis whose numbers are 1, 2, 5, 10, ..."""
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(ticker.FuncFormatter(lambda x, _: f"{x:g}"))
    ax.xaxis.set_minor_formatter(ticker.NullFormatter())
