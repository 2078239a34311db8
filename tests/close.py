"""Float32 values that were computed twice: how far apart they may be on any processor.

Two ways of computing one value round differently: a vectorised function or not, fused multiply-adds
or not, sums split over more or fewer threads, a graph whose constants were folded or an eager call,
one request or a batch. Copies (what was gathered, stored or read), strings, whole numbers and
float64 are compared exactly instead.
"""

from __future__ import annotations

import numpy as np
from numpy import typing as npt

ROUNDING = float(np.finfo(np.float32).eps)  # 1.2e-7: two float32 next to each other, near 1
FUNCTIONS = 16
"""Roundings of a few functions of one value, such as log(1 + x) / y, each right to 4 of them."""
SUMS = 100
"""Roundings of sums and matrix products: one for each of some ten terms in a row, in each layer of
a small model."""


def assert_close(
    found: npt.ArrayLike,
    expected: npt.ArrayLike,
    *,
    roundings: int,
    scale: float = 0.0,
    err_msg: str = "",
) -> None:
    """Asserts that values differ by nothing but the roundings on the way to them.

    Args:
      found: float32 [...].
      expected: float [...].
      roundings: how many, `FUNCTIONS` or `SUMS`.
      scale: the largest terms that are added or subtracted on the way: where they cancel each
          other, as in log(a) - log(b), their roundings stay. 0 if nothing cancels.
      err_msg: what was compared.
    """
    tolerance = roundings * ROUNDING
    np.testing.assert_allclose(
        found, expected, rtol=tolerance, atol=tolerance * scale, err_msg=err_msg
    )


def distance(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """The greatest absolute difference; of what has to differ, it is far above all roundings."""
    return float(np.max(np.abs(np.subtract(one, other))))
