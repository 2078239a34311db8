"""SavedModels in a worker process of Beam: one copy, however many steps ask it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar

from apache_beam.utils import shared

T = TypeVar("T")

_HANDLES: dict[tuple[object, ...], shared.Shared] = {}  # of this process


def once(kind: Callable[..., T], *folders: str) -> T:
    """`kind(*folders)`, the same object for all steps that hold it; for `DoFn.setup`.

    A folder's content does not change: every execution of a component writes into one of its own.
    """
    handle = _HANDLES.setdefault((kind, *folders), shared.Shared())
    found: T = handle.acquire(functools.partial(kind, *folders))
    return found
