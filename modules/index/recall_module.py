"""The served half of recall: search the index, drop what a request excludes, still return k items.

k and the largest search are fixed when the model is exported. A search is as wide as its request
needs, k plus the request's distinct exclusions, and at most k + max_exclusions. Whatever is
excluded is compared by identity, never only scored down, and all exclusions count, also those
beyond max_exclusions. Where fewer than k items are left of what the index found, and the catalogue
holds more, the row is searched exactly.
"""

from __future__ import annotations

import tensorflow as tf

from modules import signatures
from modules.index import body


class Retrieval(tf.Module):
    """From query vectors and excluded positions to the k best positions."""

    def __init__(self, index: body.Body, *, k: int, max_exclusions: int) -> None:
        """Searches `index`.

        Args:
          index: the body to search.
          k: items for each query.
          max_exclusions: by how many a search is widened at most.
        """
        super().__init__()
        self.index, self.k, self.max_exclusions = index, k, max_exclusions

    def retrieve(self, queries: tf.Tensor, excluded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds the k best that are not excluded.

        Args:
          queries: float32 [B, D].
          excluded: int32 [B, any], positions in any order, NO_POSITION as padding.

        Returns:
          Positions int32 [B, k] and scores float32 [B, k]; NO_POSITION and NO_SCORE where nothing
          is left.
        """
        excluded = tf.sort(
            tf.pad(excluded, [[0, 0], [1, 0]], constant_values=body.NO_POSITION), axis=1
        )
        number = _distinct(excluded)
        most = tf.reduce_max(number)  # below 0, where there are no rows
        extra = tf.clip_by_value(most, 0, self.max_exclusions)
        positions, scores = self.index.search(queries, self.k + extra)
        kept = (positions >= 0) & ~_contained(positions, excluded)
        positions, scores = _best(
            tf.where(kept, positions, body.NO_POSITION),
            tf.where(kept, scores, body.NO_SCORE),
            self.k,
        )
        left = tf.reduce_sum(tf.cast(kept, tf.int32), axis=1)
        short = left < tf.minimum(self.k, self.index.size - number)
        found: tuple[tf.Tensor, tf.Tensor] = tf.cond(
            tf.reduce_any(short),
            lambda: self._repaired(queries, excluded, short, positions, scores),
            lambda: (positions, scores),
        )
        return found

    def _repaired(
        self,
        queries: tf.Tensor,
        excluded: tf.Tensor,
        short: tf.Tensor,
        positions: tf.Tensor,
        scores: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Replaces the rows that are `short`, bool [B], by those of an exact search."""
        rows = tf.where(short)
        new_positions, new_scores = self._exact(
            tf.boolean_mask(queries, short), tf.boolean_mask(excluded, short)
        )
        return (
            tf.tensor_scatter_nd_update(positions, rows, new_positions),
            tf.tensor_scatter_nd_update(scores, rows, new_scores),
        )

    def _exact(self, queries: tf.Tensor, excluded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """`retrieve` by scoring all items; needs B x N floats."""
        scores = self.index.scores(queries)
        cells = tf.where(excluded >= 0)  # [n, 2]: row, column of `excluded`
        items = tf.cast(tf.gather_nd(excluded, cells), tf.int64)
        scores = tf.tensor_scatter_nd_update(
            scores,
            tf.stack([cells[:, 0], items], axis=1),
            tf.fill([tf.shape(cells)[0]], body.NO_SCORE),
        )
        scores = tf.where(tf.math.is_nan(scores), body.NO_SCORE, scores)
        scores, positions = tf.math.top_k(scores, min(self.k, self.index.size))
        return body.complete(
            tf.where(scores > body.NO_SCORE, positions, body.NO_POSITION), scores, self.k
        )


class RecallModule(tf.Module):
    """From query vectors and excluded ids to the k best item ids."""

    def __init__(self, retrieval: Retrieval, item_ids: list[bytes], vocabulary: str) -> None:
        """Serves `retrieval` with ids in place of positions.

        Args:
          retrieval: over an index of the vectors of `item_ids`, in that order.
          item_ids: N distinct, not empty ids.
          vocabulary: a file of the same ids, one a line; it becomes an asset of the SavedModel.
        """
        super().__init__()
        self._retrieval = retrieval
        # the last one is nothing
        self._item_ids = tf.Variable([*item_ids, b""], trainable=False, name="item_ids")
        self._positions = tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(
                vocabulary,
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            default_value=body.NO_POSITION,
        )

    def recommend(self, queries: tf.Tensor, exclude_item_id: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the ids.

        Args:
          queries: float32 [B, D].
          exclude_item_id: string [B, any], padded with ""; unknown and repeated ids do no harm.

        Returns:
          `item_id` string [B, k] and `score` float32 [B, k], best first; "" and float32.min where
          the catalogue holds no further item.
        """
        excluded = tf.cast(self._positions.lookup(exclude_item_id), tf.int32)
        positions, scores = self._retrieval.retrieve(queries, excluded)
        places = tf.where(positions == body.NO_POSITION, self._retrieval.index.size, positions)
        return {signatures.ITEM_ID: tf.gather(self._item_ids, places), signatures.SCORE: scores}


def _distinct(ordered: tf.Tensor) -> tf.Tensor:
    """Number of distinct positions, less padding, in each row of sorted int32 [B, m]: int32 [B]."""
    new = (ordered[:, 1:] != ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    return tf.reduce_sum(tf.cast(new, tf.int32), axis=1)


def _contained(values: tf.Tensor, ordered: tf.Tensor) -> tf.Tensor:
    """Whether each of int32 [B, w] is in its row of sorted int32 [B, m], m >= 1: bool [B, w]."""
    places = tf.minimum(tf.searchsorted(ordered, values), tf.shape(ordered)[1] - 1)
    return tf.gather(ordered, places, batch_dims=1) == values


def _best(positions: tf.Tensor, scores: tf.Tensor, k: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The first k by score; equal scores stay in their order."""
    scores, order = tf.math.top_k(scores, k)
    return tf.gather(positions, order, batch_dims=1), scores
