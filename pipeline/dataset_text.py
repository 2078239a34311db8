"""What was counted in a data set, in words for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modules import config
from modules import ties as order_of_ties
from pipeline import column_text, repeats_text

_DAY = 86400  # seconds
_LEFT_OUT = {
    "unused_events": "are in no split",
    "users_only_in_train": "only train",
    "users_without_events": "have no event",
    "items_without_events": "have no event",
}


def facts(summary: Mapping[str, Any], cfg: config.Config) -> Iterator[tuple[str, str]]:
    """Yields what a fact is about, and the fact, of a data set with events.

    Args:
      summary: see modules/beam/summary.py.
      cfg: the configuration.
    """
    users, items, events = summary["users"], summary["items"], summary["events"]
    density = f"; density {share(events, users * items)}" if users and items else ""
    size = f"{number(events, 'event')} of {number(users, 'user')}"
    yield "data", f"{size}, a catalogue of {number(items, 'item')}{density}"
    yield from _events(summary, cfg)
    yield "splits", ", ".join(f"{name} {n:,}" for name, n in summary["targets"].items())
    for name, meaning in _LEFT_OUT.items():
        if summary[name]:
            what = name.split("_")[1] if name.startswith("unused") else name.split("_")[0]
            yield "left out", f"{number(summary[name], what[:-1])} {meaning}"
    yield from _policies(summary)
    yield "max_history", suggestion(summary["history_lengths"], cfg.features.max_history)


def _events(summary: Mapping[str, Any], cfg: config.Config) -> Iterator[tuple[str, str]]:
    events, users = summary["events"], summary["users"]
    name = cfg.data.events.column_with("timestamp")
    column = cfg.data.events.columns[str(name)]
    first, last = summary["first_timestamp"], summary["last_timestamp"]
    if column.from_ is None and first is not None:
        days = (last - first) / _DAY
        span = column_text.span({"min": first, "max": last}, column.timezone)
        yield "time", f"{span}, {days:,.0f} days" if days >= 2 else span
    yield "events a user", amount(summary["events_a_user"])
    yield "events an item", amount(summary["events_an_item"])
    if summary["events_of_top_items"]:
        yield "top items", top_items(summary["events_of_top_items"])
    ties = summary["events_with_the_time_of_the_one_before"]
    if ties and column.from_ is None:
        yield "same time", f"{shared(ties, events, 'event')} have that of the user's one before"
        yield from _order(summary["ties"], cfg)
    repeats = summary["repeats"]
    again = shared(repeats["events"], events, "event")
    last = f"{repeats['last_events']:,} of the users' last ones"
    text = f"{again} and {last} ({share(repeats['last_events'], users)}) repeat an item of the user"
    yield "repeats", text if repeats["events"] else "none: no user has an item twice"
    yield "", repeats_text.choice(repeats)
    for warning in repeats_text.warnings(repeats):
        yield "warning", warning


def _order(ties: Mapping[str, int], cfg: config.Config) -> Iterator[tuple[str, str]]:
    """Whether what has the same time is sorted by item."""
    if cfg.data.ties == "lot":
        yield "", "their order is drawn by lot (data.ties: lot)"
    elif order_of_ties.are_sorted(ties):
        found, lot = (share(ties[name], ties["cases"]) for name in ("same_way", "same_way_by_lot"))
        yield (
            "warning",
            (
                f"the file sorts events of one time by item: two items stand the same way round in "
                f"{found} of {ties['cases']:,} cases, by lot it would be {lot}. That order says "
                "which comes last, which nobody knows when a recommendation is made; models and "
                "baselines learn from it. data.ties: lot draws it by lot"
            ),
        )


def _policies(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, policy in summary["policies"].items():
        counts = [number(n, what[:-1]) for what, n in policy.items() if what != "policy" and n]
        if counts:
            of = " of ".join(counts)
            events = policy.get("events", 0) if name.startswith("unknown") else 0
            part = f" ({share(events, summary['events'])})" if events else ""
            yield name.replace("_", " "), f"{of}{part}; data.{name}: {policy['policy']}"
    for rule, n in summary["dropped"].items():
        table, _, text = rule.partition(".")
        yield "dropped", f"{number(n, 'row')} of {table} by {text!r}"


def suggestion(lengths: Mapping[str, int], max_history: int) -> str:
    """Which power of two holds the whole history of nine users in ten."""
    total, held = sum(lengths.values()), 0
    for length, users in lengths.items():
        held += users
        if held >= 0.9 * total:
            more = ", more than they need" if max_history >= 2 * int(length) else ""
            return f"{max_history}{more}: 90 % of the users have at most {length} events"
    raise ValueError("no user has an event")


def top_items(found: Mapping[str, float]) -> str:
    """The shares of events of the most frequent items."""
    shares = ", ".join(f"{100 * float(part):g}% have {has:.1%}" for part, has in found.items())
    return f"of the items, the most frequent {shares} of the events"


def amount(found: Mapping[str, float]) -> str:
    """Numbers of events, as `3.2 on average; 1 to 20, quartiles 1 1 2`."""
    if not found:
        return "none"
    if found["min"] == found["max"]:
        return f"{found['min']:,} each"
    quartiles = " ".join(
        f"{found[name]:,}" for name in ("lower_quartile", "median", "upper_quartile")
    )
    return (
        f"{found['mean']:,.1f} on average; {found['min']:,} to {found['max']:,}, "
        f"quartiles {quartiles}"
    )


def shared(count: int, total: int, what: str) -> str:
    """A number with its share, as in `3 events (10.0%)`."""
    return f"{number(count, what)} ({share(count, total)})"


def share(part: float, whole: float) -> str:
    """A share in percent, with three digits where it is small."""
    found = part / whole if whole else 0.0
    return f"{found:.1%}" if found >= 0.1 or not found else f"{100 * found:.2g}%"


def number(count: int, what: str) -> str:
    """A number of things, as in `1 event` and `2 events`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
