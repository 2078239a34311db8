"""In which order events of one time stand: in any, or in one that the items decide.

Where two items stand the same way round whenever users have both at one time, the file was sorted
by item. That order says which of them comes last, which nobody knows when a recommendation is made;
models, baselines and published results learn from it all the same.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

CASES, SAME_WAY, BY_LOT = "tied_cases", "tied_cases_same_way", "tied_cases_same_way_by_lot"
MOST_PAIRS = 32  # of a user; those with the smallest digests, so that users have the same ones
_SORTED = 0.9  # share of cases the same way round, from which on a file counts as sorted
_CERTAIN = 5.0  # standard deviations that this has to lie above what a lot gives

Pair = tuple[tuple[str, str], bool]  # two items, the smaller id first; whether they stand so


def pairs(times: Sequence[float], items: Sequence[str]) -> list[Pair]:
    """Neighbours of one time and of different items, of a user's events in their order."""
    found = [
        ((first, second), True) if first < second else ((second, first), False)
        for (time, first), (other, second) in itertools.pairwise(zip(times, items))
        if time == other and first != second
    ]
    if len(found) > MOST_PAIRS:
        return heapq.nsmallest(MOST_PAIRS, found, key=lambda pair: _digest(*pair[0]))
    return found


def lot(user: str, item: str) -> bytes:
    """By which a user's events of one time are ordered with `data.ties: lot`."""
    return hashlib.blake2b(f"{user}\0{item}".encode(), digest_size=8).digest()


def by_lot(cases: int) -> float:
    """How many of n cases of two items stand the more frequent way round, if a lot decides.

    The mean of max(K, n - K) of a binomial K with share 1/2 (de Moivre's mean absolute deviation).
    """
    half = math.comb(cases - 1, cases // 2) / 2 ** (cases - 1) if cases else 0.0
    return cases / 2 * (1 + half)


def are_sorted(summary: Mapping[str, Any]) -> bool:
    """Whether the order of a file's ties is that of the items; `summary` as `told` gives it."""
    cases, same_way = summary["cases"], summary["same_way"]
    certain = no_lot(cases, same_way, summary["same_way_by_lot"])
    return certain and bool(same_way >= _SORTED * cases)


def no_lot(cases: int, same_way: int, same_way_by_lot: float) -> bool:
    """Whether more cases stand the same way round than a lot would ever have made stand so."""
    return same_way > same_way_by_lot + _CERTAIN * math.sqrt(cases) / 2


def told(counts: Mapping[str, int]) -> dict[str, int]:
    """Of the cases of pairs that occur more than once, those the same way round; as JSON holds it.

    `same_way_by_lot` is how many there would be if a lot had decided each.
    """
    names = {"cases": CASES, "same_way": SAME_WAY, "same_way_by_lot": BY_LOT}
    return {name: counts.get(count, 0) for name, count in names.items()}


def _digest(first: str, second: str) -> int:
    return zlib.crc32(f"{first}\0{second}".encode())
