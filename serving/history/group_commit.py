"""Writes to an SQLite file from one thread: all that wait share a transaction, and so one fsync."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any

Job = Callable[[sqlite3.Connection], Any]

_MOST_JOBS = 256  # in a transaction
_MOST_WAITING = 10_000


@dataclasses.dataclass(frozen=True)
class _Waiting:
    """A job and whom to tell."""

    job: Job
    future: concurrent.futures.Future[Any]


class GroupCommit:
    """Runs jobs in the order they came; the future is done when the transaction is on the disk."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Owns the connection, which is in autocommit mode and may be used by another thread."""
        self._connection = connection
        self._queue: queue.Queue[_Waiting | None] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="history-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> concurrent.futures.Future[Any]:
        """Runs the job soon. A job whose future is cancelled before it starts is left out.

        Raises:
          queue.Full: too many jobs wait.
        """
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._queue.put_nowait(_Waiting(job, future))
        return future

    def close(self) -> None:
        """Waits for the jobs that were submitted, then closes the connection."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        with contextlib.closing(self._connection):
            goes_on = True
            while goes_on:
                group = [self._queue.get()]
                while len(group) < _MOST_JOBS and group[-1] is not None:
                    try:
                        group.append(self._queue.get_nowait())
                    except queue.Empty:
                        break
                goes_on = group[-1] is not None
                self._commit([w for w in group if w and w.future.set_running_or_notify_cancel()])

    def _commit(self, group: Sequence[_Waiting]) -> None:
        """One transaction; if a job spoils it, one for each, so that the others do not suffer."""
        try:
            results = self._transaction([waiting.job for waiting in group])
        except Exception as error:  # noqa: BLE001 - those who wait get it
            if len(group) > 1 and not _is_locked(error):
                for waiting in group:
                    self._commit([waiting])
                return
            for waiting in group:
                waiting.future.set_exception(error)
            return
        for waiting, result in zip(group, results):
            waiting.future.set_result(result)

    def _transaction(self, jobs: Sequence[Job]) -> list[Any]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            results = [job(self._connection) for job in jobs]
            self._connection.execute("COMMIT")
        except BaseException:
            # SQLite itself has rolled back when the disk was full
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return results


def _is_locked(error: Exception) -> bool:
    """Another process writes: it would keep every job waiting in turn."""
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)
