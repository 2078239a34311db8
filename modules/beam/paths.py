"""Finds files on any file system that Beam knows: by their names as they are, or by a glob.

In a glob (see modules/globs.py), `*` and `?` stand for what is in a name, `[ab]` for one of the
characters, and `**` also for folders.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from apache_beam.io import filesystem, filesystems

from modules import globs
from modules.beam import errors

_ALL = "**"
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")


def match(path: str, table: str) -> tuple[str | None, list[filesystem.FileMetadata]]:
    """The files at a path, by name; none where nothing is there.

    Args:
      path: of a file or a folder, or a glob.
      table: its name, for error messages.

    Returns:
      The folder, if the path is one (its hidden files are left out), and the files.

    Raises:
      errors.DataError: the file system does not answer.
    """
    try:
        found = list(_matched(path, ""))
        folder = None if found else path
        if not found:
            found = [
                m for m in _matched(path.rstrip("/") or "/", _ALL) if not _hidden(path, m.path)
            ]
    except (filesystem.BeamIOError, ValueError, ImportError, OSError) as error:
        raise errors.DataError(f"data.{table}.path: cannot list {path}: {error}") from error
    return folder, sorted(found, key=lambda m: m.path)


def _matched(path: str, inside: str) -> Iterator[filesystem.FileMetadata]:
    """The files that a path means, or with `inside` those in it that fit this glob."""
    if not _URL.match(path):
        yield from _local(path, inside)
        return
    if not inside and path.endswith("/"):
        return  # a folder
    pattern = f"{path}/{inside}" if inside else path
    yield from filesystems.FileSystems.match([pattern])[0].metadata_list


def _local(path: str, inside: str) -> Iterator[filesystem.FileMetadata]:
    literal, pattern = globs.divided(path)
    pattern = "/".join(filter(None, (pattern, inside)))
    if not pattern:
        found = [literal] if os.path.isfile(literal) else []
    else:
        fits = re.compile(filesystem.FileSystem.translate_pattern(pattern)).match
        walked = (
            os.path.join(folder, name) for folder, _, names in os.walk(literal) for name in names
        )
        start = len(literal.rstrip("/")) + 1
        found = [file for file in walked if fits(file[start:])]
    for file in found:
        stat = os.stat(file)
        yield filesystem.FileMetadata(file, stat.st_size, stat.st_mtime)


def _hidden(folder: str, path: str) -> bool:
    inside = path.split("/")[len(folder.rstrip("/").split("/")) :]
    return any(part.startswith((".", "_")) for part in inside)
