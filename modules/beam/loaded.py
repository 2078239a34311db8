"""What a worker process of Beam has loaded, models above all: one copy, however many steps ask."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Generic, TypeVar

from apache_beam.utils import shared

T = TypeVar("T")

_HANDLES: dict[tuple[object, ...], shared.Shared] = {}  # of this process


@dataclasses.dataclass(frozen=True)
class Kept(Generic[T]):
    """What `once` can hold though it is an array: those take no weak references."""

    value: T


def once(kind: Callable[..., T], *folders: str) -> T:
    """`kind(*folders)`, the same object for all steps that hold it; for `DoFn.setup`.

    A folder's content does not change: every execution of a component writes into one of its own.
    """
    handle = _HANDLES.setdefault((kind, *folders), shared.Shared())
    found: T = handle.acquire(functools.partial(kind, *folders))
    return found
