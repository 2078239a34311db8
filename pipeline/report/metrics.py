"""Section: the metrics with their errors, recall beside the baselines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.report import blocks
from pipeline.report import charts
from pipeline.report import results
from pipeline.report import sources


def body(source: sources.Source) -> Iterator[blocks.Block]:
    test, ks = source.tested(), source.evaluation()["ks"]
    yield blocks.Text(
        f"On test, {test['users']:,} users. Lines are 95% intervals of each system alone; the same users "
        "were asked, so the paired differences below are the sharper comparison."
    )
    yield blocks.Grid(tuple(figure(test, metric, ks) for metric in results.METRICS))
    yield differences(test, ks)


def figure(split: results.Split, metric: str, ks: Sequence[int]) -> blocks.Figure:
    """One metric at all depths, a marker a system."""
    names = [n for n in results.names(split, ks) if n.startswith(f"{metric}@")]
    groups = {
        results.SYSTEMS[s]: [
            charts.Estimate(n, split["metrics"][s][n]["value"], split["metrics"][s][n]["se"] or 0.0)
            for n in names
        ]
        for s in results.present(split)
    }
    values = "; ".join(
        f"{group}: " + ", ".join(f"{e.label} {e.value:.3f}" for e in found) for group, found in groups.items()
    )
    return blocks.Figure(
        charts.estimates(groups, alt=f"{metric} with 95% intervals. {values}.", x_label=metric), ""
    )


def differences(split: results.Split, ks: Sequence[int]) -> blocks.Table:
    """Recall minus each other system on the same requests, with the bootstrap's 95% interval."""
    others = [s for s in results.present(split) if s in split["paired"]]
    rows: tuple[tuple[blocks.Cell | str, ...], ...] = tuple(
        (metric, *(_difference(split["paired"][s][metric]) for s in others))
        for metric in results.names(split, ks)
    )
    return blocks.Table(
        "Recall minus the other system on the same requests, with the 95% interval of a paired bootstrap "
        "over users. Coloured where the interval excludes 0.",
        ("metric", *(f"minus {results.SYSTEMS[s]}#" for s in others)),
        rows,
    )


def _difference(paired: dict[str, float | None]) -> blocks.Cell:
    difference, low, high = paired["difference"], paired["low"], paired["high"]
    if difference is None or low is None or high is None:
        return blocks.Cell("")
    tone: blocks.Tone = "good" if low > 0 else "bad" if high < 0 else ""
    return blocks.Cell(f"{difference:+.4f} ({low:+.4f} to {high:+.4f})", tone)
