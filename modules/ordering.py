"""The order of a list by its scores."""

from __future__ import annotations

import numpy as np


def best_first(ids: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The order int [B, K] of ids [B, K] by score, highest first; equal ones as given, NaN and b""
    last.
    """
    usable = (ids != b"") & ~np.isnan(scores)
    return np.lexsort((-np.where(usable, scores, 0), ~usable, ids == b""), axis=1)
