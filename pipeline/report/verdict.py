"""Whether the models are released, in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipeline.report import blocks, released, sources

Blessing = Mapping[str, Any]  # of evaluation.json or two_stage.json: blessed, rules, reasons


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One line, and why."""

    tone: blocks.Tone
    headline: str
    reasons: tuple[str, ...] = ()


def of(source: sources.Artifacts) -> Verdict:
    """Blessed or not and why; or which component failed, or is still missing."""
    failed = source.pipeline_run.failed
    if failed:
        return Verdict(
            "bad",
            f"The run failed in {failed.component}.",
            (
                (
                    f"The newest file in {source.run.folder / 'logs'} says why. What is shown was "
                    "made before."
                ),
            ),
        )
    judged, missing = blessings(source)
    refused = {name: found for name, found in judged.items() if not found["blessed"]}
    if refused:
        return Verdict(
            "bad",
            "Not blessed on validation, and not pushed.",
            tuple(_named(source, refused, lambda found: found["reasons"])),
        )
    if missing:
        return Verdict("", "No verdict yet.", (missing,))
    pushed = released.by(source) is not None
    headline = (
        "Blessed on validation, and pushed." if pushed else "Blessed on validation, not pushed."
    )
    return Verdict("good", headline, tuple(_named(source, judged, _deciding)))


def blessings(source: sources.Artifacts) -> tuple[dict[str, Blessing], str]:
    """Blessings of recall and, if the run has it, both stages; a sentence on what is missing."""
    readers: dict[str, Callable[[], Any]] = {"Recall": source.evaluation}
    if source.has_second_stage:
        readers["Two stages"] = source.two_stage
    judged, missing = {}, ""
    for name, read in readers.items():
        try:
            judged[name] = read()["blessing"]
        except sources.NotMade as error:
            missing = missing or str(error)
    return judged, missing


def _deciding(blessing: Blessing) -> list[str]:
    """What the rules found, without those that only look for faults."""
    return [r["reason"] for r in blessing["rules"] if not r["name"].startswith("sound/")]


def _named(
    source: sources.Artifacts,
    found: Mapping[str, Blessing],
    reasons: Callable[[Blessing], list[str]],
) -> Iterator[str]:
    """The reasons, with what they are about where a run judges more than recall."""
    for name, blessing in found.items():
        yield from (f"{name}: {r}" if source.has_second_stage else r for r in reasons(blessing))
