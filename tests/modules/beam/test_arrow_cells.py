"""Cells of Arrow's types: times of every unit and zone, decimals, lists, structs, nulls."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import pyarrow as pa
import pytest

from modules.beam import arrow_cells

UTC = datetime.timezone.utc
EPOCH = datetime.datetime.fromisoformat("1970-01-01")
BEFORE = EPOCH - datetime.timedelta(seconds=1.5)


def _cells(array: pa.Array, source: str = "a") -> list[Any]:
    return arrow_cells.cells(pa.RecordBatch.from_arrays([array], ["a"]), source)


@pytest.mark.parametrize(("unit", "factor"), [("ms", 1e3), ("us", 1e6), ("ns", 1e9)])
def test_times_of_every_unit_also_before_1970(unit: str, factor: float) -> None:
    values = [int(-1.5 * factor), None, 0]
    plain = _cells(pa.array(values, pa.timestamp(unit)))
    assert plain == [BEFORE, None, EPOCH]
    zoned = _cells(pa.array(values, pa.timestamp(unit, "Asia/Tokyo")))
    assert zoned == [BEFORE.replace(tzinfo=UTC), None, EPOCH.replace(tzinfo=UTC)]
    assert {type(cell) for cell in plain} == {datetime.datetime, type(None)}  # not pandas' own


def test_seconds_and_days() -> None:
    assert _cells(pa.array([-5], pa.timestamp("s"))) == [EPOCH - datetime.timedelta(seconds=5)]
    days = [datetime.date(1970, 1, 2), None, datetime.date(1969, 12, 31)]
    assert _cells(pa.array(days, pa.date32())) == days
    assert _cells(pa.array(days, pa.date64())) == days


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array([10**12], pa.timestamp("s")), "1000000000000 seconds since 1970-01-01"),
        (pa.array([-(10**15)], pa.timestamp("ms", "UTC")), "-1000000000000000 milliseconds since"),
        (pa.array([2**30], pa.date32()), "1073741824 days since 1970-01-01"),
    ],
)
def test_what_no_calendar_has_is_a_text_that_no_reader_takes_for_a_time(
    array: pa.Array, expected: str
) -> None:
    (cell,) = _cells(array)
    assert cell.startswith(expected)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([2**53 + 1, None, -1], pa.int64()),
        ([2**64 - 1, None], pa.uint64()),
        ([1, 2], pa.int8()),
        ([1.5, 2.5], pa.float32()),
        ([True, None, False], pa.bool_()),
        (["a", None, "é"], pa.string()),
        (["a", None], pa.large_string()),
        ([b"a", None], pa.binary()),
        ([b"ab", None], pa.binary(2)),
        ([decimal.Decimal("9.00"), None], pa.decimal128(9, 2)),
        ([decimal.Decimal(9), None], pa.decimal256(40, 0)),
        ([["a", None], None, []], pa.list_(pa.string())),
        ([[1, None], None], pa.large_list(pa.int64())),
        ([[1, 2], None], pa.list_(pa.int64(), 2)),
        ([[BEFORE], None], pa.list_(pa.timestamp("ns"))),
        (
            [{"b": 1, "c": [BEFORE]}, None],
            pa.struct([("b", pa.int8()), ("c", pa.list_(pa.timestamp("ns")))]),
        ),
        ([None, None], pa.null()),
    ],
)
def test_cells_are_what_was_written(values: list[Any], kind: pa.DataType) -> None:
    array = pa.array(values, kind)
    assert _cells(array) == values
    assert _cells(array[1:]) == values[1:]
    cells = [cell for cell in _cells(array) if cell is not None]
    assert [type(cell) for cell in cells] == [type(value) for value in values if value is not None]


def test_dictionaries_are_their_values() -> None:
    assert _cells(pa.array(["a", None, "b", "a"]).dictionary_encode()) == ["a", None, "b", "a"]


def test_a_source_finds_its_way_through_structs_and_lists() -> None:
    rows = [
        {"b": {"c": 1}, "d": [{"e": "x"}, {"e": "y"}]},
        None,
        {"b": None, "d": None},
    ]
    kind = pa.struct(
        [("b", pa.struct([("c", pa.int64())])), ("d", pa.list_(pa.struct([("e", pa.string())])))]
    )
    array = pa.array(rows, kind)
    assert list(arrow_cells.sources([pa.field("a", kind)])) == ["a", "a.b", "a.b.c", "a.d", "a.d.e"]
    assert _cells(array, "a.b.c") == [1, None, None]
    assert _cells(array, "a.d.e") == [["x", "y"], None, None]
    assert _cells(array[1:], "a.b.c") == [None, None]


def test_a_column_of_the_very_name_is_meant() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([{"b": 1}]), pa.array([2])], ["a", "a.b"])
    assert arrow_cells.cells(batch, "a.b") == [2]


def test_a_text_that_is_not_utf8_is_found() -> None:
    offsets = pa.array([0, 1, 2], pa.int32()).buffers()[1]
    array = pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"a\xff")])
    with pytest.raises(UnicodeDecodeError):
        _cells(array)
