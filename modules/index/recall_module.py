"""The served half of recall: search the index, drop what a request excludes, still return k items.

k and the largest search are fixed when the model is exported. A search is as wide as its request
needs, k plus the request's distinct exclusions, and at most k + max_exclusions. Whatever is
excluded is compared by identity, never only scored down, and all exclusions count, also those
beyond max_exclusions. Where fewer than k items are left of what the index found, and the catalogue
holds more, the row is searched exactly.

Where repeats are allowed, a request's own items take places among the k that they would not get by
their scores: what the index found ends earlier by as many. Additional candidates have places of
their own beside the k; by their scores they stand after them, but for what the index overlooked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf

from modules import features, requests, signatures
from modules.index import additional, body, own_items, sets

_INDEX, _OWN = map(signatures.SOURCES.index, ("index", "own_items"))


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
        excluded = sets.in_order(excluded)
        number = sets.distinct(excluded)
        most = tf.reduce_max(number)  # below 0, where there are no rows
        extra = tf.clip_by_value(most, 0, self.max_exclusions)
        positions, scores = self.index.search(queries, self.k + extra)
        kept = (positions >= 0) & ~sets.contained(positions, excluded)
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
        own = tf.where(sets.contained(own, sets.in_order(excluded)), body.NO_POSITION, own)
        own, own_scores = self._scored(queries, own)
        given = own >= 0
        others = (positions >= 0) & ~sets.contained(positions, sets.in_order(own))
        left = self.k - tf.reduce_sum(tf.cast(given, tf.int32), axis=1, keepdims=True)
        others &= tf.cumsum(tf.cast(others, tf.int32), axis=1) <= left
        return _best(
            tf.concat([own, tf.where(others, positions, body.NO_POSITION)], axis=1),
            tf.concat([own_scores, tf.where(others, scores, body.NO_SCORE)], axis=1),
            self.k,
        )

    def with_more(
        self, queries: tf.Tensor, positions: tf.Tensor, scores: tf.Tensor, more: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """A list with more positions, by the scores that they have with its queries.

        Args:
          queries: float32 [B, D].
          positions: int32 [B, n], as of `retrieve`.
          scores: float32 [B, n], of these.
          more: int32 [B, m], other positions, distinct; NO_POSITION as padding.

        Returns:
          As `retrieve`, n + m places; and where each stood before, int32 [B, n + m], from 0 in
          `positions` and from n in `more`.
        """
        more, more_scores = self._scored(queries, more)
        positions = tf.concat([positions, more], axis=1)
        scores = tf.concat([scores, more_scores], axis=1)
        scores, order = tf.math.top_k(scores, tf.shape(scores)[1])
        return tf.gather(positions, order, batch_dims=1), scores, order

    def _scored(self, queries: tf.Tensor, positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Positions int32 [B, n] with their scores; where one is NaN, there is nothing."""
        vectors = self.index.vectors(tf.maximum(positions, 0))
        scores = tf.einsum("bd,bod->bo", queries, vectors)
        given = (positions >= 0) & ~tf.math.is_nan(scores)
        return tf.where(given, positions, body.NO_POSITION), tf.where(given, scores, body.NO_SCORE)

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
        self,
        retrieval: Retrieval,
        item_ids: list[bytes],
        vocabulary: str,
        own_items: int = 0,
        more: Sequence[additional.Table] = (),
    ) -> None:
        """Serves `retrieval` with ids in place of positions.

        Args:
          retrieval: over an index of the vectors of `item_ids`, in that order.
          item_ids: N distinct, not empty ids.
          vocabulary: a file of the same ids, one a line; it becomes an asset of the SavedModel.
          own_items: of a request's history that are candidates, at most; where repeats are allowed.
          more: whose candidates stand beside the k.
        """
        super().__init__()
        self._retrieval, self._own_items = retrieval, own_items
        self._sources = additional.Sources(more) if more else None
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
          `item_id` string [B, K] and `score` float32 [B, K], best first, K of k and the additional
          candidates; "" and float32.min where there is no further item. Where there are several
          sources, `source` int32 [B, K], numbers of `signatures.SOURCES`.
        """
        excluded = self._places(inputs[requests.EXCLUDE_ITEM_ID])
        may_repeat = features.EARLIER_ITEM_ID in inputs
        if may_repeat or self._sources is not None:
            history = self._places(inputs[features.EVENT_ITEM_ID])
        if may_repeat:
            own = own_items.of_request(
                inputs,
                history,
                self._places(inputs[features.EARLIER_ITEM_ID]),
                self._own_items,
            )
            positions, scores = self._retrieval.with_own(queries, excluded, own)
            is_own = sets.contained(positions, sets.in_order(own)) & (positions >= 0)
            sources = tf.where(is_own, _OWN, _INDEX)
        else:
            positions, scores = self._retrieval.retrieve(queries, excluded)
            sources = tf.fill(tf.shape(positions), _INDEX)
        if self._sources is not None:
            given = inputs[features.EVENT_ITEM_ID] != ""
            taken = tf.concat([excluded, positions], axis=1)
            more = self._sources.find(history, given, taken)
            positions, scores, order = self._retrieval.with_more(queries, positions, scores, more)
            of_more = tf.broadcast_to(self._sources.of_each, tf.shape(more))
            sources = tf.gather(tf.concat([sources, of_more], axis=1), order, batch_dims=1)
        places = tf.where(positions == body.NO_POSITION, self._retrieval.index.size, positions)
        found = {signatures.ITEM_ID: tf.gather(self._item_ids, places), signatures.SCORE: scores}
        several = may_repeat or self._sources is not None
        return {**found, signatures.SOURCE: sources} if several else found

    def _places(self, ids: tf.Tensor) -> tf.Tensor:
        return tf.cast(self._positions.lookup(ids), tf.int32)


def _best(positions: tf.Tensor, scores: tf.Tensor, k: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The first k by score; equal scores stay in their order."""
    scores, order = tf.math.top_k(scores, k)
    return tf.gather(positions, order, batch_dims=1), scores
