"""Reads Parquet: flat rows, or one row a user with a list of event structs (`Table.list_column`).

`ReadRows` is splittable by row groups and reads only the declared columns. Of a nested table, a
column is taken from the structs where they have it, else from the row around them (as `user_id`
is), for every struct.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.io import filesystems, restriction_trackers
from pyarrow import parquet

from modules import config, strict
from modules.beam import files, problems, row_counter, rows

_BATCH_ROWS = 1024
# What pyarrow, and what decompresses a whole file, make of one that is damaged; see `_is_damage`.
_BROKEN = (pa.ArrowInvalid, gzip.BadGzipFile, EOFError, zlib.error)


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
class ReadRows(beam.DoFn):
    """Yields the checked and converted rows of the claimed row groups."""

    def __init__(self, listing: files.Listing, table: config.Table) -> None:
        self._listing, self._table = listing, table
        self._rows = row_counter.RowCounter(listing.table)
        self._empty_lists = beam.metrics.Metrics.counter(
            problems.NAMESPACE, f"{listing.table}_empty_lists"
        )

    def setup(self) -> None:
        self._columns = rows.Columns(self._table, self._listing.table)

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
                    header = self._header(file.schema_arrow)
                    located = self._columns.locate(header)
                    if group < file.num_row_groups:
                        yield from self._group(file, group, number, header, located)
                except (*_BROKEN, OSError, ValueError) as error:
                    if _is_damage(error):
                        yield problems.found(self._listing.table, place, _broken(error))
                    elif not isinstance(error, ValueError):
                        raise
                    elif group == 0:
                        yield problems.found(self._listing.table, place, f"{error} (the schema)")
                group += 1

    def _header(self, schema: pa.Schema) -> list[str]:
        """Names of the structs' fields, then of the top-level columns."""
        column = self._table.list_column
        self._columns.check_once(schema.names)
        if column is None:
            return list(schema.names)
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
        fields = [field.name for field in kind.value_type]
        self._columns.check_once(fields)
        return fields + list(schema.names)

    def _group(
        self,
        file: parquet.ParquetFile,
        group: int,
        number: int,
        header: list[str],
        located: rows.Located,
    ) -> Iterator[Any]:
        column = self._table.list_column
        used = [n for n in file.schema_arrow.names if n == column or n in self._columns.sources]
        position = sum(file.metadata.row_group(g).num_rows for g in range(group))
        for batch in file.iter_batches(_BATCH_ROWS, row_groups=[group], columns=used):
            try:
                records = batch.to_pylist()
            except UnicodeDecodeError as error:
                yield problems.found(
                    self._listing.table,
                    (number, position, 0),
                    "a text in this row or the "
                    f"{batch.num_rows - 1} after it is not UTF-8: {error}. Convert it.",
                )
                records = []
            for at, record in enumerate(records):
                yield from self._record(record, (number, position + at), header, located)
            position += batch.num_rows

    def _record(
        self, record: dict[str, Any], at: tuple[int, int], header: list[str], located: rows.Located
    ) -> Iterator[Any]:
        column = self._table.list_column
        structs = [{}] if column is None else record[column] or []
        if not structs:
            self._empty_lists.inc()
        for n, struct in enumerate(structs, start=0 if column is None else 1):
            place = (*at, n)
            merged = {**record, **(struct or {})}
            try:
                row = self._columns.convert(located, [merged.get(name) for name in header])
            except ValueError as error:
                yield problems.found(self._listing.table, place, str(error))
                continue
            self._rows.inc()
            if isinstance(row, str):
                yield rows.dropped(self._listing.table, row)
            else:
                yield place, row


def _is_damage(error: BaseException) -> bool:
    """Whether the file is to blame, not the way to it, which a runner tries again.

    Arrow and bz2 raise a plain OSError without a number for damaged content; what a network or a
    disk raises has a number or a class of its own, such as ConnectionError and BeamIOError.
    """
    is_content = type(error) is OSError and error.errno is None
    return is_content or isinstance(error, _BROKEN)


def _broken(error: BaseException) -> str:
    return f"the file is cut off or corrupt (Parquet: {error}); copy it again."
