"""How the numbers of statistics are brought to one scale, and how their tables are kept."""

from __future__ import annotations

import math

import tensorflow as tf

from modules import item_tables
from modules.ranking import statistics as statistics_lib

PERCENT = 100.0  # log1p of a share in percent tells small shares apart
MOST_EVENTS = 200  # what is longer ago counts as that long ago
MOST_SECONDS = 365 * statistics_lib.SECONDS_A_DAY


def log_scaled(values: tf.Tensor, most: int) -> tf.Tensor:
    """log(1 + x) from 0 to 1 at `most` and beyond; int64 -> float32."""
    capped = tf.cast(tf.clip_by_value(values, 0, most), tf.float32)
    return tf.math.log1p(capped) / math.log1p(most)


def table(values: object, name: str) -> tf.Variable:
    """A table as a variable that is saved and not trained."""
    return tf.Variable(values, trainable=False, name=name)


def by_item(values: object, name: str) -> tf.Variable:
    """The same of a table with a row an item, of what was counted in training events."""
    return item_tables.variable(values, item_tables.FROM_TRAINING, name)
