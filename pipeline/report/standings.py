"""The table of results with two stages: a row a system, in the order in which they should win.

Also the same as plain text for the terminal.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.report import blocks, differences, systems, text

MINUS = "two stages minus recall"
_NAME_WIDTH, _WIDTH = 26, 18  # columns of the terminal

Metrics = Mapping[str, Mapping[str, float | None]]  # value and se by name


@dataclasses.dataclass(frozen=True)
class Results:
    """What both evaluations found on one split.

    Attributes:
      recall: of evaluation.json.
      both: of two_stage.json.
      weights: number of features of the linear ranker.
    """

    recall: systems.Split
    both: systems.Split
    weights: int

    @property
    def labels(self) -> dict[str, str]:
        """Labels by the system's name, in the order of the rows."""
        every = {
            **{name: systems.SYSTEMS[name] for name in systems.BASELINES},
            "recall": "recall alone",
            "linear": f"linear ranker, {self.weights} weights",
            "two_stage": "two stages",
            "last_blessed": "last blessed release",
        }
        return {name: label for name, label in every.items() if self._metrics(name)}

    @property
    def rows(self) -> dict[str, Metrics]:
        """Metrics by the system's label."""
        return {label: self._metrics(name) for name, label in self.labels.items()}

    def _metrics(self, name: str) -> Metrics:
        """Metrics of a system; those of recall are of the lists that two stages put in order."""
        of_recall = self.recall["metrics"] if name in ("popularity", "co_occurrence") else {}
        found: Metrics = self.both["metrics"].get(name) or of_recall.get(name) or {}
        return found

    @property
    def untrained(self) -> dict[str, str]:
        """The baselines without training that were asked, by label."""
        measured = self.both["metrics"]
        return {systems.SYSTEMS[name]: name for name in systems.BASELINES if name in measured}

    def best_untrained(self, metric: str) -> str:
        """The label of the best of them."""
        found = self.both["metrics"]
        return max(self.untrained, key=lambda x: found[self.untrained[x]][metric]["value"] or 0.0)

    def lift(self, metric: str, over: str = "recall") -> differences.Paired:
        """Two stages minus another system, paired."""
        found: differences.Paired = self.both["lift"][metric][over]
        return found


def of(
    recall: Mapping[str, Any], both: Mapping[str, Any], split: str, kind: str | None = None
) -> Results:
    """From the contents of evaluation.json and two_stage.json.

    Args:
      recall: of evaluation.json.
      both: of two_stage.json.
      split: its name.
      kind: of held-out items, `repeated` or `new`; None for all.
    """
    of_recall, of_both = recall["splits"][split], both["splits"][split]
    if kind is not None:
        of_recall, of_both = of_recall["by_kind"][kind], of_both["by_kind"][kind]
    return Results(of_recall, of_both, len(both["linear"]["features"]))


def ceiling(found: systems.Split) -> str:
    """A sentence: what no order of the candidates can exceed."""
    value, se = found["ceiling"]["value"], found["ceiling"]["se"]
    return f"{text.estimate(value, se)} of the held-out items are among recall's candidates"


def table(results: Results, label: str, ks: Sequence[int]) -> blocks.Table:
    """All systems and metrics, and below them what the second stage adds."""
    metrics = [m for at_k in systems.by_depth(results.both, ks).values() for m in at_k]
    rows = []
    for name, found in results.rows.items():
        tone: blocks.Tone = "strong" if found is results.both["metrics"]["two_stage"] else ""
        rows.append((blocks.Cell(name, tone), *(_cell(found.get(m), tone) for m in metrics)))
    rows.append((blocks.Cell(MINUS), *(differences.stacked(results.lift(m)) for m in metrics)))
    return blocks.Table(
        f"On {label}, {results.both['users']:,} users",
        ("system", *(f"{m}#" for m in metrics)),
        tuple(rows),
    )


def _cell(found: Mapping[str, Any] | None, tone: blocks.Tone) -> blocks.Cell:
    if found is None:
        return blocks.Cell("")
    return blocks.Cell(text.fixed(found["value"]), tone, note=text.error(found["se"]))


def lines(results: Results, ks: Sequence[int], primary: str) -> Iterator[str]:
    """For the terminal: a small table a depth, then the difference and the ceiling."""
    yield f"Test, {results.both['users']:,} users (± one standard error)"
    for at_k in systems.by_depth(results.both, ks).values():
        yield " " * _NAME_WIDTH + "".join(f"{m:>{_WIDTH}}" for m in at_k)
        for name, found in results.rows.items():
            yield f"{name:<{_NAME_WIDTH}}" + "".join(
                f"{_estimate(found.get(m)):>{_WIDTH}}" for m in at_k
            )
    yield ""
    yield "Two stages minus recall alone, the same requests (95% interval)"
    for metric in systems.headline(primary, results.both):
        yield f"  {metric:<10}{differences.cell(results.lift(metric)).text}"
    if results.untrained:
        label = results.best_untrained(primary)
        yield f"Two stages minus {label}, the best baseline without training"
        for metric in systems.headline(primary, results.both):
            paired = results.lift(metric, results.untrained[label])
            yield f"  {metric:<10}{differences.cell(paired).text}"
    yield f"Ceiling: {ceiling(results.both)}."


def _estimate(found: Mapping[str, Any] | None) -> str:
    return text.estimate(found["value"], found["se"]) if found else ""
