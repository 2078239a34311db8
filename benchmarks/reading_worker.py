"""Reads a file once for each line that it is sent, and prints how long that took; for reading.py.

    python benchmarks/reading_worker.py recsys csv events.csv

It is a script, so that PYTHONPATH can name another checkout: it then reads with that one's code.
"""

from __future__ import annotations

import pathlib
import sys
import tempfile
import time
from collections.abc import Callable

COLUMNS = {"user": "user_id", "item": "item_id", "time": "timestamp", "rating": "numeric"}


def main() -> None:
    """Reads once to warm up, then for each line of the standard input."""
    tool, form, path = sys.argv[1:]
    read = {"recsys": _recsys, "pandas": _pandas, "pyarrow": _pyarrow}[tool](form, path)
    rows = read()
    print(rows, flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        if read() != rows:
            raise SystemExit(f"{path}: {tool} has read another number of rows than before")
        print(time.perf_counter() - start, flush=True)


def _recsys(form: str, path: str) -> Callable[[], int]:
    import apache_beam as beam
    from apache_beam.runners.portability.fn_api_runner import fn_runner

    from modules import config, strict
    from modules.beam import files, tables

    events = {"path": path, "format": form, "columns": COLUMNS}
    data = strict.read(config.Data, {"events": events})

    def read() -> int:
        listing = files.list_tables(data)["events"]
        with tempfile.TemporaryDirectory() as folder:
            output = pathlib.Path(folder, "count")
            with beam.Pipeline(runner=fn_runner.FnApiRunner()) as pipeline:
                rows = (pipeline | tables.ReadTable(listing, data.events))[tables.ROWS]
                count = rows | beam.combiners.Count.Globally()
                count | beam.io.WriteToText(str(output), shard_name_template="")
            return int(output.read_text())

    return read


def _pandas(form: str, path: str) -> Callable[[], int]:
    import pandas as pd

    if form == "parquet":
        return lambda: len(pd.read_parquet(path))
    if form == "json":
        return lambda: len(pd.read_json(path, lines=True))
    delimiter = "," if ".csv" in path else "\t"
    return lambda: len(pd.read_csv(path, sep=delimiter))


def _pyarrow(form: str, path: str) -> Callable[[], int]:
    from pyarrow import csv, json, parquet

    if form == "parquet":
        return lambda: int(parquet.read_table(path).num_rows)
    if form == "json":
        return lambda: int(json.read_json(path).num_rows)
    options = csv.ParseOptions(delimiter="," if ".csv" in path else "\t")
    return lambda: int(csv.read_csv(path, parse_options=options).num_rows)


if __name__ == "__main__":
    main()
