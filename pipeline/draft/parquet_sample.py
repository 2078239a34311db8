"""Reads a sample of a Parquet file: of its first, its middle and its last row group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from apache_beam.io import filesystems
from pyarrow import parquet

from modules.beam import errors
from pipeline.draft import samples

_LATER_ROWS = 5_000  # of a row group that is not the first


def read(path: str, files: Sequence[str], most: int) -> samples.Sample:
    """Reads a sample of the first of a table's files, `most` rows of its beginning.

    Raises:
      errors.DataError: it is damaged, or has no row.
    """
    file = files[0]
    with filesystems.FileSystems.open(file) as stream:
        try:
            opened = parquet.ParquetFile(stream)
            lists = _list_column(opened.schema_arrow)
            rows = _rows(opened, most)
        except (pa.ArrowInvalid, OSError) as error:
            raise errors.DataError(
                f"{file}: the file is cut off or corrupt (Parquet: {error}); copy it again."
            ) from None
    if not rows:
        raise errors.DataError(f"{file}: found no row. Give a file with rows.")
    total = opened.metadata.num_rows if len(files) == 1 else None
    is_whole = total == len(rows)
    names = list(rows[0])
    if lists is not None:
        fields = [field.name for field in opened.schema_arrow.field(lists).type.value_type]
        names = list(dict.fromkeys([*(n for n in names if n != lists), *fields]))
        rows = [{**row, **e} for row in rows for e in row[lists] or []][:most]
        total = None
    return samples.Sample(
        path=path,
        files=tuple(files),
        format="parquet",
        columns={name: [row.get(name) for row in rows] for name in names},
        is_whole=is_whole,
        rows=total,
        list_column=lists,
    )


def _rows(file: parquet.ParquetFile, most: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    groups = file.num_row_groups
    for group in sorted({0, groups // 2, groups - 1} & set(range(groups))):
        limit = _LATER_ROWS if group else most
        batch = next(file.iter_batches(limit, row_groups=[group]), None)
        if batch is not None:
            found += batch.to_pylist()
    return found


def _list_column(schema: pa.Schema) -> str | None:
    """The column that holds lists of structs; None: there is none."""
    for field in schema:
        kind = field.type
        is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
        if is_list and pa.types.is_struct(kind.value_type):
            return str(field.name)
    return None
