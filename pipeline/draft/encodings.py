"""Guesses the encoding of a text by its bytes: a mark, UTF-8 if it is, else a Western code page."""

from __future__ import annotations

import codecs

_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_SEEN = 2**12  # bytes in which the zeros of UTF-16 are counted


def guess(data: bytes) -> tuple[str, str | None]:
    """The encoding of a text that begins so.

    Returns:
      Its name as Python has it, and what is uncertain about it (None: nothing).
    """
    for mark, name in _MARKS.items():
        if data.startswith(mark):
            return name, None
    even, odd = data[:_SEEN:2].count(0), data[1:_SEEN:2].count(0)
    if (even + odd) * 4 > len(data[:_SEEN]):
        return ("utf-16-le" if odd > even else "utf-16-be"), None
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":  # the piece cuts a character
            return "utf-8", None
        line = data[: error.start].count(b"\n") + 1
        around = data[max(0, error.start - 12) : error.start + 12]
        name = "latin-1" if any(byte in data for byte in _UNUSED) else "cp1252"
        shown = around.decode(name).replace("\r", " ").replace("\n", " ")
        return name, (
            f"byte 0x{data[error.start]:02x} in line {line} is not UTF-8; read as {name} it is "
            f"{shown!r}. If that is wrong, try latin-1, cp1250 or another"
        )
    return "utf-8", None


_UNUSED = bytes((0x81, 0x8D, 0x8F, 0x90, 0x9D))  # no character of cp1252
