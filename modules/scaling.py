"""Numbers as the models get them: the z-score, of values among which none lies absurdly far out.

A single 1e15 among ratings makes their standard deviation so large that all others come out equal.
Scaling `robust` therefore pulls values in to fences before mean and variance are taken. Where no
value lies outside of them it is the plain z-score.

The fences follow the letter values (Tukey, Exploratory Data Analysis, 1977, ch. 2; Hofmann, Wickham
and Kafadar, Letter-Value Plots: Boxplots for Large Data, 2017): the quantiles at 1/4, 1/8, ...,
1/256 and their mirrors. From the median outwards, a letter value widens the range as long as it
lies no further outside than 10 times the range so far; tails that grow steadily, like years of
release or prices, are followed to their end. The fences lie one range outside of the last one. The
plain rule of the quartiles, Q1 - 3 IQR and Q3 + 3 IQR, would cut such tails, and everything but the
most frequent value of a column that is mostly 0.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from modules import columns

Numeric = Any  # tf.Tensor or tf.RaggedTensor

BUCKETS = 256
_LETTERS = (4, 8, 16, 32, 64, 128, 256)  # one in so many values lies outside, on either side
_RANK_ERROR = 1e-3  # of the quantiles, as a share of the values
_STEP = 10.0  # ranges that the next letter value may lie outside of the range so far
_LEAST_SPREAD = 1e-6  # of the mean: what float32 cannot tell from a constant


@dataclasses.dataclass(frozen=True)
class Numbers:
    """A numeric feature before it is scaled.

    Attributes:
      values: float32 [B, (n)], without gaps.
      analysed: float32 [m], the values that statistics are taken of.
      scaling: see `columns.Column`.
    """

    values: Numeric
    analysed: tf.Tensor
    scaling: columns.Scaling


@dataclasses.dataclass(frozen=True)
class Fences:
    """Between which bounds the values of F features lie, absurd ones left aside.

    Attributes:
      low: float64 [F].
      high: float64 [F], equal to `low` where fewer than one in 256 values differs from the others.
    """

    low: tf.Tensor
    high: tf.Tensor

    @classmethod
    def of(cls, quantiles: tf.Tensor) -> Fences:
        """The fences by the 255 bounds between 256 equal parts of each feature, float [F, 255]."""
        ordered = tf.cast(quantiles, tf.float64)
        low = high = ordered[:, BUCKETS // 2 - 1]
        for letter in _LETTERS:
            outer = BUCKETS // letter
            lower, higher = ordered[:, outer - 1], ordered[:, -outer]
            reach = tf.where(high > low, _STEP * (high - low), tf.float64.max)
            low, high = (
                tf.where(low - lower <= reach, lower, low),
                tf.where(higher - high <= reach, higher, high),
            )
        return cls(low - (high - low), high + (high - low))

    def pull_in(self, values: tf.Tensor, feature: int) -> tf.Tensor:
        """Moves what lies outside onto the fences.

        Without a range to go by, what is kept of a value is on which side of the others it lies:
        -1, 0 or 1.

        Args:
          values: float64 [n].
          feature: which of the F features they are of.

        Returns:
          float64 [n].
        """
        low, high = self.low[feature], self.high[feature]
        return tf.where(high > low, tf.clip_by_value(values, low, high), tf.sign(values - low))


def scale(numbers: Mapping[str, Numbers]) -> dict[str, Numeric]:
    """Scales numeric features in the Transform graph.

    Args:
      numbers: by any names.

    Returns:
      For each name float32, shaped as the values: 0 for columns that were constant or empty when
      analysed.
    """
    robust = [name for name, column in numbers.items() if column.scaling == "robust"]
    quantiles = [tft.quantiles(numbers[name].analysed, BUCKETS, _RANK_ERROR)[0] for name in robust]
    fences = Fences.of(tf.stack(quantiles)) if robust else None

    def pulled(name: str, values: tf.Tensor) -> tf.Tensor:
        wide = tf.cast(values, tf.float64)  # in float32, the square of 1e30 is infinite
        return fences.pull_in(wide, robust.index(name)) if fences and name in robust else wide

    def scaled(name: str) -> Numeric:
        kept = pulled(name, numbers[name].analysed)
        mean, variance = tft.mean(kept), tft.var(kept)
        return tf.ragged.map_flat_values(
            lambda values: tf.cast(_z_score(pulled(name, values), mean, variance), tf.float32),
            numbers[name].values,
        )

    return {name: scaled(name) for name in numbers}


def _z_score(values: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> tf.Tensor:
    """Gives (values - mean) / standard deviation; 0 for columns constant or empty when analysed."""
    deviation = tf.sqrt(variance)
    varies = deviation > _LEAST_SPREAD * tf.abs(mean)  # false for NaN, the mean of nothing
    return tf.where(varies, (values - mean) / tf.where(varies, deviation, 1.0), 0.0)
