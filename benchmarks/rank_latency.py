r"""How long a rank request takes through the SavedModel, by number of candidates, beside recall.

  python -m benchmarks.rank_latency --run runs/movielens-100k --output benchmarks/rank_latency.md

Real requests of the test split, one at a time, in turns: recall's top 200, then the ranker on 1,
50, 200 and 1,000 candidates (recall's list, cut or repeated). What grows with the candidates is the
candidates' share; the rest, with the user's history, is computed once a request.
"""

from __future__ import annotations

import argparse
import datetime
import pathlib
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import index, runs_of
from modules import features, repeats, request_arrays, saved_rank, saved_recall
from modules.ranking import examples as candidate_examples
from pipeline import configuration

COUNTS = (1, 50, 200, 1000)
_WARM_UP = 20


def main() -> None:
    """Times requests through the SavedModels of a run and prints or writes the table."""
    arguments = _arguments()
    cfg = configuration.load(arguments.config)
    run = pathlib.Path(arguments.run)
    model: Callable[[str], str] = lambda component: str(
        runs_of.latest(run / "artifacts" / component / "model") / "Format-Serving"
    )
    recall, rank = (
        saved_recall.SavedRecall(model("Indexer")),
        saved_rank.SavedRank(model("RankTrainer")),
    )
    folder = runs_of.latest(run / "artifacts" / "Candidates" / "candidates")
    files = str(folder / f"Split-{features.SPLIT_TEST}" / "*")
    data = repeats.resolve(cfg.data, files)
    taken: dict[str, list[float]] = {}
    for number, example in enumerate(candidate_examples.read([files])):
        if number == arguments.requests + _WARM_UP:
            break
        request = request_arrays.from_examples([example], data, cfg.features.max_history)
        _, ids, scores, _ = candidate_examples.requests_of(
            [example], data, cfg.features.max_history
        )
        _time(taken, "recall, top 200", recall, request)
        for count in COUNTS:
            places = np.resize(np.arange(ids.shape[1]), count)
            name = f"rank, {count:,} candidate" + "s" * (count > 1)
            _time(taken, name, rank, request, ids[:, places], scores[:, places])
    rows = {name: np.array(seconds[_WARM_UP:]) * 1000 for name, seconds in taken.items()}
    lines = [
        f"| {name} | {statistics.median(ms):.2f} | {np.quantile(ms, 0.99):.2f} |"
        for name, ms in rows.items()
    ]
    today = datetime.datetime.now().astimezone().date()
    text = "\n".join(
        [
            "# Latency of a rank request",
            "",
            f"Made by `python -m benchmarks.rank_latency` on {today}.",
            index.machine(),
            "",
            (
                f"{arguments.requests} requests of {cfg.name}'s test split, one at a time, in "
                "turns, through the SavedModels in one process."
            ),
            "",
            "| request | median ms | 99 % ms |",
            "|:--|--:|--:|",
            *lines,
            "",
        ]
    )
    pathlib.Path(arguments.output).write_text(text, encoding="utf-8")
    print(text)


def _time(taken: dict[str, list[float]], name: str, call: Callable[..., Any], *values: Any) -> None:
    started = time.perf_counter()
    call(*values)
    taken.setdefault(name, []).append(time.perf_counter() - started)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", required=True, help="folder of a finished run")
    parser.add_argument("--config", default="movielens-100k")
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--output", required=True, help="a Markdown file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
