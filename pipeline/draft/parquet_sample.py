"""Reads a sample of a Parquet file: of its first, its middle and its last row group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow_hotfix  # noqa: F401 - else a file could run code (CVE-2023-47248)
from apache_beam.io import filesystems
from pyarrow import parquet

from modules.beam import arrow_cells, errors
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
            columns = _columns(opened, lists, most)
            top = opened.schema_arrow.names
        except (pa.ArrowInvalid, RuntimeError, OSError) as error:
            raise errors.DataError(
                f"{file}: the file is cut off or corrupt (Parquet: {error}); copy it again."
            ) from None
    sampled = max(map(len, columns.values()), default=0)
    if not sampled:
        raise errors.DataError(f"{file}: found no row. Give a file with rows.")
    total = opened.metadata.num_rows if len(files) == 1 else None
    is_whole = total == sampled
    repeated = tuple(sorted({name for name in top if top.count(name) > 1}))
    doubt = samples.repeated_doubt(repeated)
    if lists is not None:
        columns, total = _elements(columns, lists, most), None
    return samples.Sample(
        path=path,
        files=tuple(files),
        format="parquet",
        columns=columns,
        is_whole=is_whole,
        rows=total,
        list_column=lists,
        unsure={"rows": doubt} if doubt else {},
    )


def _columns(file: parquet.ParquetFile, lists: str | None, most: int) -> dict[str, list[Any]]:
    """The cells of each source, of the fields of a struct in place of the struct."""
    found: dict[str, list[Any]] = {}
    groups = file.num_row_groups
    for group in sorted({0, groups // 2, groups - 1} & set(range(groups))):
        limit = _LATER_ROWS if group else most
        batch = next(file.iter_batches(limit, row_groups=[group]), None)
        for source in [] if batch is None else _sources(batch.schema, lists):
            found.setdefault(source, []).extend(arrow_cells.cells(batch, source))
    return found


def _sources(schema: pa.Schema, lists: str | None) -> list[str]:
    inner = [f for f in arrow_cells.sources(schema) if not lists or not f.startswith(f"{lists}.")]
    leaves = [name for name in inner if not any(other.startswith(f"{name}.") for other in inner)]
    return [
        name
        for name in dict.fromkeys(leaves)
        if schema.names.count(arrow_cells.column(schema, name)) == 1
    ]


def _elements(columns: Mapping[str, Sequence[Any]], lists: str, most: int) -> dict[str, list[Any]]:
    """The cells of the events in lists, those of the row around them repeated."""
    rows = [
        {**{name: cells[at] for name, cells in columns.items() if name != lists}, **(event or {})}
        for at, events in enumerate(columns[lists])
        for event in events or []
    ][:most]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _list_column(schema: pa.Schema) -> str | None:
    """The column that holds lists of structs; None: there is none."""
    for field in schema:
        kind = field.type
        is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
        if is_list and pa.types.is_struct(kind.value_type):
            return str(field.name)
    return None
