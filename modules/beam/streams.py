"""Bytes of a text file as its lines need them: decompressed, and with line breaks that are bytes.

A text in an encoding whose line breaks are not the bytes 0x0A and 0x0D, such as UTF-16, is handed
on as UTF-8; a byte that does not decode becomes what `undecodable` finds again. All positions of
lines are places in these bytes.
"""

from __future__ import annotations

import bz2
import codecs
import contextlib
import itertools
import lzma
import sys
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

import zstandard
from apache_beam.io import filesystem, filesystems

from modules import formats

_BLOCK = 2**17  # bytes that are read at once
_CORRUPT = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zstandard.ZstdError)
_KEEP = "recsys-keep"  # the error handler of `_as_utf8`
_ESCAPE = 0xDC00  # a byte that does not decode is this half of a surrogate pair plus its value


class BrokenFileError(ValueError):
    """A compressed file that ends too early or does not decompress."""


def blocks(
    path: str, encoding: str = "utf-8", start: int = 0, stop: int = sys.maxsize
) -> Generator[bytes, None, None]:
    """The file's bytes, from `start` to `stop` (those of a file that does not `splits`: all).

    Raises:
      BrokenFileError: after what could be read of a broken file.
    """
    plain = filesystem.CompressionTypes.UNCOMPRESSED
    with filesystems.FileSystems.open(path, compression_type=plain) as stream:
        if start:
            stream.seek(start)
        read = _read(stream, stop - start)
        compression = formats.compression(path)
        if compression is not None:
            read = _decompressed(read, compression)
        yield from read if formats.keeps_line_breaks(encoding) else _as_utf8(read, encoding)


def beginning(path: str) -> bytes:
    """A file's first bytes as they lie there, compressed or not."""
    plain = filesystem.CompressionTypes.UNCOMPRESSED
    with filesystems.FileSystems.open(path, compression_type=plain) as stream:
        return next(_read(stream, _BLOCK), b"")


def check(path: str) -> None:
    """Reads a file to its end.

    Raises:
      BrokenFileError: it is broken.
    """
    with contextlib.closing(blocks(path)) as read:
        for _ in read:
            pass


def splits(path: str, encoding: str) -> bool:
    """Whether several workers may read pieces of the file."""
    return formats.compression(path) is None and formats.keeps_line_breaks(encoding)


def unmarked(read: Iterator[bytes], encoding: str) -> tuple[Iterator[bytes], int]:
    """A file's bytes without the mark of UTF-8 at the beginning, and the mark's length."""
    first = next(read, b"")
    mark = len(codecs.BOM_UTF8) if first.startswith(codecs.BOM_UTF8) else 0
    if codec(encoding) != "utf-8":
        mark = 0
    return itertools.chain([first[mark:]], read), mark


def pieces(read: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines, many at once; they end in LF, CR LF or CR, also mixed."""
    begun: list[bytes] = []  # of a line that goes on
    for block in filter(None, read):
        if begun and begun[-1].endswith(b"\r") and not block.startswith(b"\n"):
            yield b"".join(begun)
            begun = []
        end = max(block.rfind(b"\n"), block.rfind(b"\r", 0, -1)) + 1  # a CR may go on with its LF
        if end:
            yield b"".join([*begun, block[:end]])
            begun = []
        if end < len(block):
            begun.append(block[end:])
    if begun:
        yield b"".join(begun)


def lines(read: Iterable[bytes]) -> Iterator[bytes]:
    """Lines with their ends."""
    for piece in pieces(read):
        yield from piece.splitlines(keepends=True)


def count_lines(read: Iterable[bytes], offset: int) -> int:
    """How many lines end before `offset`, where a line starts."""
    count, last = 0, b""
    for block in read:
        counted = block[:offset]
        count += counted.count(b"\n")
        if b"\r" in counted or last == b"\r":
            count += counted.count(b"\r") - (last + counted).count(b"\r\n")
        last = counted[-1:] or last
        offset -= len(counted)
        if offset <= 0:
            break
    return count


def codec(encoding: str) -> str:
    """What a line of `blocks` is decoded with."""
    as_utf8 = formats.is_utf8(encoding) or not formats.keeps_line_breaks(encoding)
    return "utf-8" if as_utf8 else encoding


def undecodable(line: bytes, encoding: str) -> str:
    """What is wrong with a line that does not decode, and what to do."""
    if formats.keeps_line_breaks(encoding):
        try:
            line.decode(codec(encoding))
        except UnicodeDecodeError as error:
            byte, at, of = line[error.start], error.start + 1, "of the line"
    else:
        text = line.decode("utf-8", "surrogatepass")
        at, byte = next(
            (at, ord(c) - _ESCAPE)
            for at, c in enumerate(text, start=1)
            if 0 <= ord(c) - _ESCAPE < 256
        )
        of = "of the line, in characters,"
    if formats.is_utf8(encoding):
        name, remedy = "UTF-8", "Try encoding: latin-1 or encoding: cp1252, or convert the file."
    else:
        name, remedy = encoding, "Correct the encoding in the configuration, or the file."
    return f"byte 0x{byte:02x} at position {at} {of} is not {name}. {remedy}"


def _read(stream: Any, size: int) -> Iterator[bytes]:
    while size > 0 and (block := stream.read(min(size, _BLOCK))):
        size -= len(block)
        yield block


def _decompressed(read: Iterator[bytes], compression: str) -> Iterator[bytes]:
    """Decompresses; several compressed streams in a row are one, as `cat` makes them."""
    current: Any = None
    for block in read:
        rest = block
        while rest:
            if current is None:
                if compression == "gzip" and not rest.strip(b"\0"):
                    break  # padding, as tapes have it
                current = _DECOMPRESSORS[compression]()
            try:
                made = current.decompress(rest)
            except _CORRUPT as error:
                raise BrokenFileError(_broken(compression, str(error))) from None
            if made:
                yield made
            rest = b""
            if current.eof:
                rest, current = current.unused_data, None
    if current is not None:
        raise BrokenFileError(_broken(compression, "it ends too early"))


def _broken(compression: str, what: str) -> str:
    return f"the file is cut off or corrupt ({compression}: {what}); copy it again."


_DECOMPRESSORS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(zlib.MAX_WBITS | 16),
    "bzip2": bz2.BZ2Decompressor,
    "xz": lzma.LZMADecompressor,
    "deflate": zlib.decompressobj,
    "zstd": lambda: zstandard.ZstdDecompressor(max_window_size=2**31).decompressobj(),
}


def _as_utf8(read: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    codecs.register_error(_KEEP, _keep)
    decoder = codecs.getincrementaldecoder(encoding)(_KEEP)
    for block in read:
        yield decoder.decode(block).encode("utf-8", "surrogatepass")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")


def _keep(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    kept = error.object[error.start : error.end]
    return "".join(chr(_ESCAPE + byte) for byte in kept), error.end
