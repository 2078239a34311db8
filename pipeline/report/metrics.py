"""Section: the metrics of recall with their errors, beside the baselines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.report import blocks, differences, interval_charts, sources, systems


def body(source: sources.Source) -> Iterator[blocks.Block]:
    """Yields the metrics of recall and the baselines on test."""
    test, ks = source.tested(), source.evaluation()["ks"]
    yield blocks.Text(
        f"On test, {test['users']:,} users. Lines are 95% intervals of each system alone; the "
        "same users were asked, so the paired differences below are the sharper comparison."
    )
    yield blocks.Grid(tuple(figure(test, metric, ks) for metric in systems.metrics(test)))
    yield paired_table(test, ks)


def figure(split: systems.Split, metric: str, ks: Sequence[int]) -> blocks.Figure:
    """One metric at all depths, a marker a system; of many baselines, the best are shown."""
    names = [n for n in systems.names(split, ks) if n.startswith(f"{metric}@")]
    groups = {
        systems.SYSTEMS[s]: [
            interval_charts.Estimate.of_error(
                n, split["metrics"][s][n]["value"], split["metrics"][s][n]["se"]
            )
            for n in names
        ]
        for s in systems.charted(
            systems.present(split), lambda s: split["metrics"][s][names[0]]["value"]
        )
    }
    values = "; ".join(
        f"{group}: " + ", ".join(f"{e.label} {e.value:.3f}" for e in found)
        for group, found in groups.items()
    )
    return blocks.Figure(
        interval_charts.dots(groups, alt=f"{metric} with 95% intervals. {values}.", x_label=metric),
        "",
    )


def paired_table(split: systems.Split, ks: Sequence[int]) -> blocks.Table:
    """Recall minus each other system on the same requests, with the bootstrap's 95% interval."""
    others = [s for s in systems.present(split) if s in split["paired"]]
    rows: tuple[tuple[blocks.Cell | str, ...], ...] = tuple(
        (metric, *(differences.cell(split["paired"][s][metric]) for s in others))
        for metric in systems.names(split, ks)
    )
    return blocks.Table(
        "Recall minus the other system on the same requests, with the 95% interval of a paired "
        "bootstrap over users. Coloured where the interval excludes 0.",
        ("metric", *(f"minus {systems.SYSTEMS[s]}#" for s in others)),
        rows,
    )
