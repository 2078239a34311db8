"""Puts tables with the same columns together, such as a file of each month."""

from __future__ import annotations

import collections
import dataclasses
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.draft import samples, sources, words


def merged(found: Sequence[samples.Sample]) -> list[samples.Sample]:
    """The same tables, but those with the same columns as one, where a path names it.

    Its sample holds the rows of all, and is marked: no name says that the files belong together.
    """
    groups: dict[Any, list[samples.Sample]] = collections.defaultdict(list)
    for sample in found:
        groups[_signature(sample)].append(sample)
    return [one for group in groups.values() for one in _together(group)]


def _signature(sample: samples.Sample) -> Any:
    """What is the same for tables that are one; of others, what no other table has."""
    ids = [
        n for n in sample.columns if any(words.score(n, w) > 0 for w in (words.USER, words.ITEM))
    ]
    if not sample.has_header or sample.layout is not None or not ids:
        return sample.path  # columns such as `id` and `name` may be those of users and of items
    return (
        frozenset(sample.columns),
        sample.format,
        sample.delimiter,
        sample.encoding,
        sample.quote,
        sample.escape,
        sample.list_column,
        _said(sample),
    )


def _said(sample: samples.Sample) -> tuple[bool, ...]:
    """Which table the file's name says."""
    stem = os.path.basename(sample.files[0]).split(".")[0]
    return tuple(words.score(stem, vocabulary) > 0 for vocabulary in (words.USER, words.ITEM))


def _together(group: Sequence[samples.Sample]) -> Sequence[samples.Sample]:
    files = tuple(sorted(file for sample in group for file in sample.files))
    path = _path(files) if len(group) > 1 else None
    if path is None:
        return group
    first = min(group, key=lambda sample: sample.files)
    doubt = (
        f"{len(files)} files with the same columns are read as one table. If one repeats the rows "
        "of another, or is no part of it, move it elsewhere"
    )
    others = [sample.unsure["rows"] for sample in group if "rows" in sample.unsure]
    rows = [sample.rows for sample in group]
    merged = dataclasses.replace(
        first,
        path=path,
        files=files,
        columns={
            name: [cell for sample in group for cell in sample.columns[name]]
            for name in first.columns
        },
        is_whole=all(sample.is_whole for sample in group),
        rows=None if None in rows else sum(filter(None, rows)),
        unsure={**first.unsure, "rows": "; ".join([doubt, *others])},
    )
    return [merged]


def _path(files: Sequence[str]) -> str | None:
    """A path that names these files and no others: a glob or a folder; None: there is none."""
    return next(_paths(files), None)


def _paths(files: Sequence[str]) -> Iterator[str]:
    folders = {os.path.dirname(file) for file in files}
    if any("://" in folder for folder in folders):
        return
    if len(folders) == 1:
        folder = folders.pop()
        listed = [os.path.join(folder, name) for name in os.listdir(folder or ".")]
        text = "".join(os.path.basename(files[0]).partition(".")[1:])
        fitting = [file for file in listed if text and file.endswith(text)]
        if sorted(fitting) == list(files) and not re.search(r"[*?\[{]", folder + text):
            yield os.path.join(folder, f"*{text}")
        path = sources.name(files, listed)
        if path is not None:
            yield path
        return
    common = os.path.commonpath([folder or "." for folder in folders])
    if common and sorted(file for s in sources.find(common) for file in s.files) == list(files):
        yield common
