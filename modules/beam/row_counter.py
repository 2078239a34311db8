"""Counts the rows read: for Beam, and for a person who waits for a pipeline in this process."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import apache_beam as beam

from modules.beam import problems

# of each row; not part of a counter, which goes through a pickler
_told: Callable[[], object] | None = None


class RowCounter:
    """Of one table."""

    def __init__(self, table: str) -> None:
        self._rows = beam.metrics.Metrics.counter(problems.NAMESPACE, f"{table}_rows")

    def inc(self) -> None:
        self._rows.inc()
        if _told is not None:
            _told()


@contextlib.contextmanager
def telling(told: Callable[[], object]) -> Iterator[None]:
    """Calls `told` for each row that this process reads while the block runs."""
    global _told  # noqa: PLW0603 - Beam makes copies of what reads rows, and hands nothing to them
    _told = told
    try:
        yield
    finally:
        _told = None
