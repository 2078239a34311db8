"""Reads a sample of a file of JSON lines: one object a line, the keys of inner ones as `a.b`."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from modules.beam import errors, json_lines, nested, streams
from pipeline.draft import encodings, samples


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
    file = files[0]
    lines, is_whole = _lines(file, most)
    encoding, doubt = encodings.guess(b"".join(lines))
    found: list[dict[str, Any]] = []
    bad, unreached = "", set[str]()
    for number, line in enumerate(lines, start=1):
        try:
            found += [_flat(json_lines.parse(line, encoding), unreached)] if line.strip() else []
        except ValueError as error:
            bad = bad or f"line {number}: {error}"
    if not found:
        raise errors.DataError(f"{file}: {bad or 'found no row, expected an object in each line.'}")
    is_whole = is_whole and len(files) == 1
    read = sum(map(len, lines))
    lists = _list_column(found)
    if lists is not None:
        outer = [{k: v for k, v in row.items() if k != lists} for row in found]
        found = [{**row, **e} for row, full in zip(outer, found) for e in full.get(lists) or []]
    unsure = {
        "encoding": doubt,
        "rows": f"a line that cannot be read: {bad}" if bad else _unreached(unreached),
    }
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
        encoding=encoding,
        list_column=lists,
        unsure={key: text for key, text in unsure.items() if text is not None},
    )


def _lines(file: str, most: int) -> tuple[list[bytes], bool]:
    """The first lines, and whether they are all."""
    found: list[bytes] = []
    read = 0
    try:
        with contextlib.closing(streams.blocks(file)) as blocks:
            for line in streams.lines(blocks):
                if len(found) >= most or read >= samples.HEAD:
                    return found, False
                read += len(line)
                found.append(line)
    except streams.BrokenFileError as error:
        raise errors.DataError(f"{file}: {error}") from None
    return found, True


def _flat(row: Mapping[str, Any], unreached: set[str], before: str = "") -> dict[str, Any]:
    """The cells by their sources; adds to `unreached` the keys that no source reaches."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        is_inner = bool(before) or isinstance(value, dict)
        if nested.SEPARATOR in name and is_inner:
            unreached.add(before + name)
        elif isinstance(value, dict):
            found |= _flat(value, unreached, f"{before}{name}{nested.SEPARATOR}")
        else:
            found[before + name] = value
    return found


def _unreached(names: Collection[str]) -> str | None:
    if not names:
        return None
    return (
        f"{', '.join(sorted(names))}: left out, since a source takes the dot in its name for the "
        "way to an inner key. Rename the key"
    )


def _list_column(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """The column whose cells are lists of objects; None: there is none."""
    for name in rows[0]:
        cells = [row[name] for row in rows if row.get(name)]
        if cells and all(isinstance(cell, list) and isinstance(cell[0], dict) for cell in cells):
            return name
    return None
