"""Errors of Beam steps that are meant for people, and how to find them in what Beam raises."""

from __future__ import annotations

import re

_IN_TRACEBACK = re.compile(
    r"\b(?:DataError|WorkerError): (?P<text>.*?)(?: \[while running '[^'\n]*'\])?$", re.MULTILINE
)
_STEP = re.compile(r" \[while running '[^'\n]*'\]$")


class DataError(ValueError):
    """Data that cannot be used; the message names the file and line, the rule and the remedy."""


class WorkerError(DataError):
    """A worker that cannot run this project; the message says what it lacks and the remedy."""


def unwrap(error: BaseException) -> str | None:
    """Finds the message of a DataError or WorkerError in an exception that Beam has wrapped.

    Runners in process quote or chain the exception; worker processes and Dataflow send its
    traceback as text.

    Returns:
      The message, or None when none of them caused `error`.
    """
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        if isinstance(current, DataError):
            return _STEP.sub("", str(current))
        if match := _IN_TRACEBACK.search(str(current)):
            return match["text"]
        current = current.__cause__ or current.__context__
    return None
