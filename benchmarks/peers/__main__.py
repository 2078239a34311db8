"""What a user would pick instead, on a finished run's data and held-out events: a table.

  python3.11 -m venv peers
  peers/bin/pip install implicit==0.7.3 lightgbm==4.7.0 'scipy<2' 'numpy<2.3'
  python3.11 -m venv recbole
  recbole/bin/pip install torch recbole==1.2.1 'numpy<2' 'pandas<2.3' 'setuptools<81' 'scipy<1.14'
  python -m benchmarks.peers --root runs --config movielens-100k --python peers/bin/python \
    --recbole recbole/bin/python --output peers-of-movielens

EASE, implicit's ALS and BPR, and with --recbole SASRec and GRU4Rec take the place of recall;
LightGBM's LambdaMART that of the rank model, over the same candidates and with the ranker's own
statistic features. Each is the best of a grid (in its script) on validation. The lists of each are
written for other judges, a line `user<TAB>item item ...`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy import typing as npt

from benchmarks.peers import data
from modules import features
from modules.evaluation import metrics
from modules.ranking import examples as candidate_examples
from pipeline import configuration, runs
from pipeline.ablation import paired
from pipeline.report import sources

RECALL_PEERS = {"als": "ALS (implicit)", "bpr": "BPR (implicit)", "ease": "EASE"}
RECBOLE_PEERS = {"SASRec": "SASRec (RecBole)", "GRU4Rec": "GRU4Rec (RecBole)"}
LAMBDAMART = "LambdaMART (LightGBM) over recall's candidates"
OURS = {"two_stage_rank": "two stages", "recall_rank": "recall alone"}
KS, SHOWN = (10, 200), ("NDCG@10", "HR@10", "HR@200")


@dataclasses.dataclass(frozen=True)
class Judged:
    """Metrics of a system: by name a value of each test user; and what its training took."""

    values: Mapping[str, npt.NDArray[np.float64]]
    about: Mapping[str, Any]


def main() -> None:
    """Prepares the data, runs the peers, prints the table."""
    options = _options()
    cfg = configuration.load(options.config, options.override)
    run = runs.Run(options.root, cfg.name)
    folder = pathlib.Path(options.output)
    folder.mkdir(parents=True, exist_ok=True)
    known = data.interactions(run)
    known.write(folder / "interactions.npz")
    users = [u for u, item in zip(known.users, known.held_out[features.SPLIT_TEST]) if item >= 0]
    systems = _ours(run, users)
    peers = [(options.python, "collaborative.py", *pair) for pair in RECALL_PEERS.items()]
    if options.recbole:
        peers += [(options.recbole, "recbole_peers.py", *pair) for pair in RECBOLE_PEERS.items()]
    for python, script, peer, name in peers:
        _run(python, script, peer, folder / "interactions.npz", folder / peer)
        found = np.load(folder / f"{peer}.npz")
        lists = [[known.items[item] for item in row] for row in found["lists"]]
        by_user = dict(zip(users, lists))
        systems[name] = _judged(known, users, by_user, found, folder / f"{peer}.tsv")
    asked = data.write_lists(run, cfg, folder / "lists.npz")
    _run(options.python, "lambdamart.py", folder / "lists.npz", folder / "lambdamart")
    found = np.load(folder / "lambdamart.npz")
    ordered = _reordered(run, asked, found["scores"])
    systems[LAMBDAMART] = _judged(known, users, ordered, found, folder / "lambdamart.tsv")
    print("\n".join(table(systems)))


def table(systems: Mapping[str, Judged]) -> list[str]:
    """Markdown, the strongest first."""
    ours = systems[OURS["two_stage_rank"]]
    head = ("test", *SHOWN, "two stages minus it, NDCG@10", "chosen on validation")
    lines = [
        f"| {' | '.join(head)} | training, s | GB |",
        f"|---|{'--:|' * len(SHOWN)}--:|---|--:|--:|",
    ]
    order = sorted(systems, key=lambda name: -systems[name].values["NDCG@10"].mean())
    for name in order:
        found = systems[name]
        means = " | ".join(f"{found.values[m].mean():.4f}" for m in SHOWN)
        change = ""
        if found is not ours:
            d = paired.interval((ours.values["NDCG@10"] - found.values["NDCG@10"])[np.newaxis])
            change = f"{d.mean:+.4f} [{d.low:+.4f}, {d.high:+.4f}]"
        chosen = ", ".join(f"{k} {v:g}" for k, v in found.about.get("chosen", {}).items())
        about = [found.about.get(key) for key in ("seconds", "gigabytes")]
        took = ["" if value is None else f"{value:.1f}" for value in about]
        lines.append(f"| {name} | {means} | {change} | {chosen} | {' | '.join(took)} |")
    return lines


def _ours(run: runs.Run, users: Sequence[str]) -> dict[str, Judged]:
    found = pq.read_table(
        sources.of(run).file(
            sources.TWO_STAGE_EVALUATOR, "evaluation", f"two-stage-{features.SPLIT_TEST}.parquet"
        )
    )
    systems = {}
    for column, name in OURS.items():
        ranks = dict(zip(found["user_id"].to_pylist(), found[column].to_pylist()))
        systems[name] = Judged(_values([ranks.get(user, 0) for user in users]), {})
    return systems


def _reordered(
    run: runs.Run, asked: Sequence[str], scores: npt.NDArray[np.float64]
) -> dict[str, list[str]]:
    """Recall's candidates of each test request, by the scores of a peer."""
    folder = sources.of(run).artifact(sources.CANDIDATES, "candidates").path
    pattern = str(folder / f"Split-{features.SPLIT_TEST}" / "*")
    lists = {}
    for user, example, row in zip(asked, candidate_examples.read(pattern), scores):
        items = example[features.CANDIDATE_ITEM_ID]
        order = np.argsort(-row[: len(items)], kind="stable")
        lists[user] = [items[n].decode() for n in order]
    return lists


def _judged(
    known: data.Interactions,
    users: Sequence[str],
    lists: Mapping[str, Sequence[str]],
    found: Any,
    file: pathlib.Path,
) -> Judged:
    """Writes a peer's lists, and judges them."""
    lines = [f"{user}\t{' '.join(lists.get(user, ()))}\n" for user in users]
    file.write_text("".join(lines), encoding="utf-8")
    targets = dict(zip(known.users, known.held_out[features.SPLIT_TEST]))
    ranks = []
    for user in users:
        own, target = list(lists.get(user, ())), known.items[targets[user]]
        ranks.append(own.index(target) + 1 if target in own else 0)
    return Judged(_values(ranks), json.loads(str(found["about"])))


def _values(ranks: Sequence[float]) -> dict[str, npt.NDArray[np.float64]]:
    values = metrics.values(np.asarray(ranks, float)[:, np.newaxis], KS)
    return {name: values[:, n] for n, name in enumerate(metrics.names(KS)) if name in SHOWN}


def _run(python: str, script: str, *arguments: object) -> None:
    command = [python, str(pathlib.Path(__file__).with_name(script)), *map(str, arguments)]
    subprocess.run(command, check=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", default="runs", help="folder of the run (default runs)")
    parser.add_argument("--config", default="movielens-100k", help="default movielens-100k")
    parser.add_argument("-o", "--override", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--python", required=True, help="the Python of the peers' environment")
    parser.add_argument("--recbole", metavar="PYTHON", help="the Python of RecBole's environment")
    parser.add_argument("--output", required=True, help="a folder for data, lists and results")
    return parser.parse_args()


if __name__ == "__main__":
    main()
