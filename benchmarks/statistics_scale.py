r"""Time and memory of InteractionStatistics over the number of events.

Runs the component by itself, each time in a process of its own, on what a run made of its data:

  python -m benchmarks.statistics_scale --run runs/complete-journey \
    --config examples/complete-journey --shares 0.25 0.5 1 --output results.tsv

A share is of the users, by a digest of their ids; the catalogue stays whole. Events are the targets
of the windows of all splits that are counted. CPU is that of the component without TFX's import;
memory is the peak of the process, and what it had before the component started.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import tensorflow as tf

from benchmarks import runs_of
from modules import features, requests
from modules.beam import counting

_SCALE = 1 << 32  # of the digests


def main() -> None:
    """Measures each share, adds a line for each to the output and prints it."""
    arguments = _arguments()
    if arguments.target:
        print(json.dumps(run(arguments)))
        return
    latest = pathlib.Path(arguments.run) / "artifacts"
    examples = runs_of.latest(latest / "InteractionsExampleGen" / "examples")
    graph = runs_of.latest(latest / "Transform" / "transform_graph")
    for share in arguments.shares:
        with tempfile.TemporaryDirectory(dir=arguments.scratch) as folder:
            given = pathlib.Path(folder) / "examples"
            row = {"share": share, "events": _take(examples, given, share)}
            row |= _measure(arguments, given, graph, pathlib.Path(folder))
        runs_of.append(pathlib.Path(arguments.output), row)
        print("== " + ", ".join(f"{name} {value}" for name, value in row.items()), flush=True)


def _take(source: pathlib.Path, target: pathlib.Path, share: float) -> int:
    """Copies the windows of a share of the users, and returns how many events they count."""
    events = 0
    for split in sorted(source.glob("Split-*")):
        name = split.name.removeprefix("Split-")
        counts = name == features.SPLIT_TRAIN or name.startswith("recall")
        if not counts and name != features.SPLIT_CATALOGUE:
            continue
        (target / split.name).mkdir(parents=True)
        file = str(target / split.name / "data_tfrecord-00000-of-00001.gz")
        with tf.io.TFRecordWriter(file, "GZIP") as writer:
            for window in tf.data.TFRecordDataset(sorted(map(str, split.glob("*.gz"))), "GZIP"):
                serialized = window.numpy()
                if counts:
                    example = requests.read_raw_example(serialized)
                    digest = hashlib.sha256(example[features.USER_ID][0]).digest()[:4]
                    if int.from_bytes(digest, "big") >= share * _SCALE:
                        continue
                    events += len(counting.target_places(example))
                writer.write(serialized)
    return events


def _measure(
    arguments: argparse.Namespace,
    examples: pathlib.Path,
    graph: pathlib.Path,
    folder: pathlib.Path,
) -> dict[str, float]:
    """What `run` says of a process of its own."""
    command = [sys.executable, "-m", "benchmarks.statistics_scale", "--config", arguments.config]
    command += ["--examples", str(examples), "--graph", str(graph)]
    command += ["--target", str(folder / "statistics")]
    command += [part for override in arguments.override for part in ("-o", override)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def run(arguments: argparse.Namespace) -> dict[str, float]:
    """Runs the component in this process; seconds, and gigabytes."""
    from tfx.types import standard_artifacts

    from pipeline import configuration, dag, runs
    from pipeline.components import statistics

    cfg = configuration.load(arguments.config, arguments.override)
    folder = pathlib.Path(arguments.target)
    components = dag.create(cfg, runs.Run(folder.parent, cfg.name)).components
    (component,) = (c for c in components if isinstance(c, statistics.InteractionStatistics))
    examples, graph = standard_artifacts.Examples(), standard_artifacts.TransformGraph()
    counted = statistics.InteractionStatisticsArtifact()
    examples.uri, graph.uri, counted.uri = arguments.examples, arguments.graph, str(folder)
    splits = pathlib.Path(arguments.examples).glob("Split-*")
    examples.split_names = json.dumps([path.name.removeprefix("Split-") for path in splits])
    before, started, cpu = _peak(), time.monotonic(), time.process_time()
    statistics.Executor().Do(
        {statistics.EXAMPLES: [examples], statistics.TRANSFORM_GRAPH: [graph]},
        {statistics.STATISTICS: [counted]},
        {
            statistics.CONFIG: component.exec_properties[statistics.CONFIG],
            statistics.SOURCE_DIGEST: "",
        },
    )
    return {
        "seconds": round(time.monotonic() - started, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "gb_before": round(before, 2),
        "gb": round(_peak(), 2),
        "mb_written": round(sum(p.stat().st_size for p in folder.rglob("*.*")) / 1e6, 1),
    }


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", required=True, help="the configuration of the run")
    parser.add_argument("--run", help="the folder of a run with its ExampleGen and Transform")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.25, 0.5, 1.0])
    parser.add_argument("--output", help="TSV to add lines to")
    parser.add_argument("--scratch", help="folder for the shares' examples")
    parser.add_argument("-o", "--override", action="append", default=[], metavar="KEY=VALUE")
    for name in ("examples", "graph", "target"):  # of the process that is measured
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.target and not (arguments.run and arguments.output):
        parser.error("--run and --output are required.")
    return arguments


if __name__ == "__main__":
    main()
