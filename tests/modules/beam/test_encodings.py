"""Encodings, line ends and damaged files, through the pipeline of a run and of a check."""

from __future__ import annotations

import bz2
import gzip
import pathlib
import random
from typing import Any

import pyarrow as pa
import pytest
from apache_beam.io.restriction_trackers import OffsetRange
from pyarrow import parquet

from modules import config
from modules.beam import check, errors, files, text
from tests import tables

ROWS = "user,item,time\nu,Café,1\nu,Tee,2\nu,Öl,3\n"
HISTORY = ["Café", "Tee", "Öl"]


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", ""),
        ("utf-8", "\ufeff"),
        ("latin-1", ""),
        ("cp1252", ""),
        ("utf-16", ""),  # Python writes the mark
        ("utf-16-le", ""),
        ("utf-16-le", "\ufeff"),
        ("utf-16-be", ""),
        ("utf-32", ""),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_texts_are_read_in_their_encoding(
    tmp_path: pathlib.Path, encoding: str, mark: str, end: str
) -> None:
    (tmp_path / "e.csv").write_bytes((mark + ROWS.replace("\n", end)).encode(encoding))
    data = tables.only_events(tmp_path / "e.csv", encoding=encoding)
    assert tables.history(tmp_path, data) == HISTORY


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_compressed_texts_are_read_in_their_encoding(tmp_path: pathlib.Path, encoding: str) -> None:
    (tmp_path / "e.csv.gz").write_bytes(gzip.compress(ROWS.encode(encoding)))
    data = tables.only_events(tmp_path / "e.csv.gz", encoding=encoding)
    assert tables.history(tmp_path, data) == HISTORY


def test_line_ends_may_be_mixed_in_a_file_of_many_pieces(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random.seed(3)
    lines = ["user,item,time", *(f"u,i{n},{n}" for n in range(60))]
    content = "".join(line + random.choice(["\n", "\r", "\r\n"]) for line in lines)
    (tmp_path / "e.csv").write_bytes(content.encode())
    for chunk in (1, 2, 7, 40):
        monkeypatch.setattr(text, "_CHUNK", chunk)
        folder = tmp_path / str(chunk)
        folder.mkdir()
        read = tables.rows_read(folder, tables.only_events(tmp_path / "e.csv"))
        assert read == [["u", f"i{n}", n] for n in range(60)]


@pytest.mark.parametrize(("encoding", "pieces"), [("latin-1", 3), ("utf-16", 1)])
def test_only_texts_whose_line_breaks_are_bytes_are_read_in_pieces(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, encoding: str, pieces: int
) -> None:
    monkeypatch.setattr(text, "_CHUNK", 2**17)
    lines = ["user,item,time", *(f"u,Ä{n:07},{n:08}" for n in range(26_000))]
    (tmp_path / "e.csv").write_bytes("\n".join(lines).encode(encoding))
    data = tables.only_events(tmp_path / "e.csv", encoding=encoding)
    assert [time for _, _, time in tables.rows_read(tmp_path, data)] == list(range(26_000))
    size = (tmp_path / "e.csv").stat().st_size
    ranges = text.DelimitedRows(files.list_tables(data)["events"], data.events)
    element = (0, str(tmp_path / "e.csv"), size, encoding == "latin-1")
    whole = ranges.initial_restriction(element)
    found = list(ranges.split(element, whole))
    assert len(found) == pieces and all(isinstance(piece, OffsetRange) for piece in found)


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (
            ROWS.encode("latin-1"),
            "utf-8",
            (
                "e.csv, line 2: byte 0xe9 at position 6 of the line is not UTF-8. Try encoding: "
                "latin-1 or encoding: cp1252, or convert the file."
            ),
        ),
        (
            b"user,item,time\ru,a\x81,1\r",
            "cp1252",
            "e.csv, line 2: byte 0x81 at position 4 of the line is not cp1252. Correct",
        ),
        (
            "user,item,time\nu,a,1\nu,".encode("utf-16-le") + b"\x00\xd8b\0,\0001\0",
            "utf-16-le",
            "e.csv, line 3: byte 0x00 at position 3 of the line, in characters, is not utf-16-le.",
        ),
    ],
)
def test_a_byte_that_does_not_decode_is_refused_with_its_line(
    tmp_path: pathlib.Path, content: bytes, encoding: str, message: str
) -> None:
    (tmp_path / "e.csv").write_bytes(content)
    assert message in tables.refusal_of_rows(
        tables.only_events(tmp_path / "e.csv", encoding=encoding)
    )


# --- damaged files ---


def _cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def _changed(data: bytes) -> bytes:
    return data[:-7] + bytes([data[-7] ^ 1]) + data[-6:]  # the checksum at the end


def _both(data: config.Data) -> tuple[str, str]:
    """The messages of a run and of a check."""
    with pytest.raises(errors.DataError) as caught:
        check.check(data, config.Split())
    return tables.refusal_of_rows(data), str(caught.value)


@pytest.mark.parametrize("damage", [_cut, _changed])
@pytest.mark.parametrize(("ending", "compress"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_a_damaged_compressed_text_is_never_read_only_as_far_as_it_goes(
    tmp_path: pathlib.Path, ending: str, compress: Any, damage: Any
) -> None:
    random.seed(1)
    rows = "".join(f"u{n % 9},i{random.randrange(10**9)},{n}\n" for n in range(5_000))
    path = tmp_path / f"e.csv{ending}"
    path.write_bytes(damage(compress(f"user,item,time\n{rows}".encode())))
    run, checked = _both(tables.only_events(path))
    assert run.startswith(f"{path}: the file is cut off or corrupt (")
    assert run.endswith("; copy it again.")
    assert run in checked


def test_a_row_that_is_bad_because_its_file_is_damaged_gives_the_cause_alone(
    tmp_path: pathlib.Path,
) -> None:
    rows = "".join(f"u,i{n},{n}\n" for n in range(10_000))
    content = gzip.compress(f"user,item,time\nu,a\n{rows}".encode())
    (tmp_path / "e.csv.gz").write_bytes(_cut(content))
    run, checked = _both(tables.only_events(tmp_path / "e.csv.gz"))
    assert "e.csv.gz: the file is cut off or corrupt" in run
    assert run in checked
    assert "e.csv.gz, line" not in checked


def test_damaged_parquet_is_refused(tmp_path: pathlib.Path) -> None:
    table = pa.table(
        {"user": ["u"] * 999, "item": [f"i{n}" for n in range(999)], "time": range(999)}
    )
    parquet.write_table(table, tmp_path / "e.parquet", compression="gzip")
    data = (tmp_path / "e.parquet").read_bytes()
    column = data.index(b"\x1f\x8b")  # of the first page
    for damaged in (_cut(data), data[: column + 10] + b"\xff" * 9 + data[column + 19 :]):
        (tmp_path / "e.parquet").write_bytes(damaged)
        for message in _both(tables.only_events(tmp_path / "e.parquet")):
            assert "e.parquet: the file is cut off or corrupt (Parquet: " in message
            assert "; copy it again." in message
