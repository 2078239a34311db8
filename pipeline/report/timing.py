"""Section: where the time went."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.report import blocks, metadata, sources, text


def body(source: sources.Source) -> list[blocks.Block]:
    """How long each component took."""
    return bars(source.pipeline_run.executions)


def bars(executions: Sequence[metadata.Execution]) -> list[blocks.Block]:
    """A row with a bar for each component.

    Cached ones show what they took when they ran, greyed.
    """
    ran = [e for e in executions if e.state != "cached"]
    reused = len(executions) - len(ran)
    elapsed = max(e.started + e.seconds for e in ran) - min(e.started for e in ran) if ran else 0.0
    facts = [
        ("this run, start to end", text.duration(elapsed)),
        ("components executed", str(len(ran))),
        ("reused from earlier runs", str(reused)),
    ]
    longest = max(e.seconds for e in executions) or 1.0
    rows = tuple(_row(e, longest) for e in executions)
    return [
        blocks.Facts(tuple(facts)),
        blocks.Text(
            "From ML Metadata. A reused component cost nothing this time; its bar shows what it "
            "once took."
        ),
        blocks.Table("Time of each component", ("component", "state", "time#"), rows),
    ]


def _row(execution: metadata.Execution, longest: float) -> tuple[blocks.Cell, ...]:
    quiet: blocks.Tone = "quiet" if execution.state == "cached" else ""
    state = (
        f"reused (execution {execution.made_by})"
        if execution.state == "cached"
        else execution.state
    )
    tone: blocks.Tone = "bad" if execution.state == "failed" else quiet
    return (
        blocks.Cell(execution.component),
        blocks.Cell(state, tone),
        blocks.Cell(text.duration(execution.seconds), quiet, share=execution.seconds / longest),
    )
