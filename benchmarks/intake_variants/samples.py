"""The data of all variants, 30 users with 10 events each of 25 items, and ways to write them."""

from __future__ import annotations

import datetime
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
from pyarrow import parquet

USERS, ITEMS, EVENTS = 30, 25, 300
_ALL = {"events": EVENTS, "users": USERS, "items": ITEMS}
Visit = tuple[str, str, int]  # user, item, Unix seconds
VISITS: Sequence[Visit] = [
    (f"c{user:02}", f"p{(3 * user + 7 * n) % ITEMS}", 1_650_000_000 + 50_021 * n + 731 * user)
    for user in range(USERS)
    for n in range(10)
]
COLUMNS = {"who": "user_id", "what": "item_id", "at": "timestamp"}
HEADER = ("who", "what", "at")
Files = Mapping[str, bytes | str]
Expected = dict[str, Any]

Variant = tuple[str, Files, Mapping[str, Any], Expected]  # name, files, `data` of c.yaml, expected


def variant(
    name: str,
    about: str,
    contents: Files,
    *,
    read: Mapping[str, int] | None = None,
    refused: Sequence[str] = (),
    says: Sequence[str] = (),
    columns: Mapping[str, Any] = COLUMNS,
    data: Mapping[str, Any] | None = None,
    **events: Any,
) -> Variant:
    """A variant whose events lie in the first of its files, or where `path` says.

    Args:
      name: the folder's.
      about: what is particular.
      contents: the files.
      read: what differs of the counts, where it has to be read.
      refused: words of the message, where it has to be refused.
      says: words that the check has to say of what was read.
      columns: of data.events.
      data: further keys of data.
      **events: further keys of data.events.
    """
    table = {"path": next(iter(contents)), "columns": dict(columns), **events}
    expected: Expected = {"is": about}
    if refused:
        expected["refused"] = list(refused)
    else:
        expected |= {"read": {**_ALL, **(read or {})}, "says": list(says)}
    return name, contents, {"events": table, **(data or {})}, expected


def lines(
    cells: Callable[[int, Visit], Sequence[Any]] = lambda _, visit: visit,
    header: Sequence[str] | None = HEADER,
    delimiter: str = ",",
    end: str = "\n",
) -> str:
    """A delimited text with a row for each visit."""
    rows = [cells(n, visit) for n, visit in enumerate(VISITS)]
    named = [header, *rows] if header else rows
    return "".join(delimiter.join(map(str, row)) + end for row in named)


def timed(time: Callable[[int], Any]) -> str:
    """A CSV with times of its own."""
    return lines(lambda _, v: (v[0], v[1], time(v[2])))


def valued(value: Callable[[int], Any]) -> str:
    """A CSV with a fourth column, by the number of the row."""
    return lines(lambda n, v: (*v, value(n)), (*HEADER, "value"))


def utc(seconds: int, form: str) -> str:
    """A time as strftime writes it."""
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime(form)


def json_lines(rows: Iterable[Any]) -> str:
    """A line of JSON for each row."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def objects() -> list[dict[str, Any]]:
    """The visits as JSON has them."""
    return [dict(zip(HEADER, visit)) for visit in VISITS]


def parquet_file(**columns: Any) -> bytes:
    """A Parquet file of the visits, with some columns replaced or added."""
    plain = {name: [v[n] for v in VISITS] for n, name in enumerate(HEADER)}
    return parquet_of(pa.table({**plain, **columns}))


def parquet_of(table: pa.Table, **options: Any) -> bytes:
    """A table as a Parquet file."""
    stream = io.BytesIO()
    parquet.write_table(table, stream, **options)
    return stream.getvalue()


def items(cells: Callable[[int], Sequence[Any]], header: Sequence[str]) -> str:
    """A CSV with a row for each item."""
    rows = [header, *(cells(n) for n in range(ITEMS))]
    return "".join(",".join(map(str, row)) + "\n" for row in rows)


def with_value(kind: Any) -> dict[str, Any]:
    """The columns of `valued`."""
    return {**COLUMNS, "value": kind}


PLAIN = lines()
