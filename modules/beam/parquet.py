"""Reads Parquet: flat rows, or one row a user with a list of event structs (`Table.list_column`).

`ReadRows` is splittable by row groups and reads only the declared columns. Of a nested table, a
column is taken from the structs where they have it, else from the row around them (as `user_id`
is), for every struct.
"""

from __future__ import annotations

import gzip
import itertools
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
import pyarrow as pa
import pyarrow_hotfix  # noqa: F401 - else a file could run code (CVE-2023-47248)
from apache_beam.io import filesystems, restriction_trackers
from pyarrow import compute, parquet

from modules import config, strict
from modules.beam import arrow_cells, files, problems, reader, rows

_BATCH_ROWS = 4096
# What pyarrow, and what decompresses a whole file, make of one that is damaged; see `_is_damage`.
_BROKEN = (pa.ArrowInvalid, RuntimeError, gzip.BadGzipFile, EOFError, zlib.error)


class _Schema(NamedTuple):
    """Where a file has what is read.

    Attributes:
      columns: to read, at the top level.
      inner: sources in the structs of the list column.
      outer: sources in the row (around them).
      folders: sources that the folders of the file name, with the cell.
    """

    columns: list[str]
    inner: list[str]
    outer: list[str]
    folders: list[tuple[str, str | None]]

    @property
    def header(self) -> list[str]:
        """Sources of the cells, in their order."""
        return [*self.inner, *self.outer, *(source for source, _ in self.folders)]


class _RowGroups(beam.transforms.core.RestrictionProvider):
    """A file's row groups, each on its own; the first position is claimed even if there is none."""

    def initial_restriction(self, element: rows.File) -> restriction_trackers.OffsetRange:
        try:
            with filesystems.FileSystems.open(element[1]) as stream:
                return restriction_trackers.OffsetRange(
                    0, max(1, parquet.ParquetFile(stream).num_row_groups)
                )
        except (*_BROKEN, OSError) as error:
            if not _is_damage(error):
                raise
            return restriction_trackers.OffsetRange(0, 1)  # `ReadRows` reports it

    def create_tracker(
        self, restriction: restriction_trackers.OffsetRange
    ) -> restriction_trackers.OffsetRestrictionTracker:
        return restriction_trackers.OffsetRestrictionTracker(restriction)

    def split(
        self, element: rows.File, restriction: restriction_trackers.OffsetRange
    ) -> Iterator[restriction_trackers.OffsetRange]:
        del element  # row groups are split alike in all files
        ranges: Iterator[restriction_trackers.OffsetRange] = restriction.split(1)
        return ranges

    def restriction_size(
        self, element: rows.File, restriction: restriction_trackers.OffsetRange
    ) -> int:
        del element
        size: int = restriction.size()
        return size


@beam.typehints.with_input_types(rows.File)
@beam.typehints.with_output_types(rows.Row)
class ReadRows(reader.Reader):
    """Yields the checked and converted rows of the claimed row groups."""

    def __init__(self, listing: files.Listing, table: config.Table) -> None:
        super().__init__(listing, table)
        self._empty_lists = beam.metrics.Metrics.counter(
            problems.NAMESPACE, f"{listing.table}_empty_lists"
        )

    def process(
        self, element: rows.File, tracker: Any = beam.DoFn.RestrictionParam(_RowGroups())
    ) -> Iterator[Any]:
        number, path, _, _ = element
        group = tracker.current_restriction().start
        with filesystems.FileSystems.open(path) as stream:
            while tracker.try_claim(group):
                place = (number, files.WHOLE_FILE, 0)
                try:
                    file = parquet.ParquetFile(stream)
                    schema = self._schema(file.schema_arrow, number)
                    if group < file.num_row_groups:
                        yield from self._group(file, group, number, schema)
                except (*_BROKEN, OSError, ValueError) as error:
                    if _is_damage(error):
                        yield self.problem(place, _broken(error))
                    elif not isinstance(error, ValueError):
                        raise
                    elif group == 0:
                        yield self.problem(place, f"{error} (the schema)")
                group += 1

    def _schema(self, schema: pa.Schema, number: int) -> _Schema:
        """Where a file has what is read.

        Raises:
          ValueError: it lacks a column.
        """
        column = self._table.list_column
        structs = self._structs(schema)
        self._columns.check_once([field.name for field in structs])
        self._columns.check_once(schema.names)
        inner = list(arrow_cells.sources(structs))
        around = (f.with_type(pa.null()) if f.name == column else f for f in schema)
        names = [*inner, *arrow_cells.sources(around)]
        folders = self.partitions(number)
        header = [*names, *(name for name in folders if name not in names)]
        self._columns.locate(header)
        used = [source for source in self._columns.sources if source in names]
        return _Schema(
            columns=sorted(
                {arrow_cells.column(schema, source) for source in used if source not in inner}
                | ({column} if column else set())
            ),
            inner=[source for source in used if source in inner],
            outer=[source for source in used if source not in inner],
            folders=[
                (source, folders[source]) for source in self._columns.sources if source not in names
            ],
        )

    def _structs(self, schema: pa.Schema) -> Sequence[pa.Field]:
        """The fields of the structs in the list column; none without one."""
        column = self._table.list_column
        if column is None:
            return []
        if column not in schema.names:
            raise ValueError(
                f"no column '{column}', which data.{self._listing.table}.list_column names; "
                f"found {', '.join(schema.names)}.{strict.nearest(column, schema.names)}"
            )
        kind = schema.field(column).type
        is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
        if not is_list or not pa.types.is_struct(kind.value_type):
            raise ValueError(
                f"column '{column}' (list_column) is {kind}, expected a list of structs"
            )
        return list(kind.value_type)

    def _group(
        self, file: parquet.ParquetFile, group: int, number: int, schema: _Schema
    ) -> Iterator[Any]:
        position = sum(file.metadata.row_group(g).num_rows for g in range(group))
        located = self._columns.locate(schema.header)
        for batch in file.iter_batches(_BATCH_ROWS, row_groups=[group], columns=schema.columns):
            try:
                found = list(self._cells(batch, schema))
            except UnicodeDecodeError as error:
                yield self.problem(
                    (number, position, 0),
                    "a text in this row or the "
                    f"{batch.num_rows - 1} after it is not UTF-8: {error}. Convert it.",
                )
                found = []
            places = [(number, position + at, element) for at, element, _ in found]
            yield from self.made_all(places, located, [cells for _, _, cells in found])
            position += batch.num_rows

    def _cells(
        self, batch: pa.RecordBatch, schema: _Schema
    ) -> Iterator[tuple[int, int, tuple[Any, ...]]]:
        """The number of the row in the batch, of the struct in it from 1 (0: none), the cells."""
        outer = [arrow_cells.cells(batch, source) for source in schema.outer]
        outer += [[value] * batch.num_rows for _, value in schema.folders]
        if self._table.list_column is None:
            ats, elements = range(batch.num_rows), itertools.repeat(0)
            yield from zip(ats, elements, _rows(outer, batch.num_rows))
            return
        lists = batch.column(batch.schema.get_field_index(self._table.list_column))
        lengths = compute.list_value_length(lists).fill_null(0).to_pylist()
        structs = lists.flatten()
        fields = pa.RecordBatch.from_arrays(structs.flatten(), [f.name for f in structs.type])
        inner = _rows([arrow_cells.cells(fields, source) for source in schema.inner], len(structs))
        for at, (length, around) in enumerate(zip(lengths, _rows(outer, batch.num_rows))):
            if not length:
                self._empty_lists.inc()
            for element in range(1, length + 1):
                yield at, element, (*next(inner), *around)


def _rows(columns: Sequence[Sequence[Any]], number: int) -> Iterator[tuple[Any, ...]]:
    """Cells of columns as those of rows."""
    return zip(*columns) if columns else itertools.repeat((), number)


def _is_damage(error: BaseException) -> bool:
    """Whether the file is to blame, not the way to it, which a runner tries again.

    Arrow and bz2 raise a plain OSError without a number for damaged content; what a network or a
    disk raises has a number or a class of its own, such as ConnectionError and BeamIOError.
    """
    is_content = type(error) is OSError and error.errno is None
    return is_content or isinstance(error, _BROKEN)


def _broken(error: BaseException) -> str:
    return f"the file is cut off or corrupt (Parquet: {error}); copy it again."
