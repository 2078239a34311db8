"""The paired difference of two variants, over users and seeds, with its interval."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy import typing as npt
from scipy import stats

CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True)
class Difference:
    """A mean difference and its interval; the bounds are NaN where there is a single user."""

    mean: float
    low: float
    high: float

    @property
    def is_significant(self) -> bool:
        """Whether 0 lies outside of the interval."""
        return self.low > 0 or self.high < 0


def by_user(users: Sequence[str], values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Values of requests as those of users whose mean is the requests' mean.

    Args:
      users: of each request.
      values: float [requests].

    Returns:
      float [users], by id in order: sums over the user's requests times users / requests.
    """
    names, index = np.unique(np.asarray(users), return_inverse=True)
    sums = np.bincount(index, weights=values, minlength=len(names))
    found: npt.NDArray[np.float64] = sums * len(names) / len(users)
    return found


def interval(differences: npt.NDArray[np.float64]) -> Difference:
    """The mean of differences, with a 95 % interval over users and over trainings.

    Both users and seeds are drawn: d_us = mu + a_u + b_s + e_us. With U users, S seeds and the mean
    squares of the two-way layout, the variance of the mean is estimated by (MS_users + MS_seeds -
    MS_rest) / (U S), with Satterthwaite's degrees of freedom (Searle, Casella and McCulloch,
    Variance Components, 1992, chapter 4 and appendix S). Where seeds differ less than chance lets
    them, or there is one, users alone count: MS_users / (U S).

    Args:
      differences: float [seeds, users].
    """
    seeds, users = differences.shape
    mean = float(differences.mean())
    if users < 2:
        return Difference(mean, float("nan"), float("nan"))
    of_users = seeds * differences.mean(axis=0).var(ddof=1)
    variance, freedom = of_users, float(users - 1)
    if seeds > 1:
        of_seeds = users * differences.mean(axis=1).var(ddof=1)
        rest = differences - differences.mean(axis=0) - differences.mean(axis=1)[:, None] + mean
        of_rest = float((rest**2).sum()) / ((users - 1) * (seeds - 1))
        if of_seeds > of_rest:
            variance = of_users + of_seeds - of_rest
            parts = ((of_users, users - 1), (of_seeds, seeds - 1))
            spread = sum(part**2 / n for part, n in parts)
            spread += of_rest**2 / ((users - 1) * (seeds - 1))
            freedom = variance**2 / spread
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom) * np.sqrt(variance / (users * seeds)))
    return Difference(mean, mean - half, mean + half)
