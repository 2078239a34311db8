"""Finds the files of a table, on any file system that Beam knows, and names places in them.

A table's path is a file, a folder (all its files with the format's ending, hidden ones left out) or
a glob; `package:NAME/REST` is a file that an installed Python package ships. Files are ordered by
name.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import os

from apache_beam.io import filesystem, filesystems

from modules import config
from modules.beam import errors

# Of a row: number of the file in the listing, byte offset of its line (Parquet: number of the row),
# place in the row's list. Sorting by it is the file order.
Place = tuple[int, int, int]

_ENDINGS = {
    "recbole": {"events": ".inter", "users": ".user", "items": ".item"},
    "csv": dict.fromkeys(("events", "users", "items"), ".csv"),
    "parquet": dict.fromkeys(("events", "users", "items"), ".parquet"),
}
_GLOB = "*?["
_PACKAGE = "package:"
_HASHED_BYTES = 256 * 2**20  # larger files are told apart by size and modification time
_BLOCK = 2**20


@dataclasses.dataclass(frozen=True)
class Listing:
    """The files of one table (`events`, `users` or `items`), by name, with their sizes in bytes."""

    table: str
    format: str
    paths: tuple[str, ...]
    sizes: tuple[int, ...]

    def describe(self, place: Place) -> str:
        """`FILE, line N` (the first line is 1), or `FILE, row N` of a Parquet file."""
        file, position, item = place
        path = self.paths[file]
        if self.format != "parquet":
            return f"{path}, line {line_number(path, position)}"
        return f"{path}, row {position + 1}" + (f", element {item}" if item else "")


def tables(data: config.Data) -> dict[str, config.Table]:
    """The declared tables, by the name they have in the configuration."""
    found = {"events": data.events, "users": data.users, "items": data.items}
    return {name: table for name, table in found.items() if table is not None}


def list_tables(data: config.Data) -> dict[str, Listing]:
    """Lists the files of all declared tables."""
    return {name: list_files(table, name) for name, table in tables(data).items()}


def list_files(table: config.Table, name: str) -> Listing:
    """Lists the files of a table.

    Raises:
      errors.DataError: nothing is there, or a file has no bytes at all.
    """
    path = local_path(table.path, name)
    ending = _ENDINGS[table.format][name]
    found = _match(path, name) if any(c in path for c in _GLOB) or not _is_folder(path) else []
    if not found:
        inside = _match(f"{path.rstrip('/')}/**", name)
        found = [
            m for m in inside if ending in os.path.basename(m.path) and not _hidden(path, m.path)
        ]
    if not found:
        raise errors.DataError(
            f"data.{name}.path: nothing found at {path}; expected a file, a folder with "
            f"*{ending} files, or a glob. Check the path and the permission to read it."
        )
    found = sorted(found, key=lambda m: m.path)
    for metadata in found:
        if metadata.size_in_bytes == 0:
            raise errors.DataError(
                f"{metadata.path}: the file is empty, expected a header and rows. "
                "Remove it or fill it."
            )
    return Listing(
        name, table.format, tuple(m.path for m in found), tuple(m.size_in_bytes for m in found)
    )


def local_path(path: str, name: str) -> str:
    """Replaces `package:NAME/REST` by the file in the installed package, without importing it."""
    if not path.startswith(_PACKAGE):
        return os.path.expanduser(path)
    package, _, rest = path[len(_PACKAGE) :].partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise errors.DataError(
            f"data.{name}.path: {path} needs the package {package}, which is not "
            "installed. Install it, or give the path of a file."
        )
    return os.path.join(spec.submodule_search_locations[0], rest)


def line_number(path: str, offset: int) -> int:
    """Number, from 1, of the line that starts at byte `offset` of the decompressed text."""
    lines = 1
    with filesystems.FileSystems.open(path) as stream:
        while offset > 0 and (block := stream.read(min(offset, _BLOCK))):
            lines += block.count(b"\n")
            offset -= len(block)
    return lines


def fingerprint(data: config.Data) -> str:
    """A digest that changes when the content of any input file does.

    Local files count with their bytes (above 256 MB: size and modification time), others with the
    size and the checksum that their file system reports.
    """
    digest = hashlib.sha256()
    for name, listing in list_tables(data).items():
        for path, size in zip(listing.paths, listing.sizes):
            digest.update(f"{name}\0{os.path.basename(path)}\0{size}\0".encode())
            digest.update(_content(path, size))
    return digest.hexdigest()


def _content(path: str, size: int) -> bytes:
    if not os.path.exists(path):
        return str(filesystems.FileSystems.checksum(path)).encode()
    if size > _HASHED_BYTES:
        return str(os.stat(path).st_mtime_ns).encode()
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.digest()


def _match(pattern: str, name: str) -> list[filesystem.FileMetadata]:
    try:
        matched = filesystems.FileSystems.match([pattern])[0].metadata_list
    except (filesystem.BeamIOError, ValueError, ImportError) as error:
        raise errors.DataError(f"data.{name}.path: cannot list {pattern}: {error}") from error
    return [m for m in matched if not os.path.isdir(m.path)]


def _is_folder(path: str) -> bool:
    return path.endswith("/") or os.path.isdir(path)


def _hidden(folder: str, path: str) -> bool:
    return any(part.startswith((".", "_")) for part in path[len(folder) :].split("/"))
