"""Files with the same columns are one table, whatever they are called."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pyarrow import parquet

from modules import config
from modules.beam import check
from pipeline.draft import merging, samples, writer
from tests.pipeline.draft import drafts

ROWS = [f"{u},{i},{t}" for u, i, t in drafts.rows()]


def months(folder, header="user,item,time"):
    return [
        drafts.write(folder / f"{month}.csv", [header, *ROWS[at::3]])
        for at, month in enumerate(("january", "february", "march"))
    ]


@pytest.mark.parametrize("how", ["folder", "files", "events"])
def test_files_with_the_same_columns_are_one_table(tmp_path, how):
    files = months(tmp_path / "e")
    arguments = {"folder": [tmp_path / "e"], "files": files, "events": []}[how]
    text = drafts.make(
        *arguments, given={"events": str(tmp_path / "e")} if how == "events" else None
    )
    data = drafts.load(text, tmp_path)
    assert data.events.path == f"{tmp_path}/e/*.csv"
    assert "3 files with the same columns" in writer.marks(text)[0][1]
    assert "Not used" not in text
    assert f"{len(ROWS)} rows" in text
    check.check(data, config.Split())


def test_another_order_and_other_types_are_the_same_columns(tmp_path):
    for name, of in (("a", int), ("b", float)):
        cells = {
            "time": [t for _, _, t in drafts.rows()],
            "user": [of(u[1:]) for u, _, _ in drafts.rows()],
            "item": [of(i[1:]) for _, i, _ in drafts.rows()],
        }
        names = list(cells) if name == "a" else list(cells)[::-1]
        table = pa.table({key: cells[key] for key in names})
        parquet.write_table(table, tmp_path / f"{name}.parquet")
    data = drafts.load(drafts.make(tmp_path), tmp_path)
    assert data.events.path == f"{tmp_path}/*.parquet"
    check.check(data, config.Split())


def test_what_no_path_names_is_marked(tmp_path):
    months(tmp_path)
    drafts.write(tmp_path / "items.csv", ["item,name", *(f"i{n},Thing {n}" for n in range(9))])
    marks = [mark for _, mark in writer.marks(drafts.make(tmp_path))]
    assert len(marks) == 2  # one of the three is the events
    assert all("put them into a folder of their own" in mark for mark in marks)


def test_users_and_items_with_the_same_columns_are_two_tables():
    found = [
        samples.Sample(f"{name}.csv", (f"{name}.csv",), "csv", {"id": ["1"], "name": ["x"]})
        for name in ("users", "items")
    ]
    assert merging.merged(found) == found
