"""Recognises what a file holds by its first bytes, where that is not what its format says.

One message about the file comes before all the messages about its rows that would follow from it.
"""

from __future__ import annotations

import codecs
import dataclasses
import os
import re

from modules import formats

_EXPORT = "Export it as CSV or Parquet"
_NEITHER = b"\0\1\2\3\4\5\6\7\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19"  # no text has them
_SEEN = 2**12  # bytes at the beginning that tell texts apart


@dataclasses.dataclass(frozen=True)
class _Content:
    """What files are that begin so: `what` in words, and what to do with it."""

    pattern: re.Pattern[bytes]
    what: str
    remedy: str
    binary: bool = False  # counts only if bytes follow that no text has


def _begins(pattern: bytes, what: str, remedy: str, *, binary: bool = False) -> _Content:
    return _Content(re.compile(pattern, re.DOTALL | re.IGNORECASE), what, remedy, binary)


_PARQUET = _begins(rb"PAR[1E]", "Parquet", "Set format: parquet", binary=True)
_JSON_LINES = (
    _begins(rb"\s*\{[ \t]*(\}|[\"'][^\n\r]*\}\s*[\n\r])", "JSON lines", "Set format: json"),
    _begins(rb"\s*\{[ \t]*\"[^\n\r]*\Z", "JSON lines", "Set format: json"),
)
_LINES = "and set format: json"
_JSON = (
    _begins(
        rb"\s*\{[ \t]*([\n\r]|\"[^\n\r]*[\n\r])",
        "JSON whose objects go over several lines",
        f"Write each as a line, as in jq -c . FILE > FILE.jsonl, {_LINES}",
    ),
    _begins(
        rb"\s*\[\s*\{\s*[\"'\n\r}]",
        "a list of JSON",
        f"Write each element as a line, as in jq -c '.[]' FILE > FILE.jsonl, {_LINES}",
    ),
)
_ZIP = rb"PK\x03\x04"
_HDF5 = rb"\x89HDF\r\n\x1a\n"
_CONTENTS = (
    _PARQUET,
    _begins(rb"\x1f\x8b", "compressed with gzip", "Let its name end in .gz"),
    _begins(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", "compressed with bzip2", "Let its name end in .bz2"),
    _begins(rb"\xfd7zXZ\0", "compressed with xz", "Let its name end in .xz"),
    _begins(rb"\x28\xb5\x2f\xfd", "compressed with zstd", "Let its name end in .zst"),
    _begins(rb"\x04\x22\x4d\x18", "compressed with lz4", "Unpack it"),
    _begins(rb"\xff\x06\0\0sNaPpY", "compressed with snappy", "Unpack it"),
    _begins(_ZIP + rb".*\bxl/", "an Excel workbook (xlsx)", "Export it as CSV"),
    _begins(
        _ZIP + rb".{26}mimetypeapplication/vnd\.oasis",
        "an OpenDocument file, such as a spreadsheet (ods)",
        "Export it as CSV",
    ),
    _begins(_ZIP + rb".{26}[^\n]{1,99}\.npy", "a NumPy archive (npz)", _EXPORT),
    _begins(_ZIP, "a zip archive", "Unpack it"),
    _begins(rb".{257}ustar", "a tar archive", "Unpack it"),
    _begins(rb"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "Unpack it"),
    _begins(rb"Rar!\x1a\x07", "a RAR archive", "Unpack it"),
    _begins(
        rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (xls)", "Export it as CSV"
    ),
    *_JSON_LINES,
    *_JSON,
    _begins(rb"Obj\x01", "Avro", _EXPORT),
    _begins(rb"ORC", "ORC", _EXPORT, binary=True),
    _begins(
        rb"ARROW1\0\0|FEA1|\xff\xff\xff\xff.\0\0\0\x10\0\0\0", "an Arrow file (Feather)", _EXPORT
    ),
    _begins(rb"SQLite format 3\0", "an SQLite database", _EXPORT),
    _begins(rb".{8}DUCK", "a DuckDB database", _EXPORT, binary=True),
    _begins(_HDF5 + rb"|MATLAB 7", "HDF5, as of pandas or MATLAB", _EXPORT),
    _begins(rb"MATLAB 5", "a MATLAB file (mat)", _EXPORT, binary=True),
    _begins(rb"\x93NUMPY", "a NumPy array (npy)", _EXPORT),
    _begins(rb"\x80[\x02-\x05][\x95\]}(cK\x8c]", "a Python pickle", _EXPORT),
    _begins(rb"RD[XA][23]\n|X\n\0\0\0[\x02\x03]", "data of R (rds, RData)", _EXPORT),
    _begins(
        rb"version https://git-lfs\.github\.com/spec",
        "a pointer of Git LFS to the file",
        "Fetch the file, as in git lfs pull",
    ),
    _begins(rb"%PDF-", "a PDF document", "Get the table itself, as CSV or Parquet"),
    _begins(
        rb"\s*(<!doctype html|<html)",
        "an HTML page, such as a download that asks for a login",
        "Get the table itself, as CSV or Parquet",
    ),
    _begins(rb"\s*<\?xml", "XML", _EXPORT),
)
_UTF8 = b"\xef\xbb\xbf"
_MARKS = {  # the longer ones first
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
_MAGIC = {  # what a compressed file begins with; the others have several beginnings
    "gzip": (b"\x1f\x8b",),
    "bzip2": (b"BZh",),
    "xz": (b"\xfd7zXZ\0", b"]\0\0"),
    "zstd": (b"\x28\xb5\x2f\xfd",),
}


def refusal(
    first: bytes, kind: formats.Format | None, encoding: str, unpacked: str | None = None
) -> str | None:
    """What is wrong with a file of this format that begins so, and what to do; None: nothing.

    Args:
      first: the first bytes, decompressed if the file's ending says that it is compressed.
      kind: the format that is declared, or that follows from the ending; None: neither.
      encoding: the declared one, of a text.
      unpacked: the compression that was taken off; None: none.
    """
    text = first.removeprefix(_UTF8)
    if not formats.keeps_line_breaks(encoding):
        text = first.decode(encoding, "replace").lstrip("\ufeff").encode()
    content = _recognised(text)
    if unpacked and content is not None:
        packed = _packed(content, unpacked)
        if packed is not None:
            return packed
    if kind == "parquet":
        if content is _PARQUET:
            return _encrypted(first)
        if content is None:
            if any(byte in _NEITHER for byte in text[:_SEEN]):
                return (
                    f"begins with {_shown(first[:4])}, expected Parquet's PAR1. It is no Parquet, "
                    "or it is damaged; copy it again, or correct the format."
                )
            return "this is text, not Parquet: set format: csv, or recbole."
    if content is not None and not (kind == "json" and content in _JSON_LINES):
        unread = ", which is not read" if content.remedy is _EXPORT else ""
        declared = f"; the format is {kind}" if kind else ""
        return f"this looks like {content.what}{unread}{declared}. {content.remedy}."
    return _encoding(first, encoding) or (_no_object(text) if kind == "json" else None)


def misnamed(first: bytes, path: str) -> str | None:
    """What is wrong with a file that does not decompress and begins so; None: it is damaged.

    Args:
      first: the first bytes as they lie there.
      path: of the file, with the ending of a compression.
    """
    compression = str(formats.compression(path))
    marks = _MAGIC.get(compression)
    if marks is None or first.startswith(marks):
        return None
    content = _recognised(first)
    if content is not None and content.what.startswith("compressed"):
        what = f"it looks like {content.what}. {content.remedy}"
    else:
        name = os.path.splitext(path)[1]
        what = f"some browsers unpack and keep the name. Take {name} off its name"
    return f"its ending says {compression}, but it is not compressed so: {what}."


def _packed(content: _Content, unpacked: str) -> str | None:
    """What is wrong with a compressed file that holds what has to lie there uncompressed."""
    if content.what.startswith("compressed"):
        return f"this is {content.what}, inside of {unpacked}. Unpack it once, then it is read."
    if content is _PARQUET:
        return (
            f"this is Parquet inside of {unpacked}, which is not read: Parquet compresses itself. "
            "Unpack it."
        )
    return None


def _no_object(text: bytes) -> str | None:
    """Tells what is no JSON lines by its first character."""
    begin = text.lstrip()
    if not begin or begin.startswith(b"{"):
        return None
    line = begin.splitlines()[0][:40].decode("utf-8", "replace")
    return (
        f"begins with {line!r}, expected an object of JSON in each line, such as "
        '{"user": 1}. If it is text in columns, set format: csv.'
    )


def _recognised(text: bytes) -> _Content | None:
    for content in _CONTENTS:
        if content.pattern.match(text) and not (
            content.binary and not any(byte in _NEITHER for byte in text[:_SEEN])
        ):
            return content
    return None


def _encrypted(first: bytes) -> str | None:
    if first.startswith(b"PARE"):
        return "this is encrypted Parquet, which is not read. Decrypt it."
    return None


def _encoding(first: bytes, encoding: str) -> str | None:
    """Tells an encoding by its mark, or by the zero bytes that UTF-16 has in Latin letters."""
    said = f"the encoding is {encoding}"
    if first.startswith(_UTF8) and not formats.is_utf8(encoding):
        return (
            f"line 1: begins with {_shown(_UTF8)}, the mark of UTF-8; {said}. Remove encoding, "
            "for utf-8 is the default."
        )
    if not formats.keeps_line_breaks(encoding):
        return _wide(first, encoding)
    for mark, name in _MARKS.items():
        if first.startswith(mark):
            return (
                f"line 1: begins with {_shown(mark)}, the mark of {name.upper()}; {said}. "
                f"Set encoding: {name}."
            )
    even, odd = first[:_SEEN:2].count(0), first[1:_SEEN:2].count(0)
    if (even + odd) * 4 > len(first[:_SEEN]):
        name = "utf-16-le" if odd > even else "utf-16-be"
        return (
            f"line 1: {even + odd} of the first {len(first[:_SEEN])} bytes are 0x00, as in UTF-16; "
            f"{said}. Set encoding: {name}, for the file has no mark."
        )
    return None


def _wide(first: bytes, encoding: str) -> str | None:
    """Tells what is no UTF-16 or UTF-32, though the configuration says so."""
    name = codecs.lookup(encoding).name
    if not name.startswith(("utf-16", "utf-32")) or not first:
        return None
    seen = first[:_SEEN]
    said = f"the encoding is {encoding}"
    if 0 not in seen:
        return (
            f"line 1: none of the first {len(seen)} bytes is 0x00, which {name[:6].upper()} has in "
            f"each line break; {said}. Remove encoding, for utf-8 is the default, or correct it."
        )
    if name in ("utf-16", "utf-32") and not any(
        first.startswith(mark) for mark, of in _MARKS.items() if of == name
    ):
        ending = "le" if seen[1::2].count(0) > seen[::2].count(0) else "be"
        return (
            f"line 1: begins with {_shown(first[:4])}, no mark of {name.upper()}; {said}, which "
            f"needs one. Set encoding: {name}-{ending}."
        )
    return None


def _shown(data: bytes) -> str:
    """Bytes as 0x.. each."""
    what = "the byte" if len(data) == 1 else "the bytes"
    return f"{what} {' '.join(f'0x{byte:02x}' for byte in data)}"
