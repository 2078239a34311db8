"""Columns that folders name, in every format, and what they do to the fingerprint."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable

import pyarrow as pa
import pytest
from pyarrow import parquet

from modules import config
from modules.beam import files, partitions
from tests import tables

COLUMNS = {
    "user": "user_id",
    "item": "item_id",
    "time": {"role": "timestamp", "unit": "s"},
    "day": {"kind": "categorical", "default": "?"},
}
Rows = list[dict[str, object]]


def _csv(path: pathlib.Path, rows: Rows) -> None:
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    path.write_text("\n".join(lines))


def _json(path: pathlib.Path, rows: Rows) -> None:
    path.write_text("\n".join(map(json.dumps, rows)))


def _parquet(path: pathlib.Path, rows: Rows) -> None:
    parquet.write_table(pa.Table.from_pylist(rows), path)


WRITERS: dict[str, Callable[[pathlib.Path, Rows], None]] = {
    "csv": _csv,
    "json": _json,
    "parquet": _parquet,
}


def _write(folder: pathlib.Path, kind: str, inside: str, rows: Rows) -> None:
    (folder / inside).mkdir(parents=True)
    WRITERS[kind](folder / inside / f"a.{kind}", rows)


@pytest.mark.parametrize("kind", WRITERS)
def test_folders_give_a_column_to_their_files(tmp_path: pathlib.Path, kind: str) -> None:
    """Escapes are decoded, the partition of nulls is a missing cell, a file's own column wins."""
    ev = tmp_path / "ev"
    for at, inside in enumerate(
        ("day=1", "day=a%2Fb c", "day=__HIVE_DEFAULT_PARTITION__", "x=1/day=3")
    ):
        _write(ev, kind, inside, [{"user": "u", "item": f"i{at}", "time": at}])
    _write(ev, kind, "day=4", [{"user": "u", "item": "i9", "time": 9, "day": "own"}])
    read = tables.rows_read(tmp_path, tables.only_events(ev, columns=COLUMNS))
    # feedback that is missing stays the empty text
    assert {row[1]: row[3] for row in read} == {
        "i0": "1",
        "i1": "a/b c",
        "i2": "",
        "i3": "3",
        "i9": "own",
    }


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_outside_of_such_a_folder_lacks_the_column(
    tmp_path: pathlib.Path, kind: str
) -> None:
    _write(tmp_path / "ev", kind, "day=1", [{"user": "u", "item": "a", "time": 1}])
    _write(tmp_path / "ev", kind, "other", [{"user": "u", "item": "a", "time": 1}])
    message = tables.refusal(tables.only_events(tmp_path / "ev", columns=COLUMNS))
    assert f"other/a.{kind}" in message and "no column 'day'" in message


def test_rules_read_the_column_of_folders(tmp_path: pathlib.Path) -> None:
    columns = {key: COLUMNS[key] for key in ("user", "item", "time")}
    for day in (1, 2, 3):
        row = {"user": "u", "item": f"i{day}", "time": day}
        _write(tmp_path / "ev", "csv", f"day={day}", [row])
    data = tables.only_events(tmp_path / "ev", columns=columns, keep=["day >= 2"])
    assert [row[1] for row in tables.rows_read(tmp_path, data)] == ["i2", "i3"]


def test_only_what_is_declared_counts() -> None:
    table = config.Table(path="ev", columns={"day": config.Column(kind="categorical")})
    assert partitions.of("/data/run=7/ev/day=1/x=2/a.csv", table) == {"day": "1"}


def test_the_fingerprint_follows_what_declared_folders_say(tmp_path: pathlib.Path) -> None:
    found = []
    for at, inside in enumerate(("x=1/day=1", "x=2/day=1", "x=1/day=2")):
        folder = tmp_path / str(at)
        _write(folder / "ev", "csv", inside, [{"user": "u", "item": "a", "time": 1}])
        found.append(files.fingerprint(tables.only_events(folder / "ev", columns=COLUMNS)))
    assert found[0] == found[1] != found[2]
