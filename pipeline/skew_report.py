"""What `recsys skew` found, as JSON and as text."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from modules import schemas, strict
from modules.skew import compare, replay, times, transformed
from pipeline import text_table
from pipeline.report import text

_WIDEST = 60  # characters of what differs most


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Requests of a model against training or older requests."""

    model: str
    against: str
    requests: int
    features: tuple[compare.Finding, ...]
    times: times.Times | None

    @property
    def skewed(self) -> bool:
        return any(f.skewed for f in self.features) or bool(self.times and self.times.problems)


@dataclasses.dataclass(frozen=True)
class Replay:
    """Requests that were asked again.

    Attributes:
      model: that was asked.
      release: whose model that was.
      transform: each transformed feature, of the pipeline and of the served model.
      answers: as logged, and now.
      not_checked: why one or both of them were not compared; "" if they were.
    """

    model: str
    release: int
    transform: tuple[transformed.Difference, ...] = ()
    answers: replay.Answers | None = None
    not_checked: str = ""

    @property
    def unequal(self) -> bool:
        return any(d.unequal for d in self.transform) or bool(self.answers and self.answers.unequal)


@dataclasses.dataclass(frozen=True)
class Result:
    """All that was found.

    Attributes:
      logs: the folder.
      requests: how many there are, by model.
      cut_off: files whose end could not be read.
      comparisons: see `Comparison`.
      replays: see `Replay`.
    """

    logs: str
    requests: Mapping[str, int]
    cut_off: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    replays: tuple[Replay, ...]

    @property
    def skewed(self) -> bool:
        """Whether a feature is skewed, a time impossible, or something unequal."""
        return any(c.skewed for c in self.comparisons) or any(r.unequal for r in self.replays)

    def to_json(self) -> dict[str, Any]:
        return {"skewed": self.skewed, **strict.to_plain(self)}

    def to_text(self) -> str:
        counted = ", ".join(f"{number:,} of {model}" for model, number in self.requests.items())
        lines = [f"{self.logs}: logged requests: {counted}"]
        lines += [
            f"Note: {path}: its last record is cut off, those before it were read."
            for path in self.cut_off
        ]
        for comparison in self.comparisons:
            lines += ["", *_comparison(comparison)]
        if self.replays:
            lines += ["", "Asked again:"]
        for asked in self.replays:
            lines += _replay(asked)
        return "\n".join([*lines, "", self._verdict()])

    def _verdict(self) -> str:
        skewed = sorted({f.feature for c in self.comparisons for f in c.features if f.skewed})
        wrong = [f"skewed: {', '.join(skewed)}"] if skewed else []
        if any(c.times and c.times.problems for c in self.comparisons):
            wrong.append("impossible times")
        wrong += [
            f"{r.model} of release {r.release} is not equal" for r in self.replays if r.unequal
        ]
        if wrong:
            return f"SKEW: {'; '.join(wrong)}."
        unchecked = any(r.not_checked for r in self.replays)
        return "No skew found." + (" Not everything was checked, see above." if unchecked else "")


def _comparison(found: Comparison) -> list[str]:
    head = (
        "feature",
        "measure",
        "distance",
        "at most",
        "missing",
        "unknown",
        "verdict",
        "what differs most",
    )
    rows = [
        (
            f.feature,
            f.measure,
            "-" if f.distance is None else f"{f.distance:.4f}",
            f"{f.threshold:.3f}",
            f"{f.missing:.1%}",
            "" if f.unknown is None else f"{f.unknown:.1%}",
            "SKEW" if f.skewed else "ok",
            _short(f.differs),
        )
        for f in found.features
    ]
    lines = [
        f"{found.model}: {found.requests:,} requests against {found.against}",
        *text_table.lines(head, rows),
    ]
    if found.times is not None:
        spans = (
            ("training", found.times.training),
            ("history", found.times.history),
            ("requests", found.times.requests),
        )
        lines.append(
            "  time: " + "; ".join(f"{name} {_span(span)}" for name, span in spans if span)
        )
        lines += [f"  SKEW {problem}" for problem in found.times.problems]
    return lines


def _replay(found: Replay) -> list[str]:
    name = f"  {found.model}, release {found.release}:"
    lines = []
    if found.transform:
        values, wrong = (
            sum(d.values for d in found.transform),
            [d for d in found.transform if d.unequal],
        )
        greatest = max(d.greatest for d in found.transform)
        lines.append(
            f"{name} {len(found.transform)} transformed features, {values:,} values: "
            + (
                f"{len(wrong)} of them UNEQUAL to the pipeline's"
                if wrong
                else f"all equal to the pipeline's (greatest difference {greatest:.2g})"
            )
        )
        lines += [
            f"    UNEQUAL {d.feature}: {d.unequal:,} of {d.values:,} values; {d.example}"
            for d in wrong
        ]
    if found.answers:
        same = found.answers
        lines.append(
            f"{name} {same.requests:,} answers as logged: {same.bitwise:,} with the same bits, "
            f"{same.requests - same.bitwise - same.unequal:,} within {same.greatest:.2g}, "
            f"{same.unequal:,} unequal"
        )
        lines += [f"    UNEQUAL {same.example}"] if same.unequal else []
    return [*lines, *([f"{name} NOT CHECKED {found.not_checked}"] if found.not_checked else [])]


def _span(span: times.Range) -> str:
    """Dates, where the numbers can be seconds."""
    seconds = all(0 <= moment < schemas.LATEST_TIMESTAMP for moment in span)
    return " to ".join(text.moment(moment) if seconds else str(moment) for moment in span)


def _short(words: str) -> str:
    return words if len(words) <= _WIDEST else f"{words[: _WIDEST - 3]}..."
