"""Lines of bytes: their ends, their numbers, compression and encodings."""

from __future__ import annotations

import bz2
import gzip
import lzma
import pathlib
import zlib
from collections.abc import Callable

import pytest
import zstandard

from modules.beam import streams

TEXT = b"head\nfirst\rsecond\r\n\r\nlast"
LINES = [b"head\n", b"first\r", b"second\r\n", b"\r\n", b"last"]


def _pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_lines_end_in_lf_cr_lf_or_cr_wherever_the_blocks_end(size: int) -> None:
    assert list(streams.lines(_pieces(TEXT, size))) == LINES


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_each_line_has_its_number(size: int) -> None:
    offsets = [0, 5, 11, 19, 21]  # by hand: the lengths are 5, 6, 8, 2
    counts = [streams.count_lines(_pieces(TEXT, size), offset) for offset in offsets]
    assert counts == [0, 1, 2, 3, 4]


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".lzma": lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE),
    ".zst": zstandard.compress,
    ".deflate": zlib.compress,
}


@pytest.mark.parametrize("ending", COMPRESS)
def test_compressed_files_are_read_to_their_end_or_refused(
    tmp_path: pathlib.Path, ending: str
) -> None:
    path = tmp_path / f"e.csv{ending}"
    text = b"".join(b"%d,%d\n" % (n, n * n) for n in range(9999))
    data = COMPRESS[ending](text)
    path.write_bytes(data)
    assert b"".join(streams.blocks(str(path))) == text
    assert not streams.splits(str(path), "utf-8")
    for cut in (20, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:cut])
        with pytest.raises(
            streams.BrokenFileError, match=r"cut off or corrupt \(\w+: it ends too early\); copy it"
        ):
            list(streams.blocks(str(path)))


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz"])
def test_a_changed_byte_is_found_by_the_checksum(tmp_path: pathlib.Path, ending: str) -> None:
    data = bytearray(COMPRESS[ending](bytes(range(256)) * 9))
    data[len(data) // 2] ^= 0x10
    (tmp_path / f"e{ending}").write_bytes(data)
    with pytest.raises(streams.BrokenFileError, match="the file is cut off or corrupt"):
        list(streams.blocks(str(tmp_path / f"e{ending}")))


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz"])
def test_compressed_files_in_a_row_are_one(tmp_path: pathlib.Path, ending: str) -> None:
    compress = COMPRESS[ending]
    (tmp_path / f"e{ending}").write_bytes(compress(b"a\n") + compress(b"b\n"))
    assert b"".join(streams.blocks(str(tmp_path / f"e{ending}"))) == b"a\nb\n"


def test_zeros_after_gzip_are_padding_and_other_bytes_are_not(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "e.gz"
    path.write_bytes(gzip.compress(b"a\n") + b"\0" * 512)
    assert b"".join(streams.blocks(str(path))) == b"a\n"
    path.write_bytes(gzip.compress(b"a\n") + b"rest")
    with pytest.raises(streams.BrokenFileError):
        list(streams.blocks(str(path)))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp037"])
def test_wide_texts_become_utf8(tmp_path: pathlib.Path, encoding: str) -> None:
    text = "Caf\u00e9,\u010a\u0a0d\n" if encoding != "cp037" else "Caf\u00e9\n"  # 0x0A in letters
    (tmp_path / "e.csv").write_bytes(text.encode(encoding))
    assert b"".join(streams.blocks(str(tmp_path / "e.csv"), encoding)) == text.encode()
    assert not streams.splits(str(tmp_path / "e.csv"), encoding)


def test_what_does_not_decode_is_named(tmp_path: pathlib.Path) -> None:
    assert streams.undecodable(b"ab\xe9", "utf-8").startswith(
        "byte 0xe9 at position 3 of the line is not UTF-8. Try encoding: latin-1"
    )
    assert streams.undecodable(b"a\x81", "cp1252").startswith(
        "byte 0x81 at position 2 of the line is not cp1252. Correct the encoding"
    )
    path = tmp_path / "e.csv"
    path.write_bytes("ab\n".encode("utf-16-le") + b"c\0\x00\xdcd\0\n\0")  # half of a pair after c
    _, line = streams.lines(streams.blocks(str(path), "utf-16-le"))
    with pytest.raises(UnicodeDecodeError):
        line.decode(streams.codec("utf-16-le"))
    assert streams.undecodable(line, "utf-16-le").startswith(
        "byte 0x00 at position 2 of the line, in characters, is not utf-16-le."
    )
