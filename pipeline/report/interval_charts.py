"""Charts of measured values with their 95% intervals, one row a label.

As `charts`, each is an inline SVG.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from matplotlib import axes

from pipeline.report import svg

_WIDE = 7.0  # inches
Z95 = 1.96  # half the width of a 95% interval, in standard errors


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A measured value with its 95% interval; `quiet` greys it."""

    label: str
    value: float
    low: float
    high: float
    quiet: bool = False

    @classmethod
    def of_error(
        cls, label: str, value: float, se: float | None, *, quiet: bool = False
    ) -> Estimate:
        """From a standard error, which a single user does not have."""
        half = Z95 * (se or 0.0)
        return cls(label, value, value - half, value + half, quiet)

    @classmethod
    def of_paired(
        cls, label: str, paired: Mapping[str, float | None], *, quiet: bool = False
    ) -> Estimate:
        """From a difference with the interval of a bootstrap, which a single user does not have."""
        value = paired["difference"] or 0.0
        low, high = paired["low"], paired["high"]
        return cls(
            label, value, value if low is None else low, value if high is None else high, quiet
        )

    @property
    def error(self) -> list[list[float]]:
        """As Matplotlib asks for it; a bootstrap's interval may leave its value just outside."""
        return [[max(self.value - self.low, 0.0)], [max(self.high - self.value, 0.0)]]


def dots(
    groups: Mapping[str, Sequence[Estimate]],
    *,
    alt: str,
    x_label: str,
    reference: tuple[float, str] | None = None,
    wide: bool = False,
) -> str:
    """A dot plot: one row a label, one colour and marker a group.

    Args:
      groups: estimates by group; all groups have the same labels in the same order.
      alt: what the chart shows, for those who do not see it.
      x_label: name of the axis of values.
      reference: a value to mark with a vertical line, and what to call it.
      wide: whether the labels are long.
    """
    labels = [e.label for e in next(iter(groups.values()))]
    spread = 0.5 / (len(groups) - 1) if len(groups) > 1 else 0.0
    height = 0.85 + len(labels) * (0.26 if len(groups) == 1 else 0.44)
    width = _WIDE if wide else svg.WIDTH
    with svg.axes_of(height=height, grid="x", width=width) as (drawing, ax):
        for n, (group, found) in enumerate(groups.items()):
            for place, estimate in enumerate(found):
                ax.errorbar(
                    estimate.value,
                    place + (n - (len(groups) - 1) / 2) * spread,
                    xerr=estimate.error,
                    color=svg.MUTED if estimate.quiet else svg.SERIES[n],
                    fmt=svg.MARKERS[n],
                    markersize=5,
                    elinewidth=1.4,
                    alpha=0.55 if estimate.quiet else 1,
                    label="" if place else group,
                )
        if reference:
            _mark(ax, *reference)
        else:
            ax.set_xlim(left=min(0, ax.get_xlim()[0]))
        _rows(ax, labels, x_label)
        if len(groups) > 1:
            svg.legend_above(ax)
        return svg.markup(drawing, alt)


def bars(found: Sequence[Estimate], *, alt: str, x_label: str) -> str:
    """Horizontal bars from 0, with their intervals."""
    with svg.axes_of(height=0.85 + len(found) * 0.3, grid="x") as (drawing, ax):
        for place, estimate in enumerate(found):
            ax.barh(
                place, estimate.value, 0.7, color=svg.MUTED if estimate.quiet else svg.SERIES[0]
            )
            ax.errorbar(
                estimate.value,
                place,
                xerr=estimate.error,
                fmt="none",
                ecolor=svg.INK,
                elinewidth=1.2,
            )
        ax.axvline(0, color=svg.MUTED, linewidth=1)
        _rows(ax, [e.label for e in found], x_label)
        return svg.markup(drawing, alt)


def _mark(ax: axes.Axes, value: float, name: str) -> None:
    ax.axvline(value, **svg.DASHED)
    ax.annotate(name, (value, 1), xycoords=("data", "axes fraction"), xytext=(3, 3), **svg.NOTE)


def _rows(ax: axes.Axes, labels: Sequence[str], x_label: str) -> None:
    ax.set_yticks(range(len(labels)), labels)
    ax.tick_params(axis="y", labelcolor=svg.INK)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    svg.label(ax, x_label, "")
