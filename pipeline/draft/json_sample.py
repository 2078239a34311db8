"""Reads a sample of a file of JSON lines: one object a line, the keys of inner ones as `a.b`."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from modules.beam import errors, json_lines, streams
from pipeline.draft import samples


def read(path: str, files: Sequence[str], size: int, most: int) -> samples.Sample:
    """Reads a sample of the first of a table's files.

    Args:
      path: of the table.
      files: of the table.
      size: of the first one, in bytes.
      most: rows of its beginning.

    Raises:
      errors.DataError: no line is an object of JSON, or the file is cut off.
    """
    file, read, bad = files[0], 0, ""
    found: list[dict[str, Any]] = []
    is_whole = len(files) == 1
    try:
        with contextlib.closing(streams.blocks(file)) as blocks:
            for number, line in enumerate(streams.lines(blocks), start=1):
                if len(found) >= most or read >= samples.HEAD:
                    is_whole = False
                    break
                read += len(line)
                try:
                    found += [_flat(json_lines.parse(line))] if line.strip() else []
                except ValueError as error:
                    bad = bad or f"line {number}: {error}"
    except streams.BrokenFileError as error:
        raise errors.DataError(f"{file}: {error}") from None
    if not found:
        raise errors.DataError(f"{file}: {bad or 'found no row, expected an object in each line.'}")
    lists = _list_column(found)
    if lists is not None:
        outer = [{k: v for k, v in row.items() if k != lists} for row in found]
        found = [{**row, **e} for row, full in zip(outer, found) for e in full.get(lists) or []]
    names = list(dict.fromkeys(name for row in found for name in row))
    total = len(found) if is_whole else None
    if not is_whole and len(files) == 1 and streams.splits(file, "utf-8"):
        total = round(size / (read / len(found)))
    return samples.Sample(
        path=path,
        files=tuple(files),
        format="json",
        columns={name: [row.get(name) for row in found] for name in names},
        is_whole=is_whole,
        rows=total,
        list_column=lists,
        unsure={"rows": f"a line that cannot be read: {bad}"} if bad else {},
    )


def _flat(row: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{name}.")
        else:
            found[before + name] = value
    return found


def _list_column(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """The column whose cells are lists of objects; None: there is none."""
    for name in rows[0]:
        cells = [row[name] for row in rows if row.get(name)]
        if cells and all(isinstance(cell, list) and isinstance(cell[0], dict) for cell in cells):
            return name
    return None
