"""Reads a sample of a text file, on any file system, compressed or not, in any encoding.

Of a file that can be read from anywhere, some pieces of its middle and its end are looked at as
well, for a file is often sorted, by time or by user.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from modules import formats
from modules.beam import errors, first_bytes, streams
from pipeline.draft import dialect, encodings, layouts, samples

_FIRST = 2**17  # bytes that tell the encoding
_DIALECT = 2**21  # characters that tell the dialect
_PLACES = (0.25, 0.5, 0.75, 1.0)  # where in a big file else to look, as shares of its size
_PIECE = 2**20  # bytes of each
_COMPARED = 20  # files whose first lines are compared
_PIECE_ROWS = 5_000


def read(
    path: str, files: Sequence[str], size: int, kind: formats.Format, most: int
) -> samples.Sample:
    """Reads a sample of the first of a table's files.

    Args:
      path: of the table.
      files: of the table; all hold text of one form.
      size: of the first one, in bytes.
      kind: csv or recbole.
      most: rows of its beginning.

    Raises:
      errors.DataError: it cannot be read, or is no text; the message names the file and the remedy.
    """
    file = files[0]
    head = _head(file)
    text = head.text
    found = dialect.sniff(_whole_lines(text[:_DIALECT]), "\t" if kind == "recbole" else None)
    read = list(itertools.islice(found.rows(text), most + 2))
    rows = [row for row in read if not isinstance(row, ValueError)]
    if not rows:
        raise errors.DataError(f"{file}: found no row that can be read. Look at its first lines.")
    layout = layouts.of_file(file, rows[0])
    if layout is not None and set(layout.header).isdisjoint(c.strip() for c in rows[0]):
        found = dataclasses.replace(found, has_header=False, unsure=None)
    names, types = _names(rows, found, layout, kind)
    rows = rows[1:] if found.has_header else rows
    unsure = {
        "encoding": head.doubt,
        "header": found.unsure,
        "rows": _bad(read, head.is_whole)
        or _wrong(rows, len(names))
        or _again(names)
        or _other_headers(files, found, head),
    }
    fitting = [row for row in rows if len(row) == len(names)]
    if not fitting:
        raise errors.DataError(
            f"{file}: found a header ({', '.join(names)}) and no row that fits it. Give a file "
            "with rows, or correct its header."
        )
    is_whole = head.is_whole and len(read) <= most and len(files) == 1
    fitting = fitting[:most]
    total: int | None = len(rows) if is_whole else None
    if not is_whole and streams.splits(file, head.encoding):
        bytes_a_row = sum(sum(map(len, row)) + len(row) for row in fitting) / len(fitting)
        total = round(size / bytes_a_row) if len(files) == 1 else None
        for piece in _pieces(file, head.encoding, size):
            more = itertools.islice(found.good_rows(piece), _PIECE_ROWS)
            fitting += [row for row in more if len(row) == len(names)]
    return samples.Sample(
        path=path,
        files=tuple(files),
        format=kind,
        columns={
            name: [row[at] for row in fitting]
            for at, name in enumerate(names)
            if name and names.count(name) == 1
        },
        is_whole=is_whole,
        rows=total,
        has_header=found.has_header,
        layout=layout,
        delimiter=found.delimiter,
        encoding=head.encoding,
        quote=found.quote,
        escape=found.escape,
        types=types,
        unsure={key: doubt for key, doubt in unsure.items() if doubt is not None},
    )


@dataclasses.dataclass(frozen=True)
class _Head:
    """The beginning of a file: whole lines, if it has more than one."""

    text: str
    encoding: str
    doubt: str | None
    is_whole: bool


def _head(file: str) -> _Head:
    first, _ = _read(file, "utf-8", _FIRST)
    encoding, doubt = encodings.guess(first)
    data, ended = _read(file, encoding, samples.HEAD)
    if encoding == "utf-8":
        encoding, doubt = encodings.guess(data)
    wrong = first_bytes.refusal(first, None, encoding)
    if wrong is not None:
        raise errors.DataError(f"{file}: {wrong}")
    text = data.decode(streams.codec(encoding), "replace").removeprefix("\ufeff")
    return _Head(text if ended else _whole_lines(text), encoding, doubt, ended)


def _read(file: str, encoding: str, limit: int) -> tuple[bytes, bool]:
    """The first bytes, decompressed, and whether they are all."""
    data = bytearray()
    try:
        with contextlib.closing(streams.blocks(file, encoding)) as blocks:
            for block in blocks:
                data += block
                if len(data) >= limit:
                    return bytes(data), False
    except streams.BrokenFileError as error:
        raise errors.DataError(f"{file}: {error}") from None
    return bytes(data), True


def _again(names: Sequence[str]) -> str | None:
    """Which names stand for several columns, so that none of these can be read."""
    return samples.repeated_doubt(_repeated(names))


def _repeated(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({name for name in names if name and names.count(name) > 1}))


def _other_headers(files: Sequence[str], found: dialect.Dialect, head: _Head) -> str | None:
    """Which of a table's files begins otherwise than the first one; None: none was found."""
    if not found.has_header:
        return None
    header = next(found.good_rows(head.text), [])
    for file in files[1:_COMPARED]:
        data, _ = _read(file, head.encoding, 1)
        first = data.decode(streams.codec(head.encoding), "replace").removeprefix("\ufeff")
        if sorted(next(found.good_rows(_whole_lines(first)), [])) != sorted(header):
            return f"{file} does not begin with the names that {files[0]} begins with"
    return None


def _pieces(file: str, encoding: str, size: int) -> Iterator[str]:
    """Whole lines from the places of a file that its head does not hold."""
    for place in _PLACES:
        start = int(size * place) - _PIECE
        if start < samples.HEAD:
            continue
        data = bytearray()
        with contextlib.closing(streams.blocks(file, encoding, start)) as blocks:
            while len(data) < _PIECE and (block := next(blocks, b"")):
                data += block
        text = data.decode(streams.codec(encoding), "replace")
        lines = text.splitlines(keepends=True)[1:]
        yield _whole_lines("".join(lines))


def _whole_lines(text: str) -> str:
    return text[: max(text.rfind("\n"), text.rfind("\r")) + 1] or text


def _names(
    rows: Sequence[Sequence[str]],
    found: dialect.Dialect,
    layout: layouts.Layout | None,
    kind: formats.Format,
) -> tuple[list[str], dict[str, Any]]:
    """Names of the columns, and what a header of RecBole says of them."""
    if not found.has_header:
        return list(layout.header if layout else samples.made_up(len(rows[0]))), {}
    if kind == "recbole":
        types = {cell.partition(":")[0]: cell.partition(":")[2] for cell in rows[0]}
        return [cell.partition(":")[0] for cell in rows[0]], types
    return [cell.strip() for cell in rows[0]], {}


def _bad(rows: Sequence[list[str] | ValueError], is_whole: bool) -> str | None:
    """What is wrong with rows that cannot be read, but for a last one that the sample cuts."""
    bad = [(at, row) for at, row in enumerate(rows, start=1) if isinstance(row, ValueError)]
    if not bad or (bad[0][0] == len(rows) and not is_whole):
        return None
    return (
        f"{len(bad):,} of the first {len(rows):,} rows cannot be read; row {bad[0][0]}: {bad[0][1]}"
    )


def _wrong(rows: Sequence[Sequence[str]], expected: int) -> str | None:
    """What is wrong with rows that have another number of cells; None: nothing."""
    wrong = [(at, len(row)) for at, row in enumerate(rows, start=1) if len(row) != expected]
    if not wrong:
        return None
    at, found = wrong[0]
    return (
        f"{len(wrong):,} of the first {len(rows):,} rows have another number of cells than "
        f"{expected}, such as row {at:,} with {found}; recsys dataset check names the lines"
    )
