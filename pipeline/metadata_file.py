"""ML Metadata's SQLite file of a run: whether it can be used, before anything else opens it.

Libraries say of a damaged file what SQL they had sent. Here it is said which file, what was found
and what to do. Only the standard library is needed, so that it is known at once.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import sqlite3
from collections.abc import Iterator

from pipeline import runs

SCHEMA_VERSION = 10  # of the installed ML Metadata
_MAGIC = b"SQLite format 3\x00"
_CHECKED_BYTES = 256 * 2**20  # a larger file is not read through
_BUSY_SECONDS = 5.0  # how long another process may hold the file for its writes


class Unreadable(RuntimeError):
    """The file cannot be used.

    Attributes:
      problem: the file, and what was found.
      remedy: what to do.
    """

    def __init__(self, path: pathlib.Path, found: str, remedy: str = "") -> None:
        self.problem = f"{path}: {found}"
        self.remedy = remedy or (
            f"Restore a copy of it, or move it and {_artifacts(path)} away and run `recsys run`, "
            "which makes both anew; releases stay."
        )
        super().__init__(f"{self.problem}. {self.remedy}")


def check(path: pathlib.Path, *, writing: bool = False) -> bool:
    """Whether there is a store of ML Metadata; False where nothing has run yet.

    Args:
      path: of the file, `metadata.sqlite` in the folder of a run.
      writing: whether the file is to be written, too.

    Raises:
      Unreadable: there is something else or nothing, and components have run here.
    """
    try:
        size = _size(path)
        if size is None or size == 0:
            _check_nothing_ran(path, "is missing" if size is None else "is empty")
            return False
        _check_access(path, writing)
    except OSError as error:
        raise Unreadable(
            path,
            f"cannot be {'read and written' if writing else 'read'} ({error.strerror})",
            "Give this user the permissions, or run as the user who made it.",
        ) from None
    with refusing(path), contextlib.closing(connect(path)) as connection:
        has_tables = _check_content(path, connection, size)
    if not has_tables:  # a run was stopped before it had made them
        _check_nothing_ran(path, "is empty")
    return has_tables


@contextlib.contextmanager
def refusing(path: pathlib.Path) -> Iterator[None]:
    """Makes SQLite's errors into `Unreadable`."""
    try:
        yield
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise Unreadable(
                path,
                f"another process has been writing it for {_BUSY_SECONDS:g} s",
                "Wait for it to end.",
            ) from error
        raise damaged(path, str(error)) from error


def damaged(path: pathlib.Path, why: str) -> Unreadable:
    """The error for a file whose content is not to be trusted; of `why`, one line is shown."""
    text = " ".join(why.partition(" query:")[0].split())  # ML Metadata adds its SQL
    return Unreadable(path, f"is damaged or cut off ({text[:200]})")


def _size(path: pathlib.Path) -> int | None:
    """Bytes; None where there is no file.

    Raises:
      Unreadable: it is a folder, or no regular file.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no regular file"
        raise Unreadable(path, f"found {what}, expected an SQLite file of ML Metadata")
    return status.st_size


def _check_nothing_ran(path: pathlib.Path, found: str) -> None:
    """Else new executions, numbered from 1, would write among the files of old ones."""
    artifacts = _artifacts(path)
    if artifacts.is_dir() and any(artifacts.iterdir()):
        raise Unreadable(
            path,
            f"{found}, but {artifacts} holds what components made; expected ML Metadata's file, "
            "which says what it is",
            f"Restore a copy of it, or move {artifacts} away and run `recsys run`; releases stay.",
        )


def _check_access(path: pathlib.Path, writing: bool) -> None:
    """Raises what the file system says, or that it is no SQLite file."""
    with path.open("r+b" if writing else "rb") as file:
        beginning = file.read(len(_MAGIC))
    if beginning != _MAGIC:
        raise Unreadable(
            path, f"found a file that begins with {beginning!r}, expected an SQLite file"
        )


def connect(path: pathlib.Path) -> sqlite3.Connection:
    """A connection that begins no transactions by itself.

    It may write if the file system allows it, so that what a process that died left half done is
    undone.
    """
    allowed = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    uri = f"{path.absolute().as_uri()}?mode={'rw' if allowed else 'ro'}"
    return sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)


def _check_content(path: pathlib.Path, connection: sqlite3.Connection, size: int) -> bool:
    """Whether there are tables, which then are those of this version of ML Metadata."""
    if size <= _CHECKED_BYTES:
        (problem,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if problem != "ok":
            raise damaged(path, problem)
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    if not tables:
        return False
    if "MLMDEnv" not in tables:
        raise Unreadable(path, "found an SQLite file of something else, expected ML Metadata's")
    versions = [row[0] for row in connection.execute("SELECT schema_version FROM MLMDEnv")]
    if versions != [SCHEMA_VERSION]:
        found = ", ".join(map(str, versions)) or "none"
        raise Unreadable(
            path,
            f"found schema version {found} of ML Metadata, expected {SCHEMA_VERSION}, which the "
            "installed version has",
            f"Use the installation that wrote it, or move it and {_artifacts(path)} away and run "
            "`recsys run`, which makes both anew; releases stay.",
        )
    return True


def _artifacts(path: pathlib.Path) -> pathlib.Path:
    """Where the components of the file's run write, unless `runner.artifacts` says otherwise."""
    return path.with_name(runs.ARTIFACTS)
