"""From a raw request and its candidates to the model's inputs: one graph for training and serving.

The inputs of the rank model, B requests of C candidates (padded with row 0) and n = `history` + 1
events, the request last:

  <event feature>_xf    int64 or float32 [B, n], as recall's `input_data.Layout` says, padded on the
                        right
  <user feature>_xf     the profile, the same
  candidate_rows        int64 [B, C], rows of the catalogue: 0 pads, N+1 is an unknown item
  recall                float32 [B, C, 3], see layers/recall_place.py
  statistics            float32 [B, C, F], see statistic_features.py
  session               float32 [B, 4], see layers/session.py; [B, 1] where events have no times
  missing_inputs        int32 [B], values of the profile and of the request's context that were
                        missing or unknown, so that a default took their place

What the statistics are looked up for is there until `with_statistics` has done so: the whole
history, which is longer than what the model sees; and where repeats are allowed, what came before
it (entries.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf

from modules import config, features, ragged, requests
from modules.ranking import entries as entries_lib
from modules.ranking import statistic_features
from modules.ranking.layers import recall_place, session
from modules.recall import input_data

CANDIDATES = "candidate_rows"
RECALL = "recall"
STATISTICS = "statistics"
SESSION = "session"
MISSING_INPUTS = "missing_inputs"
_HISTORY, _TIMESTAMPS, _MOMENT = _PAST = ("history_rows", "history_timestamps", "moment")

Batch = Mapping[str, tf.Tensor]
_DELTA = features.transformed_name(features.TIME_DELTA)
_SEEN = features.transformed_name(features.SEEN_ITEM_ID)


def input_specs(data: config.Data) -> dict[str, tf.TensorSpec]:
    """The inputs of a rank request by name.

    They are those of `requests`, `candidate_item_id` string [B, C] padded with "", and
    `recall_score` float32 [B, C].
    """
    specs = requests.input_specs(data, exclusions=False)
    for name, dtype in (
        (features.CANDIDATE_ITEM_ID, tf.string),
        (features.RECALL_SCORE, tf.float32),
    ):
        specs[name] = tf.TensorSpec([None, None], dtype, name=name)
    return specs


class RequestGraph:
    """All but the statistics, which differ between the parts of the training requests."""

    def __init__(
        self,
        data: config.Data,
        transform: Callable[[Mapping[str, tf.Tensor]], Mapping[str, tf.Tensor]],
        *,
        max_history: int,
        history: int,
        longest_list: int,
        sizes: Mapping[str, int],
    ) -> None:
        """Prepares requests with the Transform graph of the model.

        Args:
          data: the declared columns.
          transform: the Transform graph, from raw features to transformed ones.
          max_history: events that the statistics look at.
          history: events that the model looks at.
          longest_list: recall ranks beyond it count as this one.
          sizes: for each categorical feature its number of ids, the unknown one included.
        """
        self._data, self.transform, self._sizes = data, transform, sizes
        self._max_history, self._longest_list = max_history, longest_list
        self._layout = input_data.Layout.of(data, min(history, max_history))

    def __call__(self, inputs: Batch) -> dict[str, tf.Tensor]:
        """The model's inputs but `statistics`, see the module; `inputs` as `input_specs` says."""
        raw = requests.to_raw_features(inputs, self._data)
        given = inputs[features.CANDIDATE_ITEM_ID] != ""
        # a list of ids that Transform knows, whatever its name
        candidates = ragged.whole(inputs[features.CANDIDATE_ITEM_ID])
        transformed = self.transform({**raw, features.SEEN_ITEM_ID: candidates})
        rows = tf.reshape(transformed[_SEEN].flat_values, tf.shape(given))
        rows = tf.where(given, rows, features.PADDING_ID)
        result = input_data.dense_request(transformed, self._layout)
        result[CANDIDATES] = rows
        result[RECALL] = recall_place.numbers(
            inputs[features.RECALL_SCORE], given, self._longest_list
        )
        result[SESSION] = self._session(transformed)
        result[MISSING_INPUTS] = self._missing(inputs, transformed)
        past = ragged.Last.of(transformed[input_data.ITEMS], self._max_history, skip=1)
        result[_HISTORY] = past.dense(transformed[input_data.ITEMS])
        result[_TIMESTAMPS] = past.dense(raw[features.EVENT_TIMESTAMP])
        times = raw[features.EVENT_TIMESTAMP]  # the request's is the last
        result[_MOMENT] = tf.gather(times.flat_values, times.row_splits[1:] - 1)
        if self._data.allows_repeats:
            most = self._max_history + 1  # events that the request has one by one
            result |= entries_lib.Entries.of_request(inputs, raw, transformed, most).to_batch()
        return result

    def _session(self, transformed: Mapping[str, tf.RaggedTensor]) -> tf.Tensor:
        last = ragged.Last.of(transformed[input_data.ITEMS], self._max_history + 1)
        lengths = tf.cast(last.lengths, tf.int32)
        if self._data.events.is_timeless:
            return session.length(lengths)
        return session.numbers(last.dense(transformed[_DELTA]), lengths)

    def _missing(
        self, inputs: Batch, transformed: Mapping[str, tf.Tensor | tf.RaggedTensor]
    ) -> tf.Tensor:
        """How many profile and request context features are missing or unknown, int32 [B]."""
        found = [tf.zeros(tf.shape(inputs[features.EVENT_ITEM_ID])[:1], tf.int32)]
        for spec in (*features.user_features(self._data), *features.context_features(self._data)):
            sent = inputs[features.request_name(spec) if spec.is_sequence else spec.name]
            values = transformed[spec.transformed]
            if spec.kind == "numeric":
                missing = tf.math.is_nan(sent)
            elif spec.kind == "vector":
                missing = tf.reduce_any(tf.math.is_nan(sent), axis=1)
            elif spec.kind == "categorical":
                missing = values[:, -1:].flat_values if spec.is_sequence else values[:, 0]
                missing = (missing == self._sizes[spec.name] - 1) | _lacks(sent, spec)
            else:
                missing = tf.reduce_any(values == self._sizes[spec.name] - 1, axis=1)
                missing |= tf.reduce_all(sent == "", axis=1)
            found.append(tf.cast(missing, tf.int32))
        return tf.add_n(found)


def with_statistics(
    batch: Batch, statistics: statistic_features.StatisticFeatures | None
) -> dict[str, tf.Tensor]:
    """What `RequestGraph` gives, with the features of any statistics in place of what they need."""
    result = {n: value for n, value in entries_lib.without(batch).items() if n not in _PAST}
    if statistics is not None:
        result[STATISTICS] = statistics(
            batch[_HISTORY],
            batch[_TIMESTAMPS],
            batch[_MOMENT],
            batch[CANDIDATES],
            entries_lib.Entries.of_batch(batch),
        )
    return result


def _lacks(sent: tf.Tensor, spec: features.Feature) -> tf.Tensor:
    """Whether each text of [B] is empty or declared to mean nothing: bool [B]."""
    return tf.reduce_any(sent[:, tf.newaxis] == tf.constant(["", *spec.spec.missing]), axis=1)
