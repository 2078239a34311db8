"""Repeated and new items apart, where items may repeat: part of the results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modules import features
from pipeline.report import blocks, charts, standings, systems, text

KINDS = {"repeated": "repeated items", "new": "new items"}
# Systems of `repeat_share`; the rest have no lists, only ranks of what was held out.
LISTS = {
    "two_stage": "two stages",
    "recall": "recall alone",
    "linear": "linear ranker",
    "last_blessed": "last blessed",
}
_NAME_WIDTH, _WIDTH = 26, 18  # columns of the terminal


def are_allowed(report: Mapping[str, Any]) -> bool:
    """Whether items may repeat, from the contents of evaluation.json or two_stage.json."""
    return "by_kind" in report["splits"][features.SPLIT_TEST]


def body(report: Mapping[str, Any], both: Mapping[str, Any] | None) -> Iterator[blocks.Block]:
    """Yields a table a kind, and what lists and users repeat, on test; nothing where none may.

    Args:
      report: of evaluation.json.
      both: of two_stage.json, where there is a second stage.
    """
    if not are_allowed(report) or not report["splits"][features.SPLIT_TEST]["users"]:
        return
    share = _share(report, both)
    yield blocks.Text(
        f"Items may repeat here: of the {share['targets']:,} held-out items of test, "
        f"{_percent(share['taken'])} are repeated, that is, the user had them before. Each kind "
        "is measured apart below: of a request, only its items of the kind count."
    )
    if chosen := report.get("settings"):
        yield blocks.Text(settings(chosen["personal_recency"]))
    for kind, label in KINDS.items():
        measured = report["splits"][features.SPLIT_TEST]["by_kind"][kind]
        if not measured["users"]:
            yield blocks.Text(f"On test, none of the held-out items are {label}.")
        elif both is not None:
            yield standings.table(
                standings.of(report, both, features.SPLIT_TEST, kind), f"test, {label}", both["ks"]
            )
        else:
            yield _table(measured, f"test, {label}", report["ks"])
    yield blocks.Grid((_shares(share, report["ks"]), _figure(share, report["ks"])), least=27)


def settings(chosen: Mapping[str, Any]) -> str:
    """How the baselines of a user's own items were set, as sentences."""
    last = {None: "all of a user's baskets", 1: "a user's last basket"}.get(
        chosen["baskets"], f"a user's last {chosen['baskets']} baskets"
    )
    ndcg = ", ".join(f"{text.fixed(way['value'])} of {_baskets(way)}" for way in chosen["NDCG@10"])
    present = (
        " No baseline lists what a user has at the time of the request already."
        if chosen["leaves_out_present"]
        else ""
    )
    return (
        f"Personal recency counts {last}{_weights(chosen)} (all events of one time are a basket): "
        "of what was tried, "
        f"that predicts best what {chosen['users']:,} users did last in training, with an NDCG@10 "
        f"of {ndcg}.{present}"
    )


def _baskets(way: Mapping[str, Any]) -> str:
    last = "all" if way["baskets"] is None else f"the last {way['baskets']}"
    return f"{last} with the weight {way['decay']:g}" if way["decay"] < 1 else last


def _weights(chosen: Mapping[str, Any]) -> str:
    weight = f", each with {chosen['decay']:g} of the next one's weight"
    return weight if chosen["decay"] < 1 else ""


def _share(report: Mapping[str, Any], both: Mapping[str, Any] | None) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (both or report)["splits"][features.SPLIT_TEST]["repeat_share"]
    return found


def _table(split: systems.Split, label: str, ks: Sequence[int]) -> blocks.Table:
    """Systems and metrics where recall is alone, of one kind."""
    names = systems.names(split, ks)
    rows: list[tuple[blocks.Cell | str, ...]] = [
        (
            systems.SYSTEMS[system],
            *(
                blocks.Cell(text.fixed(found[m]["value"]), note=text.error(found[m]["se"]))
                for m in names
            ),
        )
        for system in systems.present(split)
        for found in (split["metrics"][system],)
    ]
    return blocks.Table(
        f"On {label}, {split['users']:,} users", ("system", *(f"{m}#" for m in names)), tuple(rows)
    )


def _rows(share: Mapping[str, Any], ks: Sequence[int]) -> dict[str, list[float | None]]:
    """Shares at each depth by label; what users took is the same at all."""
    lists = {
        label: [share["lists"][system][str(k)] for k in ks]
        for system, label in LISTS.items()
        if system in share["lists"]
    }
    return {"what users took": [share["taken"]] * len(ks), **lists}


def _shares(share: Mapping[str, Any], ks: Sequence[int]) -> blocks.Table:
    return blocks.Table(
        "Share of repeated items among the first of all lists on test, and in what users took",
        ("list", *(f"first {k}#" for k in ks)),
        tuple(
            (label, *(_percent(value) for value in values))
            for label, values in _rows(share, ks).items()
        ),
    )


def _figure(share: Mapping[str, Any], ks: Sequence[int]) -> blocks.Figure:
    rows = _rows(share, ks)
    said = "; ".join(
        f"{label}: " + ", ".join(f"first {k} {_percent(v)}" for k, v in zip(ks, values))
        for label, values in rows.items()
    )
    svg = charts.bars(
        [f"first {k}" for k in ks],
        {label: [value or 0.0 for value in values] for label, values in rows.items()},
        alt=f"Share of repeated items. {said}.",
        x_label="",
        y_label="repeated items",
    )
    return blocks.Figure(svg, "")


def lines(report: Mapping[str, Any], both: Mapping[str, Any] | None) -> Iterator[str]:
    """For the terminal: the primary metric of each kind, and the shares at the first depth."""
    if not are_allowed(report):
        return
    share, primary, k = _share(report, both), report["primary"], str(min(report["ks"]))
    columns = {kind: _metrics(report, both, kind) for kind in KINDS}
    yield ""
    taken = f"repeated items ({_percent(share['taken'])} of what users took)"
    yield f"{primary} of {taken} and of new ones"
    yield " " * _NAME_WIDTH + "".join(f"{kind:>{_WIDTH}}" for kind in columns)
    for label in columns["repeated"]:
        found = (column[label][primary] for column in columns.values())
        yield f"{label:<{_NAME_WIDTH}}" + "".join(f"{_estimate(one):>{_WIDTH}}" for one in found)
    lists = ", ".join(
        f"{label} {_percent(share['lists'][system][k])}"
        for system, label in LISTS.items()
        if system in share["lists"]
    )
    yield f"Repeated items among the first {k}: {lists}."


def _metrics(
    report: Mapping[str, Any], both: Mapping[str, Any] | None, kind: str
) -> Mapping[str, standings.Metrics]:
    """Metrics of a kind by the system's label."""
    if both is not None:
        return standings.of(report, both, features.SPLIT_TEST, kind).rows
    measured = report["splits"][features.SPLIT_TEST]["by_kind"][kind]["metrics"]
    return {label: measured[s] for s, label in systems.SYSTEMS.items() if s in measured}


def _estimate(found: Mapping[str, Any]) -> str:
    return "-" if found["value"] is None else text.estimate(found["value"], found["se"])


def _percent(share: float | None) -> str:
    return "-" if share is None else text.percent(share)
