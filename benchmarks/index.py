"""Benchmarks recall and latency of the index bodies against exact search and TFRS's BruteForce.

The vectors are synthetic and clustered.

  python -m benchmarks.index --output benchmarks/index.md [--items 1682 20000]

All bodies of one size are alive together and take turns, call by call, so that a busy machine slows
all alike. Single queries are timed in a graph, one after the other: a call from Python takes longer
than a fast search, and is shown beside it. The index is in use then, its codes in the caches; a
lone query is slower.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import importlib.metadata
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import psutil
import scann  # noqa: F401  # its ops
import tensorflow as tf
import tensorflow_recommenders as tfrs
from numpy import typing as npt

from modules import config
from modules.index import bodies, parameters, quality

DIMENSION = 64
K = 200
ITEMS_PER_CLUSTER = 500
SPREAD = 0.7  # of a cluster, relative to that of the clusters' centres
QUERIES = 256
REPEATS = {1: 60, 32: 12}
ROW = 64  # single queries in one graph
ROWS = 15
EMPTY = "no search"
BODIES: tuple[parameters.BodyName, ...] = ("exact", "ivf", "scann")
TFRS = "TFRS BruteForce"
MEMORY_FROM = 200_000  # items; below, the libraries outweigh the vectors

_MEMORY_PROBE = """
import sys, modules, psutil, tensorflow as tf
if sys.argv[2] == "scann": import scann
tf.matmul(tf.ones([32, 64]), tf.ones([64, 32]))
before = psutil.Process().memory_info().rss
model = tf.saved_model.load(sys.argv[1])
model.search(tf.ones([1, 64]))
print(psutil.Process().memory_info().rss - before)
"""


@dataclasses.dataclass(frozen=True)
class Row:
    """One body at one size."""

    items: int
    name: str
    settings: str
    build_seconds: float
    recall: float
    alone: float  # milliseconds of a single query in a graph
    milliseconds: dict[int, float]  # of a call from Python, by batch size
    memory: float | None  # of a process that serves it, in sizes of the vectors


def clustered(
    random: np.random.Generator, centres: npt.NDArray[np.float64], number: int
) -> npt.NDArray[np.float32]:
    """Vectors float32 [number, D] of length 1 around centres [C, D], with a falling spectrum."""
    spectrum = np.arange(1, DIMENSION + 1) ** -0.5
    noise = random.normal(size=(number, DIMENSION)) * spectrum
    points = centres[random.integers(len(centres), size=number)] * spectrum + SPREAD * noise
    vectors: npt.NDArray[np.float32] = (
        points / np.linalg.norm(points, axis=1, keepdims=True)
    ).astype(np.float32)
    return vectors


def measure(items: int) -> list[Row]:
    """All bodies at one size."""
    random = np.random.default_rng(1)
    centres = random.normal(size=(max(16, items // ITEMS_PER_CLUSTER), DIMENSION))
    vectors, queries = clustered(random, centres, items), clustered(random, centres, QUERIES)
    truth = quality.Truth(vectors, queries, K)
    searches: dict[str, quality.Search] = {}
    rows = []
    for name in BODIES:
        start = time.perf_counter()
        index = bodies.build(vectors, parameters.derive(config.Index(body=name, k=K), items))
        seconds = time.perf_counter() - start
        searches[name] = quality.searcher(index, K)
        rows.append(
            Row(
                items=items,
                name=name,
                settings=_short(index.settings),
                build_seconds=seconds,
                recall=truth.judge(*quality.found(searches[name], queries)).recall,
                alone=0.0,
                milliseconds={},
                memory=_memory(name, index, searches[name]) / vectors.nbytes
                if items >= MEMORY_FROM
                else None,
            )
        )
    layer = tfrs.layers.factorized_top_k.BruteForce(k=K).index(tf.constant(vectors))
    searches[TFRS] = tf.function(
        lambda q: layer(q)[::-1], input_signature=[tf.TensorSpec([None, DIMENSION])]
    )
    rows.append(
        Row(
            items=items,
            name=TFRS,
            settings="",
            build_seconds=0.0,
            alone=0.0,
            milliseconds={},
            memory=None,
            recall=truth.judge(*quality.found(searches[TFRS], queries)).recall,
        )
    )
    searches[EMPTY] = tf.function(
        lambda q: (tf.zeros([tf.shape(q)[0], K], tf.int32), tf.zeros([tf.shape(q)[0], K])),
        input_signature=[tf.TensorSpec([None, DIMENSION])],
    )
    rows.append(Row(items, EMPTY, "", 0.0, 0.0, 0.0, {}, None))
    times = {
        batch: in_turns(searches, queries, batch, repeats) for batch, repeats in REPEATS.items()
    }
    one_by_one = {name: _one_by_one(search) for name, search in searches.items()}
    alone = in_turns(one_by_one, queries, ROW, ROWS)
    return [
        dataclasses.replace(
            row,
            alone=alone[row.name] / ROW,
            milliseconds={batch: of[row.name] for batch, of in times.items()},
        )
        for row in rows
    ]


def _one_by_one(search: quality.Search) -> quality.Search:
    """The search of the queries one by one, in a single graph; gives their scores twice."""

    def scores(queries: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        found = tf.map_fn(
            lambda query: tf.ensure_shape(search(query[tf.newaxis])[1][0], [K]),
            queries,
            parallel_iterations=1,
            fn_output_signature=tf.TensorSpec([K], tf.float32),
        )
        return found, found

    compiled: quality.Search = tf.function(
        scores, input_signature=[tf.TensorSpec([None, DIMENSION])]
    )
    return compiled


def in_turns(
    searches: Mapping[str, Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]],
    queries: npt.NDArray[np.float32],
    batch: int,
    repeats: int,
) -> dict[str, float]:
    """Median milliseconds of each search, which take turns; the first two turns do not count."""
    times: dict[str, list[float]] = {name: [] for name in searches}
    for turn in range(repeats + 2):
        inputs = tf.constant(
            np.take(queries, range(turn * batch, (turn + 1) * batch), axis=0, mode="wrap")
        )
        for name, search in searches.items():
            start = time.perf_counter()
            search(inputs)[1].numpy()
            times[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(measured[2:]) for name, measured in times.items()}


def _memory(
    name: str, index: tf.Module, search: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
) -> int:
    """Bytes by which a fresh process grows when it loads the index and answers one query."""
    with tempfile.TemporaryDirectory() as folder:
        model = tf.Module()
        model.index, model.search = index, search
        tf.saved_model.save(
            model, folder, options=tf.saved_model.SaveOptions(namespace_whitelist=["Scann"])
        )
        done = subprocess.run(
            [sys.executable, "-c", _MEMORY_PROBE, folder, name],
            check=True,
            capture_output=True,
            text=True,
            cwd=pathlib.Path(__file__).parent.parent,
        )
    return int(done.stdout)


def _short(settings: parameters.Parameters) -> str:
    values = dataclasses.asdict(settings)
    return ", ".join(
        f"{n.replace('_', ' ')} {v:,}" for n, v in values.items() if n not in ("body", "k")
    )


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    lines = [
        (
            "| items | body | recall@200 | ms, one query | against exact | ms, call of 1 | ms, "
            "call of 32 | against exact | memory / vectors | build s | settings |"
        ),
        "|--:|:--|--:|--:|--:|--:|--:|--:|--:|--:|:--|",
    ]
    for row in rows:
        exact = next(r for r in rows if r.items == row.items and r.name == "exact")
        if row.name == EMPTY:
            lines.append(
                f"| {row.items:,} | {EMPTY} | | {row.alone:.3f} | | {row.milliseconds[1]:.2f} | "
                f"{row.milliseconds[32]:.2f} | | | | |"
            )
            continue
        memory = "" if row.memory is None else f"{row.memory:.1f}"
        lines.append(
            f"| {row.items:,} | {row.name} | {row.recall:.4f} | {row.alone:.3f} | "
            f"{exact.alone / row.alone:.1f}x | {row.milliseconds[1]:.2f} | "
            f"{row.milliseconds[32]:.2f} | {exact.milliseconds[32] / row.milliseconds[32]:.1f}x | "
            f"{memory} | {row.build_seconds:.1f} | {row.settings} |"
        )
    return "\n".join(lines)


def machine() -> str:
    """Processor, cores, memory, load and versions."""
    models = [
        line.partition(":")[2].strip()
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return (
        f"{models[0] if models else platform.processor()}, {os.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GB; load average {os.getloadavg()[0]:.1f}; "
        f"TensorFlow {tf.__version__}, ScaNN {importlib.metadata.version('scann')}, TFRS "
        f"{tfrs.__version__}"
    )


def main() -> None:
    """Measures the index bodies at every size and prints or writes the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--items", type=int, nargs="+", default=[1682, 5_000, 20_000, 200_000, 1_000_000]
    )
    parser.add_argument("--output", type=pathlib.Path, help="Markdown file to write")
    arguments = parser.parse_args()
    rows: list[Row] = []
    for items in arguments.items:
        rows += measure(items)
        print(table(rows[-len(BODIES) - 2 :]), flush=True)
    today = datetime.datetime.now().astimezone().date()
    text = f"""# Index bodies

Made by `python -m benchmarks.index --output benchmarks/index.md` on {today}.
{machine()}.

{QUERIES} queries, {DIMENSION}-d vectors of length 1 in clusters of {ITEMS_PER_CLUSTER} with a
falling spectrum, the parameters as derived from the size. "One query" is the time of a query in a
graph that searches {ROW} of them, one after the other; median of {ROWS}. "Call" is a call from
Python; medians of {REPEATS[1]} (1 query) and {REPEATS[32]} (32 queries). The bodies take turns.
"Against exact" is how many times as fast as exact search. "{EMPTY}" returns zeros: what a call
costs without a search. One query after the other finds the index in the caches; a lone one is
slower.

{table(rows)}
"""
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
