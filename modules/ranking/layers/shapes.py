"""Parts that are the same for all candidates, beside parts that are not."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import tensorflow as tf


def side_by_side(parts: Sequence[tf.Tensor]) -> tf.Tensor:
    """Of float [B, C or 1, width] each: [B, C, all widths]; C may be 0."""
    shape = functools.reduce(tf.broadcast_dynamic_shape, [tf.shape(part)[:2] for part in parts])
    return tf.concat(
        [tf.broadcast_to(part, tf.concat([shape, tf.shape(part)[2:]], axis=0)) for part in parts],
        axis=-1,
    )
