"""The report's charts. Each returns an inline SVG; `alt` says what it shows to those who do not see it."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import axes
from matplotlib import ticker

from pipeline.report import svg

Z95 = 1.96  # half the width of a 95% interval, in standard errors
MOST_SERIES = len(svg.SERIES)
_MARKERS = ("o", "s", "^", "D")  # of the series, so that colour is not all that tells them apart
_DASHED: dict[str, Any] = {"color": svg.MUTED, "linewidth": 1, "linestyle": (0, (3, 3))}
_NOTE: dict[str, Any] = {"textcoords": "offset points", "color": svg.MUTED, "fontsize": 9}


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A measured value with its standard error; `quiet` greys it."""

    label: str
    value: float
    se: float
    quiet: bool = False


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
            ax.axvline(mark[0], **_DASHED, label=mark[1])
        _labels(ax, x_label, y_label)
        ax.xaxis.set_major_locator(ticker.MaxNLocator(integer=True, nbins=8))
        if len(series) > 1 or mark:
            _legend_above(ax)
        return svg.markup(drawing, alt)


def estimates(
    groups: Mapping[str, Sequence[Estimate]],
    *,
    alt: str,
    x_label: str,
    reference: tuple[float, str] | None = None,
) -> str:
    """A dot plot with 95% intervals: one row a label, one colour and marker a group.

    Args:
      groups: estimates by group; all groups have the same labels in the same order.
      reference: a value to mark with a vertical line, and what to call it.
    """
    labels = [e.label for e in next(iter(groups.values()))]
    spread = 0.5 / (len(groups) - 1) if len(groups) > 1 else 0.0
    with svg.axes_of(height=0.85 + len(labels) * (0.26 if len(groups) == 1 else 0.44), grid="x") as (
        drawing,
        ax,
    ):
        for n, (group, found) in enumerate(groups.items()):
            for place, estimate in enumerate(found):
                ax.errorbar(
                    estimate.value,
                    place + (n - (len(groups) - 1) / 2) * spread,
                    xerr=Z95 * estimate.se,
                    color=svg.MUTED if estimate.quiet else svg.SERIES[n],
                    fmt=_MARKERS[n],
                    markersize=5,
                    elinewidth=1.4,
                    alpha=0.55 if estimate.quiet else 1,
                    label="" if place else group,
                )
        if reference:
            ax.axvline(reference[0], **_DASHED)
            ax.annotate(
                reference[1], (reference[0], 1), xycoords=("data", "axes fraction"), xytext=(3, 3), **_NOTE
            )
        else:
            ax.set_xlim(left=min(0, ax.get_xlim()[0]))
        ax.set_yticks(range(len(labels)), labels)
        ax.tick_params(axis="y", labelcolor=svg.INK)
        ax.set_ylim(len(labels) - 0.4, -0.6)
        _labels(ax, x_label, "")
        if len(groups) > 1:
            _legend_above(ax)
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
            exact_ms, 1, color=svg.SERIES[2], marker="D", markersize=6, linestyle="", label="exact search"
        )
        ax.axhline(gate, **_DASHED)
        ax.annotate(
            f"gate {gate:g}",
            (1, gate),
            xycoords=("axes fraction", "data"),
            xytext=(-2, -3),
            ha="right",
            va="top",
            **_NOTE,
        )
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter(ticker.FuncFormatter(lambda x, _: f"{x:g}"))
        ax.xaxis.set_minor_formatter(ticker.NullFormatter())
        _labels(ax, "latency per query, ms (log)", y_label)
        _legend_above(ax)
        return svg.markup(drawing, alt)


def bars(
    labels: Sequence[str], series: Mapping[str, Sequence[float]], *, alt: str, x_label: str, y_label: str
) -> str:
    """Bars of each series side by side, one group a label; values are shares and shown in percent."""
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
        _labels(ax, x_label, y_label)
        if len(series) > 1:
            _legend_above(ax)
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
        _labels(ax, "", title)
        return svg.markup(drawing, alt)


def _date(unix_seconds: float) -> str:
    return datetime.datetime.fromtimestamp(unix_seconds, datetime.timezone.utc).strftime("%Y-%m-%d")


def _labels(ax: axes.Axes, x_label: str, y_label: str) -> None:
    """The y label lies flat above the axis, where it is read first."""
    ax.set_xlabel(x_label, fontsize=9.5)
    ax.set_title(y_label, loc="left", fontsize=9.5, color=svg.MUTED, pad=6)


def _legend_above(ax: axes.Axes) -> None:
    ax.figure.legend(
        loc="outside upper left",
        ncols=len(ax.get_legend_handles_labels()[0]),
        handlelength=1.6,
        columnspacing=1.2,
        borderaxespad=0,
    )
