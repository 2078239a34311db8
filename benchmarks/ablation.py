r"""The published table of `recsys ablate`, whose trials may be of several days and machines.

Each trial is kept in `benchmarks/trials/NAME.parquet`: what was overridden, the commit, the result,
and the table's metrics of each held-out request. The table is made of them alone.

  python -m benchmarks.ablation gather --root runs     # adds what `recsys ablate` has done in runs/
  python -m benchmarks.ablation table                  # writes benchmarks/ablation.md

`gather` finds the trials of the code that it runs from. A row is trained by `recsys ablate --rows`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from modules import features
from pipeline import configuration
from pipeline.ablation import plan as plan_lib
from pipeline.ablation import rows, table, trial, trials

PLAN = "plan"
FOLDER = pathlib.Path(__file__).parent / "trials"
PAGE = pathlib.Path(__file__).with_suffix(".md")
_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("seed", pa.int32()),
        ("overrides", pa.list_(pa.string())),
        ("commit", pa.string()),
        ("result", pa.string()),  # a trial.Result without its histories, as JSON
        ("values", pa.list_(pa.struct([("metric", pa.string()), ("of", pa.list_(pa.float32()))]))),
    ]
)


def main() -> None:
    """Runs the command that is asked for."""
    arguments = _arguments()
    if arguments.command == "gather":
        gather(arguments.root, arguments.config, arguments.seeds)
    else:
        text = "\n".join(page(sorted(FOLDER.glob("*.parquet")), arguments.seeds))
        PAGE.write_text(text + "\n", encoding="utf-8")
        print(PAGE)


@dataclasses.dataclass(frozen=True)
class Kept:
    """Published trials, as `rows.of` reads them.

    Attributes:
      entries: rows of `_SCHEMA`, by variant, seed and overrides.
    """

    entries: dict[tuple[str, int, tuple[str, ...]], dict[str, Any]]

    @classmethod
    def read(cls, file: pathlib.Path) -> Kept:
        """The trials of a file; none where there is no file."""
        found = pq.read_table(file).to_pylist() if file.exists() else []
        return cls({(e["name"], e["seed"], tuple(e["overrides"])): e for e in found})

    def write(self, file: pathlib.Path) -> None:
        """Writes them in order."""
        file.parent.mkdir(exist_ok=True)
        entries = [entry for _, entry in sorted(self.entries.items())]
        pq.write_table(pa.Table.from_pylist(entries, _SCHEMA), file, compression="zstd")

    def of(
        self, reader: plan_lib.Reader, name: str, choices: plan_lib.Choices, seed: int
    ) -> trials.Trial:
        """A variant's trial with a seed."""
        return trials.Trial(name, seed, reader.overrides_of(name, choices), "")

    def result(self, wanted: trials.Trial) -> trial.Result | None:
        """What a trial gave, if it is there."""
        entry = self.entries.get((wanted.name, wanted.seed, wanted.overrides))
        if entry is None:
            return None
        return trial.Result(**json.loads(entry["result"]), history=[], rank_history=[])

    def failure(self, _: trials.Trial) -> str | None:
        """Nothing that failed is published."""
        return None

    def values(self, wanted: trials.Trial, split: str) -> pa.Table:
        """The metrics of the test's requests; each of a user of its own."""
        if split != features.SPLIT_TEST:
            raise KeyError(split)
        entry = self.entries[(wanted.name, wanted.seed, wanted.overrides)]
        columns = {each["metric"]: each["of"] for each in entry["values"]}
        users = [f"{n:09}" for n in range(len(next(iter(columns.values()))))]
        return pa.table({trial.USER_ID: users, **columns})


def gather(root: str, config_name: str, seeds: Sequence[int]) -> None:
    """Adds the trials that are done to the published ones."""
    reader = plan_lib.read(PLAN, config_name, ())
    names = reader.check()
    cfg = configuration.load(config_name, ())
    space, file = trials.Workspace(cfg, root), FOLDER / f"{cfg.name}.parquet"
    kept, commit = Kept.read(file), _commit()
    for name, choices, seed in _wanted(reader, space, names, seeds, cfg.evaluation.primary):
        done = space.of(reader, name, choices, seed)
        if (result := space.result(done)) is None:
            continue
        of_requests = space.values(done, features.SPLIT_TEST)
        users = of_requests[trial.USER_ID].to_pylist()
        if len(set(users)) < len(users):
            raise SystemExit(f"{name}: has users with several requests, which this does not keep.")
        plain = dataclasses.asdict(result)
        del plain["history"], plain["rank_history"]
        shown = rows.shown(cfg.evaluation.primary, list(result.means[features.SPLIT_TEST]))
        published = kept.of(reader, name, choices, seed)
        key = (published.name, published.seed, published.overrides)
        if key not in kept.entries:
            print(f"{name}, seed {seed}")
        kept.entries[key] = {
            "name": published.name,
            "seed": published.seed,
            "overrides": list(published.overrides),
            "commit": commit,
            "result": json.dumps(plain),
            "values": [{"metric": m, "of": of_requests[m].to_pylist()} for m in shown],
        }
    kept.write(file)
    print(f"{file}: {len(kept.entries)} trials")


def page(files: Iterable[pathlib.Path], seeds: Sequence[int]) -> Iterator[str]:
    """Lines of Markdown: a table for each data set."""
    yield "# What each measure is worth"
    yield ""
    yield (
        "Trials of `recsys ablate`, gathered by `python -m benchmarks.ablation`; "
        "[what rows mean](../docs/evaluation.md#what-each-measure-is-worth). Seconds are of two "
        "cores of shared machines of different speed, some beside other work: they say the order "
        "of magnitude."
    )
    for file in files:
        kept = Kept.read(file)
        reader = plan_lib.read(PLAN, file.stem, ())
        cfg = configuration.load(file.stem, ())
        wanted, trained = reader.check(), {name for name, _, _ in kept.entries}
        names = [name for name in wanted if name in trained]
        used = [n for n in seeds if any(key[1] == n for key in kept.entries)]
        choices = _choices(reader, kept, names, used[0], cfg.evaluation.primary)
        found = rows.of(reader, kept, names, used, choices, cfg.evaluation.primary)
        _, *lines = table.markdown(found, reader, used)
        commits = sorted({entry["commit"] for entry in kept.entries.values()})
        yield ""
        yield f"## {file.stem}"
        yield from lines
        yield ""
        if missing := [name for name in wanted if name not in trained]:
            yield f"Not trained yet: {', '.join(missing)}."
        yield f"Commits: {', '.join(commits)}."


def _choices(
    reader: plan_lib.Reader, space: rows.Results, names: Sequence[str], seed: int, primary: str
) -> dict[str, dict[str, Any]]:
    """What was chosen of each grid below the variants."""
    below = {grid for name in names for grid in reader.plan.grids_below(name)}
    choices: dict[str, dict[str, Any]] = {}
    for name in reader.plan.variants:
        if name in below and (found := rows.best(reader, space, name, choices, seed, primary)):
            choices[name] = found[1]
    return choices


def _wanted(
    reader: plan_lib.Reader,
    space: rows.Results,
    names: Sequence[str],
    seeds: Sequence[int],
    primary: str,
) -> Iterator[tuple[str, plan_lib.Choices, int]]:
    """(variant, choices, seed) of every trial that may be done, all points of grids among them."""
    choices = _choices(reader, space, names, seeds[0], primary)
    for name in names:
        below = reader.plan.grids_below(name)
        if all(grid in choices for grid in below):
            yield from ((name, choices, seed) for seed in seeds)
        for point in reader.choices_of(name) if name in below else ():
            if all(grid in choices for grid in below[:-1]):
                yield name, {**choices, name: point}, seeds[0]


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    folder = pathlib.Path(__file__).parent
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    adding = commands.add_parser("gather", help="add the trials that are done")
    adding.add_argument("--root", default="runs", help="folder that holds runs (default runs)")
    adding.add_argument("--config", default="movielens-100k")
    writing = commands.add_parser("table", help="write the table of all trials")
    for child in (adding, writing):
        child.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    return parser.parse_args()


if __name__ == "__main__":
    main()
