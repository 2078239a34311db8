"""The order of a list by its scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import typing as npt


def best_first(
    ids: npt.NDArray[np.object_], scores: npt.NDArray[np.floating[Any]]
) -> npt.NDArray[np.int64]:
    """Order int [B, K] of ids [B, K] by score, highest first; ties as given, NaN and b"" last."""
    usable = (ids != b"") & ~np.isnan(scores)
    order: npt.NDArray[np.int64] = np.lexsort(
        (-np.where(usable, scores, 0), ~usable, ids == b""), axis=1
    )
    return order
