"""The catalogue of a release: written, read, and what is said of files that are no catalogue."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

from modules import catalogue
from tests import small_release


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    catalogue.write(tmp_path / catalogue.FOLDER, small_release.ABOUT, small_release.ITEMS[::-1])
    return tmp_path


def test_what_is_written_is_read(folder):
    found = catalogue.Catalogue.read(folder)
    assert found.about == small_release.ABOUT
    # by id, however they were given
    assert (found.ids, found.titles) == (("i1", "i2"), ("Tea", ""))
    assert found.features == {"price": [2.5, None], "tags": [["green", "loose"], []]}
    assert found.popularity.tolist() == [3, 7]
    assert found.popular.tolist() == [1, 0]
    assert found.position == {"i1": 0, "i2": 1}
    assert found.item(0) == small_release.ITEMS[0]


def test_an_item_of_a_raw_example():
    example = {
        "item_id": [b"i3"],
        "item_title": ["T\u00e9".encode()],
        "item_price": [float("nan")],
        "item_tags": [b"a", b"b"],
    }
    assert catalogue.item_of(example, 4, small_release.ABOUT.data) == catalogue.Item(
        "i3", "T\u00e9", 4, {"price": None, "tags": ["a", "b"]}
    )
    bare = catalogue.item_of({"item_id": [b"i4"]}, 0, small_release.ABOUT.data)
    assert bare == catalogue.Item("i4", "", 0, {"price": None, "tags": []})


def test_a_missing_file_is_named(folder):
    (folder / catalogue.FOLDER / catalogue.ITEMS_FILE).unlink()
    with pytest.raises(
        catalogue.CatalogueError, match=r"items\.parquet: is missing.*copy it again"
    ):
        catalogue.Catalogue.read(folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (catalogue.ITEMS_FILE, b"PAR1 cut"),
        (catalogue.ABOUT_FILE, b"{"),
        (catalogue.ABOUT_FILE, b"{}"),
        (catalogue.ABOUT_FILE, b"\xff"),
    ],
)
def test_a_broken_file_is_refused(folder, name, content):
    (folder / catalogue.FOLDER / name).write_bytes(content)
    with pytest.raises(catalogue.CatalogueError, match="files that cannot be read"):
        catalogue.Catalogue.read(folder)


def test_tensorflow_is_not_imported():
    code = (
        "import sys, modules.catalogue, modules.request_arrays; "
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


CRAFTED = """
import os, sys
import pyarrow as pa
import pyarrow.parquet

class Evil(pa.PyExtensionType):
    def __init__(self):
        pa.PyExtensionType.__init__(self, pa.string())

    def __reduce__(self):
        return os.mkdir, (sys.argv[2],)

ids = pa.ExtensionArray.from_storage(Evil(), pa.array(["m1"]))
pa.parquet.write_table(pa.table({"item_id": ids}), sys.argv[1])
"""


def test_a_file_that_would_run_code_is_refused(folder, tmp_path):
    """Reading a Parquet file unpickles what it says of a column's type (CVE-2023-47248)."""
    target = tmp_path / "made-by-the-file"
    items = folder / catalogue.FOLDER / catalogue.ITEMS_FILE
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CRAFTED, str(items), str(target)], check=True
    )
    with pytest.raises(catalogue.CatalogueError, match=r"Disallowed deserialization"):
        catalogue.Catalogue.read(folder)
    assert not target.exists()
