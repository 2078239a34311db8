"""What a table's files may be: formats by their endings, compressions, delimiters and encodings.

Nothing here opens a file; the configuration reads it as well as the readers.
"""

from __future__ import annotations

import codecs
import dataclasses
import difflib
import encodings.aliases
import os
from typing import Literal, get_args

Format = Literal["recbole", "csv", "json", "parquet"]
FORMATS: tuple[Format, ...] = get_args(Format)
DELIMITED: tuple[Format, ...] = ("recbole", "csv")  # those with a header and a delimiter


@dataclasses.dataclass(frozen=True)
class Ending:
    """A file name's ending and what follows from it.

    Attributes:
      text: with its dot, in small letters.
      format: what the file holds.
      delimiter: of a text, where the configuration gives none.
      table: the only table that such files hold; None: any.
      weak: other files have it, too, such as notes; in a folder it counts where no other is found.
    """

    text: str
    format: Format
    delimiter: str = ","
    table: str | None = None
    weak: bool = False


ENDINGS = (  # of a folder, the files with the first that is found are read
    Ending(".inter", "recbole", "\t", "events"),
    Ending(".user", "recbole", "\t", "users"),
    Ending(".item", "recbole", "\t", "items"),
    Ending(".csv", "csv"),
    Ending(".tsv", "csv", "\t"),
    Ending(".tab", "csv", "\t"),
    Ending(".txt", "csv", weak=True),
    Ending(".dat", "csv", weak=True),
    Ending(".data", "csv", weak=True),
    Ending(".json", "json"),
    Ending(".jsonl", "json"),
    Ending(".ndjson", "json"),
    Ending(".parquet", "parquet"),
    Ending(".pq", "parquet"),
)
# A file's last ending, as Beam knows it, and what compresses it.
COMPRESSIONS = {
    ".gz": "gzip",
    ".bz2": "bzip2",
    ".xz": "xz",
    ".lzma": "xz",
    ".zst": "zstd",
    ".zstd": "zstd",
    ".deflate": "deflate",
}
# Words that stand for a delimiter, the likeliest first.
DELIMITERS = {"comma": ",", "tab": "\t", "semicolon": ";", "pipe": "|", "space": " "}
UNNAMED_DELIMITERS = ("::",)  # that messages suggest as well
NO_QUOTE = "none"  # the word for a text in which quotes are letters
ENCODINGS = ("utf-8", "latin-1", "cp1252", "utf-16")  # that messages suggest
_NAMES_ENCODED = ("idna", "punycode")  # encodings of the names of hosts, not of texts


def ending(path: str) -> Ending | None:
    """The ending of a file's name, that of a compression taken off."""
    name = os.path.basename(path.rstrip("/")).lower()
    stem, last = os.path.splitext(name)
    text = os.path.splitext(stem)[1] if last in COMPRESSIONS else last
    return next((known for known in ENDINGS if known.text == text), None)


def endings(kind: str, table: str) -> list[Ending]:
    """Those that a table's files in a format may have."""
    return [e for e in ENDINGS if e.format == kind and e.table in (None, table)]


def compression(path: str) -> str | None:
    """What the file's last ending says of its compression; None: it has none."""
    return COMPRESSIONS.get(os.path.splitext(path)[1].lower())


def default_delimiter(kind: str, path: str) -> str:
    """What stands between the columns of a text that the configuration gives no delimiter for."""
    if kind == "recbole":
        return "\t"
    found = ending(path)
    return found.delimiter if found and found.format == kind else ","


def delimiter_word(delimiter: str) -> str:
    """How a configuration best writes a delimiter: `tab`, or the text in quotes."""
    words = (word for word, text in DELIMITERS.items() if text == delimiter)
    return next(words, f'"{delimiter}"')


def read_delimiter(text: str) -> str:
    """The delimiter that a word stands for, or the text itself.

    Raises:
      ValueError: it cannot stand between columns; the message goes on from the key's path.
    """
    word = text.strip().lower()
    if word in DELIMITERS:
        return DELIMITERS[word]
    expected = f"expected the characters between the columns, or one of {', '.join(DELIMITERS)}"
    if not text:
        raise ValueError(f"found an empty text, {expected}.")
    if text in (r"\t", r"\\t"):
        raise ValueError(f"found a backslash and a t, {expected}. Write delimiter: tab.")
    if len(text) > 1 and text.isalpha():
        close = difflib.get_close_matches(word, DELIMITERS, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise ValueError(f"found {text!r}, {expected}.{hint}")
    if any(c in '"\r\n\0' or "\ud800" <= c <= "\udfff" for c in text):
        raise ValueError(
            f"found {text!a}, {expected}; none holds a quote, a line break, a NUL or half of "
            "a surrogate pair. Give what stands between the columns in the file."
        )
    return text


def read_quote(text: str) -> str:
    """The character around fields of csv; empty where quotes are letters.

    Raises:
      ValueError: it is no character, or cannot be a quote; the message goes on from the key's path.
    """
    if text.strip().lower() in (NO_QUOTE, ""):
        return ""
    if len(text) > 1 or text.isalnum() or text.isspace():
        raise ValueError(
            f"found {text!r}, expected the character around fields, such as '\"', or {NO_QUOTE} "
            "where quotes are letters."
        )
    return text


def check_encoding(name: str) -> None:
    """Refuses what is no encoding of texts.

    Raises:
      ValueError: the message goes on from the key's path.
    """
    if not _is_text_encoding(name):
        known = {*encodings.aliases.aliases, *encodings.aliases.aliases.values()}
        names = {*ENCODINGS, *(alias.replace("_", "-") for alias in known)}
        close = difflib.get_close_matches(name.lower().replace("_", "-"), names, n=9)
        close = list(filter(_is_text_encoding, close))[:3]
        hint = f"Did you mean {' or '.join(close)}?" if close else "Correct it, or leave it out."
        raise ValueError(
            f"found {name!a}, expected a text encoding that Python knows, such as "
            f"{', '.join(ENCODINGS)}. {hint}"
        )


def _is_text_encoding(name: str) -> bool:
    """Whether bytes in it are a text whichever its length, and not a text in another's letters."""
    try:
        "a,\r\n".encode(name).decode(name)  # base64 and the like are no encodings of texts
    except (LookupError, ValueError):
        return False
    return codecs.lookup(name).name not in _NAMES_ENCODED


def keeps_line_breaks(encoding: str) -> bool:
    """Whether the bytes 0x0A and 0x0D are the line breaks of a text, so that bytes make lines."""
    return is_utf8(encoding) or "\r\n".encode(encoding) == b"\r\n"


def is_utf8(encoding: str) -> bool:
    """Also under another of its names, such as utf8 and utf-8-sig."""
    return encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig", "utf8-sig", "u8")
