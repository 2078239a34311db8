"""Tables in a folder, as Parquet: one file a block of rows, and a manifest that lists them.

A file's name says its table and its block, and its content follows from both, so that a worker that
writes it again changes nothing. The manifest is written last; what it does not list does not count.
"""

from __future__ import annotations

import io
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow_hotfix  # noqa: F401 - else a file could run code (CVE-2023-47248)
import tensorflow as tf
from numpy import typing as npt
from pyarrow import parquet

MANIFEST = "statistics.json"
_REMEDY = "Run the component that wrote the folder again (recsys run --no-cache)."

Columns = Mapping[str, npt.NDArray[Any]]  # [n] each
Key = tuple[str, str, int]  # split, table, block


class BrokenFolder(ValueError):
    """A folder of tables lacks a file, or one cannot be read."""


def write_block(folder: str, table: str, block: int, columns: Columns) -> str:
    """Writes a block of a table and returns the file's name."""
    name = f"{table}-{block:05d}.parquet"
    content = io.BytesIO()
    parquet.write_table(pa.table(dict(columns)), content, compression="zstd")
    _write(folder, name, content.getvalue())
    return name


def write(
    element: tuple[Key, Columns], folders: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str]]:
    """Writes a block into all folders of its split, and yields (split, the file's name)."""
    (split, table, block), columns = element
    for folder in folders[split]:
        name = write_block(folder, table, block, columns)
    yield split, name


def write_manifest(folder: str, facts: Mapping[str, Any]) -> None:
    """Writes what the folder holds: `files`, a list of names, and more."""
    _write(folder, MANIFEST, json.dumps(facts, indent=1).encode())


def read_manifest(folder: str) -> dict[str, Any]:
    """Reads what `write_manifest` wrote."""
    content = _read(folder, MANIFEST)
    try:
        facts: dict[str, Any] = json.loads(content)
        facts["files"]
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenFolder(
            f"{os.path.join(folder, MANIFEST)}: found no JSON with `files` ({error}). {_REMEDY}"
        ) from error
    return facts


def read_table(folder: str, files: list[str], table: str) -> dict[str, npt.NDArray[Any]]:
    """All blocks of a table in the order of their rows, by column; empty without any.

    Args:
      folder: of the table.
      files: of the manifest.
      table: its name.

    Raises:
      BrokenFolder: a file is missing or cut off.
    """
    found: list[pa.Table] = []
    for name in sorted(name for name in files if name.rpartition("-")[0] == table):
        content = _read(folder, name)
        try:
            found.append(parquet.read_table(pa.BufferReader(content)))
        except (pa.ArrowException, OSError) as error:
            raise BrokenFolder(
                f"{os.path.join(folder, name)}: expected a Parquet file, found {len(content)} "
                f"bytes that are none ({error}). {_REMEDY}"
            ) from error
    if not found:
        return {}
    whole = pa.concat_tables(found)
    return {name: np.asarray(whole[name]) for name in whole.column_names}


def _read(folder: str, name: str) -> bytes:
    try:
        with tf.io.gfile.GFile(os.path.join(folder, name), "rb") as file:
            content: bytes = file.read()
    except tf.errors.NotFoundError as error:
        raise BrokenFolder(f"{os.path.join(folder, name)}: is missing. {_REMEDY}") from error
    return content


def _write(folder: str, name: str, content: bytes) -> None:
    """Whole or not at all: two workers may write the same block at once."""
    tf.io.gfile.makedirs(folder)
    unfinished = os.path.join(folder, f".{name}.{uuid.uuid4().hex}")
    with tf.io.gfile.GFile(unfinished, "wb") as file:
        file.write(content)
    tf.io.gfile.rename(unfinished, os.path.join(folder, name), overwrite=True)
