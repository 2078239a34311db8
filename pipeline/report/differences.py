"""Paired differences with 95% intervals as table cells, coloured where the interval excludes 0."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.report import blocks, text

# difference, low, high; None where a single user gives no interval
Paired = Mapping[str, float | None]


def cell(paired: Paired, digits: int = 4) -> blocks.Cell:
    """`+0.0670 (+0.0400 to +0.0900)`; empty without an interval."""
    found = _numbers(paired)
    return blocks.Cell(text.difference(*found, digits), tone(paired)) if found else blocks.Cell("")


def stacked(paired: Paired, digits: int = 4) -> blocks.Cell:
    """The same in two lines, for a narrow column."""
    found = _numbers(paired)
    if found is None:
        return blocks.Cell("")
    difference, low, high = found
    return blocks.Cell(
        text.signed(difference, digits), tone(paired), note=text.interval(low, high, digits)
    )


def tone(paired: Paired) -> blocks.Tone:
    """Good or bad where the whole interval is above or below 0."""
    found = _numbers(paired)
    if found is None:
        return ""
    return "good" if found[1] > 0 else "bad" if found[2] < 0 else ""


def _numbers(paired: Paired) -> tuple[float, float, float] | None:
    difference, low, high = paired["difference"], paired["low"], paired["high"]
    return None if difference is None or low is None or high is None else (difference, low, high)
