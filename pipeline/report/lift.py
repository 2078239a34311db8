"""Section: what the second stage adds to recall, and what it could add at most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.report import blocks, charts, differences, interval_charts, sources, systems, text

# Whom two stages are compared with.
OTHERS = {
    "recall": "recall",
    "linear": "linear ranker",
    "last_blessed": "last blessed release",
    **{name: systems.SYSTEMS[name] for name in systems.BASELINES},
}


def body(source: sources.Source) -> Iterator[blocks.Block]:
    """Yields what the rank model adds to recall, and what recall leaves it to win."""
    test, ks = source.two_stage_tested(), source.two_stage()["ks"]
    yield blocks.Text(
        f"On test, {test['users']:,} users: two stages minus another order of the same candidates, "
        "or a baseline's of the whole catalogue, on the same requests, with the 95% interval of a "
        "paired bootstrap over users. Right of the dashed line, two stages are better."
    )
    yield blocks.Grid(tuple(figure(test, metric, ks) for metric in systems.metrics(test)))
    most = blocks.Card(
        "The ceiling of recall", "", tuple(ceiling(test, ks, source.cfg.index.places))
    )
    yield blocks.Grid((table(test, ks), most), least=30)


def figure(split: systems.Split, metric: str, ks: Sequence[int]) -> blocks.Figure:
    """The differences in one metric at all depths, a marker an opponent; of many, the best."""
    names = [n for n in systems.names(split, ks) if n.startswith(f"{metric}@")]
    present = _present(split)
    shown = systems.charted(
        list(present), lambda s: -(split["lift"][names[0]][s]["difference"] or 0.0)
    )
    groups = {
        f"minus {present[other]}": [
            interval_charts.Estimate.of_paired(n, split["lift"][n][other]) for n in names
        ]
        for other in shown
    }
    values = "; ".join(
        f"{group}: "
        + ", ".join(f"{e.label} {text.difference(e.value, e.low, e.high)}" for e in found)
        for group, found in groups.items()
    )
    svg = interval_charts.dots(
        groups,
        alt=f"{metric} of two stages, {values}.",
        x_label=f"difference in {metric}",
        reference=(0, "equal"),
    )
    return blocks.Figure(svg, "")


def table(split: systems.Split, ks: Sequence[int]) -> blocks.Table:
    """The same as numbers."""
    present = _present(split)
    return blocks.Table(
        "Two stages minus the other. Coloured where the interval excludes 0.",
        ("metric", *(f"minus {label}#" for label in present.values())),
        tuple(
            (metric, *(differences.stacked(split["lift"][metric][other]) for other in present))
            for metric in systems.names(split, ks)
        ),
    )


def ceiling(split: systems.Split, ks: Sequence[int], candidates: int) -> Iterator[blocks.Block]:
    """How much of what is possible with recall's candidates is reached at each depth."""
    most = split["ceiling"]["value"]
    hits = {
        label: [split["metrics"][s][f"Recall@{k}"]["value"] for k in ks]
        for s, label in (("recall", "recall alone"), ("two_stage", "two stages"))
    }
    found, mean = text.percent(most), text.estimate(most, split["ceiling"]["se"])
    among = f"among recall's {candidates:,} candidates"
    yield blocks.Text(
        (
            f"Of the held-out items of a request, {found} ({mean}) are {among}. "
            if "targets" in split
            else f"The held-out item is {among} in {found} ({mean}) of the requests. "
        )
        + "What is missing there, no order of the candidates can find."
    )
    if not most:
        return
    if len(split.get("sources", ())) > 1:
        yield source_table(split, ks)
    shares = {label: [value / most for value in values] for label, values in hits.items()}
    values = "; ".join(
        f"{label}: "
        + ", ".join(f"first {k} {text.percent(share, 0)}" for k, share in zip(ks, found))
        for label, found in shares.items()
    )
    yield blocks.Figure(
        charts.bars(
            [f"first {k}" for k in ks],
            shares,
            alt=f"Share of the reachable held-out items found, {values}.",
            x_label="",
            y_label="of the reachable held-out items, in the list",
        ),
        "",
    )


def source_table(split: systems.Split, ks: Sequence[int]) -> blocks.Table:
    """Where the held-out items among the candidates are from."""
    found = split["sources"]
    total = sum(of["found"] for of in found.values())

    def share(number: int, of: int) -> str:
        return f"{number:,}" + (f" ({text.percent(number / of, 0)})" if of else "")

    first = {k: sum(of["first"][str(k)] for of in found.values()) for k in ks}
    return blocks.Table(
        "Held-out items by the source that made them candidates, and of those that two stages have "
        "among their first.",
        ("source", "among the candidates#", *(f"first {k}#" for k in ks)),
        tuple(
            (
                name.replace("_", "-" if name == "co_occurrence" else " "),
                share(of["found"], total),
                *(share(of["first"][str(k)], first[k]) for k in ks),
            )
            for name, of in found.items()
        ),
    )


def _present(split: systems.Split) -> dict[str, str]:
    (any_metric, *_) = split["lift"].values()
    return {other: label for other, label in OTHERS.items() if other in any_metric}
