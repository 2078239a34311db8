"""Section: the data, in numbers and charts, and whether they keep the schema."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from modules import features
from pipeline import dataset_text, repeats_text
from pipeline.report import blocks, charts, columns, sources, text

_HIDDEN = (features.WINDOW_START,)  # bookkeeping
_TIES = "events_with_the_time_of_the_one_before"
_TOP = 3  # values of a text feature that are named
_SPLITS = (features.SPLIT_TRAIN, features.SPLIT_CATALOGUE)

Statistics = Mapping[str, Mapping[str, Any]]  # by split, as statistics.tables


def body(source: sources.Source) -> Iterator[blocks.Block]:
    """Yields what the data set holds: its size, its anomalies and its features."""
    has_times = not source.cfg.data.events.is_timeless
    summary = source.json(sources.EXAMPLE_GEN, "examples", "summary.json")
    yield from overview(summary, has_times=has_times)
    with contextlib.suppress(sources.NotMade):  # runs of before it was made
        profile = source.json(sources.EXAMPLE_GEN, "examples", "profile.json")
        yield from columns.tables(profile, summary)
    yield anomalies(source)
    from pipeline.report import statistics  # imports TensorFlow

    found = statistics.tables(source.artifact(sources.STATISTICS_GEN, "statistics").uri)
    yield from feature_tables(found, has_times=has_times)


def overview(summary: Mapping[str, Any], *, has_times: bool = True) -> Iterator[blocks.Block]:
    """What ExampleGen counted."""
    users, items, events = summary["users"], summary["items"], summary["events"]
    facts = [("users", f"{users:,}"), ("items", f"{items:,}"), ("events", f"{events:,}")]
    if users and items:
        facts += [
            ("events a user", f"{events / users:.1f}"),
            ("density", text.percent(events / (users * items), 2)),
        ]
    if summary["first_timestamp"] is not None:
        facts += [
            ("first event", text.moment(summary["first_timestamp"])),
            ("last event", text.moment(summary["last_timestamp"])),
        ]
    if not has_times:
        facts.append(("times", "none; the order of a user's rows counts"))
        summary = {name: value for name, value in summary.items() if name != _TIES}
    repeats = summary.get("repeats")  # later than the first runs
    if repeats and events:
        facts += [
            ("events of an item again", text.percent(repeats["events"] / events)),
            ("last events of an item again", text.percent(repeats["last_events"] / users)),
        ]
    yield blocks.Facts(tuple(facts))
    if repeats and "declared" in repeats:  # later still
        yield blocks.Text(f"Repeats are {repeats_text.choice(repeats)}.")
        yield from map(blocks.Text, repeats_text.warnings(repeats))
    splits = tuple(
        (
            split,
            f"{count:,}",
            f"{summary['targets'][split]:,}" if split in summary["targets"] else "",
        )
        for split, count in summary["examples"].items()
    )
    yield blocks.Grid(
        (
            blocks.Table(
                "Windows of users' events (train), requests (valid, test) and items",
                ("split", "examples#", "targets#"),
                splits,
            ),
            _policies(summary),
            *_lengths(summary["history_lengths"], users),
            *_uses(summary),
        )
    )


def _policies(summary: Mapping[str, Any]) -> blocks.Table:
    """What did not fit, and what was done with it."""
    rows = [
        (
            name.replace("_", " "),
            found["policy"],
            ", ".join(f"{count:,} {what}" for what, count in found.items() if what != "policy"),
        )
        for name, found in summary["policies"].items()
    ]
    rows += [
        (name.replace("_", " "), "counted", f"{summary[name]:,}")
        for name in (
            "users_only_in_train",
            "users_without_events",
            "items_without_events",
            "unused_events",
            _TIES,
        )
        if name in summary
    ]
    rows += [
        (f"rows of {rule.replace('.', ': ', 1)}", "dropped", f"{count:,}")
        for rule, count in summary.get("dropped", {}).items()
    ]
    return blocks.Table(
        "Rows that do not fit, and the policy for them", ("what", "policy", "found"), tuple(rows)
    )


def _lengths(lengths: Mapping[str, int], users: int) -> Iterator[blocks.Figure]:
    if lengths and users:
        ends = sorted(int(n) for n in lengths)
        labels = [f"≤{n}" for n in ends]
        shares = [lengths[str(n)] / users for n in ends]
        alt = "Users by number of events: " + ", ".join(
            f"{lb} {s:.0%}" for lb, s in zip(labels, shares)
        )
        yield blocks.Figure(
            charts.bars(
                labels,
                {"users": shares},
                alt=alt,
                x_label="events of a user, in powers of two",
                y_label="share of users",
            ),
            "",
        )


def _uses(summary: Mapping[str, Any]) -> Iterator[blocks.Figure]:
    """The long tail: how many items have few events, and how few events these are."""
    items, events = summary.get("item_uses"), summary.get("item_use_events")
    if not items or not events:
        return
    shares = {
        name: [count / sum(counts.values()) for count in counts.values()]
        for name, counts in (("items", items), ("their events", events))
    }
    alt = "Items by number of events, and the share of events that they have: " + ", ".join(
        f"≤{end} {of_items:.0%} with {of_events:.0%}"
        for end, of_items, of_events in zip(items, *shares.values())
    )
    yield blocks.Figure(
        charts.bars(
            [f"≤{end}" for end in items],
            shares,
            alt=alt,
            x_label="events of an item, in powers of two",
            y_label="share",
        ),
        dataset_text.top_items(summary["events_of_top_items"]).capitalize() + "."
        if summary["events_of_top_items"]
        else "",
    )


def anomalies(source: sources.Source) -> blocks.Text:
    """Whether the examples keep the schema; the run stops where they do not."""
    execution = source.pipeline_run.execution(sources.VALIDATOR)
    if execution is None:
        return blocks.Text("The examples were not yet held against the schema.", "quiet")
    if execution.state == "failed":
        return blocks.Text(
            "The data break the schema; the run was stopped. The last lines of the newest file in "
            f"{source.run.folder / 'logs'} name every case.",
            "bad",
        )
    return blocks.Text("No anomalies: all splits keep the schema.", "good")


def feature_tables(found: Statistics, *, has_times: bool = True) -> Iterator[blocks.Block]:
    """Features of the training sequences and of the catalogue; other splits folded."""
    if not has_times:
        found = {split: _untimed(statistics) for split, statistics in found.items()}
    for split in _SPLITS:
        if split in found:
            yield from _tables(found[split], split)
    others = [s for s in found if s not in _SPLITS]
    if others:
        yield blocks.Folded(
            "Statistics of " + " and ".join(others),
            tuple(b for s in others for b in _tables(found[s], s)),
        )


def _untimed(split: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without the numbers that stand for times."""
    kept = {n: f for n, f in split["features"].items() if n != features.EVENT_TIMESTAMP}
    return {**split, "features": kept}


def _tables(split: Mapping[str, Any], name: str) -> Iterator[blocks.Block]:
    shown = {n: f for n, f in split["features"].items() if n not in _HIDDEN and f["values"]}
    numbers = {n: f for n, f in shown.items() if "mean" in f}
    texts = {n: f for n, f in shown.items() if "mean" not in f}
    of = f"{name}, {split['examples']:,} examples"
    if texts:
        yield blocks.Table(
            f"Texts and ids of {of}.",
            ("feature", "values#", "missing#", "distinct#", "most frequent"),
            tuple(_text_row(n, f) for n, f in texts.items()),
        )
    if numbers:
        yield blocks.Table(
            f"Numbers of {of}.",
            ("feature", "values#", "missing#", "min#", "mean#", "median#", "max#", "zeros#"),
            tuple(_number_row(n, f) for n, f in numbers.items()),
        )
        yield blocks.Grid(tuple(_histogram(n, f) for n, f in numbers.items() if f["histogram"]))


def _text_row(name: str, feature: Mapping[str, Any]) -> tuple[str, ...]:
    if feature["unique"] == feature["values"]:
        return (
            name,
            f"{feature['values']:,}",
            f"{feature['missing']:,}",
            f"{feature['unique']:,}",
            "each once",
        )
    top = ", ".join(
        f"{value or '(empty)'} {text.percent(count / feature['values'])}"
        for value, count in feature["top"][:_TOP]
    )
    return name, f"{feature['values']:,}", f"{feature['missing']:,}", f"{feature['unique']:,}", top


def _number_row(name: str, feature: Mapping[str, Any]) -> tuple[str, ...]:
    shown = text.moment if name == features.EVENT_TIMESTAMP else text.compact
    return (
        name,
        f"{feature['values']:,}",
        f"{feature['missing']:,}",
        *(shown(feature[k]) for k in ("min", "mean", "median", "max")),
        text.percent(feature["zeros"]),
    )


def _histogram(name: str, feature: Mapping[str, Any]) -> blocks.Figure:
    buckets = feature["histogram"]
    label = text.moment if name == features.EVENT_TIMESTAMP else text.compact
    alt = (
        f"{name}: from {label(feature['min'])} to {label(feature['max'])}, "
        f"median {label(feature['median'])}."
    )
    return blocks.Figure(
        charts.histogram(buckets, alt=alt, title=name, dates=name == features.EVENT_TIMESTAMP), ""
    )
