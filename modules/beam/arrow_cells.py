"""Arrow's columns as cells of Python, many at once: texts, numbers, dates, lists, None.

A time is a `datetime`, in UTC where the column has a zone, without one where it has none. What
Python's calendar does not reach stays as a text that says so. Inside a struct, `source: a.b` is the
field `b` of the column `a`.
"""

from __future__ import annotations

import contextlib
import datetime
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
from pyarrow import compute

from modules.beam import nested

_UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds"}


def sources(fields: Iterable[pa.Field], before: str = "") -> Iterator[str]:
    """The sources that a schema has: `a`, and `a.b` for the field of a struct, also in lists."""
    for field in fields:
        yield before + field.name
        kind = field.type
        while _is_list(kind):
            kind = kind.value_type
        if pa.types.is_struct(kind):
            yield from sources(kind, f"{before}{field.name}.")


def column(schema: pa.Schema, source: str) -> str:
    """The column at the top level that holds a source."""
    return source if source in schema.names else source.partition(nested.SEPARATOR)[0]


def cells(batch: pa.RecordBatch, source: str) -> list[Any]:
    """The cells of a source.

    Raises:
      UnicodeDecodeError: a text is none.
    """
    name = column(batch.schema, source)
    array = batch.column(batch.schema.get_field_index(name))
    path = source[len(name) + 1 :].split(nested.SEPARATOR) if name != source else []
    while path and pa.types.is_struct(array.type):
        inner = [field.name for field in array.type].index(path[0])
        array, path = array.flatten()[inner], path[1:]
    found = _values(array)
    return [nested.along(value, path) for value in found] if path else found


def _values(array: pa.Array) -> list[Any]:
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _values(array.dictionary_decode())
    if pa.types.is_timestamp(kind):
        return _times(array)
    if pa.types.is_date(kind):
        return [_in_calendar(day, "days") for day in _numpy(array.cast(pa.date32(), safe=False))]
    if _is_list(kind):
        return _lists(array)
    if pa.types.is_struct(kind):
        return _structs(array)
    if _is_quick(kind):
        with contextlib.suppress(pa.ArrowException):  # not UTF-8, which the slow way names
            return _numpy(array)
    cells: list[Any] = array.to_pylist()
    return cells


def _numpy(array: pa.Array) -> list[Any]:
    """Cells by way of NumPy, ten times as fast as one by one."""
    if array.null_count and pa.types.is_integer(array.type):  # NumPy would make floats of them
        missing = array.is_null().to_numpy(zero_copy_only=False)
        found = array.fill_null(0).to_numpy(zero_copy_only=False).tolist()
        return [None if absent else cell for cell, absent in zip(found, missing)]
    cells: list[Any] = array.to_numpy(zero_copy_only=False).tolist()
    return cells


def _times(array: pa.Array) -> list[Any]:
    """Times of any unit; finer than a microsecond, Python has none."""
    unit, zone = array.type.unit, array.type.tz
    plain = array.view(pa.timestamp(unit))
    if unit == "ns":
        plain = plain.cast(pa.timestamp("us"), safe=False)
    found = [_in_calendar(time, _UNITS[plain.type.unit]) for time in _numpy(plain)]
    if zone is None:
        return found
    utc = datetime.timezone.utc
    return [t.replace(tzinfo=utc) if isinstance(t, datetime.datetime) else t for t in found]


def _in_calendar(moment: Any, unit: str) -> Any:
    """NumPy gives a number where Python has no date."""
    return f"{moment} {unit} since 1970-01-01" if isinstance(moment, int) else moment


def _lists(array: pa.Array) -> list[Any]:
    values = iter(_values(array.flatten()))
    return [
        None if length is None else list(itertools.islice(values, length))
        for length in compute.list_value_length(array).to_pylist()
    ]


def _structs(array: pa.Array) -> list[Any]:
    names = [field.name for field in array.type]
    columns = [_values(column) for column in array.flatten()]
    missing = array.is_null().to_pylist()
    return [
        None if absent else dict(zip(names, row))
        for absent, row in zip(missing, zip(*columns) if columns else itertools.repeat(()))
    ]


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _is_quick(kind: pa.DataType) -> bool:
    """Whether NumPy's objects are those of Python."""
    types = pa.types
    return bool(
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_boolean(kind)
        or types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
    )
