"""Listing of files, places in them, and the fingerprint of the input."""

from __future__ import annotations

import gzip
import pathlib

import pytest

from modules import config
from modules.beam import errors, files
from tests import tables


def _table(path: pathlib.Path | str, kind: str | None = "csv") -> config.Table:
    return config.Table(path=str(path), columns={}, format=kind)  # type: ignore[arg-type]


def _fill(folder: pathlib.Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")


def test_a_folder_gives_its_files_of_the_format_by_name(tmp_path: pathlib.Path) -> None:
    _fill(
        tmp_path, "b.csv", "a.csv", "part=1/c.csv", "notes.txt", ".hidden.csv", "_temporary/d.csv"
    )
    found = files.list_files(_table(tmp_path), "events").paths
    assert [path.removeprefix(f"{tmp_path}/") for path in found] == [
        "a.csv",
        "b.csv",
        "part=1/c.csv",
    ]


def test_a_recbole_folder_gives_the_file_of_the_table(tmp_path: pathlib.Path) -> None:
    _fill(tmp_path, "shop.inter", "shop.user", "shop.item")
    found = files.list_files(_table(tmp_path, "recbole"), "users").paths
    assert found == (str(tmp_path / "shop.user"),)


@pytest.mark.parametrize(
    ("names", "kind", "chosen"),
    [
        (["a.csv", "b.csv.gz", "README.txt", "_SUCCESS"], "csv", ["a.csv", "b.csv.gz"]),
        (["a.tsv", "README"], "csv", ["a.tsv"]),
        (["a.txt", "b.dat"], "csv", ["a.txt"]),
        (["shop.inter", "shop.item", "README.txt"], "recbole", ["shop.inter"]),
        (["day=1/p.parquet", "day=2/p.parquet"], "parquet", ["day=1/p.parquet", "day=2/p.parquet"]),
    ],
)
def test_without_a_format_it_follows_from_the_files_of_a_folder(
    tmp_path: pathlib.Path, names: list[str], kind: str, chosen: list[str]
) -> None:
    _fill(tmp_path, *names)
    for name in names:
        if name.endswith(".parquet"):
            (tmp_path / name).write_bytes(b"PAR1\0")
        if name.endswith(".gz"):
            (tmp_path / name).write_bytes(gzip.compress(b"x"))
    found = files.list_files(_table(tmp_path, None), "events")
    assert found.format == kind
    assert [path.removeprefix(f"{tmp_path}/") for path in found.paths] == chosen


def test_without_a_format_it_follows_from_the_ending_of_a_file_or_glob(
    tmp_path: pathlib.Path,
) -> None:
    _fill(tmp_path, "shop.inter", "1.tsv", "2.tsv")
    for path, kind in (("shop.inter", "recbole"), ("1.tsv", "csv"), ("*.tsv", "csv")):
        assert files.list_files(_table(tmp_path / path, None), "events").format == kind


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("c.log", "c.log"),
        ("[ac]*", "a.csv, c.log"),
    ],
)
def test_without_a_format_endings_that_disagree_or_say_nothing_are_refused(
    tmp_path: pathlib.Path, path: str, found: str
) -> None:
    _fill(tmp_path, "a.csv", "b.parquet", "c.log")
    with pytest.raises(errors.DataError) as caught:
        files.list_files(_table(tmp_path / path, None), "events")
    assert str(caught.value) == (
        "data.events.format: missing, and the files' endings do not say one; found "
        f"{found}, expected one of .inter (recbole), .csv/.tsv/.tab/.txt/.dat/.data (csv), "
        ".json/.jsonl/.ndjson (json), .parquet/.pq (parquet). Set format: recbole, csv, json or "
        "parquet."
    )


def test_a_folder_without_a_file_of_the_format_says_what_is_there(tmp_path: pathlib.Path) -> None:
    _fill(tmp_path, *(f"part-{n}" for n in range(7)))
    with pytest.raises(
        errors.DataError,
        match=r"^data\.events\.path: no file in .* ends in \.csv, .*; found part-0, .*, part-4 and "
        r"2 more\. Name the files with a glob, such as .*/\*, or correct the format\.$",
    ):
        files.list_files(_table(tmp_path), "events")


def test_a_format_that_follows_from_the_files_has_to_fit_the_other_keys(
    tmp_path: pathlib.Path,
) -> None:
    (tmp_path / "e.parquet").write_bytes(b"PAR1\0")
    table = config.Table(path=str(tmp_path), columns={}, delimiter="tab")
    with pytest.raises(errors.DataError, match=r"^data\.events\.delimiter: only text in columns"):
        files.list_files(table, "events")


def test_empty_files_among_others_are_left_out(tmp_path: pathlib.Path) -> None:
    _fill(tmp_path, "1.csv", "2.csv")
    (tmp_path / "0.csv").write_text("")
    found = files.list_files(_table(tmp_path), "events")
    assert (len(found.paths), found.empty) == (2, 1)


@pytest.mark.parametrize(
    ("names", "kind", "others"),
    [
        (["a.csv", "b.csv"], None, 0),
        (["a.csv", "b.jsonl", "README.md", ".hidden", "_SUCCESS"], "csv", 2),
        (["a.csv", "b.tsv"], None, 1),
        (["shop.inter", "shop.item", "shop.user"], None, 0),
    ],
)
def test_files_left_out_for_their_ending_are_counted(
    tmp_path: pathlib.Path, names: list[str], kind: str | None, others: int
) -> None:
    _fill(tmp_path, *names)
    assert files.list_files(_table(tmp_path, kind), "events").others == others


@pytest.mark.parametrize(
    ("path", "remedy"),
    [("", "Set format, so that files in another are not read"), ("*", "Name files of one alone")],
)
def test_files_of_several_formats_are_named(tmp_path: pathlib.Path, path: str, remedy: str) -> None:
    _fill(tmp_path, "a.csv", "b.csv")
    (tmp_path / "c.jsonl").write_text('{"user": 1}\n')
    with pytest.raises(errors.DataError) as caught:
        files.list_files(_table(tmp_path / path, None), "events")
    assert str(caught.value) == (
        "data.events.format: missing, and the files have several; found 2 in .csv, 1 in .jsonl, "
        f"expected csv or json alone. {remedy}, or convert them."
    )


def test_a_glob_gives_what_it_matches(tmp_path: pathlib.Path) -> None:
    _fill(tmp_path, "day-2.log", "day-1.log", "night-1.log")
    found = files.list_files(_table(tmp_path / "day-*.log"), "events").paths
    assert found == (str(tmp_path / "day-1.log"), str(tmp_path / "day-2.log"))


def test_a_package_gives_a_file_that_it_ships() -> None:
    table = _table("package:recbole/dataset_example/ml-100k/ml-100k.inter", "recbole")
    found = files.list_files(table, "events")
    assert found.sizes == (1979230,)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "missing.csv",
            (
                r"data.events.path: nothing found at .*missing.csv; "
                r"expected a file, a folder with \*.csv files"
            ),
        ),
        (
            "package:no_such_package/x.csv",
            "needs the package no_such_package, which is not installed",
        ),
        ("unknown://bucket/x.csv", r"data.events.path: cannot list unknown://bucket/x.csv"),
    ],
)
def test_a_missing_file_is_named(path: str, message: str) -> None:
    with pytest.raises(errors.DataError, match=message):
        files.list_files(_table(path), "events")


def test_an_empty_file_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.csv").write_text("")
    with pytest.raises(
        errors.DataError, match=r"a.csv: the file is empty, expected a header and rows"
    ):
        files.list_files(_table(tmp_path / "a.csv"), "events")


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_line_numbers_are_counted_from_the_offset(tmp_path: pathlib.Path, name: str) -> None:
    text = b"head\nfirst\nsecond\n"
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    offsets = [text.index(word) for word in (b"head", b"first", b"second")]
    assert [files.line_number(str(tmp_path / name), offset) for offset in offsets] == [1, 2, 3]


def test_lines_of_wide_texts_are_counted_in_the_text(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.csv").write_bytes("h\u010ad\rfirst\r\nsecond".encode("utf-16"))
    offsets = [0, 5, 12]  # of the same text in UTF-8
    assert [files.line_number(str(tmp_path / "a.csv"), n, "utf-16") for n in offsets] == [1, 2, 3]


def test_the_fingerprint_follows_the_content_and_not_the_place(tmp_path: pathlib.Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.mkdir()
    second.mkdir()
    before = files.fingerprint(tables.write(first))
    assert files.fingerprint(tables.write(second)) == before
    assert files.fingerprint(tables.write(second, users=tables.USERS.replace("20", "21"))) != before
