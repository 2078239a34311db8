"""The files of a generated data set: which there are, the same bytes whoever writes them."""

from __future__ import annotations

import json
import pathlib

import apache_beam as beam
import dill
import numpy as np
import pytest
from apache_beam.internal import cloudpickle_pickler
from apache_beam.runners.portability.fn_api_runner import fn_runner
from pyarrow import csv, parquet

from modules.generator import judged, parts, shape
from tests.modules.generator import made

OF = shape.Shape(**{**made.SMALL, "events": 9_000}, hot_user=3_000, part_events=2_000)


def _write(folder: pathlib.Path, kind: str, part: int, form: parts.Format = "parquet") -> list[str]:
    do = parts.WritePart(OF, str(folder), form)
    do.setup()
    return list(do.process((kind, part)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """All parts, by Beam."""
    made_at = tmp_path_factory.mktemp("generated")
    with beam.Pipeline(runner=fn_runner.FnApiRunner()) as pipeline:
        _ = pipeline | parts.Generate(OF, str(made_at), "parquet")
    return made_at


def _files(folder: pathlib.Path) -> set[str]:
    return {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}


def test_each_part_has_its_files_and_no_others(folder):
    assert _files(folder) == {
        *(f"{kind}/part-0000{n}.parquet" for kind in ("events", "users") for n in range(3)),
        *(f"events/hot-0000{n}.parquet" for n in range(2)),
        "users/hot-00000.parquet",
        "items/part-00000.parquet",
        *(f"oracle/part-0000{n}.jsonl" for n in range(3)),
    }


def test_all_events_are_there_and_know_their_users_and_items(folder):
    events = parquet.read_table(folder / "events")
    users = parquet.read_table(folder / "users").column("user_id").to_pylist()
    items = parquet.read_table(folder / "items").column("item_id").to_pylist()
    assert events.num_rows == 9_000
    assert sorted(users) == sorted(f"u{n}" for n in range(401))
    assert sorted(items) == sorted(f"i{n}" for n in range(800))
    assert set(events.column("user_id").to_pylist()) == set(users)
    assert set(events.column("item_id").to_pylist()) <= set(items)
    for file in (folder / "events").iterdir():
        assert np.all(np.diff(parquet.read_table(file).column("timestamp")) >= 0)


def test_the_hot_user_comes_evenly_through_all_parts(folder):
    files = sorted((folder / "events").glob("hot-*"))
    found = [parquet.read_table(file) for file in files]
    assert {user for table in found for user in table.column("user_id").to_pylist()} == {"u400"}
    times = np.concatenate([table.column("timestamp") for table in found])
    assert times.size == 3_000
    assert set(np.diff(times)) == {90 * 86_400 // 3_000}


@pytest.mark.parametrize(("kind", "part"), [("users", 2), ("hot", 1), ("items", 0)])
def test_a_part_alone_has_the_same_bytes(folder, tmp_path, kind, part):
    """Neither the order of parts nor what a worker did before plays a part."""
    _write(tmp_path, kind, part)
    assert _files(tmp_path)
    for name in _files(tmp_path):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_an_attempt_that_is_made_again_replaces_its_files(tmp_path):
    first = _write(tmp_path, "users", 0)
    pathlib.Path(first[0]).write_bytes(b"cut off")
    again = _write(tmp_path, "users", 0)
    assert first == again and len(_files(tmp_path)) == 3
    assert parquet.read_table(again[0]).num_rows == 134


def test_csv_holds_the_same(folder, tmp_path):
    _write(tmp_path, "users", 1, "csv")
    for name in ("events", "users"):
        found = csv.read_csv(tmp_path / name / "part-00001.csv")
        assert (
            found.to_pydict()
            == parquet.read_table(folder / name / "part-00001.parquet").to_pydict()
        )


def test_all_users_are_judged_once_unless_fewer_are_wanted(folder, tmp_path):
    lines = [line for f in sorted((folder / "oracle").iterdir()) for line in f.open()]
    users = [judged.Judged(**json.loads(line)).user for line in lines]
    assert sorted(users) == sorted(f"u{n}" for n in range(400))
    few = shape.Shape(**made.SMALL, part_events=2_000, judged=50)
    do = parts.WritePart(few, str(tmp_path), "csv")
    do.setup()
    for part in range(few.user_parts):
        list(do.process(("users", part)))
    assert sum(len(f.read_text().splitlines()) for f in (tmp_path / "oracle").iterdir()) == 50


@pytest.mark.parametrize("pickler", [dill, cloudpickle_pickler])
def test_what_workers_get_survives_the_trip(pickler):
    do = parts.WritePart(OF, "there", "parquet")
    assert pickler.loads(pickler.dumps(do)).display_data() == do.display_data()
