"""A file whose content is not what its format says is recognised before any of its rows."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pathlib
import pickle
import sqlite3
import tarfile
import zipfile

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from apache_beam.io import filesystems
from pyarrow import feather, orc, parquet

from modules import config
from modules.beam import check, errors, files, first_bytes
from tests import tables

ROWS = pa.table({"user": ["u"], "item": ["i"], "time": [1]})
CSV = b"user,item,time\nu,a,1\n"


def _written(write: object, *arguments: object) -> bytes:
    buffer = io.BytesIO()
    write(*arguments, buffer)  # type: ignore[operator]
    return buffer.getvalue()


def _zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "<x/>")
    return buffer.getvalue()


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("e.csv"))
    return buffer.getvalue()


def _npz(buffer: io.BytesIO) -> None:
    np.savez(buffer, user=np.zeros(2))


def _npy(buffer: io.BytesIO) -> None:
    np.save(buffer, np.zeros(2))


def _sqlite(folder: pathlib.Path) -> bytes:
    with sqlite3.connect(folder / "e.db") as database:
        database.execute("create table e (a)")
    return (folder / "e.db").read_bytes()


def _id(value: object) -> str | None:
    """Of a case: contents hold times and more that differ between processes."""
    return "content" if isinstance(value, bytes) else None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_written(parquet.write_table, ROWS), "looks like Parquet; .* Set format: parquet."),
        (gzip.compress(CSV), r"compressed with gzip; .* Let its name end in \.gz\."),
        (bz2.compress(CSV), r"compressed with bzip2; .* Let its name end in \.bz2\."),
        (lzma.compress(CSV), r"compressed with xz; .* Let its name end in \.xz\."),
        (zstandard.compress(CSV), r"compressed with zstd; .* Let its name end in \.zst\."),
        (
            _zipped("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"),
            r"an Excel workbook \(xlsx\); the format is csv\. Export it as CSV\.",
        ),
        (_zipped("e.csv"), "a zip archive; .* Unpack it"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", r"an old Excel workbook \(xls\)"),
        (
            b'{"user": "u", "time": 1}\n{"user": "v"}\n',
            "JSON lines; the format is csv. Set format: json.",
        ),
        (b'{"user": "u"}', "looks like JSON lines"),
        (b'[\n  {\n    "user": "u"', "looks like a list of JSON; .* jq"),
        (b"Obj\x01\x04\x14avro.codec", "looks like Avro, which is not read"),
        (_written(orc.write_table, ROWS), "looks like ORC, which is not read"),
        (_written(feather.write_feather, ROWS), "an Arrow file"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\n<!DOCTYPE html><html>", "an HTML page"),
        (_tar(), "a tar archive; .* Unpack it"),
        (
            _zipped("mimetypeapplication/vnd.oasis.opendocument.spreadsheet"),
            r"a spreadsheet \(ods\)",
        ),
        (_written(_npz), r"a NumPy archive \(npz\), which is not read"),
        (_written(_npy), r"a NumPy array \(npy\), which is not read"),
        (pickle.dumps(ROWS.to_pydict()), "a Python pickle, which is not read"),
        (b"\x89HDF\r\n\x1a\n\0\0", "HDF5, as of pandas or MATLAB, which is not read"),
        (b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + b"\0" * 9, r"a MATLAB file \(mat\)"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "as in git lfs pull"),
        (b'{\n  "user": "u"', "JSON whose objects go over several lines; .* jq -c"),
        (b'{"events": [\n  {"user": "u"}', "JSON whose objects go over several lines"),
    ],
    ids=_id,
)
def test_other_contents_are_recognised(
    tmp_path: pathlib.Path, content: bytes, message: str
) -> None:
    (tmp_path / "e.csv").write_bytes(content)
    with pytest.raises(errors.DataError, match=rf"/e\.csv: this looks like .*|{message}") as caught:
        files.list_files(tables.only_events(tmp_path / "e.csv").events, "events")
    caught.match(message)


def test_a_database_is_recognised(tmp_path: pathlib.Path) -> None:
    found = first_bytes.refusal(_sqlite(tmp_path), "csv", "utf-8")
    assert found and found.startswith("this looks like an SQLite database, which is not read")


@pytest.mark.parametrize(
    "text",
    [
        b"ORCID,item,time\nu,a,1\n",
        b"PAR1,item\n",
        b'{a},b,c\n"x",y,z\n',
        b"\xef\xbb\xbfuser,item\n",
        b"Object,item\n",
        "\u00e9\u00e8,\u4f60\n".encode(),
    ],
)
def test_texts_that_begin_alike_are_texts(text: bytes) -> None:
    assert first_bytes.refusal(text, "csv", "utf-8") is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("e.xlsx", _zipped("xl/workbook.xml"), "looks like an Excel workbook (xlsx). Export it"),
        ("e.zip", _zipped("e.csv"), "this looks like a zip archive. Unpack it."),
        ("e.tar.gz", gzip.compress(_tar()), "this looks like a tar archive. Unpack it."),
        ("e", _written(parquet.write_table, ROWS), "this looks like Parquet. Set format: parquet."),
    ],
    ids=_id,
)
def test_without_a_format_what_a_file_holds_is_said(
    tmp_path: pathlib.Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    for path in (tmp_path / name, tmp_path):
        with pytest.raises(errors.DataError) as caught:
            files.list_tables(tables.only_events(path))
        assert f"{name}: " in str(caught.value) and message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (CSV, "begins with 'user,item,time', expected an object of JSON in each line"),
        (b'[{"user": "u"},\n{"user": "v"}]', "a list of JSON; .* as in jq -c '.\\[\\]' FILE"),
        (b'[\n{"user": "u"}]', "a list of JSON"),
        (b'{\n"user": "u"\n}', "JSON whose objects go over several lines"),
        (_written(parquet.write_table, ROWS), "Parquet; the format is json. Set format: parquet"),
        ('{"user": "u"}\n'.encode("utf-16"), "Set encoding: utf-16"),
    ],
    ids=_id,
)
def test_what_is_no_json_lines_is_said(
    tmp_path: pathlib.Path, content: bytes, message: str
) -> None:
    (tmp_path / "e.jsonl").write_bytes(content)
    with pytest.raises(errors.DataError, match=message):
        files.list_tables(tables.only_events(tmp_path / "e.jsonl"))


def test_text_and_other_files_are_no_parquet(tmp_path: pathlib.Path) -> None:
    (tmp_path / "e.parquet").write_bytes(CSV)
    message = tables.refusal_of_rows(tables.only_events(tmp_path / "e.parquet"))
    assert message.endswith("e.parquet: this is text, not Parquet: set format: csv, or recbole.")
    workbook = first_bytes.refusal(_zipped("xl/workbook.xml"), "parquet", "utf-8")
    assert workbook and "an Excel workbook (xlsx); the format is parquet" in workbook
    unknown = first_bytes.refusal(b"\0\1\2\3", "parquet", "utf-8")
    assert unknown and unknown.startswith("begins with the bytes 0x00 0x01 0x02 0x03, expected")
    encrypted = first_bytes.refusal(b"PARE\0\1\2\3", "parquet", "utf-8")
    assert encrypted and encrypted.startswith("this is encrypted Parquet")


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ("utf-16", r"bytes 0xff 0xfe, the mark of UTF-16; .* is utf-8\. Set encoding: utf-16\."),
        ("utf-32", r"the mark of UTF-32; .* Set encoding: utf-32\."),
        (
            "utf-16-le",
            r"bytes are 0x00, as in UTF-16; .* Set encoding: utf-16-le, for .* no mark\.",
        ),
        (
            "utf-16-be",
            r"bytes are 0x00, as in UTF-16; .* Set encoding: utf-16-be, for .* no mark\.",
        ),
    ],
)
def test_wide_encodings_are_recognised(tmp_path: pathlib.Path, encoding: str, message: str) -> None:
    (tmp_path / "e.csv").write_bytes(CSV.decode().encode(encoding))
    with pytest.raises(errors.DataError, match=rf"/e\.csv, line 1: .*{message}"):
        files.list_tables(tables.only_events(tmp_path / "e.csv"))


@pytest.mark.parametrize(
    ("written", "declared", "remedy"),
    [
        ("utf-8", "utf-16", r"bytes is 0x00, which UTF-16 has .* Remove encoding"),
        ("latin-1", "utf-32-le", r"bytes is 0x00, which UTF-32 has .* Remove encoding"),
        ("utf-16-le", "utf-16", r"no mark of UTF-16; .* Set encoding: utf-16-le\."),
        ("utf-16-be", "utf-16", r"no mark of UTF-16; .* Set encoding: utf-16-be\."),
        ("utf-32-le", "utf-32", r"no mark of UTF-32; .* Set encoding: utf-32-le\."),
        ("utf-32-be", "utf-32", r"no mark of UTF-32; .* Set encoding: utf-32-be\."),
    ],
)
@pytest.mark.parametrize("name", ["e.csv", "e.csv.gz"])
def test_what_is_no_wide_encoding_is_told(
    tmp_path: pathlib.Path, name: str, written: str, declared: str, remedy: str
) -> None:
    content = CSV.decode().encode(written)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    with pytest.raises(errors.DataError, match=rf"/{name}, line 1: .*{remedy}"):
        files.list_tables(tables.only_events(tmp_path / name, encoding=declared))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("e.csv.gz", gzip.compress(gzip.compress(CSV)), r"with gzip, inside of gzip\. Unpack it"),
        ("e.csv.bz2", bz2.compress(gzip.compress(CSV)), r"with gzip, inside of bzip2\. Unpack it"),
        ("e.parquet.gz", gzip.compress(b"PAR1\0\0\0\0PAR1"), r"Parquet inside of gzip, .* Unpack"),
        ("e.csv.gz", CSV, r"says gzip, but it is not compressed so: .* Take \.gz off its name\."),
        ("e.csv.zst", CSV, r"says zstd, .* Take \.zst off its name\."),
        ("e.csv.lzma", CSV, r"says xz, .* Take \.lzma off its name\."),
        ("e.csv.gz", bz2.compress(CSV), r"with bzip2\. Let its name end in \.bz2\."),
        ("e.csv.gz", b"\x1f\x8b\xff" * 9, r"cut off or corrupt .* copy it again\."),
    ],
    ids=_id,
)
def test_compression_that_is_not_as_the_ending_says_is_told(
    tmp_path: pathlib.Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(errors.DataError, match=rf"/{name}: .*{message}"):
        files.list_tables(tables.only_events(tmp_path / name))


def test_a_mark_of_utf8_is_not_read_as_letters(tmp_path: pathlib.Path) -> None:
    (tmp_path / "e.csv").write_bytes(b"\xef\xbb\xbf" + CSV)
    with pytest.raises(errors.DataError, match=r"the mark of UTF-8; .* Remove encoding"):
        files.list_tables(tables.only_events(tmp_path / "e.csv", encoding="cp1252"))


def test_compressed_files_are_looked_into(tmp_path: pathlib.Path) -> None:
    (tmp_path / "e.csv.gz").write_bytes(gzip.compress(b"%PDF-1.7\n"))
    with pytest.raises(errors.DataError, match=r"e\.csv\.gz: this looks like a PDF document"):
        files.list_tables(tables.only_events(tmp_path / "e.csv.gz"))


def test_the_first_wrong_file_of_a_folder_is_named_before_any_row(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"user,item,time\nu\n")
    (tmp_path / "b.csv").write_bytes(gzip.compress(CSV))
    with pytest.raises(errors.DataError, match=r"^[^\n]*/b\.csv: this looks like compressed") as e:
        check.check(tables.only_events(tmp_path), config.Split())
    assert "a.csv" not in str(e.value)


def test_files_are_opened_by_beam(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose file systems reach further than this machine."""
    (tmp_path / "e.csv").write_bytes(CSV)
    opened = []
    original = filesystems.FileSystems.open

    def recorded(path: str, *arguments: object, **named: object) -> object:
        opened.append(path)
        return original(path, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(filesystems.FileSystems, "open", recorded)
    files.list_tables(tables.only_events(tmp_path / "e.csv"))
    assert opened == [str(tmp_path / "e.csv")]
