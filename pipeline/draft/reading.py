"""Reads a sample of a table in the format that its first bytes and its ending say."""

from __future__ import annotations

import dataclasses
import re

from modules import formats
from modules.beam import errors, files, first_bytes
from pipeline.draft import json_sample, parquet_sample, samples, sources, text_sample

_LATER = 5_000  # rows of a file that is not the first
_FIRST = 2**12  # bytes
_ATOMIC = re.compile(rb"[^\t\r\n]+:(token|float)(_seq)?[\t\r\n]")  # a header of RecBole


def read(source: sources.Source, most: int = samples.ROWS) -> samples.Sample:
    """Reads a sample of a table: of its first file, and some rows of its middle and its last one.

    Args:
      source: the table's files.
      most: rows of its beginning.

    Raises:
      errors.DataError: the message names the file, what is wrong, and the remedy.
    """
    found = _read(source, most)
    count = len(source.files)
    for at in sorted({count // 2, count - 1} - {0}):
        other = _read(sources.Source(source.path, source.files[at:], source.sizes[at:]), _LATER)
        if set(other.columns) == set(found.columns):  # else the first lines' difference is marked
            cells = {name: [*found.columns[name], *other.columns[name]] for name in found.columns}
            found = dataclasses.replace(found, columns=cells)
    return samples.with_partitions(found)


def _read(source: sources.Source, most: int) -> samples.Sample:
    """A sample of the first of a table's files."""
    file = source.files[0]
    first = files.beginning(file)[:_FIRST]
    if not first.strip():
        raise errors.DataError(f"{file}: the file is empty, expected rows. Give another file.")
    kind = format_of(file, first)
    if kind == "parquet":
        return parquet_sample.read(source.path, source.files, most)
    if kind == "json":
        return json_sample.read(source.path, source.files, source.sizes[0], most)
    return text_sample.read(source.path, source.files, source.sizes[0], kind, most)


def format_of(file: str, first: bytes) -> formats.Format:
    """What a file is that begins so.

    Raises:
      errors.DataError: it is what no reader reads, such as an Excel workbook.
    """
    packed = formats.compression(file)
    if first.startswith(b"PAR1"):
        if wrong := first_bytes.refusal(first, "parquet", "utf-8", packed):
            raise errors.DataError(f"{file}: {wrong}")
        return "parquet"
    text = first.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"{") and first_bytes.refusal(first, "json", "utf-8") is None:
        return "json"
    ending = formats.ending(file)
    is_atomic = ending is not None and ending.format == "recbole" and _ATOMIC.match(text)
    kind: formats.Format = "recbole" if is_atomic else "csv"
    wrong = first_bytes.refusal(first, None, "utf-8", packed)
    if wrong is not None and not wrong.startswith("line"):  # of the encoding
        raise errors.DataError(f"{file}: {wrong}")
    return kind
