"""Whether predicted probabilities are what happens: reliability bins and their error, on Beam.

Each prediction falls into one of many narrow cells, which are then joined to bins of about the same
number of predictions; so one pass and little memory are enough for any number of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import numpy as np
from numpy import typing as npt

BINS = 15
_LOWEST = -16.0  # log-odds; what is beyond falls into the cells at the ends
_CELLS = 3_200  # a hundredth of log-odds each


class Reliability(beam.CombineFn):
    """Measures how reliable predicted probabilities are, with the expected calibration error.

    Its input is (predicted float [n], observed 0 or 1 [n]), its output {"bins": [{"predicted",
    "observed", "count"}], "ece"}.

    The expected calibration error is sum_b count_b / n * |observed_b - predicted_b| (Guo et al., On
    Calibration of Modern Neural Networks, 2017, arXiv 1706.04599, eq. 3), over bins of about equal
    count. Predictions that are not finite are left out; without any, there are no bins and "ece" is
    None.
    """

    def __init__(self, bins: int = BINS) -> None:
        self._bins = bins

    def create_accumulator(self) -> npt.NDArray[np.float64]:
        """Number, sum of predictions and sum of observations by cell: float64 [3, cells]."""
        return np.zeros((3, _CELLS))

    def add_input(
        self,
        accumulator: npt.NDArray[np.float64],
        element: tuple[npt.NDArray[Any], npt.NDArray[Any]],
    ) -> npt.NDArray[np.float64]:
        predicted, observed = (np.asarray(values, np.float64) for values in element)
        finite = np.isfinite(predicted)
        predicted, observed = predicted[finite], observed[finite]
        cells = _cells(predicted)
        for place, weights in enumerate((np.ones_like(predicted), predicted, observed)):
            accumulator[place] += np.bincount(cells, weights, minlength=_CELLS)
        return accumulator

    def merge_accumulators(
        self, accumulators: Iterable[npt.NDArray[np.float64]]
    ) -> npt.NDArray[np.float64]:
        total: npt.NDArray[np.float64] = np.sum([self.create_accumulator(), *accumulators], axis=0)
        return total

    def extract_output(self, accumulator: npt.NDArray[np.float64]) -> dict[str, Any]:
        filled = accumulator[:, accumulator[0] > 0]
        total = filled[0].sum()
        if not total:
            return {"bins": [], "ece": None}
        middle = np.cumsum(filled[0]) - filled[0] / 2
        bins = np.minimum((middle / total * self._bins).astype(np.int64), self._bins - 1)
        starts = np.flatnonzero(np.diff(bins, prepend=-1))
        count, predicted, observed = np.add.reduceat(filled, starts, axis=1)
        return {
            "bins": [
                {"predicted": float(p / n), "observed": float(o / n), "count": int(n)}
                for n, p, o in zip(count, predicted, observed)
            ],
            "ece": float(np.abs(observed - predicted).sum() / total),
        }


def _cells(predicted: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Cell of each probability by its log-odds, int64 [n]."""
    with np.errstate(divide="ignore"):
        odds = np.log(np.clip(predicted, 0, 1)) - np.log1p(-np.clip(predicted, 0, 1))
    places = np.floor((np.clip(odds, _LOWEST, -_LOWEST) - _LOWEST) / (-2 * _LOWEST) * _CELLS)
    cells: npt.NDArray[np.int64] = np.minimum(places.astype(np.int64), _CELLS - 1)
    return cells
