"""The section with the table of results; also the same as plain text for the terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modules import features
from pipeline.report import blocks, released, repeats, sources, standings, systems, text, verdict

Split = systems.Split


def body(source: sources.Source) -> list[blocks.Block]:
    """The verdict, the main results and the rules of the blessing."""
    report = source.evaluation()
    judged, missing = verdict.blessings(source)
    return [
        blocks.Text(asked(report)),
        *_results(source, report),
        *(blocks.Text(sentence) for sentence in seen_targets(report)),
        *([blocks.Text(missing, "quiet")] if missing else []),
        blocks.Text(f"{released.line(source) or 'No model was pushed by this run'}."),
        *(
            blocks.Folded(f"The rules of the blessing: {name.lower()}", (rules(blessing),))
            for name, blessing in judged.items()
        ),
    ]


def asked(report: Mapping[str, Any]) -> str:
    """What is measured, in sentences."""
    several = any("targets" in split for split in report["splits"].values())
    held_out = (
        "All items that a user took at one time are held out together, and ranked"
        if several
        else "The held-out item of each user is ranked"
    )
    among = (
        "with what the user had before, as items may repeat"
        if repeats.are_allowed(report)
        else "without items that the user had seen"
    )
    return (
        f"{held_out} against the whole catalogue, {among}. Validation decides on the release; test "
        "shows what it is worth."
    )


def _results(source: sources.Source, report: Mapping[str, Any]) -> Iterator[blocks.Block]:
    """With two stages a wide table a split; of recall alone, tables side by side."""
    try:
        both = source.two_stage()
    except sources.NotMade:
        yield blocks.Text("Mean ± one standard error; the gain is over the best of the baselines.")
        yield blocks.Grid(tuple(tables(report["splits"], report["ks"])), least=34)
        yield from repeats.body(report, None)
        return
    yield blocks.Text(
        "Mean ± one standard error; in the last row the difference on the same requests, with the "
        "95% interval of a paired bootstrap over users."
    )
    for split, label in systems.SPLITS.items():
        if both["splits"][split]["users"]:
            found = standings.of(report, both, split)
            yield standings.table(found, label, both["ks"])
            yield blocks.Text(
                f"On {label}, {standings.ceiling(found.both)}: no order of them can hit more."
            )
    yield from repeats.body(report, both)


def seen_targets(report: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each split some of whose targets no system can find."""
    if repeats.are_allowed(report):
        return
    for name, label in systems.SPLITS.items():
        split = report["splits"][name]
        if found := split["targets_seen"]:
            number = split.get("targets", split["requests"])
            yield (
                f"Of the {number:,} held-out events of {label}, {found:,} are "
                "of an item that the user had seen before. Seen items are never recommended, so "
                "all systems miss them."
            )


def rules(blessing: Mapping[str, Any]) -> blocks.Table:
    """Every rule and how it went."""
    words: dict[bool | None, blocks.Cell] = {
        True: blocks.Cell("passed", "good"),
        False: blocks.Cell("failed", "bad"),
        None: blocks.Cell("not applied", "quiet"),
    }
    return blocks.Table(
        "Only validation decides; test is never looked at.",
        ("rule", "outcome", "found"),
        tuple((r["name"], words[r["passed"]], r["reason"]) for r in blessing["rules"]),
    )


def tables(splits: Mapping[str, Split], ks: Sequence[int]) -> Iterator[blocks.Table]:
    """One table a split: recall beside the baselines, ± one standard error."""
    for name, label in systems.SPLITS.items():
        if splits[name]["users"]:
            yield _table(splits[name], label, ks)


def _table(split: Split, label: str, ks: Sequence[int]) -> blocks.Table:
    present = systems.present(split)
    rows = []
    for metric in systems.names(split, ks):
        cells = [
            blocks.Cell(_estimate(split, s, metric), "strong" if s == "recall" else "")
            for s in present
        ]
        rows.append((blocks.Cell(metric), *cells, blocks.Cell(*_gain(split, metric))))
    return blocks.Table(
        f"On {label}, {split['users']:,} users",
        ("metric", *(f"{systems.SYSTEMS[s]}#" for s in present), "gain#"),
        tuple(rows),
    )


def _estimate(split: Split, system: str, metric: str) -> str:
    found = split["metrics"][system].get(metric)
    return text.estimate(found["value"], found["se"]) if found else ""


def _gain(split: Split, metric: str) -> tuple[str, blocks.Tone]:
    """How much recall exceeds the best baseline, relative."""
    measured = [split["metrics"][s] for s in systems.BASELINES if s in split["metrics"]]
    best = max(found[metric]["value"] for found in measured)
    if not best:
        return "", ""
    gain = split["metrics"]["recall"][metric]["value"] / best - 1
    return f"{gain:+.0%}", "good" if gain > 0 else "bad"


def terminal(source: sources.Artifacts) -> str:
    """What the end of a run prints: results on test, the verdict, and where things are."""
    found = verdict.of(source)
    lines = [found.headline, *(f"  {reason}" for reason in found.reasons)]
    with contextlib.suppress(sources.NotMade):  # then the verdict says why there are no results
        lines = [*_tested(source), "", *lines]
    release = released.line(source)
    lines += ["", release] if release else [""]
    return "\n".join([*lines, f"Report  {source.run.report}"]).replace("\u00a0", " ")


def _tested(source: sources.Artifacts) -> Iterator[str]:
    test, report = source.tested(), source.evaluation()
    try:
        source.two_stage_tested()
    except sources.NotMade:
        yield from _columns(test, report["ks"])
        yield from repeats.lines(report, None)
        return
    both = source.two_stage()
    yield from standings.lines(
        standings.of(report, both, features.SPLIT_TEST), both["ks"], both["primary"]
    )
    yield from repeats.lines(report, both)


def _columns(split: Split, ks: Sequence[int]) -> Iterator[str]:
    present = systems.present(split)
    width = max(18, *(len(systems.SYSTEMS[s]) + 2 for s in present))
    yield f"Test, {split['users']:,} users (± one standard error)"
    yield " " * 10 + "".join(f"{systems.SYSTEMS[s]:>{width}}" for s in present)
    for metric in systems.names(split, ks):
        yield f"{metric:<10}" + "".join(f"{_estimate(split, s, metric):>{width}}" for s in present)
