"""Counts the rows read: for Beam, and for a person who waits for a pipeline in this process."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import apache_beam as beam

from modules.beam import problems

# of rows, as they are read; not part of a counter, which goes through a pickler
_told: Callable[[int], object] | None = None


class RowCounter:
    """Of one table."""

    def __init__(self, table: str) -> None:
        self._rows = beam.metrics.Metrics.counter(problems.NAMESPACE, f"{table}_rows")

    def inc(self, rows: int = 1) -> None:
        """Counts rows."""
        self._rows.inc(rows)
        if _told is not None:
            _told(rows)


@contextlib.contextmanager
def telling(told: Callable[[int], object]) -> Iterator[None]:
    """Tells `told` how many rows more this process has read, while the block runs."""
    global _told  # noqa: PLW0603 - Beam makes copies of what reads rows, and hands nothing to them
    _told = told
    try:
        yield
    finally:
        _told = None
