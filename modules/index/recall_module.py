"""The served half of recall: search the index, drop what a request excludes, still return k items.

k and the largest search are fixed when the model is exported. A search is as wide as its request
needs, k plus the request's distinct exclusions, and at most k + max_exclusions. Whatever is
excluded is compared by identity, never only scored down, and all exclusions count, also those
beyond max_exclusions. Where fewer than k items are left of what the index found, and the catalogue
holds more, the row is searched exactly.

Where repeats are allowed, a request's own items take places among the k that they would not get by
their scores: what the index found ends earlier by as many. Additional candidates stand in places of
their own behind these, in which the index's next ones fill up what they leave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf

from modules import features, requests, signatures
from modules.index import additional, body, own_items, sets

_INDEX = signatures.SOURCES.index("index")


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
        positions, scores, _ = _best(
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

    def including(
        self,
        queries: tf.Tensor,
        excluded: tf.Tensor,
        found: tuple[tf.Tensor, tf.Tensor],
        wanted: tf.Tensor,
        sources: tf.Tensor,
        places: int,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The best of what was found, but with all that are wanted and not excluded.

        Args:
          queries: float32 [B, D].
          excluded: as of `retrieve`.
          found: positions and scores [B, any], as of `retrieve`; NO_POSITION anywhere.
          wanted: int32 [B, W] distinct positions, W at most `places`; NO_POSITION as padding.
          sources: int32 [W], numbers of `signatures.SOURCES`.
          places: of the list.

        Returns:
          As `retrieve`, `places` of them; and the number of each one's source, int32 [B, places].
        """
        positions, scores = found
        out = sets.contained(wanted, sets.in_order(excluded))
        wanted = tf.where(out, body.NO_POSITION, wanted)
        vectors = self.index.vectors(tf.maximum(wanted, 0))
        wanted_scores = tf.einsum("bd,bod->bo", queries, vectors)
        given = (wanted >= 0) & ~tf.math.is_nan(wanted_scores)
        wanted = tf.where(given, wanted, body.NO_POSITION)
        wanted_scores = tf.where(given, wanted_scores, body.NO_SCORE)
        others = (positions >= 0) & ~sets.contained(positions, sets.in_order(wanted))
        left = places - tf.reduce_sum(tf.cast(given, tf.int32), axis=1, keepdims=True)
        others &= tf.cumsum(tf.cast(others, tf.int32), axis=1) <= left
        positions, scores, order = _best(
            tf.concat([wanted, tf.where(others, positions, body.NO_POSITION)], axis=1),
            tf.concat([wanted_scores, tf.where(others, scores, body.NO_SCORE)], axis=1),
            places,
        )
        sources = tf.gather(
            tf.concat([sources, [_INDEX]], axis=0), tf.minimum(order, tf.shape(wanted)[1])
        )
        return positions, scores, sources

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
          retrieval: over an index of the vectors of `item_ids`, in that order; its k is the number
              of all candidates.
          item_ids: N distinct, not empty ids.
          vocabulary: a file of the same ids, one a line; it becomes an asset of the SavedModel.
          own_items: of a request's history that are candidates, at most; where repeats are allowed.
          more: tables of additional candidates, which have the last places by right.
        """
        super().__init__()
        self._retrieval, self._own_items = retrieval, own_items
        self._more = [additional.Source(table) for table in more]
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
          `item_id` string [B, K] and `score` float32 [B, K], best first, and again best first in
          the places of additional candidates; "" and float32.min where the catalogue holds no
          further item. Where there are several sources of candidates, `source` int32 [B, K],
          numbers of `signatures.SOURCES`.
        """
        excluded = self._places(inputs[requests.EXCLUDE_ITEM_ID])
        everything = self._retrieval.retrieve(queries, excluded)
        may_repeat = features.EARLIER_ITEM_ID in inputs
        if not (may_repeat or self._more):
            return self._answer(*everything)
        history = self._places(inputs[features.EVENT_ITEM_ID])
        more = sum(source.number for source in self._more)
        positions, scores = (values[:, : self._retrieval.k - more] for values in everything)
        sources = tf.fill(tf.shape(positions), _INDEX)
        if may_repeat:
            earlier = self._places(inputs[features.EARLIER_ITEM_ID])
            positions, scores, sources = self._retrieval.including(
                queries,
                excluded,
                (positions, scores),
                own_items.of_request(inputs, history, earlier, self._own_items),
                tf.fill([self._own_items], signatures.SOURCES.index("own_items")),
                self._retrieval.k - more,
            )
        if self._more:
            given = tf.cast(inputs[features.EVENT_ITEM_ID] != "", tf.int32)
            lengths, taken = tf.reduce_sum(given, axis=1), [excluded, positions]
            numbers = []
            for source in self._more:
                taken.append(source.find(history, lengths, sets.in_order(tf.concat(taken, axis=1))))
                number = signatures.SOURCES.index(source.name_of_source)
                numbers.append(tf.fill([source.number], number))
            has = sets.contained(everything[0], sets.in_order(positions))
            rest = tf.where(has, body.NO_POSITION, everything[0]), everything[1]
            behind = self._retrieval.including(
                queries,
                excluded,
                rest,
                tf.concat(taken[2:], axis=1),
                tf.concat(numbers, axis=0),
                more,
            )
            positions, scores, sources = (
                tf.concat(both, axis=1) for both in zip((positions, scores, sources), behind)
            )
        return {**self._answer(positions, scores), signatures.SOURCE: sources}

    def _answer(self, positions: tf.Tensor, scores: tf.Tensor) -> dict[str, tf.Tensor]:
        places = tf.where(positions == body.NO_POSITION, self._retrieval.index.size, positions)
        return {signatures.ITEM_ID: tf.gather(self._item_ids, places), signatures.SCORE: scores}

    def _places(self, ids: tf.Tensor) -> tf.Tensor:
        return tf.cast(self._positions.lookup(ids), tf.int32)


def _best(
    positions: tf.Tensor, scores: tf.Tensor, k: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The first k by score, and the columns they had; equal scores stay in their order."""
    scores, order = tf.math.top_k(scores, k)
    return tf.gather(positions, order, batch_dims=1), scores, order
