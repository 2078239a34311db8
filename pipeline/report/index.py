"""Section: the nearest-neighbour index, its gate, and what more or less effort would give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modules import config
from pipeline.report import blocks, charts, sources, text

DESCRIPTION = ("Format-Serving", "assets.extra", "index.json")  # where the Indexer's model holds it

Description = Mapping[str, Any]


def body(source: sources.Source) -> Iterator[blocks.Block]:
    """Yields how good and how fast the index is."""
    yield from overview(source.json(sources.INDEXER, "model", *DESCRIPTION), source.cfg.index)


def overview(found: Description, settings: config.Index) -> Iterator[blocks.Block]:
    """The gate, the trade-off curve and the latencies of `index.json`."""
    used = ", ".join(
        f"{k.replace('_', ' ')} {v:,}" if isinstance(v, int) else f"{k.replace('_', ' ')} {v}"
        for k, v in found["settings"].items()
        if k != "body"
    )
    yield blocks.Facts(
        (
            ("body", found["settings"]["body"]),
            ("items", f"{found['items']:,}"),
            ("dimension", str(found["dimension"])),
            ("measured on queries", f"{found['queries']:,}"),
        )
    )
    if used:
        yield blocks.Text(f"Settings: {used}.")
    tables = _gate(found, settings), _latencies(found["milliseconds"])
    if len(found["curve"]) > 1:
        yield blocks.Grid((_figure(found, settings), blocks.Grid(tables, least=99)), least=27)
        yield blocks.Folded("The curve as numbers", (_curve_table(found),))
    else:
        yield blocks.Grid(tables, least=27)
        yield blocks.Text("Exact search has no trade-off: every item is compared.", "quiet")


def _gate(found: Description, settings: config.Index) -> blocks.Table:
    k, rows = found["k"], []
    for name, label in (
        ("search", "search alone"),
        ("served", "with seen items excluded"),
    ):
        measured = found[name]
        passed = (
            measured["recall"] >= settings.min_recall,
            not measured["narrow_rows"],
            not measured["nan_rows"],
        )
        values = (
            f"{measured['recall']:.4f}",
            str(measured["narrow_rows"]),
            str(measured["nan_rows"]),
        )
        rows.append(
            (
                blocks.Cell(label),
                *(blocks.Cell(v, "good" if ok else "bad") for v, ok in zip(values, passed)),
            )
        )
    return blocks.Table(
        f"The gate: recall@{k} against exact search at least {settings.min_recall:g}, lists full, "
        "no NaN",
        ("measured", f"recall@{k}#", "short lists#", "lists with NaN#"),
        tuple(rows),
    )


def _latencies(milliseconds: Mapping[str, Mapping[str, float]]) -> blocks.Table:
    sizes = list(milliseconds["index"])
    return blocks.Table(
        "Median milliseconds of one call, without the query tower.",
        ("search", *(f"batch of {n}#" for n in sizes)),
        tuple(
            (name, *(f"{values[n]:.2f}" for n in sizes)) for name, values in milliseconds.items()
        ),
    )


def _chosen(found: Description) -> Mapping[str, Any] | None:
    return next((p for p in found["curve"] if p["parameters"] == found["settings"]), None)


def _figure(found: Description, settings: config.Index) -> blocks.Figure:
    chosen, k = _chosen(found), found["k"]
    points = [(p["milliseconds"], p["recall"]) for p in found["curve"]]
    values = ", ".join(f"{recall:.3f} in {ms:.2f} ms" for ms, recall in sorted(points))
    exact = found["milliseconds"]["exact"]["1"]
    svg = charts.trade_off(
        points,
        chosen=(chosen["milliseconds"], chosen["recall"]) if chosen else None,
        exact_ms=exact,
        gate=settings.min_recall,
        y_label=f"recall@{k}",
        alt=f"recall@{k} against latency: {values}; exact search takes {exact:.2f} ms; "
        f"the gate is {settings.min_recall:g}.",
    )
    return blocks.Figure(
        svg, "One query at a time. Each point is the same index searched less or more deeply."
    )


def _curve_table(found: Description) -> blocks.Table:
    names = [n for n in found["settings"] if n not in ("body", "k")]
    rows = []
    for p in found["curve"]:
        tone: blocks.Tone = "strong" if p is _chosen(found) else ""
        values = [
            f"{p['effort']:g}",
            f"{p['recall']:.4f}",
            f"{p['milliseconds']:.2f}",
            *(text.compact(p["parameters"][n]) for n in names),
        ]
        rows.append(tuple(blocks.Cell(v, tone) for v in values))
    return blocks.Table(
        "Effort is relative to the depth derived from the catalogue's size; the setting in use in "
        "bold.",
        ("effort#", f"recall@{found['k']}#", "ms#", *(f"{n.replace('_', ' ')}#" for n in names)),
        tuple(rows),
    )
