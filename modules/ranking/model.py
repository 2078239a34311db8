"""The rank model: orders a request's candidates by what is known of each, the user and the moment.

score = wide + deep. The wide part is linear in recall's answer and the statistics and starts as
recall's score; the deep part crosses all groups of features (DCN-v2, arXiv 2008.13535), and starts
at 0. So training starts from recall's order. The user's side is computed once a request, not once a
candidate.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs
from numpy import typing as npt

from modules import config, features, ranking_config, strict
from modules.ranking import losses, request_graph
from modules.ranking.layers import (
    cross_features,
    history_encoder,
    item_encoder,
    recall_place,
    shapes,
    standardise,
    target_attention,
)
from modules.recall import input_data, item_tower, layers

SCORE = "score"
# int64 [B, T], the place of each target among the candidates; -1 if it is not there, and as padding
TARGET = "target_place"
TARGETS = "targets"  # int64 [B], how many they are, found or not
WEIGHT = "target_weight"  # float32 [B], how much a request counts in training; 1 on the average
RECALL, STATISTICS, ITEM, PROFILE, CONTEXT, CROSSES, ATTENTION = (
    "recall_score",
    "statistics",
    "item",
    "profile",
    "context",
    "crosses",
    "target_attention",
)
GROUPS = (RECALL, STATISTICS, ITEM, PROFILE, CONTEXT, CROSSES, ATTENTION)

Parts = dict[str, tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Settings:
    """The sections of the configuration that the rank model needs."""

    data: config.Data
    features: config.Features = config.Features()
    index: config.Index = config.Index()
    ranking: ranking_config.Ranking = ranking_config.Ranking()


@dataclasses.dataclass(frozen=True)
class Known:
    """What the model takes from the data before it learns.

    Attributes:
      catalogue: the items' features.
      vectors: float32 [N+2, any], the items' vectors of a recall model, by row.
      sizes: for each categorical feature its number of ids, the unknown one included.
      boundaries: for each crossed numeric feature its quantiles, float32 [any].
      statistics: names of the F statistic features.
    """

    catalogue: item_tower.Catalogue
    vectors: npt.NDArray[np.float32]
    sizes: Mapping[str, int]
    boundaries: Mapping[str, npt.NDArray[np.float32]]
    statistics: Sequence[str]


def objective_label(name: str) -> str:
    """Name of an objective's label in a batch, float32 [B]: 1 yes, 0 no, NaN not known.

    It is that of the first target, the item of the window's last event.
    """
    return f"label_{name}"


def objective_logit(name: str) -> str:
    """Name of an objective's output."""
    return f"logit_{name}"


class RankModel(tfrs.Model):
    """Scores candidates; with a head for each declared objective beside it."""

    def __init__(self, settings: Settings, known: Known) -> None:
        super().__init__()
        self.settings, options = settings, settings.ranking.model
        self.objectives = dict(settings.ranking.objectives)
        self.groups = _groups(settings, known)
        data, dim, sizes = settings.data, options.dim, known.sizes
        has_times = not data.events.is_timeless
        self.item_encoder = item_encoder.ItemEncoder(
            dim,
            known.catalogue,
            features.item_features(data) if options.item_features else (),
            sizes,
            known.vectors if options.item_vectors else None,
            name="item_encoder",
        )
        self.recall_numbers = standardise.Standardise(name="recall_numbers")
        self.statistic_numbers = standardise.Standardise(name="statistic_numbers")
        self.session_numbers = standardise.Standardise(name="session_numbers")
        if PROFILE in self.groups:
            self.users = layers.FeatureEncoder(
                dim, features.user_features(data), sizes, name="user_features"
            )
        self.moment = None
        if CONTEXT in self.groups and (has_times or features.context_features(data)):
            self.moment = history_encoder.MomentEncoder(
                dim, features.context_features(data), sizes, has_times=has_times, name="request"
            )
        if CROSSES in self.groups:
            self.crosses = cross_features.CrossFeatures(
                settings.features.crosses,
                data,
                known.catalogue,
                sizes,
                known.boundaries,
                name="crosses",
            )
        if ATTENTION in self.groups:
            self.history = history_encoder.HistoryEncoder(
                dim,
                options.history,
                features.event_features(data),
                sizes,
                has_times=has_times,
                name="history",
            )
            self.attention = target_attention.TargetAttention(
                options.history, name="target_attention"
            )
        self._build_towers(options, len(known.statistics))
        self.rank_task = tfrs.tasks.Ranking(losses.of_lists(settings.ranking.training.loss))
        self.objective_tasks = {
            name: tfrs.tasks.Ranking(tf.keras.losses.BinaryCrossentropy(from_logits=True))
            for name in self.objectives
        }

    def _build_towers(self, options: ranking_config.RankModel, statistics: int) -> None:
        widths = {RECALL: len(recall_place.NAMES), STATISTICS: statistics}
        self.wide_groups = [group for group in widths if group in self.groups]
        start = np.zeros([sum(widths[g] for g in self.wide_groups), 1], np.float32)
        if RECALL in self.wide_groups:
            start[0] = 1.0
        self.wide = tf.keras.layers.Dense(
            1, use_bias=False, kernel_initializer=tf.keras.initializers.Constant(start), name="wide"
        )
        self.cross_layers = [
            tfrs.layers.dcn.Cross(
                projection_dim=options.dim, kernel_initializer="glorot_uniform", name=f"cross_{n}"
            )
            for n in range(options.cross_layers)
        ]
        self.hidden = [
            tf.keras.layers.Dense(width, activation="relu", name=f"hidden_{n}")
            for n, width in enumerate(options.hidden)
        ]
        self.drop = tf.keras.layers.Dropout(options.dropout)
        self.feature_drop = tf.keras.layers.Dropout(options.feature_dropout)
        self.head = tf.keras.layers.Dense(
            1, use_bias=False, kernel_initializer="zeros", name="head"
        )
        self.objective_heads = {
            n: tf.keras.layers.Dense(1, kernel_initializer="zeros", name=f"head_{n}")
            for n in self.objectives
        }

    @property
    def crossed_sizes(self) -> Mapping[str, int]:
        """For each crossed feature its number of ids or buckets; none without crosses."""
        return self.crosses.sizes if CROSSES in self.groups else {}

    def adapt(self, inputs: Mapping[str, npt.NDArray[Any]]) -> None:
        """Takes mean and deviation of all numbers from training requests, see request_graph."""
        given = inputs[request_graph.CANDIDATES] != features.PADDING_ID
        self.session_numbers.adapt(inputs[request_graph.SESSION])
        self.recall_numbers.adapt(inputs[request_graph.RECALL][given])
        if STATISTICS in self.groups:
            self.statistic_numbers.adapt(inputs[request_graph.STATISTICS][given])

    def call(self, inputs: request_graph.Batch, training: bool = False) -> dict[str, tf.Tensor]:
        """`score` and `logit_<objective>`, float [B, C] each; padding scores MASKED.

        Args:
          inputs: see request_graph.
          training: whether features and units are dropped at random.
        """
        candidates = inputs[request_graph.CANDIDATES]
        parts = self.parts(inputs, self.item_encoder)
        outputs = self.score_parts(parts, training)
        given = candidates != features.PADDING_ID
        return {**outputs, SCORE: tf.where(given, outputs[SCORE], losses.MASKED)}

    def parts(self, inputs: request_graph.Batch, encode: Any) -> Parts:
        """The groups of features.

        Args:
          inputs: see request_graph.
          encode: from rows of items int64 [...] to float [..., dim]: `item_encoder`, or a table of
              its results.

        Returns:
          By group float [B, C, width]; [B, 1, width] where it is the same for all candidates.
        """
        rows, parts = inputs[request_graph.CANDIDATES], {}
        candidates = encode(rows)
        if RECALL in self.groups:
            parts[RECALL] = self.recall_numbers(inputs[request_graph.RECALL])
        if STATISTICS in self.groups:
            parts[STATISTICS] = self.statistic_numbers(inputs[request_graph.STATISTICS])
        if ITEM in self.groups:
            parts[ITEM] = candidates
        if PROFILE in self.groups:
            parts[PROFILE] = self.users(inputs)[:, tf.newaxis]
        if CONTEXT in self.groups:
            found = [] if self.moment is None else [self.moment(inputs)]
            found.append(self.session_numbers(inputs[request_graph.SESSION]))
            parts[CONTEXT] = tf.concat(found, axis=-1)[:, tf.newaxis]
        if CROSSES in self.groups:
            parts[CROSSES] = self.crosses(inputs, rows)
        if ATTENTION in self.groups:
            parts[ATTENTION] = self._attend(inputs, candidates, encode)
        return parts

    def _attend(self, inputs: request_graph.Batch, candidates: tf.Tensor, encode: Any) -> tf.Tensor:
        """How the history matches each candidate, as float [B, C, 2] or [B, C, 2 + dim].

        The last axis holds the product of the history, as the candidate sees it, with the
        candidate; the sum of the weights; and, with `attention_vector`, that history itself
        (dim).
        """
        events, given = self.history(inputs, encode(inputs[input_data.ITEMS]))
        view, weights = self.attention(candidates, events, given)
        product = (
            tf.reduce_sum(view * candidates, axis=-1, keepdims=True) * candidates.shape[-1] ** -0.5
        )
        seen = [product, tf.reduce_sum(weights, axis=-1, keepdims=True)]
        return tf.concat(
            [*seen, view] if self.settings.ranking.model.attention_vector else seen, axis=-1
        )

    def score_parts(self, parts: Parts, training: bool = False) -> dict[str, tf.Tensor]:
        """`score` and `logit_<objective>`, float [B, C] each, of what `parts` gives."""
        used = {
            g: part if g in (RECALL, STATISTICS) else self.feature_drop(part, training=training)
            for g, part in parts.items()
        }
        inputs = shapes.side_by_side([used[g] for g in self.groups])
        # each layer would flatten it again
        crossed = first = tf.reshape(inputs, [-1, inputs.shape[-1]])
        for layer in self.cross_layers:
            crossed = layer(first, crossed)
        for layer in self.hidden:
            crossed = self.drop(layer(crossed), training=training)
        score = self.head(crossed)
        if self.wide_groups:
            wide = tf.concat([parts[g] for g in self.wide_groups], axis=-1)
            score += self.wide(tf.reshape(wide, [-1, wide.shape[-1]]))
        outputs = {SCORE: score}
        outputs |= {objective_logit(n): head(crossed) for n, head in self.objective_heads.items()}
        return {name: tf.reshape(values, tf.shape(inputs)[:2]) for name, values in outputs.items()}

    def summed_parts(self, inputs: request_graph.Batch) -> tuple[Parts, tf.Tensor]:
        """Sums over all the batch's candidates by group, float [width], and their number, float."""
        given = tf.cast(inputs[request_graph.CANDIDATES] != features.PADDING_ID, tf.float32)[
            ..., tf.newaxis
        ]
        sums = {
            group: tf.reduce_sum(part * given, axis=[0, 1])
            for group, part in self.parts(inputs, self.item_encoder).items()
        }
        return sums, tf.reduce_sum(given)

    def compute_loss(self, inputs: request_graph.Batch, training: bool = False) -> tf.Tensor:
        """Weighted sum of the list's loss and the objectives'; a scalar.

        Each of them is the mean over the requests, whose losses count by their weights.

        Args:
          inputs: see request_graph, with TARGET (at least one of each request found), WEIGHT and
              the objectives' labels.
          training: whether features and units are dropped at random.
        """
        outputs, targets = self(inputs, training=training), inputs[TARGET]
        labels = tf.reduce_max(tf.one_hot(targets, tf.shape(outputs[SCORE])[1]), axis=1)
        first = targets[:, 0]
        loss = self.rank_task(
            labels,
            outputs[SCORE],
            sample_weight=inputs[WEIGHT],
            training=training,
            compute_metrics=False,
        )
        for name, objective in self.objectives.items():
            label = inputs[objective_label(name)]
            known = ~tf.math.is_nan(label) & (first >= 0)
            logits = tf.gather(outputs[objective_logit(name)], tf.maximum(first, 0), batch_dims=1)
            loss += objective.weight * self.objective_tasks[name](
                tf.where(known, label, 0.0)[:, tf.newaxis],
                logits[:, tf.newaxis],
                sample_weight=inputs[WEIGHT] * tf.cast(known, tf.float32),
                training=training,
                compute_metrics=False,
            )
        return loss


def _groups(settings: Settings, known: Known) -> tuple[str, ...]:
    """The groups that are on and have a feature.

    Raises:
      strict.ConfigError: none is.
    """
    options, data = settings.ranking.model, settings.data
    on = {
        RECALL: options.recall_score,
        STATISTICS: options.statistics and bool(known.statistics),
        ITEM: options.item_vectors
        or (options.item_features and bool(features.item_features(data))),
        PROFILE: options.profile and bool(features.user_features(data)),
        CONTEXT: options.context,
        CROSSES: options.crosses and bool(settings.features.crosses),
        ATTENTION: options.target_attention,
    }
    if not any(on.values()):
        raise strict.ConfigError(
            "ranking.model: no group of features is left; switch one on, for example recall_score."
        )
    return tuple(group for group in GROUPS if on[group])
