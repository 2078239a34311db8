"""Section: what each measure is worth, if `recsys ablate` has measured it for this data.

The command leaves `PLAN.json` beside its table: a list of rows, in the table's order,

{"name", "compared_with" (a name, or null), "test": {metric: value},
 "differences": {metric: {"difference", "low", "high"}}}

where a difference is the row minus the one that it is compared with.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.report import blocks, differences, interval_charts, sources, text

SUFFIX = "-ablation"  # of the name of a configuration: the folder of its variants

Row = Mapping[str, Any]


def body(source: sources.Source) -> Iterator[blocks.Block]:
    """The changes and the values of all plans, the newest first.

    Raises:
      sources.NotMade: nothing was measured.
    """
    folder = source.run.folder.with_name(source.run.folder.name + SUFFIX)
    files = sorted(folder.glob("*.json"), key=lambda file: -file.stat().st_mtime)
    if not files:
        raise sources.NotMade(
            "Not measured for this data; `recsys ablate` does: it runs the pipeline with one "
            "measure more or less at a time, which takes hours."
        )
    for file in files:
        rows = read(file)
        yield blocks.Text(
            f"By the plan {file.stem!r}. The page with all that was measured is "
            f"{file.with_suffix('.html')}."
        )
        yield from figures(rows)
        yield blocks.Folded("As numbers", (_table(rows),))


def read(file: pathlib.Path) -> Sequence[Row]:
    """The rows of a plan."""
    rows: Sequence[Row] = json.loads(file.read_text(encoding="utf-8"))
    return rows


def figures(rows: Sequence[Row]) -> Iterator[blocks.Block]:
    """A dot and a line for each compared row, one figure a metric; grey where 0 lies inside."""
    compared = [row for row in rows if row["differences"]]
    for metric in compared[0]["differences"] if compared else ():
        estimates = [
            interval_charts.Estimate.of_paired(row["name"], found, quiet=not _is_significant(found))
            for row in compared
            if (found := row["differences"].get(metric))
        ]
        yield blocks.Figure(
            interval_charts.dots(
                {metric: estimates},
                alt=f"Change of {metric} by each measure: "
                + "; ".join(
                    f"{e.label} {text.difference(e.value, e.low, e.high)}" for e in estimates
                ),
                x_label=f"change of {metric} on test",
                reference=(0.0, "no change"),
                wide=True,
            ),
            f"{metric} of the row minus that of the one that it is compared with, and the 95% "
            "interval; grey: 0 lies inside.",
        )


def _is_significant(paired: differences.Paired) -> bool:
    low, high = paired["low"], paired["high"]
    return low is not None and high is not None and (low > 0 or high < 0)


def _table(rows: Sequence[Row]) -> blocks.Table:
    metrics = list(rows[0]["test"])
    compared = list(next((row["differences"] for row in rows if row["differences"]), ()))
    return blocks.Table(
        "On test",
        (
            "variant",
            *(f"{m}#" for m in metrics),
            "compared with",
            *(f"change of {m}#" for m in compared),
        ),
        tuple(
            (
                row["name"],
                *(text.fixed(row["test"][m]) for m in metrics),
                row["compared_with"] or "",
                *(
                    differences.stacked(row["differences"][m]) if row["differences"] else ""
                    for m in compared
                ),
            )
            for row in rows
        ),
    )
