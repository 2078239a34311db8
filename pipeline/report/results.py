"""The verdict, and the section with the table of results; also the same as plain text for the terminal."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modules import features
from pipeline.report import blocks
from pipeline.report import metadata
from pipeline.report import sources
from pipeline.report import text

SYSTEMS = {
    "recall": "recall",
    "popularity": "popularity",
    "co_occurrence": "co-occurrence",
    "last_blessed": "last blessed",
}
SPLITS = {features.SPLIT_TEST: "test", features.SPLIT_VALID: "validation"}  # the one that counts first
METRICS = ("HR", "NDCG", "MRR")  # Recall@k equals HR@k with one held-out item

Split = Mapping[str, Any]  # of evaluation.json: users, metrics{system: {name: {value, se}}}, slices, ...


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether the model is released, in words."""

    tone: blocks.Tone
    headline: str
    reasons: tuple[str, ...] = ()


def verdict(source: sources.Artifacts) -> Verdict:
    """Blessed or not and why; or which component failed, or is still missing."""
    failed = source.pipeline_run.failed
    if failed:
        return Verdict(
            "bad",
            f"The run failed in {failed.component}.",
            (f"The newest file in {source.run.folder / 'logs'} says why. What is shown was made before.",),
        )
    try:
        report = source.evaluation()
    except sources.NotMade as missing:
        return Verdict("", "No verdict yet.", (str(missing),))
    blessing = report["blessing"]
    if not blessing["blessed"]:
        return Verdict("bad", "Not blessed on validation, and not pushed.", tuple(blessing["reasons"]))
    place = pushed_to(source.pipeline_run)
    headline = "Blessed on validation, and pushed." if place else "Blessed on validation, not pushed."
    return Verdict(
        "good", headline, tuple(r["reason"] for r in blessing["rules"] if not r["name"].startswith("sound/"))
    )


def pushed_to(run: metadata.PipelineRun) -> str | None:
    """The folder of the pushed version, or None where nothing was pushed."""
    artifact = run.output(sources.PUSHER, "pushed_model")
    if artifact is None or not artifact.properties.get("pushed"):
        return None
    return str(artifact.properties["pushed_destination"])


def body(source: sources.Artifacts) -> list[blocks.Block]:
    report = source.evaluation()
    pushed = pushed_to(source.pipeline_run)
    return [
        blocks.Text(
            "The held-out item of each user is ranked against the whole catalogue, without items that the "
            "user had seen. Mean ± one standard error; the gain is over the better of the two baselines."
        ),
        blocks.Grid(tuple(tables(report["splits"], report["ks"])), least=34),
        *(blocks.Text(sentence) for sentence in repeats(report["splits"])),
        blocks.Text(f"Model: {pushed}" if pushed else "No model was pushed by this run."),
        blocks.Folded("The rules of the blessing", (rules(report["blessing"]),)),
    ]


def repeats(splits: Mapping[str, Split]) -> Iterator[str]:
    """A sentence for each split some of whose targets no system can find."""
    for name, label in SPLITS.items():
        if found := splits[name]["targets_seen"]:
            yield (f"Of the {splits[name]['requests']:,} held-out events of {label}, {found:,} are of an "
                   "item that the user had seen before. Seen items are never recommended, so all systems "
                   "miss them.")


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
    """One table a split: the systems side by side, ± one standard error."""
    for name, label in SPLITS.items():
        if splits[name]["users"]:
            yield _table(splits[name], label, ks)


def _table(split: Split, label: str, ks: Sequence[int]) -> blocks.Table:
    systems = present(split)
    rows = []
    for metric in names(split, ks):
        cells = [blocks.Cell(_estimate(split, s, metric), "strong" if s == "recall" else "") for s in systems]
        rows.append((blocks.Cell(metric), *cells, blocks.Cell(*_gain(split, metric))))
    return blocks.Table(
        f"On {label}, {split['users']:,} users",
        ("metric", *(f"{SYSTEMS[s]}#" for s in systems), "gain#"),
        tuple(rows),
    )


def present(split: Split) -> list[str]:
    """The systems that were evaluated, in the order of `SYSTEMS`."""
    return [s for s in SYSTEMS if split["metrics"].get(s)]


def names(split: Split, ks: Sequence[int]) -> list[str]:
    """`HR@10`, `HR@50`, ...: what is shown."""
    return [f"{m}@{k}" for m in METRICS for k in ks if f"{m}@{k}" in split["metrics"]["recall"]]


def _estimate(split: Split, system: str, metric: str) -> str:
    found = split["metrics"][system].get(metric)
    return text.estimate(found["value"], found["se"]) if found else ""


def _gain(split: Split, metric: str) -> tuple[str, blocks.Tone]:
    """How much recall exceeds the better baseline, relative."""
    best = max(split["metrics"][s][metric]["value"] for s in ("popularity", "co_occurrence"))
    if not best:
        return "", ""
    gain = split["metrics"]["recall"][metric]["value"] / best - 1
    return f"{gain:+.0%}", "good" if gain > 0 else "bad"


def terminal(source: sources.Artifacts) -> str:
    """What the end of a run prints: results on test, the verdict, and where things are."""
    found = verdict(source)
    lines = [found.headline, *(f"  {reason}" for reason in found.reasons)]
    with contextlib.suppress(sources.NotMade):  # then the verdict says why there are no results
        lines = [*_columns(source.tested(), source.evaluation()["ks"]), "", *lines]
    pushed = pushed_to(source.pipeline_run)
    lines += ["", f"Model   {pushed}"] if pushed else [""]
    return "\n".join([*lines, f"Report  {source.run.report}"]).replace("\u00a0", " ")


def _columns(split: Split, ks: Sequence[int]) -> Iterator[str]:
    systems = present(split)
    yield f"Test, {split['users']:,} users (± one standard error)"
    yield " " * 10 + "".join(f"{SYSTEMS[s]:>18}" for s in systems)
    for metric in names(split, ks):
        yield f"{metric:<10}" + "".join(f"{_estimate(split, s, metric):>18}" for s in systems)
