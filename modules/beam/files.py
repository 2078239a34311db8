"""Finds the files of a table, on any file system that Beam knows, and names places in them.

A table's path is a file, a folder (all its files with an ending of the format, hidden ones left
out) or a glob (see paths.py); `package:NAME/REST` is a file that an installed Python package ships.
Files are ordered by name. What a file holds is looked at once, here, before any row is read.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import importlib.util
import os
from collections.abc import Sequence

from apache_beam.io import filesystems

from modules import config, formats, strict
from modules.beam import errors, first_bytes, partitions, paths, streams, table_format

# Of a row: number of the file in the listing, offset of its line in `streams.blocks` (Parquet:
# number of the row), place in the row's list. Sorting by it is the file order.
Place = tuple[int, int, int]
WHOLE_FILE = -1  # instead of an offset

_PACKAGE = "package:"
_HASHED_BYTES = 256 * 2**20  # larger files are told apart by size and modification time
_BLOCK = 2**20
_OPENED_AT_ONCE = 16


@dataclasses.dataclass(frozen=True)
class Listing:
    """The files of one table (`events`, `users` or `items`), by name.

    Attributes:
      table: its name.
      format: of all files.
      paths: where the files lie.
      sizes: of the files, in bytes.
      encoding: of texts.
      empty: how many files without a byte were left out.
      others: how many files of the folder were left out for their ending.
    """

    table: str
    format: formats.Format
    paths: tuple[str, ...]
    sizes: tuple[int, ...]
    encoding: str = "utf-8"
    empty: int = 0
    others: int = 0

    def describe(self, place: Place) -> str:
        """`FILE, line N` or `FILE, row N`, each from 1, or `FILE`; in a list also `element`."""
        file, position, item = place
        path = self.paths[file]
        if position == WHOLE_FILE:
            return path
        row = (
            f"row {position + 1}"
            if self.format == "parquet"
            else f"line {line_number(path, position, self.encoding)}"
        )
        return f"{path}, {row}" + (f", element {item}" if item else "")

    def splits(self, file: int) -> bool:
        """Whether several workers may read pieces of the text file with this number."""
        return streams.splits(self.paths[file], self.encoding)


def tables(data: config.Data) -> dict[str, config.Table]:
    """The declared tables, by the name they have in the configuration."""
    found = {"events": data.events, "users": data.users, "items": data.items}
    return {name: table for name, table in found.items() if table is not None}


def list_tables(data: config.Data) -> dict[str, Listing]:
    """Lists the files of all declared tables."""
    return {name: list_files(table, name) for name, table in tables(data).items()}


def list_files(table: config.Table, name: str) -> Listing:
    """Lists the files of a table and looks at the beginning of each.

    Raises:
      errors.DataError: nothing is there, no file has a byte, the format does not follow from the
          endings, or a file holds something else than its format says.
    """
    path = local_path(table.path, name)
    folder, found = paths.match(path, name)
    others = 0
    if not found:
        raise errors.DataError(
            f"data.{name}.path: nothing found at {path}; expected a file, a folder with "
            f"{_expected(table, name)} files, or a glob. Check the path and the permission to "
            "read it."
        )
    try:
        if folder is None:
            kind = table.format or table_format.of_files([m.path for m in found], name)
        else:
            kind, chosen = table_format.in_folder(table, name, folder, [m.path for m in found])
            others = table_format.others([m.path for m in found], chosen, name)
            found = [m for m in found if m.path in set(chosen)]
    except errors.DataError:
        if table.format is None and not table_format.are_mixed([m.path for m in found], name):
            _check_first_bytes([m.path for m in found if m.size_in_bytes], None, table.encoding)
        raise
    try:
        dataclasses.replace(table, format=kind)
    except strict.ConfigError as error:  # what the format that was found cannot have
        raise errors.DataError(f"data.{name}.{error}") from None
    filled = [m for m in found if m.size_in_bytes > 0]
    if not filled:
        raise errors.DataError(
            f"{found[0].path}: the file is empty, expected a header and rows. Remove it or fill it."
        )
    listing = Listing(
        name,
        kind,
        tuple(m.path for m in filled),
        tuple(m.size_in_bytes for m in filled),
        table.encoding,
        len(found) - len(filled),
        others,
    )
    _check_first_bytes(listing.paths, kind, table.encoding)
    return listing


def _expected(table: config.Table, name: str) -> str:
    return f"*{formats.endings(table.format, name)[0].text}" if table.format else "its"


def _check_first_bytes(listed: Sequence[str], kind: formats.Format | None, encoding: str) -> None:
    """Refuses the first file that holds something else than its format says."""
    with concurrent.futures.ThreadPoolExecutor(_OPENED_AT_ONCE) as opened:
        for path, first in zip(listed, opened.map(beginning, listed)):
            wrong = first_bytes.refusal(first, kind, encoding, formats.compression(path))
            if wrong is not None:
                raise errors.DataError(f"{path}{', ' if wrong.startswith('line') else ': '}{wrong}")


def beginning(path: str) -> bytes:
    """The beginning of a file, decompressed.

    Raises:
      errors.DataError: it cannot be read, or is not compressed as its ending says.
    """
    try:
        with contextlib.closing(streams.blocks(path)) as blocks:
            return next(blocks, b"")
    except streams.BrokenFileError as error:
        wrong = first_bytes.misnamed(streams.beginning(path), path)
        raise errors.DataError(f"{path}: {wrong or error}") from None
    except OSError as error:
        raise errors.DataError(f"{path}: cannot be read: {error}") from None


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


def line_number(path: str, offset: int, encoding: str = "utf-8") -> int:
    """Number, from 1, of the line that starts at `offset` of `streams.blocks`."""
    with contextlib.closing(streams.blocks(path, encoding)) as blocks:
        return 1 + streams.count_lines(blocks, offset)


def fingerprint(data: config.Data) -> str:
    """A digest that changes when the content of any input file does, or what its folders say.

    Local files count with their bytes (above 256 MB: size and modification time), others with the
    size and the checksum that their file system reports.
    """
    digest = hashlib.sha256()
    declared = tables(data)
    for name, listing in list_tables(data).items():
        for path, size in zip(listing.paths, listing.sizes):
            digest.update(f"{name}\0{os.path.basename(path)}\0{size}\0".encode())
            if folders := partitions.of(path, declared[name]):
                digest.update(repr(sorted(folders.items())).encode())
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
