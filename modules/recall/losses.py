"""The losses: softmax over the batch's items, and the existing recommender's pairwise loss.

All take logits' parts, not probabilities, and return one value a target, so that the caller weights
them.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy import typing as npt

MASKED = -1e9  # a logit that is left out


def shares(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Each item's share of all targets, float32 [items].

    Items that are never a target count as seen once.
    """
    counts = np.maximum(counts, 1)
    share: npt.NDArray[np.float32] = (counts / counts.sum()).astype(np.float32)
    return share


def log_inclusion(share: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """The sampling-bias correction log Q, for the *distinct* items of a batch.

    An item with share p of all targets is among `draws` of them with probability Q = 1 - (1 -
    p)^draws; with one draw this is p, the sampling probability of Yi et al. (RecSys 2019, section
    3).

    Args:
      share: float [items], see `shares`.
      draws: float scalar, targets in the batch.

    Returns:
      float [items], at most 0.
    """
    return tf.math.log(-tf.math.expm1(draws * tf.math.log1p(-tf.minimum(share, 1.0 - 1e-7))))


def infonce(
    logits: tf.Tensor, positive: tf.Tensor, log_q: tf.Tensor | None, excluded: tf.Tensor | None
) -> tf.Tensor:
    """InfoNCE (arXiv 1807.03748, eq. 4), the softmax cross-entropy of the positive.

    The softmax is taken over the candidates.

    Args:
      logits: float [targets, candidates], scores already divided by the temperature.
      positive: int [targets], the positive's place among the candidates.
      log_q: float [candidates], subtracted from the logits (Yi et al., RecSys 2019, eq. 3), or
          None.
      excluded: bool [targets, candidates], which are no negatives, or None; the positive always
          stays.

    Returns:
      float [targets].
    """
    if log_q is not None:
        logits -= log_q
    if excluded is not None:
        logits = tf.where(_except_positive(excluded, positive), MASKED, logits)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=positive, logits=logits)


def in_batch_bce(logits: tf.Tensor, positive: tf.Tensor, excluded: tf.Tensor | None) -> tf.Tensor:
    """Binary cross-entropy of the positive plus the mean of that of the other candidates.

    Arguments and result as in `infonce`.
    """
    is_positive = tf.one_hot(positive, tf.shape(logits)[1])
    negative = 1.0 - is_positive
    if excluded is not None:
        negative *= 1.0 - tf.cast(excluded, tf.float32)
    of_positive = tf.reduce_sum(tf.nn.softplus(-logits) * is_positive, axis=1)
    of_negatives = tf.reduce_sum(tf.nn.softplus(logits) * negative, axis=1)
    return of_positive + of_negatives / tf.maximum(tf.reduce_sum(negative, axis=1), 1.0)


def pairwise_bce(positive_logits: tf.Tensor, negative_logits: tf.Tensor) -> tf.Tensor:
    """-log sigmoid(positive) - log(1 - sigmoid(negative)), SASRec's loss (arXiv 1808.09781, eq. 6).

    Both logits and the result are float [targets].
    """
    return tf.nn.softplus(-positive_logits) + tf.nn.softplus(negative_logits)


def random_negatives(seen: tf.Tensor, rows: tf.Tensor, items: int, tries: int = 8) -> tf.Tensor:
    """One item a target, uniform over those its user has not seen (arXiv 1808.09781, section 3.6).

    Args:
      seen: bool [users, items + 2], by item id.
      rows: int [targets], the user of each.
      items: their number; ids are 1..items.
      tries: draws before a seen one is kept; matters only to users who have seen nearly everything.

    Returns:
      int64 [targets].
    """
    drawn = tf.random.uniform([tf.size(rows), tries], 1, items + 1, tf.int64)
    users = tf.repeat(tf.cast(rows, tf.int64)[:, tf.newaxis], tries, axis=1)
    fresh = ~tf.gather_nd(seen, tf.stack([users, drawn], axis=-1))
    return tf.gather(drawn, tf.argmax(fresh, axis=1), batch_dims=1)


def _except_positive(excluded: tf.Tensor, positive: tf.Tensor) -> tf.Tensor:
    candidate = tf.range(tf.shape(excluded)[1])
    return excluded & (candidate[tf.newaxis] != tf.cast(positive, tf.int32)[:, tf.newaxis])
