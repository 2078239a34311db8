"""All that a request knows of the user's past, as entries: past events, and earlier items.

An event is an entry of one. What the user did before these events comes by item
(modules/earlier.py): each is an entry of as many events. Together they are the whole known history,
without overlap.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import tensorflow as tf

from modules import features, ragged
from modules.recall import input_data

_PREFIX = "entry_"
_EARLIER = features.transformed_name(features.EARLIER_ITEM_ID)


@dataclasses.dataclass(frozen=True)
class Entries:
    """M entries of each of B requests, in any order.

    Attributes:
      rows: int64 [B, M], rows of the items; 0 pads, N+1 is an unknown item.
      counts: int64 [B, M], events that the entry stands for.
      first: int64 [B, M], time of the first of them, Unix seconds; the event's number where events
          have no times.
      last: int64 [B, M], of the last of them.
      events_since: int64 [B, M], past events after it; of an earlier item, all of them.
      baskets_since: int64 [B, M], distinct times of these.
      is_event: bool [B, M], whether it is a past event, not an earlier item.
    """

    rows: tf.Tensor
    counts: tf.Tensor
    first: tf.Tensor
    last: tf.Tensor
    events_since: tf.Tensor
    baskets_since: tf.Tensor
    is_event: tf.Tensor

    @classmethod
    def of_request(
        cls,
        inputs: Mapping[str, tf.Tensor],
        raw: Mapping[str, tf.RaggedTensor],
        transformed: Mapping[str, tf.RaggedTensor],
        most: int,
    ) -> Entries:
        """Reads a request.

        Args:
          inputs: of the request, see modules/requests.py.
          raw: what `requests.to_raw_features` makes of it.
          transformed: what Transform makes of that.
          most: past events that count; the others are those that the request knows by item.
        """
        items = transformed[input_data.ITEMS]
        past = ragged.Last.of(items, most, skip=1)
        rows, times = past.dense(items), past.dense(raw[features.EVENT_TIMESTAMP])
        given, lengths = tf.cast(past.given, tf.int64), past.lengths[:, tf.newaxis]
        events_since = lengths - tf.cumsum(given, axis=1)  # 0 of the last one, and of padding
        differs = tf.cast(times != tf.roll(times, -1, axis=1), tf.int64)
        last_of_basket = differs * tf.minimum(events_since, 1)  # but for the last basket
        baskets_since = tf.cumsum(last_of_basket, axis=1, reverse=True)
        baskets = tf.reduce_sum(last_of_basket, axis=1, keepdims=True) + tf.minimum(lengths, 1)

        ids = inputs[features.EARLIER_ITEM_ID]
        earlier = tf.reshape(transformed[_EARLIER].flat_values, tf.shape(ids))
        everywhere = tf.zeros_like(earlier)

        def joined(of_events: tf.Tensor, of_earlier: tf.Tensor) -> tf.Tensor:
            return tf.concat([of_events, of_earlier], axis=1)

        return cls(
            rows=joined(rows, tf.where(ids != "", earlier, features.PADDING_ID)),
            counts=joined(given, inputs[features.EARLIER_COUNT]),
            first=joined(times, inputs[features.EARLIER_FIRST]),
            last=joined(times, inputs[features.EARLIER_LAST]),
            events_since=joined(events_since, everywhere + lengths),
            baskets_since=joined(baskets_since, everywhere + baskets),
            is_event=joined(past.given, tf.zeros_like(earlier, tf.bool)),
        )

    def to_batch(self) -> dict[str, tf.Tensor]:
        """The entries as tensors of a batch, by name."""
        return {f"{_PREFIX}{name}": values for name, values in vars(self).items()}

    @classmethod
    def of_batch(cls, batch: Mapping[str, tf.Tensor]) -> Entries | None:
        """What `to_batch` put there, if it did."""
        names = {field.name: f"{_PREFIX}{field.name}" for field in dataclasses.fields(cls)}
        if not batch.keys() >= set(names.values()):
            return None
        return cls(**{field: batch[name] for field, name in names.items()})


def without(batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """A batch without entries."""
    return {name: values for name, values in batch.items() if not name.startswith(_PREFIX)}
