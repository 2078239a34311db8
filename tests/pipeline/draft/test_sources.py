"""Files that belong together."""

from __future__ import annotations

import pytest

from modules.beam import errors
from pipeline.draft import sources


@pytest.mark.parametrize(
    ("files", "groups"),
    [
        (["d/part-0.csv", "d/part-1.csv"], [["d/part-0.csv", "d/part-1.csv"]]),
        (["d/day=1/a.csv", "d/day=2/a.csv"], [["d/day=1/a.csv", "d/day=2/a.csv"]]),
        (["d/users.csv", "d/items.csv"], [["d/users.csv"], ["d/items.csv"]]),
        (
            [f"p-0000{n}-0123abcd-0123-0123-0123-0123456789a{n}.snappy.parquet" for n in (0, 1)],
            [[f"p-0000{n}-0123abcd-0123-0123-0123-0123456789a{n}.snappy.parquet" for n in (0, 1)]],
        ),
    ],
)
def test_parts(files, groups):
    assert sources.together(files) == groups


@pytest.mark.parametrize(
    ("files", "others", "path"),
    [
        (["d/a.csv"], [], "d/a.csv"),
        (["d/e-1.csv", "d/e-2.csv"], ["d/u-1.csv"], "d/e-*.csv"),
        (["d/e-1.csv", "d/e-2.csv"], ["d/e-3.csv"], None),  # the glob would take another one
        (["d/e-1.csv", "f/e-2.csv"], [], None),
        (["[d]/e-1.csv", "[d]/e-2.csv"], [], None),
    ],
)
def test_globs(files, others, path):
    assert sources.name(files, [*files, *others]) == path


def test_a_folder(tmp_path):
    for name in ("u.data", "u.item", "README", "notes.txt", ".hidden.csv", "_SUCCESS"):
        (tmp_path / name).write_text("x\n")
    (tmp_path / "empty.csv").write_text("")
    found = [source.path.removeprefix(f"{tmp_path}/") for source in sources.find(str(tmp_path))]
    assert found == ["u.data", "u.item"]


def test_a_folder_without_tables(tmp_path):
    (tmp_path / "a.pdf").write_text("x")
    with pytest.raises(errors.DataError, match=r"no file ends in .*\.csv.*found a\.pdf"):
        sources.find(str(tmp_path))


def test_a_glob(tmp_path):
    for name in ("a-1.csv", "a-2.csv", "b.csv"):
        (tmp_path / name).write_text("x\n")
    (found,) = sources.find(f"{tmp_path}/a-*.csv")
    assert found.path == f"{tmp_path}/a-*.csv" and len(found.files) == 2


def test_parts_beside_other_tables(tmp_path):
    """A path names all files of a table and no others; else each file is a table."""
    for name in ("e/day=1/a.csv", "e/day=2/a.csv", "u/1/b-1.csv", "u/2/b-2.csv", "u/1/x.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x\n")
    found = {s.path.removeprefix(f"{tmp_path}/"): len(s.files) for s in sources.find(str(tmp_path))}
    assert found == {"e": 2, "u/1/b-1.csv": 1, "u/2/b-2.csv": 1, "u/1/x.csv": 1}
