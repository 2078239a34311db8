"""Histories in an SQLite file on this machine; several processes may use it at once.

Readers never wait (WAL); what is acknowledged is on the disk (`synchronous = FULL`). The file must
not be on a network file system, on which SQLite's locks do not hold.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import json
import os
import queue
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from serving.history import group_commit, store

_READERS = 4
_BUSY_SECONDS = 5.0  # how long another process may hold the file for its writes
_CHECKED_BYTES = 256 * 2**20  # a larger file is not read through when it is opened
_APPLICATION = 0x72637379
_VERSION = 1
_PRAGMAS = ("synchronous = FULL", "cache_size = -16000", "temp_store = MEMORY")
_SCHEMA = (
    # kept: events of the user; arrived: events that ever came, which numbers them
    (
        "CREATE TABLE IF NOT EXISTS users (user_id TEXT PRIMARY KEY, profile TEXT NOT NULL DEFAULT "
        "'{}', kept INTEGER NOT NULL DEFAULT 0, arrived INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID"
    ),
    # a user's events lie together, oldest first
    (
        "CREATE TABLE IF NOT EXISTS events (user_id TEXT NOT NULL, timestamp INTEGER NOT NULL, "
        "arrival INTEGER NOT NULL, event_id TEXT NOT NULL, item_id TEXT NOT NULL, details TEXT NOT "
        "NULL, PRIMARY KEY (user_id, timestamp, arrival)) WITHOUT ROWID"
    ),
    "CREATE UNIQUE INDEX IF NOT EXISTS event_ids ON events (user_id, event_id)",
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {_VERSION}",
)

_Result = TypeVar("_Result")


class SqliteStore(store.Store):
    """See `store.Store`."""

    def __init__(self, path: str, events: int) -> None:
        self._path, self._limit = path, events
        self._inode: tuple[int, int] | None = None
        self._writer: group_commit.GroupCommit | None = None
        self._threads: concurrent.futures.ThreadPoolExecutor | None = None
        self._readers: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()

    async def open(self) -> None:
        if self._writer is None:
            await asyncio.to_thread(self._open)

    async def close(self) -> None:
        if self._writer is not None and self._threads is not None:
            writer, threads, self._writer, self._threads = self._writer, self._threads, None, None
            await asyncio.to_thread(self._close, writer, threads)

    async def ping(self) -> None:
        await self._read(
            lambda connection: connection.execute("SELECT 1 FROM users LIMIT 1").fetchone()
        )
        self._check_file()

    async def user(self, user_id: str) -> store.User | None:
        return await self._read(lambda connection: _user(connection, user_id, self._limit))

    async def append(self, events: Sequence[tuple[str, store.Event]]) -> store.Added:
        prepared = [(user, event, _to_json(event.values)) for user, event in events]
        return await self._write(lambda connection: _append(connection, prepared, self._limit))

    async def put_profile(self, user_id: str, profile: Mapping[str, Any]) -> None:
        row = user_id, _to_json(profile)
        await self._write(
            lambda connection: (
                connection.execute(
                    "INSERT INTO users (user_id, profile) VALUES (?, ?) "
                    "ON CONFLICT DO UPDATE SET profile = excluded.profile",
                    row,
                )
                and None
            )
        )

    async def users(self, prefix: str, limit: int) -> list[str]:
        return await self._read(
            lambda connection: [
                row[0]
                for row in connection.execute(
                    "SELECT user_id FROM users WHERE user_id >= ? AND user_id < ? ORDER BY "
                    "user_id LIMIT ?",
                    (prefix, prefix + chr(0x10FFFF), limit),
                )
            ]
        )

    async def count(self) -> store.Counts:
        return await self._read(
            lambda connection: store.Counts(
                *connection.execute("SELECT count(*), coalesce(sum(kept), 0) FROM users").fetchone()
            )
        )

    async def clear(self) -> None:
        await self._write(
            lambda connection: (
                [connection.execute(f"DELETE FROM {name}") for name in ("events", "users")] and None
            )
        )

    async def _read(self, job: Callable[[sqlite3.Connection], _Result]) -> _Result:
        if self._threads is None:
            raise store.StoreError(f"{self._path}: the store is not open.")

        def run() -> _Result:
            connection = self._readers.get()
            try:
                return job(connection)
            finally:
                self._readers.put(connection)

        with self._refusing():
            return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    async def _write(self, job: Callable[[sqlite3.Connection], _Result]) -> _Result:
        if self._writer is None:
            raise store.StoreError(f"{self._path}: the store is not open.")
        with self._refusing():
            result: _Result = await asyncio.wrap_future(self._writer.submit(job))
        self._check_file()
        return result

    def _open(self) -> None:
        with self._refusing(), contextlib.ExitStack() as stack:
            connections = []
            for _ in range(_READERS + 1):
                connections.append(self._connect())
                stack.callback(connections[-1].close)
            writer, *readers = connections
            self._prepare(writer)
            found = os.stat(self._path)
            self._inode = found.st_dev, found.st_ino
            stack.pop_all()
        for reader in readers:
            self._readers.put(reader)
        self._threads = concurrent.futures.ThreadPoolExecutor(_READERS, "history-reader")
        self._writer = group_commit.GroupCommit(writer)

    def _connect(self) -> sqlite3.Connection:
        with contextlib.suppress(OSError):  # SQLite says what is wrong
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))  # nobody else's to read
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Makes the tables of a new file; refuses one that is damaged or somebody else's."""

        def value(pragma: str) -> Any:
            return connection.execute(f"PRAGMA {pragma}").fetchone()[0]

        is_new = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if not is_new and (value("application_id"), value("user_version")) != (
            _APPLICATION,
            _VERSION,
        ):
            raise store.StoreError(
                f"{self._path}: is an SQLite file, but no history store of this version. "
                "Give another file; `recsys store load` makes it."
            )
        if (
            os.path.getsize(self._path) <= _CHECKED_BYTES
            and (problem := value("quick_check(1)")) != "ok"
        ):
            raise self._damaged(problem)
        _patiently(lambda: connection.execute("PRAGMA journal_mode = WAL"))
        if is_new:
            connection.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute("COMMIT")

    def _close(
        self, writer: group_commit.GroupCommit, threads: concurrent.futures.ThreadPoolExecutor
    ) -> None:
        threads.shutdown()
        while not self._readers.empty():
            self._readers.get().close()
        writer.close()  # last, so that it empties the WAL into the file

    def _check_file(self) -> None:
        """Refuses to go on with a file that has no name any more: what is written to it is lost."""
        try:
            found = os.stat(self._path)
        except OSError:
            found = None
        if found is None or (found.st_dev, found.st_ino) != self._inode:
            raise store.StoreError(
                f"{self._path}: was removed or replaced while it was open. Restart what uses it."
            )

    @contextlib.contextmanager
    def _refusing(self) -> Iterator[None]:
        """Makes SQLite's errors into the store's."""
        try:
            yield
        except queue.Full:
            raise store.StoreError(
                f"{self._path}: too many writes wait for the disk. Try again later."
            ) from None
        except sqlite3.Error as error:
            text = str(error)
            if "is full" in text:
                raise store.StoreFull(
                    f"{self._path}: there is no room ({text}). Free some on its disk; "
                    "nothing was added."
                ) from error
            if "malformed" in text or "not a database" in text:
                raise self._damaged(text) from error
            if os.path.isdir(self._path):
                raise store.StoreError(
                    f"{self._path}: found a folder, expected an SQLite file. Move it away, or give "
                    "another file."
                ) from error
            if "unable to open" in text:
                raise store.StoreError(
                    f"{self._path}: cannot be opened ({text}). Check that the folder "
                    "exists and may be written."
                ) from error
            if "locked" in text:
                raise store.StoreError(
                    f"{self._path}: another process has been writing for "
                    f"{_BUSY_SECONDS:g} s. Wait for it to end."
                ) from error
            raise store.StoreError(
                f"{self._path}: SQLite failed ({text}). Check the file's disk and permissions."
            ) from error

    def _damaged(self, text: str) -> store.StoreError:
        text = " ".join(text.split())
        return store.StoreError(
            f"{self._path}: is damaged or no SQLite file ({text}). Move it away, with "
            f"{self._path}-wal and {self._path}-shm, and restore a copy or fill a new "
            "one by `recsys store load`."
        )


def _patiently(change: Callable[[], Any]) -> None:
    """Waits for other processes that make the same change; SQLite itself does not wait then."""
    end = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            change()
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.01)


def _to_json(values: Mapping[str, Any]) -> str:
    return json.dumps(dict(values), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _user(connection: sqlite3.Connection, user_id: str, limit: int) -> store.User | None:
    found = connection.execute("SELECT profile FROM users WHERE user_id = ?", (user_id,)).fetchone()
    if found is None:
        return None
    rows = connection.execute(
        "SELECT event_id, item_id, timestamp, details FROM events WHERE user_id = ? "
        "ORDER BY timestamp DESC, arrival DESC LIMIT ?",
        (user_id, limit),
    ).fetchall()
    return store.User(
        store.stored(found[0], dict, user_id),
        tuple(
            store.Event(event_id, item_id, timestamp, store.stored(details, dict, user_id))
            for event_id, item_id, timestamp, details in reversed(rows)
        ),
    )


def _append(
    connection: sqlite3.Connection, events: Sequence[tuple[str, store.Event, str]], limit: int
) -> store.Added:
    by_user: dict[str, list[tuple[store.Event, str]]] = {}
    for user_id, event, details in events:
        by_user.setdefault(user_id, []).append((event, details))
    accepted = outdated = 0
    for user_id, own in by_user.items():
        found = connection.execute(
            "SELECT kept, arrived FROM users WHERE user_id = ?", (user_id,)
        ).fetchone()
        kept, arrived = found or (0, 0)
        while kept > limit:  # the limit was higher before
            kept -= _remove_oldest(connection, user_id)
        for event, details in own:
            if kept == limit and not _is_known(connection, user_id, event.event_id):
                if event.timestamp <= _oldest(connection, user_id):
                    outdated += 1
                    continue
                kept -= _remove_oldest(connection, user_id)
            added = connection.execute(
                "INSERT INTO events (user_id, timestamp, arrival, event_id, item_id, details) "
                "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (user_id, event_id) DO NOTHING",
                (user_id, event.timestamp, arrived, event.event_id, event.item_id, details),
            ).rowcount
            kept, arrived, accepted = kept + added, arrived + added, accepted + added
        connection.execute(
            "INSERT INTO users (user_id, kept, arrived) VALUES (?, ?, ?) "
            "ON CONFLICT DO UPDATE SET kept = excluded.kept, arrived = excluded.arrived",
            (user_id, kept, arrived),
        )
    return store.Added(accepted, len(events) - accepted - outdated, outdated)


def _is_known(connection: sqlite3.Connection, user_id: str, event_id: str) -> bool:
    return (
        connection.execute(
            "SELECT 1 FROM events WHERE user_id = ? AND event_id = ?", (user_id, event_id)
        ).fetchone()
        is not None
    )


def _oldest(connection: sqlite3.Connection, user_id: str) -> int:
    oldest: int = connection.execute(
        "SELECT min(timestamp) FROM events WHERE user_id = ?", (user_id,)
    ).fetchone()[0]
    return oldest


def _remove_oldest(connection: sqlite3.Connection, user_id: str) -> int:
    return connection.execute(
        "DELETE FROM events WHERE user_id = ?1 AND (timestamp, arrival) = (SELECT timestamp, "
        "arrival FROM events WHERE user_id = ?1 ORDER BY timestamp, arrival LIMIT 1)",
        (user_id,),
    ).rowcount
