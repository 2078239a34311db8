"""Numbers as the models get them: the z-score, of values among which none lies absurdly far out.

A single 1e15 among ratings makes their standard deviation so large that all others come out equal.
Scaling `robust` therefore pulls values in to fences, and does not let such values have a say in
mean and deviation. Where no value lies outside, it is the plain z-score.

The fences follow the letter values (Tukey, Exploratory Data Analysis, 1977, ch. 2; Hofmann, Wickham
and Kafadar, Letter-Value Plots: Boxplots for Large Data, 2017): the quantiles at 1/4, 1/8, ...,
1/1024 and their mirrors. From the median outwards, a letter value widens the range as long as it
lies no further outside than 10 times the range so far; tails that grow steadily, like years of
release or prices, are followed to their end. The fences lie one range outside of the last one. The
plain rule of the quartiles, Q1 - 3 IQR and Q3 + 3 IQR, would cut such tails, and everything but the
most frequent value of a column that is mostly 0.

All is found in one pass over the data, so mean and deviation of pulled-in values are those of their
quantiles. TensorFlow Transform 1.16 cannot make a second pass in TFX with its Beam (its `deep_copy`
does not know the arguments of `AppliedPTransform`).
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from modules import columns

Numeric = Any  # tf.Tensor or tf.RaggedTensor

BUCKETS = 1024
_LETTERS = (4, 8, 16, 32, 64, 128, 256, 512, 1024)  # one in so many lies outside, on either side
_RANK_ERROR = 2.5e-4  # of the quantiles, as a share of the values
_STEP = 10.0  # ranges that the next letter value may lie outside of the range so far
_INFLATED = 4.0  # times the variance of pulled-in values: so far, the variance of all counts
_LIMIT = 1000.0  # deviations; not even what occurs once in a million values is further out
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
class Scale:
    """What F features are scaled by.

    Attributes:
      low: the lower fences, float64 [F].
      high: the upper fences, float64 [F].
      mean: of the values, pulled in if there are absurd ones, float64 [F].
      variance: of the same, float64 [F].
      limit: of what comes out, in deviations.
    """

    low: tf.Tensor
    high: tf.Tensor
    mean: tf.Tensor
    variance: tf.Tensor
    limit: float

    @classmethod
    def plain(cls, mean: tf.Tensor, variance: tf.Tensor) -> Scale:
        """Without fences; of float64 [F] each."""
        infinity = tf.fill(tf.shape(mean), tf.constant(math.inf, tf.float64))
        return cls(-infinity, infinity, mean, variance, math.inf)

    @classmethod
    def robust(cls, quantiles: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> Scale:
        """With fences.

        Where fewer than one in 1024 values differs from the others, there is no range to go by, and
        no fence.

        Args:
          quantiles: float [F, 1023], the bounds between 1024 equal parts of each feature's values.
          mean: float64 [F], of all values.
          variance: float64 [F], of all values.
        """
        ordered = tf.cast(quantiles, tf.float64)
        outer = [BUCKETS // letter for letter in _LETTERS]
        places = [BUCKETS // 2 - 1, *(n - 1 for n in outer), *(BUCKETS - 1 - n for n in outer)]
        middle, *bounds = tf.unstack(tf.gather(ordered, places, axis=1), axis=1)
        low = high = middle
        for lower, higher in zip(bounds[: len(outer)], bounds[len(outer) :]):
            reach = tf.where(high > low, _STEP * (high - low), tf.float64.max)
            low, high = (
                tf.where(low - lower <= reach, lower, low),
                tf.where(higher - high <= reach, higher, high),
            )
        width = tf.where(high > low, high - low, math.inf)
        low, high = low - width, high + width
        inside = tf.clip_by_value(ordered, low[:, tf.newaxis], high[:, tf.newaxis])
        centre, spread = tf.nn.moments(inside, axes=[1])
        honest = (variance <= _INFLATED * spread) | tf.math.is_inf(width)
        return cls(
            low,
            high,
            tf.where(honest, mean, centre),
            tf.where(honest, variance, spread),
            _LIMIT,
        )

    @functools.cached_property
    def _columns(self) -> tuple[list[tf.Tensor], ...]:
        """Each of the four as scalars by feature."""
        return tuple(map(tf.unstack, (self.low, self.high, self.mean, self.variance)))

    def __call__(self, values: tf.Tensor, feature: int) -> tf.Tensor:
        """Gives (pulled-in value - mean) / deviation; 0 for what was constant or empty.

        Args:
          values: float32 [n].
          feature: which of the F features they are of.

        Returns:
          float32 [n].
        """
        low, high, mean, variance = (of_features[feature] for of_features in self._columns)
        deviation = tf.sqrt(variance)
        varies = deviation > _LEAST_SPREAD * tf.abs(mean)  # false for NaN, the mean of nothing
        pulled = tf.clip_by_value(tf.cast(values, tf.float64), low, high)
        found = tf.where(varies, (pulled - mean) / tf.where(varies, deviation, 1.0), 0.0)
        return tf.cast(tf.clip_by_value(found, -self.limit, self.limit), tf.float32)


def scale(numbers: Mapping[str, Numbers]) -> dict[str, Numeric]:
    """Scales numeric features in the Transform graph.

    Args:
      numbers: by any names.

    Returns:
      For each name float32, shaped as the values.
    """
    found: dict[str, Numeric] = {}
    for kind in ("robust", "z_score"):
        chosen = {name: column for name, column in numbers.items() if column.scaling == kind}
        if not chosen:
            continue
        # in float32, the square of 1e30 is infinite
        wide = [tf.cast(column.analysed, tf.float64) for column in chosen.values()]
        mean, variance = tf.stack(list(map(tft.mean, wide))), tf.stack(list(map(tft.var, wide)))
        if kind == "robust":
            quantiles = [
                tft.quantiles(column.analysed, BUCKETS, _RANK_ERROR)[0]
                for column in chosen.values()
            ]
            by = Scale.robust(tf.stack(quantiles), mean, variance)
        else:
            by = Scale.plain(mean, variance)
        for place, (name, column) in enumerate(chosen.items()):
            found[name] = tf.ragged.map_flat_values(by, column.values, place)
    return found
