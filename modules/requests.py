"""What a client sends: the SavedModels' raw input signature, and its way into the Transform graph.

All inputs are dense, so that any TensorFlow Serving client can send them; B is the batch, n the
longest history:

  user_<column>            string [B], float32 [B] (numeric), float32 [B, dimension] (vector), or
                           string [B, any] padded with "" (multi_categorical)
  event_item_id            string [B, n], the past events; "" is padding, wherever it stands
  event_timestamp          int64 [B, n], Unix seconds; not where the events have no times
  event_<column>           string or float32 [B, n], what the user did; the same for
                           context_<column>
  request_timestamp        int64 [B], Unix seconds; not where the events have no times
  request_<column>         string or float32 [B], the context of the request itself
  earlier_item_id          string [B, e] padded with "", where repeats are allowed: items of
                           events before those of `event_item_id`
  earlier_count            int64 [B, e], how many events each of them has
  earlier_first_timestamp, earlier_last_timestamp
                           int64 [B, e], of the first and the last of them (modules/earlier.py)
  exclude_item_id          string [B, m] padded with "", items that must not come back (recall only)

Events are put in the order of their timestamps, those of one second in the order given (the order
of the training data), so oldest first is not required, only usual. Without times, the order given
is theirs: oldest first. Missing values are "" or NaN; Transform puts the column's default. With
`data.request_time: hidden`, whatever `request_timestamp` says, the request has the time of its last
event, or 0 without any.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

import tensorflow as tf

from modules import config, features, ragged, request_arrays

EXCLUDE_ITEM_ID = request_arrays.EXCLUDE_ITEM_ID
RawExample = request_arrays.RawExample


def input_specs(data: config.Data, *, exclusions: bool) -> dict[str, tf.TensorSpec]:
    """The inputs of a request by name; `exclusions` adds `exclude_item_id`."""
    specs = {
        f.name: _spec(f.name, _dtype(f), _profile_shape(f)) for f in features.user_features(data)
    }
    specs[features.EVENT_ITEM_ID] = _spec(features.EVENT_ITEM_ID, tf.string, [None, None])
    if not data.events.is_timeless:
        specs[features.EVENT_TIMESTAMP] = _spec(features.EVENT_TIMESTAMP, tf.int64, [None, None])
        specs[features.REQUEST_TIMESTAMP] = _spec(features.REQUEST_TIMESTAMP, tf.int64, [None])
    for feature in (*features.event_features(data), *features.context_features(data)):
        specs[feature.name] = _spec(feature.name, _dtype(feature), [None, None])
    for feature in features.context_features(data):
        specs[features.request_name(feature)] = _spec(
            features.request_name(feature), _dtype(feature), [None]
        )
    if data.allows_repeats:
        for name, dtype in request_arrays.earlier_types().items():
            specs[name] = _spec(name, tf.string if dtype is object else tf.int64, [None, None])
    if exclusions:
        specs[EXCLUDE_ITEM_ID] = _spec(EXCLUDE_ITEM_ID, tf.string, [None, None])
    return specs


def to_raw_features(
    inputs: Mapping[str, tf.Tensor], data: config.Data
) -> dict[str, tf.RaggedTensor]:
    """Builds the raw features that Transform takes; the request becomes the last event, of item "".

    Args:
      inputs: as `input_specs` says; `exclude_item_id` is not looked at.
      data: the declared columns.

    Returns:
      All ragged: the profile [B, (values)], the events [B, (events + 1)], the earlier items. Lists
      keep their padding: Transform drops it, or gives it ids that nobody has.
    """
    result = {f.name: ragged.whole(inputs[f.name]) for f in features.user_features(data)}
    items = inputs[features.EVENT_ITEM_ID]
    timestamps = None if data.events.is_timeless else inputs[features.EVENT_TIMESTAMP]
    places, row_splits = _event_places(items != "", timestamps)

    def sequence(past: tf.Tensor, now: tf.Tensor) -> tf.RaggedTensor:
        """Past events [B, n] in order without padding, then the request's value [B]."""
        flat = tf.reshape(tf.concat([past, now[:, tf.newaxis]], axis=1), [-1])
        return tf.RaggedTensor.from_row_splits(tf.gather(flat, places), row_splits, validate=False)

    batch = tf.shape(items)[:1]
    result[features.EVENT_ITEM_ID] = sequence(items, tf.fill(batch, ""))
    if timestamps is None:
        result[features.EVENT_TIMESTAMP] = tf.ragged.range(row_splits[1:] - row_splits[:-1])
    else:
        now = inputs[features.REQUEST_TIMESTAMP]
        if data.hides_request_time:
            now = _latest(items != "", timestamps)
        result[features.EVENT_TIMESTAMP] = sequence(timestamps, now)
    if data.allows_repeats:
        result[features.EARLIER_ITEM_ID] = ragged.whole(inputs[features.EARLIER_ITEM_ID])
    for feature in features.event_features(data):  # not known yet
        unknown = tf.constant(request_arrays.missing(feature), _dtype(feature))
        result[feature.name] = sequence(inputs[feature.name], tf.fill(batch, unknown))
    for feature in features.context_features(data):
        result[feature.name] = sequence(
            inputs[feature.name], inputs[features.request_name(feature)]
        )
    return result


def read_raw_example(serialized: bytes, names: Container[str] | None = None) -> RawExample:
    """Parses one tf.Example into lists of bytes, floats or integers by feature name.

    Only features of these names, if they are given: an example may carry all that a user has seen.
    """
    example = tf.train.Example.FromString(serialized)
    return {
        name: list(getattr(value, value.WhichOneof("kind")).value)
        if value.WhichOneof("kind")
        else []
        for name, value in example.features.feature.items()
        if names is None or name in names
    }


def _event_places(given: tf.Tensor, timestamps: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Where the given events and then the request stand, in their order, once for all columns.

    Args:
      given: bool [B, n], False for padding.
      timestamps: int64 [B, n]; None where the order given is that of the events.

    Returns:
      int32 [all events + B], places in a flat [B, n + 1] of which the last column is the request's,
      and the row splits, int64 [B + 1].
    """
    rows, events = tf.unstack(tf.shape(given))
    if timestamps is None:
        timestamps = tf.zeros_like(given, tf.int64)
    order = tf.argsort(tf.where(given, timestamps, timestamps.dtype.max), axis=1, stable=True)
    lengths = tf.reduce_sum(tf.cast(given, tf.int32), axis=1)
    column = tf.range(events + 1)
    kept = (column < lengths[:, tf.newaxis]) | (column == events)
    places = tf.pad(order, [[0, 0], [0, 1]], constant_values=events)
    places += (events + 1) * tf.range(rows)[:, tf.newaxis]
    row_splits = tf.pad(tf.cumsum(tf.cast(lengths, tf.int64) + 1), [[1, 0]])
    return tf.gather_nd(places, tf.where(kept)), row_splits


def _latest(given: tf.Tensor, timestamps: tf.Tensor) -> tf.Tensor:
    """Time of the last of the given events [B, n], int64 [B]; 0 without any."""
    lowest = timestamps.dtype.min
    latest = tf.reduce_max(tf.where(given, timestamps, lowest), axis=1)
    return tf.where(latest > lowest, latest, 0)


def _spec(name: str, dtype: tf.DType, shape: list[int | None]) -> tf.TensorSpec:
    return tf.TensorSpec(shape, dtype, name=name)


def _profile_shape(feature: features.Feature) -> list[int | None]:
    if feature.kind == "vector":
        return [None, feature.spec.dimension]
    return [None, None] if feature.kind == "multi_categorical" else [None]


def _dtype(feature: features.Feature) -> tf.DType:
    return tf.float32 if request_arrays.is_number(feature) else tf.string
