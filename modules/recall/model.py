"""The recall model: query and item tower, and the loss over a batch of sequences."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import tensorflow as tf
import tensorflow_recommenders as tfrs

from modules import config, features
from modules.recall import input_data, item_tower, losses, query_tower


@dataclasses.dataclass(frozen=True)
class Settings:
    """The sections of the configuration that the recall model needs."""

    data: config.Data
    features: config.Features = config.Features()
    model: config.RecallModel = config.RecallModel()
    training: config.Training = config.Training()


class RecallModel(tfrs.Model):
    """Scores an item by the dot product of its vector with the query's."""

    def __init__(
        self, settings: Settings, catalogue: item_tower.Catalogue, sizes: Mapping[str, int]
    ):
        """`sizes`: for each categorical feature its number of ids, the unknown one included."""
        super().__init__()
        self.settings, self.items = settings, catalogue.size
        model = settings.model
        specs = features.item_features(settings.data) if model.item_features else ()
        self.item_tower = item_tower.ItemTower(
            model.dim, catalogue, specs, sizes, model.item_id_dropout, name="item_tower"
        )
        self.query_tower = query_tower.QueryTower(
            settings.data, model, settings.features.max_history, sizes, name="query_tower"
        )
        self.share = tf.Variable(
            losses.shares(catalogue.counts), trainable=False, name="target_share"
        )
        self.log_temperature = tf.Variable(
            tf.math.log(settings.training.temperature),
            dtype=tf.float32,
            trainable=settings.training.learn_temperature,
            name="log_temperature",
        )

    def call(
        self, inputs: input_data.Batch, places: tf.Tensor | None = None, training: bool = False
    ) -> tf.Tensor:
        """Queries of the batch's sequences: float [batch, places, dim].

        Args:
          inputs: see `query_tower`.
          places: int [batch], the one place of each sequence that is asked for; None for all of
              them.
          training: whether units and item ids are dropped at random.
        """
        ids = inputs[input_data.ITEMS]
        distinct, rows = tf.unique(tf.reshape(ids, [-1]))
        vectors = tf.gather(self.item_tower(distinct, training=training), rows)
        vectors = tf.reshape(vectors, [*tf.unstack(tf.shape(ids)), self.settings.model.dim])
        return self._scaled(self.query_tower(inputs, vectors, places, training=training))

    def last_queries(self, inputs: input_data.Batch, training: bool = False) -> tf.Tensor:
        """The query of each sequence's last event, its request: float [batch, dim]."""
        length = tf.reduce_sum(
            tf.cast(inputs[input_data.ITEMS] != features.PADDING_ID, tf.int32), axis=1
        )
        return tf.squeeze(self(inputs, length - 1, training=training), axis=1)

    def candidates(self, item_ids: tf.Tensor, training: bool = False) -> tf.Tensor:
        """`item_ids`: int64 [n]; returns the items' vectors, float [n, dim]."""
        return self._scaled(self.item_tower(item_ids, training=training))

    def _scaled(self, vectors: tf.Tensor) -> tf.Tensor:
        return tf.math.l2_normalize(vectors, axis=-1) if self.settings.model.normalise else vectors

    def all_items(self) -> tf.Tensor:
        """int64 [items]: the ids of the whole catalogue, in the vocabulary's order."""
        return tf.range(1, self.items + 1, dtype=tf.int64)

    def compute_loss(self, inputs: input_data.Batch, training: bool = False) -> tf.Tensor:
        """Weighted mean of the loss of all targets of the batch; a scalar."""
        weights = inputs[input_data.TARGET_WEIGHT]
        places = tf.where(weights > 0)
        queries = tf.gather_nd(self(inputs, training=training), places)
        positives = tf.gather_nd(inputs[input_data.ITEMS], places)
        values = self.target_losses(queries, positives, places, inputs, training)
        weights = tf.gather_nd(weights, places)
        return tf.math.divide_no_nan(tf.reduce_sum(values * weights), tf.reduce_sum(weights))

    def target_losses(
        self,
        queries: tf.Tensor,
        positives: tf.Tensor,
        places: tf.Tensor,
        inputs: input_data.Batch,
        training: bool = False,
    ) -> tf.Tensor:
        """The loss of each target.

        Args:
          queries: float [targets, dim].
          positives: int64 [targets], their items.
          places: int [targets, 2], of each its sequence in the batch and its place in it.
          inputs: the batch.
          training: whether item ids are dropped at random in the candidates, too.

        Returns:
          float [targets].
        """
        if self.settings.training.negatives == "random":
            return self._random_negative_loss(queries, positives, places[:, 0], inputs, training)
        return self._in_batch_loss(queries, positives, places, inputs, training)

    def _random_negative_loss(
        self,
        queries: tf.Tensor,
        positives: tf.Tensor,
        rows: tf.Tensor,
        inputs: input_data.Batch,
        training: bool,
    ) -> tf.Tensor:
        """SASRec's loss, of plain dot products.

        It has no temperature, and would barely learn from vectors of length 1, whose scores
        stay between -1 and 1. The configuration refuses the two together.
        """
        seen = self.seen(inputs, tf.range(self.items + 2, dtype=tf.int64))
        negatives = losses.random_negatives(seen, rows, self.items)
        vectors = self.candidates(tf.concat([positives, negatives], axis=0), training)
        positive, negative = (
            tf.reduce_sum(queries * half, axis=-1) for half in tf.split(vectors, 2)
        )
        return losses.pairwise_bce(positive, negative)

    def _in_batch_loss(
        self,
        queries: tf.Tensor,
        positives: tf.Tensor,
        places: tf.Tensor,
        inputs: input_data.Batch,
        training: bool,
    ) -> tf.Tensor:
        """Against the items that `training.candidates` says."""
        settings = self.settings.training
        if settings.candidates == "catalogue":
            candidates, positive = self.all_items(), tf.cast(positives - 1, tf.int32)
            draws = None
        elif settings.candidates == "distinct":
            candidates, positive = tf.unique(positives)
            draws = tf.cast(tf.size(positives), tf.float32)
        else:
            candidates, positive, draws = positives, tf.range(tf.size(positives)), 1.0
        logits = tf.matmul(queries, self.candidates(candidates, training), transpose_b=True)
        logits /= tf.exp(self.log_temperature)
        excluded = self._no_negatives(positives, candidates, places, inputs)
        if settings.loss == "bce":
            return losses.in_batch_bce(logits, positive, excluded)
        log_q = None
        if settings.logq_correction and draws is not None:
            log_q = losses.log_inclusion(tf.gather(self.share, candidates), draws)
        return losses.infonce(logits, positive, log_q, excluded)

    def _no_negatives(
        self,
        positives: tf.Tensor,
        candidates: tf.Tensor,
        places: tf.Tensor,
        inputs: input_data.Batch,
    ) -> tf.Tensor | None:
        settings, excluded = self.settings.training, None
        if settings.mask_own_positives:
            excluded = self._own_positives(candidates, places, inputs)
        if settings.mask_duplicates and settings.candidates == "targets":  # else there are none
            same = positives[:, tf.newaxis] == candidates[tf.newaxis]
            excluded = same if excluded is None else excluded | same
        return excluded

    def _own_positives(
        self, candidates: tf.Tensor, places: tf.Tensor, inputs: input_data.Batch
    ) -> tf.Tensor:
        """Which of the candidates are no negatives of a target for what its user has taken.

        Where repeats are excluded: whatever it has in the split's history, which is either never
        served again or right at another time. Where they are allowed: what it takes at the
        target's own moment, whose order says nothing. All else that it has was there to be taken
        again, and was not.

        Args:
          candidates: int64 [n].
          places: int [targets, 2].
          inputs: the batch.

        Returns:
          bool [targets, n].
        """
        if not self.settings.data.allows_repeats:
            return tf.gather(self.seen(inputs, candidates), places[:, 0])
        moments = input_data.moments(inputs)
        number = tf.reduce_max(moments) + 1
        taken = self._taken(moments, inputs[input_data.ITEMS], candidates, number)
        return tf.gather(taken, tf.gather_nd(moments, places))

    def seen(self, inputs: input_data.Batch, item_ids: tf.Tensor) -> tf.Tensor:
        """Which of the items, int64 [n], each user has in the split's history: bool [batch, n]."""
        seen = inputs[input_data.SEEN]
        users, width = tf.unstack(tf.shape(seen))
        rows = tf.repeat(tf.range(users)[:, tf.newaxis], width, axis=1)
        return self._taken(rows, seen, item_ids, users)

    def _taken(
        self, groups: tf.Tensor, taken: tf.Tensor, item_ids: tf.Tensor, number: tf.Tensor
    ) -> tf.Tensor:
        """Which of the items each group holds.

        Args:
          groups: int32 [batch, m], 0 to number - 1, of each of `taken`.
          taken: int64 [batch, m], ids.
          item_ids: int64 [n].
          number: of groups.

        Returns:
          bool [number, n].
        """
        distinct, columns = tf.unique(item_ids)
        count = tf.size(distinct)  # also the column of all other items
        column = tf.tensor_scatter_nd_update(
            tf.fill([self.items + 2], count), distinct[:, tf.newaxis], tf.range(count)
        )
        pairs = tf.stack([groups, tf.gather(column, taken)], axis=-1)
        found = tf.tensor_scatter_nd_update(
            tf.zeros([number, count + 1], tf.bool),
            tf.reshape(pairs, [-1, 2]),
            tf.ones([tf.size(taken)], tf.bool),
        )
        return tf.gather(found, columns, axis=1)
