"""Finds the files that are given, and which of them belong together as one table."""

from __future__ import annotations

import collections
import dataclasses
import glob
import os
import re
from collections.abc import Iterable, Sequence

from apache_beam.io import filesystem, filesystems

from modules import formats
from modules.beam import errors
from pipeline.draft import layouts

_GLOB = re.compile(r"[*?\[{]")
_PART = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{20,}|\d+")  # of the names of parts: an UUID, a number


@dataclasses.dataclass(frozen=True)
class Source:
    """A table's files.

    Attributes:
      path: that names them all in a configuration: a file, a folder or a glob.
      files: by name.
      sizes: of the files, in bytes.
    """

    path: str
    files: tuple[str, ...]
    sizes: tuple[int, ...]


def find(argument: str) -> list[Source]:
    """The tables that a file, folder, glob or URL holds.

    Raises:
      errors.DataError: nothing is there.
    """
    path = os.path.expanduser(argument)
    if os.path.isfile(path):
        return [Source(path, (path,), (os.path.getsize(path),))]
    if os.path.isdir(path):
        return _in_folder(path)
    try:
        found = filesystems.FileSystems.match([path])[0].metadata_list
    except (filesystem.BeamIOError, ValueError, ImportError) as error:
        raise errors.DataError(f"{argument}: cannot be listed: {error}") from None
    found = sorted((m for m in found if m.size_in_bytes), key=lambda m: m.path)
    if not found:
        raise errors.DataError(
            f"{argument}: nothing found; expected a file, a folder or a glob. Check the path."
        )
    return [Source(path, tuple(m.path for m in found), tuple(m.size_in_bytes for m in found))]


def _in_folder(folder: str) -> list[Source]:
    listed = [
        os.path.join(base, name)
        for base, _, names in os.walk(folder)
        for name in names
        if not any(
            part.startswith((".", "_"))
            for part in os.path.relpath(os.path.join(base, name), folder).split(os.sep)
        )
    ]
    named = (file for file in listed if formats.ending(file) or layouts.is_known(file))
    files = sorted(file for file in named if os.path.getsize(file))
    strong = [file for file in files if not _is_weak(file)]
    if not files:
        shown = ", ".join(sorted(map(os.path.basename, listed))[:5]) or "no file"
        endings = ", ".join(ending.text for ending in formats.ENDINGS)
        raise errors.DataError(
            f"{folder}: no file ends in one of {endings}; found {shown}. Name the files."
        )
    groups = together(strong or files)
    if len(groups) == 1:
        return [_source(folder, groups[0])]
    return [source for group in groups for source in _named(group, listed)]


def _named(group: Sequence[str], listed: Sequence[str]) -> list[Source]:
    """Files that belong together as one table, or each as its own where no path names them."""
    path = name(group, listed)
    if path is None:
        common = os.path.commonpath([os.path.dirname(file) for file in group])
        inside = [file for file in listed if file.startswith(f"{common}{os.sep}")]
        path = common if common and sorted(inside) == sorted(group) else None
    return [_source(path, group)] if path else [_source(file, [file]) for file in group]


def _is_weak(file: str) -> bool:
    """Whether a file may be something else than a table, such as notes."""
    ending = formats.ending(file)
    return (ending is None or ending.weak) and not layouts.is_known(file)


def together(files: Iterable[str]) -> list[list[str]]:
    """Files whose names differ in numbers alone, those that Hive's folders part as well."""
    groups: dict[str, list[str]] = collections.defaultdict(list)
    for file in files:
        folder, base = os.path.split(file)
        kept = [part for part in folder.split(os.sep) if "=" not in part]
        groups[os.path.join(*kept, _PART.sub("#", base)) if kept else base].append(file)
    return list(groups.values())


def merged(sources: Sequence[Source]) -> Source:
    """Several files as one table, named by a glob where one fits.

    Raises:
      errors.DataError: no path names them and no others.
    """
    files = sorted(file for source in sources for file in source.files)
    folder = os.path.dirname(files[0])
    try:
        listed = [os.path.join(folder, base) for base in os.listdir(folder or ".")]
    except OSError:
        listed = files
    path = name(files, listed)
    if path is None:
        raise errors.DataError(
            f"{', '.join(files[:3])}: files of one table need a folder or a glob that holds no "
            "others. Put them into a folder of their own, and give that."
        )
    return _source(path, files)


def name(files: Sequence[str], listed: Sequence[str]) -> str | None:
    """A path that names these of the listed files alone: the file itself or a glob; None: none."""
    if len(files) == 1:
        return files[0]
    if len({os.path.dirname(file) for file in files}) > 1:
        return None
    start = _common(files)
    end = _common([file[len(start) :][::-1] for file in files])[::-1]
    pattern = f"{glob.escape(start)}*{glob.escape(end)}"
    matched = re.compile(f"{re.escape(start)}[^/]*{re.escape(end)}")
    others = [file for file in listed if matched.fullmatch(file) and file not in files]
    return None if others or _GLOB.search(start + end) else pattern


def _source(path: str, files: Sequence[str]) -> Source:
    return Source(path, tuple(files), tuple(os.path.getsize(file) for file in files))


def _common(texts: Sequence[str]) -> str:
    """What all the texts begin with."""
    for at, chars in enumerate(zip(*texts)):
        if len(set(chars)) > 1:
            return texts[0][:at]
    return min(texts, key=len)
