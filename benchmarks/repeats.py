r"""What a recommender is worth where items repeat: all systems, repeated and new items apart.

Reads finished runs and trains nothing. A run is named with its folder; a run of the same data with
`data.repeats: exclude` can stand beside it, to compare what both find of new items:

  python -m benchmarks.repeats --output benchmarks/repeats.md --data "Complete Journey" \
    --run "one event=runs/journey,runs/journey-exclude" --run "whole baskets=runs/journey-basket" \
    --commands commands.txt

`commands.txt` holds what made the runs, and stands at the top of the tables.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow.parquet as pq

from benchmarks import runs_of
from modules import features
from modules.evaluation import accuracy, kinds, two_stage, two_stage_file
from pipeline.report import repeats, standings, text

SPLIT = features.SPLIT_TEST
KINDS = {None: "all items", kinds.REPEATED: "repeated items", kinds.NEW: "new items"}
WITH, WITHOUT = "with repeats", "with exclude"


def main() -> None:
    """Reads the runs and writes the page."""
    arguments = _arguments()
    commands = pathlib.Path(arguments.commands).read_text(encoding="utf-8")
    named = [Named.of(given) for given in arguments.run]
    page = "\n".join(lines(arguments.data, commands, named, arguments.k))
    pathlib.Path(arguments.output).write_text(page + "\n", encoding="utf-8")


@dataclasses.dataclass(frozen=True)
class Named:
    """A finished run, and perhaps one of the same data with `data.repeats: exclude`."""

    name: str
    run: pathlib.Path
    exclude: pathlib.Path | None = None

    @classmethod
    def of(cls, given: str) -> Named:
        """Reads `NAME=FOLDER` or `NAME=FOLDER,FOLDER OF THE OTHER`."""
        name, _, folders = given.partition("=")
        run, _, other = folders.partition(",")
        if not name or not run:
            raise SystemExit(f"--run: found {given!r}, expected NAME=FOLDER or NAME=FOLDER,FOLDER.")
        return cls(name, pathlib.Path(run), pathlib.Path(other) if other else None)


def lines(data: str, commands: str, named: Sequence[Named], k: int) -> Iterator[str]:
    """The page, line by line.

    Args:
      data: name of the data set.
      commands: what made the runs.
      named: the runs.
      k: depth of the metrics.
    """
    yield f"# {data}: items that repeat"
    yield ""
    yield from (f"    {line}" for line in commands.strip().splitlines())
    yield ""
    yield (
        "On test, mean ± one standard error; below each, two stages minus it on the same requests, "
        "with the 95% interval of a paired bootstrap over users. Lists may hold what users had "
        "before. An item is repeated if the user had it before, else new; of a request, only the "
        "items of the kind count."
    )
    for one in named:
        yield from _run(one, k)


def _run(one: Named, k: int) -> Iterator[str]:
    recall = _json(one.run, "RecallEvaluator", "evaluation.json")
    both = _json(one.run, "TwoStageEvaluator", "two_stage.json")
    test = both["splits"][SPLIT]
    if kinds.BY_KIND not in test:
        raise SystemExit(f"{one.run}: found no repeats allowed, expected data.repeats: allow.")
    yield from ("", f"## {one.name.capitalize()}", "")
    share = test[kinds.SHARE]
    yield (
        f"{test['requests']:,} requests of {test['users']:,} users; {text.percent(share['taken'])} "
        f"of the {share['targets']:,} held-out items are repeated. "
        + repeats.settings(both["settings"]["personal_recency"])
    )
    of_lists = ", ".join(
        f"{name} {text.percent(of_k[str(k)])}"
        for system, name in repeats.LISTS.items()
        if (of_k := share["lists"].get(system))
    )
    yield f"Repeated items among the first {k} of the lists: {of_lists}."
    deepest = max(both["ks"])
    hits = "Recall" if "targets" in test else "HR"
    metrics = (f"NDCG@{k}", f"{hits}@{k}", f"{hits}@{deepest}")
    for kind, label in KINDS.items():
        found = standings.of(recall, both, SPLIT, kind)
        if not found.both["users"]:
            continue
        yield from ("", f"{label.capitalize()}, {found.both['requests']:,} requests:", "")
        yield from _table(found, metrics)
    if one.exclude:
        yield from _beside(one.run, one.exclude, k)


def _table(found: standings.Results, metrics: Sequence[str]) -> Iterator[str]:
    yield f"| system | {' | '.join(metrics)} |"
    yield "|---|" + "--:|" * len(metrics)
    for system, label in found.labels.items():
        cells = (_cell(found, system, metric) for metric in metrics)
        yield f"| {label} | {' | '.join(cells)} |"


def _cell(found: standings.Results, system: str, metric: str) -> str:
    measured = found.rows[found.labels[system]][metric]
    value, paired = _estimate(measured), found.both["lift"][metric].get(system)
    if system == two_stage.TWO_STAGE:
        return f"**{value}**"
    return f"{value}<br>{_difference(paired)}" if paired else value


def _estimate(measured: Mapping[str, Any]) -> str:
    return text.estimate(measured["value"], measured["se"]).replace("\u00a0", " ")


def _difference(paired: Mapping[str, Any]) -> str:
    low, high = paired["low"], paired["high"]
    shown = text.signed(paired["difference"])
    return shown if low is None else f"{shown} [{text.signed(low)}, {text.signed(high)}]"


def _beside(run: pathlib.Path, exclude: pathlib.Path, k: int) -> Iterator[str]:
    """What two stages find of new items, with repeats and without, on the same requests."""
    own, others = _requests(run), _requests(exclude)
    metrics = (f"NDCG@{k}", f"HR@{k}", f"Recall@{k}")
    mixed, alone = (new_items(own, others, k, alone=alone) for alone in (False, True))
    yield ""
    yield (
        f"New items, two stages of this run and of one with `data.repeats: exclude`, on the same "
        f"{mixed['requests']:,} requests. In this run's lists repeated items take places; left "
        "out, as a request with `exclude_seen` leaves them out, they do not:"
    )
    yield from ("", f"| lists | {' | '.join(metrics)} |", "|---|" + "--:|" * len(metrics))
    for label, found in (("this run", mixed), ("this run, repeated items left out", alone)):
        cells = (
            f"{_estimate(found['metrics'][WITH][metric])}<br>"
            f"{_difference(found['paired'][WITHOUT][metric])}"
            for metric in metrics
        )
        yield f"| {label} | {' | '.join(cells)} |"
    cells = (_estimate(mixed["metrics"][WITHOUT][metric]) for metric in metrics)
    yield f"| with exclude | {' | '.join(cells)} |"


def new_items(
    own: Sequence[Mapping[str, Any]],
    exclude: Sequence[Mapping[str, Any]],
    k: int,
    *,
    alone: bool,
) -> dict[str, Any]:
    """Compares the ranks of new targets in two files of requests: see `accuracy.Accuracy`.

    Args:
      own: rows of `two_stage_file` where items repeat.
      exclude: of the same requests, where they do not.
      k: depth of the metrics.
      alone: whether ranks in `own` are those among new items.
    """
    others = {(row["user_id"], row["timestamp"]): _ranks(row) for row in exclude}
    by_user: dict[bytes, list[list[list[float]]]] = {}
    for row in own:
        ranks, other = _ranks(row), others.get((row["user_id"], row["timestamp"]), {})
        above = _listed(row["repeated_above"]) if alone else [0] * len(ranks)
        new = {
            item: ranks[item] - before
            for item, repeated, before in zip(ranks, _listed(row["repeated"]), above)
            if not repeated
        }
        if new and other.keys() == ranks.keys():
            pair = [list(new.values()), [other[item] for item in new]]
            by_user.setdefault(row["user_id"].encode(), []).append(pair)
    if not by_user:
        raise SystemExit("The two runs have no request of a new item in common.")
    combined = accuracy.Accuracy((WITH, WITHOUT), (k,))
    sums = combined.create_accumulator()
    for element in by_user.items():
        sums = combined.add_input(sums, element)
    found: dict[str, Any] = combined.extract_output(sums)
    return found


def _ranks(row: Mapping[str, Any]) -> dict[str, float]:
    """Two stages' rank of each target."""
    targets = _listed(row["targets" if "targets" in row else "target"])
    return dict(zip(targets, _listed(row[f"{two_stage.TWO_STAGE}_rank"])))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _json(run: pathlib.Path, component: str, file: str) -> dict[str, Any]:
    folder = runs_of.latest(run / "artifacts" / component / "evaluation")
    found: dict[str, Any] = json.loads((folder / file).read_text(encoding="utf-8"))
    return found


def _requests(run: pathlib.Path) -> list[dict[str, Any]]:
    folder = runs_of.latest(run / "artifacts" / "TwoStageEvaluator" / "evaluation")
    rows: list[dict[str, Any]] = pq.read_table(folder / two_stage_file.name(SPLIT)).to_pylist()
    return rows


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", required=True, help="the page, Markdown; replaced")
    parser.add_argument("--data", required=True, help="name of the data set, for the heading")
    parser.add_argument("--commands", required=True, help="a text file with what made the runs")
    parser.add_argument("--k", type=int, default=10, help="depth, among evaluation.ks")
    parser.add_argument(
        "--run",
        action="append",
        required=True,
        metavar="NAME=FOLDER[,FOLDER]",
        help="a finished run, and one of the same data with data.repeats: exclude",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
