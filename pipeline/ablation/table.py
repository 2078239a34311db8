"""The table of a plan, as Markdown and for the terminal."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Sequence

from pipeline import text_table
from pipeline.ablation import paired, plan, rows
from pipeline.report import text


def columns(found: Sequence[rows.Row]) -> tuple[str, ...]:
    """Headings of `cells`."""
    first = next((row for row in found if row.differences), None)
    metrics = _metrics(found)
    changes = [f"change of {m}, 95 % interval" for m in first.differences] if first else []
    return (
        "variant",
        *(f"test {m}" for m in metrics),
        *changes,
        f"validation {metrics[0]}" if metrics else "validation",
        "epochs",
        "training",
        "positions/s",
        "parameters",
    )


def cells(row: rows.Row, found: Sequence[rows.Row]) -> tuple[str, ...]:
    """One row; what is not known is empty."""
    empty = len(columns(found)) - 2
    if row.validation is None:
        return (row.name, first_line(row.failure), *[""] * empty)
    first = next((r for r in found if r.differences), None)
    return (
        row.name,
        *(f"{row.test[m]:.4f}" for m in _metrics(found)),
        *(change(row.differences.get(m)) for m in (first.differences if first else ())),
        f"{row.validation:.4f}",
        f"{row.epochs:.0f}",
        text.duration(row.training_seconds),
        f"{row.positions_per_second:,.0f}",
        f"{row.parameters:,}",
    )


def first_line(failure: str | None) -> str:
    """The reason of a failure, without where its details are."""
    return (failure or "").partition("\n")[0]


def change(difference: paired.Difference | None) -> str:
    """`+.0093 [+.0014, +.0174]`, in bold where the interval leaves 0 out."""
    if difference is None:
        return ""
    low, high = (text.signed(bound) for bound in (difference.low, difference.high))
    found = f"{text.signed(difference.mean)} [{low}, {high}]"
    return f"**{found}**" if difference.is_significant else found


def write(
    file: pathlib.Path, found: Sequence[rows.Row], reader: plan.Reader, seeds: Sequence[int]
) -> None:
    """Writes the Markdown."""
    file.write_text("\n".join(markdown(found, reader, seeds)) + "\n", encoding="utf-8")


def markdown(found: Sequence[rows.Row], reader: plan.Reader, seeds: Sequence[int]) -> Iterator[str]:
    """Its lines."""
    yield f"# {reader.plan.title}"
    yield ""
    yield from (f"{line}" for line in about(found, reader, seeds))
    yield ""
    head = columns(found)
    yield f"| {' | '.join(head)} |"
    yield f"|{'|'.join('---' if n == 0 else '--:' for n in range(len(head)))}|"
    for row in found:
        yield f"| {' | '.join(cells(row, found))} |"
    yield ""
    yield from (f"- {line}" for line in remarks(found, seeds))


def about(found: Sequence[rows.Row], reader: plan.Reader, seeds: Sequence[int]) -> Iterator[str]:
    """What was measured, in sentences."""
    overrides = "".join(f" -o {text}" for text in reader.overrides)
    yield (
        f"Made by `recsys ablate {reader.document.file.stem} --config {reader.config}{overrides} "
        f"--seeds {' '.join(map(str, seeds))}`."
    )
    yield (
        f"Means over {len(seeds)} seed{'s' if len(seeds) > 1 else ''}. A change is this row minus "
        "the one that it builds on, on the same held-out events; its interval covers users"
        f"{' and seeds' if len(seeds) > 1 else ' (not seeds: there is one)'}. Bold: 0 lies outside."
    )
    if errors := next((row.errors for row in found if row.errors), None):
        shown = ", ".join(f"{error:.4f} ({metric})" for metric, error in errors.items())
        yield f"Standard errors of a row over users are about {shown}."


def remarks(found: Sequence[rows.Row], seeds: Sequence[int]) -> Iterator[str]:
    """What has to be said of single rows, and which measures do not help."""
    for row in found:
        parts = [row.note] if row.note else []
        if row.chosen:
            chosen = ", ".join(f"{key} {value}" for key, value in row.chosen.items())
            parts.append(f"Chosen on validation: {chosen}.")
        if row.failure and row.validation is not None:
            parts.append(f"A seed is missing: {first_line(row.failure)}")
        elif row.validation is not None and len(row.seeds) < len(seeds):
            parts.append(f"Seeds: {', '.join(map(str, row.seeds))}.")
        if row.compared_with:
            parts.append(f"Compared with: {row.compared_with}.")
        if parts:
            yield f"{row.name}: {' '.join(parts)}"
    proven = [r for r in found if r.differences]
    silent = [r.name for r in proven if not next(iter(r.differences.values())).is_significant]
    if silent:
        yield f"Inside the noise here: {', '.join(silent)}."


def terminal(found: Sequence[rows.Row]) -> list[str]:
    """The rows with the first change only, as lines."""
    metrics = _metrics(found)
    body = []
    for row in found:
        if row.validation is None:
            body.append((row.name, "failed", *[""] * len(metrics)))
            continue
        difference = next(iter(row.differences.values()), None)
        values = (f"{row.test[m]:.4f}" for m in metrics)
        body.append((row.name, *values, change(difference).strip("*")))
    failures = [f"  {row.name}: {first_line(row.failure)}" for row in found if row.failure]
    head = ("variant", *(f"test {m}" for m in metrics), "change")
    return [*text_table.lines(head, body), *failures]


def _metrics(found: Sequence[rows.Row]) -> tuple[str, ...]:
    """The headline's metrics, and HR at the greatest depth."""
    first = next((row for row in found if row.errors), None)
    return tuple(first.errors) if first else ()
