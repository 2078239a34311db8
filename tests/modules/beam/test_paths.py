"""Names with the characters of globs, and globs."""

from __future__ import annotations

import pathlib

import pytest

from modules import globs
from modules.beam import files
from tests import tables

NAMES = ["p [v2]", "a*b", "c{1}", "d'q\"", "e?f", "[", "g h"]
CSV = "user,item,time\nu,a,1\nu,b,2\nu,c,3\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_that_of_the_file_or_folder(tmp_path: pathlib.Path, name: str) -> None:
    """Though there are others that it would match as a glob."""
    for folder in (name, "p v", "axxb", "exf"):
        (tmp_path / folder / "ev").mkdir(parents=True)
        (tmp_path / folder / "ev" / "e.csv").write_text(CSV)
        (tmp_path / folder / f"{name}.csv").write_text(CSV)
    for path in ("ev/e.csv", "ev", "ev/", "ev/*.csv", "e*", f"{name}.csv"):
        found = files.list_files(tables.only_events(tmp_path / name / path).events, "events").paths
        assert len(found) == 1 and found[0].startswith(f"{tmp_path}/{name}/"), path
    assert tables.history(tmp_path, tables.only_events(tmp_path / name / "ev/*.csv")) == [*"abc"]


def test_a_glob_is_one_where_nothing_has_the_name(tmp_path: pathlib.Path) -> None:
    for name in ("day-1.csv", "day-2.csv", "a/day-3.csv", "a/b/day-4.csv", "a/.x/day-5.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(CSV)

    def found(path: str) -> list[str]:
        listed = files.list_files(tables.only_events(tmp_path / path).events, "events").paths
        return [path.removeprefix(f"{tmp_path}/") for path in listed]

    assert found("day-[12].csv") == found("*.csv") == ["day-1.csv", "day-2.csv"]
    assert found("a/**.csv") == ["a/.x/day-5.csv", "a/b/day-4.csv", "a/day-3.csv"]
    assert found("*/day-3.csv") == ["a/day-3.csv"]
    assert found("[a]") == ["a/b/day-4.csv", "a/day-3.csv"]  # folders, without what is hidden
    (tmp_path / "day-[12].csv").write_text(CSV)
    assert found("day-[12].csv") == ["day-[12].csv"]


def test_a_path_is_divided_where_its_glob_begins(tmp_path: pathlib.Path) -> None:
    (tmp_path / "p [v2]").mkdir()
    folder = str(tmp_path / "p [v2]")
    assert globs.divided(f"{folder}/x/*.csv") == (folder, "x/*.csv")
    assert globs.divided(f"{folder}/no.csv") == (f"{folder}/no.csv", "")
    assert globs.divided(folder) == (folder, "")
    assert globs.divided("nowhere*.csv") == (".", "nowhere*.csv")
