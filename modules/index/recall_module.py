"""The served half of recall: search the index, drop what a request excludes, still return k items.

k and the largest search are fixed when the model is exported. A search is as wide as its request
needs, k plus the request's distinct exclusions, and at most k + max_exclusions. Whatever is
excluded is compared by identity, never only scored down, and all exclusions count, also those
beyond max_exclusions. Where fewer than k items are left of what the index found, and the catalogue
holds more, the row is searched exactly.

Where repeats are allowed, a request's own items take places among the k that they would not get by
their scores: what the index found ends earlier by as many.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from modules import features, requests, signatures
from modules.index import body, own_items


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
        excluded = _in_order(excluded)
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

    def with_own(
        self, queries: tf.Tensor, excluded: tf.Tensor, own: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The k best, among which are all own ones that are not excluded.

        Args:
          queries: float32 [B, D].
          excluded: as of `retrieve`.
          own: int32 [B, at most k] distinct positions, NO_POSITION as padding.

        Returns:
          As `retrieve`.
        """
        positions, scores = self.retrieve(queries, excluded)
        own = tf.where(_contained(own, _in_order(excluded)), body.NO_POSITION, own)
        vectors = self.index.vectors(tf.maximum(own, 0))
        own_scores = tf.einsum("bd,bod->bo", queries, vectors)
        given = (own >= 0) & ~tf.math.is_nan(own_scores)
        own = tf.where(given, own, body.NO_POSITION)
        own_scores = tf.where(given, own_scores, body.NO_SCORE)
        others = (positions >= 0) & ~_contained(positions, _in_order(own))
        left = self.k - tf.reduce_sum(tf.cast(given, tf.int32), axis=1, keepdims=True)
        others &= tf.cumsum(tf.cast(others, tf.int32), axis=1) <= left
        return _best(
            tf.concat([own, tf.where(others, positions, body.NO_POSITION)], axis=1),
            tf.concat([own_scores, tf.where(others, scores, body.NO_SCORE)], axis=1),
            self.k,
        )

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

    def __init__(
        self, retrieval: Retrieval, item_ids: list[bytes], vocabulary: str, own_items: int = 0
    ) -> None:
        """Serves `retrieval` with ids in place of positions.

        Args:
          retrieval: over an index of the vectors of `item_ids`, in that order.
          item_ids: N distinct, not empty ids.
          vocabulary: a file of the same ids, one a line; it becomes an asset of the SavedModel.
          own_items: of a request's history that are candidates, at most; where repeats are allowed.
        """
        super().__init__()
        self._retrieval, self._own_items = retrieval, own_items
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

    def recommend(
        self, queries: tf.Tensor, inputs: Mapping[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Returns the ids.

        Args:
          queries: float32 [B, D].
          inputs: of the request (modules/requests.py). Of `exclude_item_id`, unknown and repeated
              ids do no harm. Where it has `earlier_item_id`, repeats are allowed.

        Returns:
          `item_id` string [B, k] and `score` float32 [B, k], best first; "" and float32.min where
          the catalogue holds no further item.
        """
        excluded = self._places(inputs[requests.EXCLUDE_ITEM_ID])
        if features.EARLIER_ITEM_ID in inputs:
            own = own_items.of_request(
                inputs,
                self._places(inputs[features.EVENT_ITEM_ID]),
                self._places(inputs[features.EARLIER_ITEM_ID]),
                self._own_items,
            )
            positions, scores = self._retrieval.with_own(queries, excluded, own)
        else:
            positions, scores = self._retrieval.retrieve(queries, excluded)
        places = tf.where(positions == body.NO_POSITION, self._retrieval.index.size, positions)
        return {signatures.ITEM_ID: tf.gather(self._item_ids, places), signatures.SCORE: scores}

    def _places(self, ids: tf.Tensor) -> tf.Tensor:
        return tf.cast(self._positions.lookup(ids), tf.int32)


def _in_order(positions: tf.Tensor) -> tf.Tensor:
    """int32 [B, any] sorted, with one more NO_POSITION in front: [B, at least 1]."""
    return tf.sort(tf.pad(positions, [[0, 0], [1, 0]], constant_values=body.NO_POSITION), axis=1)


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
