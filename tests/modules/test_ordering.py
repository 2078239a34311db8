"""The order of a list by its scores."""

from __future__ import annotations

import numpy as np

from modules import ordering


def test_best_first() -> None:
    """Equal scores stay as they were; NaN comes after all numbers, and b"" after all items."""
    ids = np.array([[b"a", b"", b"b", b"c", b"d"]], object)
    scores = np.array([[1.0, 9.0, np.nan, 2.0, 1.0]], np.float32)
    assert ordering.best_first(ids, scores).tolist() == [[3, 0, 4, 2, 1]]
