"""What a person would doubt in a data set as a whole, though each row can be read."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from modules import columns, config
from modules.beam import times

_SAME_TIME_EVENTS = 3  # from so many on, one time for all is no accident


def of_unknown(what: str, one: str, summary: Mapping[str, Any], data: config.Data) -> str | None:
    """What is wrong where too many events are of `users` or `items` without a row; None: nothing.

    Args:
      what: `users` or `items`.
      one: id of the first of them.
      summary: see `summary.summarise`.
      data: declares what share is accepted.
    """
    policy = data.unknown_item if what == "items" else data.unknown_user
    counts = summary["policies"][f"unknown_{what[:-1]}"]
    share = counts["events"] / max(1, summary["events"])
    if policy == "refuse" or share <= data.unknown_share:
        return None
    return (
        f"{what[:-1]} {one!r} is not in data.{what}, as are {counts[what]:,} {what} of "
        f"{counts['events']:,} events, {share:.1%} of all; data.unknown_share allows "
        f"{data.unknown_share:.0%}. Check that both tables write the ids alike; if so, add the "
        f"{what} or raise data.unknown_share."
    )


def of_times(span: tuple[float, float] | None, events: int, data: config.Data) -> str | None:
    """Why times are hardly what they are read as, and what they would mean; None: no doubt.

    Args:
      span: first and last, in Unix seconds.
      events: how many there are.
      data: declares the column.
    """
    name = str(data.events.column_with("timestamp"))
    column = data.events.columns[name]
    if span is None or column.from_ is not None:
        return None
    if column.unit == "s" or column.format is not None:
        return None  # who says how times are written means them
    found = _of_1970(data.events, name, span)
    return found or (None if column.unit else _of_one_time(name, span, events))


def _of_1970(table: config.Table, name: str, span: tuple[float, float]) -> str | None:
    column, (first, last) = table.columns[name], span
    unit = column.unit or "s"
    raw_first, raw_last = (time / columns.SECONDS[unit] for time in span)
    if first >= times.YEAR_1971:
        return None
    read = (
        f"data.events.columns.{name}: the times are from {_utc(first)} to {_utc(last)}, read as "
        f"{times.UNIT_NAMES[unit]} since 1970"
    )
    if last < times.YEAR_1971 and (column.unit is None or times.is_plausible(raw_last)):
        return (
            f"{read}, which is hardly meant; in {table.path} the first is {raw_first:.0f}, "
            f"the last {raw_last:.0f}. "
            f"{times.readings(raw_last)}; with unit: s times are taken as they are."
        )
    if column.unit is not None:
        return None
    return (
        f"{read}; the first, {raw_first:.0f}, is hardly meant. If it stands for no time, add it to "
        f'the column\'s missing and set drop: ["{column.source or name} is missing"]; with unit: s '
        "times are taken as they are."
    )


def _of_one_time(name: str, span: tuple[float, float], events: int) -> str | None:
    first, last = span
    if last - first >= 1 or events < _SAME_TIME_EVENTS:
        return None
    return (
        f"data.events.columns.{name}: all {events:,} events have the same time, {_utc(first)}, so "
        "that nothing says which came first. If their order is that of the rows, replace the "
        f"column by {name}: {{from: file_order}}."
    )


def _utc(seconds: float) -> str:
    when = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return when.strftime("%Y-%m-%d %H:%M:%S UTC")
