"""Batches of sequences for the recall model, from the transformed examples.

A sequence holds the events e_0..e_n of a window; the query at place p is made of e_0..e_{p-1} and
the request of e_p (see `query_tower`), so every event is both a target and, for the later ones,
history. A window that does not start the user's history gives its first event up (it is there for
the next one's time delta) and its new first event is no target, because what came before it is
unknown.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
from numpy import typing as npt

from modules import config, features, ragged
from modules.recall import item_tower, training_events

TARGET_WEIGHT = "target_weight"  # float [length]: 0 where an event is no target
SEEN = features.transformed_name(features.SEEN_ITEM_ID)
TARGETS = features.transformed_name(features.TARGET_ITEM_ID)
ITEMS = features.transformed_name(features.EVENT_ITEM_ID)
ACTIONS = features.transformed_name(features.EVENT_ACTION_TYPE)
_EVENT_WEIGHT = features.transformed_name(features.EVENT_WEIGHT)
_WINDOW_START = features.transformed_name(features.WINDOW_START)
_DELTA = features.transformed_name(features.TIME_DELTA)
_PARSE_BATCH = 256
_SHUFFLE_BUFFER = 20_000  # sequences
_SHUFFLED_BATCHES = 64
_BUCKETS = (8, 16, 24, 32, 48, 64, 80, 96, 128, 160, 200, 256, 320, 400, 512, 768, 1024)

Batch = Mapping[str, tf.Tensor]
Spec = Mapping[str, tf.io.RaggedFeature | tf.io.FixedLenFeature]


@dataclasses.dataclass(frozen=True)
class Layout:
    """Which transformed features a sequence holds, and how they are padded."""

    events: tuple[str, ...]  # one value an event
    scalars: tuple[str, ...]  # one value a user
    vectors: Mapping[str, int]  # name: dimension
    lists: tuple[str, ...]  # multi-valued profile features, padded with -1
    max_history: int

    @classmethod
    def of(cls, data: config.Data, max_history: int) -> Layout:
        users = features.user_features(data)
        per_event = (
            *features.time_features(data),
            *(f.name for f in features.event_features(data)),
            *(f.name for f in features.context_features(data)),
        )
        return cls(
            events=(ITEMS, *map(features.transformed_name, per_event)),
            scalars=tuple(f.transformed for f in users if f.kind in ("categorical", "numeric")),
            vectors={
                f.transformed: int(f.spec.dimension or 0) for f in users if f.kind == "vector"
            },
            lists=tuple(f.transformed for f in users if f.kind == "multi_categorical"),
            max_history=max_history,
        )

    def padding(self, name: str, dtype: tf.DType) -> tf.Tensor:
        return tf.constant(-1 if name in self.lists else 0, dtype)


def dense_request(
    transformed: Mapping[str, tf.Tensor | tf.RaggedTensor], layout: Layout
) -> dict[str, tf.Tensor]:
    """Model inputs for requests that went through Transform; a row's last event is its request.

    Args:
      transformed: by name, [batch, ...], ragged where a row holds any number of values.
      layout: which features the model takes, and how many events it sees.

    Returns:
      The model's inputs: the last `max_history` events and the request, padded on the right.
    """
    last = ragged.Last.of(transformed[ITEMS], layout.max_history + 1)
    inputs = {name: last.dense(transformed[name]) for name in layout.events}
    inputs |= {name: tf.reshape(transformed[name], [-1]) for name in layout.scalars}
    inputs |= {
        name: tf.reshape(transformed[name], [-1, size]) for name, size in layout.vectors.items()
    }
    return inputs | {name: transformed[name].to_tensor(-1) for name in layout.lists}


def every(patterns: Sequence[str], most: int) -> tuple[int, int]:
    """(the least n so that every n-th example makes no more than `most`, number of examples)."""
    number = int(_records(patterns).reduce(np.int64(0), lambda n, _: n + 1))
    return max(1, -(-number // most)), number


def _records(patterns: Sequence[str]) -> tf.data.Dataset:
    """The files' serialised examples, in the order of their names."""
    files = sorted(f for pattern in patterns for f in tf.io.gfile.glob(pattern))
    if not files:
        raise ValueError(
            f"No transformed examples match {list(patterns)}; let Transform materialise them."
        )
    return tf.data.TFRecordDataset(files, compression_type="GZIP", num_parallel_reads=None)


def read_examples(
    patterns: Sequence[str], spec: Spec, names: Sequence[str], stride: int = 1
) -> tf.data.Dataset:
    """The files' transformed examples, {name: tensor without batch axis}, in file order.

    Only every `stride`-th is read.
    """
    wanted = {name: spec[name] for name in names}
    return (
        _records(patterns)
        .shard(stride, 0)
        .batch(_PARSE_BATCH)
        .map(lambda rows: tf.io.parse_example(rows, wanted), tf.data.AUTOTUNE)
        .unbatch()
    )


def sequences(
    patterns: Sequence[str],
    spec: Spec,
    layout: Layout,
    unknown_item: int,
    *,
    only_last: bool,
    event_weights: bool = False,
    action_weights: npt.NDArray[np.float32] | None = None,
    repeat_weight: float = 1.0,
    stride: int = 1,
) -> tf.data.Dataset:
    """Sequences with their target weights, one a window.

    Args:
      patterns: of the files of transformed examples.
      spec: of their features.
      layout: which features a sequence holds, and how many events.
      unknown_item: id of items outside the vocabulary, which are history but no targets.
      only_last: the last event is the only target (validation and test), and TARGETS holds all
          items that were taken at its moment.
      event_weights: whether each target has its event's own weight.
      action_weights: float [actions + 1], a factor of a target's weight by its transformed action
          type.
      repeat_weight: a factor of a target's weight whose item stands before it in the sequence.
      stride: of the examples, every how manieth is read.
    """
    whole = [*layout.vectors, *layout.lists, SEEN, *([TARGETS] if only_last else [])]
    names = [*layout.events, *layout.scalars, *whole, _WINDOW_START]
    names += [_EVENT_WEIGHT] if event_weights else []

    def trim(example: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        length = tf.size(example[ITEMS])
        continued = (tf.squeeze(example[_WINDOW_START]) > 0) | (length > layout.max_history + 1)
        first = tf.maximum(tf.cast(continued, tf.int32), length - layout.max_history - 1)
        kept = {name: example[name][first:] for name in layout.events}
        kept |= {name: tf.squeeze(example[name], 0) for name in layout.scalars}
        kept |= {name: example[name] for name in whole}
        items = kept[ITEMS]
        place = tf.range(tf.size(items))
        known = (items != features.PADDING_ID) & (items != unknown_item)
        target = known & (
            (place == tf.size(items) - 1) if only_last else ((place > 0) | ~continued)
        )
        kept[TARGET_WEIGHT] = tf.cast(target, tf.float32)
        if event_weights:
            kept[TARGET_WEIGHT] *= example[_EVENT_WEIGHT][first:]
        if action_weights is not None:
            kept[TARGET_WEIGHT] *= tf.gather(tf.constant(action_weights, tf.float32), kept[ACTIONS])
        if repeat_weight != 1.0:
            kept[TARGET_WEIGHT] *= tf.where(repeated(items), repeat_weight, 1.0)
        return kept

    return read_examples(patterns, spec, names, stride).map(trim, tf.data.AUTOTUNE)


def repeated(items: tf.Tensor) -> tf.Tensor:
    """Whether each of int64 [n] stands before its place, too: bool [n]."""
    distinct, number = tf.unique(items)
    place = tf.range(tf.size(items))
    first = tf.math.unsorted_segment_min(place, number, tf.size(distinct))
    return place > tf.gather(first, number)


def moments(batch: Batch) -> tf.Tensor:
    """Numbers of the moments of a batch's events: those of one user and one time share theirs.

    Returns:
      int32 [batch, length], 0 to batch * (length + 1) - 1; each its own where there are no times.
    """
    rows, length = tf.unstack(tf.shape(batch[ITEMS]))
    delta = batch.get(_DELTA)
    later = tf.ones_like(batch[ITEMS], tf.int32) if delta is None else tf.cast(delta != 0, tf.int32)
    return tf.cumsum(later, axis=1) + (length + 1) * tf.range(rows)[:, tf.newaxis]


def batches(
    examples: tf.data.Dataset, layout: Layout, batch_positions: int, most: int | None = None
) -> tf.data.Dataset:
    """Pads sequences of like length together.

    A batch holds about `batch_positions` places, and no more than `most` sequences.
    """
    lengths, sizes = batch_sizes(layout, batch_positions, most)
    spec = examples.element_spec
    return examples.bucket_by_sequence_length(
        element_length_func=lambda e: tf.size(e[ITEMS]),
        bucket_boundaries=[length + 1 for length in lengths],  # exclusive
        bucket_batch_sizes=[*sizes, 1],
        padded_shapes={name: s.shape for name, s in spec.items()},
        padding_values={name: layout.padding(name, s.dtype) for name, s in spec.items()},
    )


def training_batches(
    examples: tf.data.Dataset, layout: Layout, settings: config.Training, epoch: int
) -> tf.data.Dataset:
    """One epoch, its order from (seed, epoch) alone, so that a resumed training keeps to it."""
    seed = settings.seed * 100_003 + epoch
    if settings.shuffle_ties:
        examples = examples.enumerate().map(
            lambda n, example: shuffle_ties(example, layout, tf.stack([seed, n])), tf.data.AUTOTUNE
        )
    shuffled = examples.shuffle(_SHUFFLE_BUFFER, seed=seed, reshuffle_each_iteration=False)
    mixed = batches(shuffled, layout, settings.batch_positions)
    return mixed.shuffle(_SHUFFLED_BATCHES, seed=seed, reshuffle_each_iteration=False).prefetch(2)


def shuffle_ties(example: Batch, layout: Layout, seed: tf.Tensor) -> Batch:
    """A sequence with its simultaneous events in another order, which is as good as theirs.

    The time features stay in place: they are the same for all events of one second, but that the
    first carries the delta to the second before. An event that only opens a continued window
    (weight 0) stays first.
    """
    delta = example[_DELTA]
    second = tf.cast(tf.cumsum(tf.cast(delta != 0, tf.int32)), tf.float32)
    key = second + tf.random.stateless_uniform(tf.shape(delta), seed)
    opens = (tf.range(tf.size(delta)) == 0) & (example[TARGET_WEIGHT] == 0)
    order = tf.argsort(tf.where(opens, -1.0, key))
    moved = [
        n for n in layout.events if n not in map(features.transformed_name, features.TIME_FEATURES)
    ]
    return {
        **example,
        **{name: tf.gather(example[name], order) for name in (*moved, TARGET_WEIGHT)},
    }


def batch_sizes(
    layout: Layout, batch_positions: int, most: int | None = None
) -> tuple[list[int], list[int]]:
    """Each bucket's longest sequence and batch size in sequences; arguments as for `batches`."""
    longest = layout.max_history + 1
    lengths = [b for b in _BUCKETS if b < longest] + [longest]
    return lengths, [
        max(1, min(batch_positions // length, most or batch_positions)) for length in lengths
    ]


@dataclasses.dataclass(frozen=True)
class Summary:
    """What one pass over the training sequences tells.

    Attributes:
      counts: int64 [items + 2], how often each item is a target.
      steps: batches of an epoch.
      events: all of them, window by window.
    """

    counts: npt.NDArray[np.int64]
    steps: int
    events: training_events.Events


def summarise(
    examples: tf.data.Dataset, layout: Layout, batch_positions: int, rows: int
) -> Summary:
    """Passes over the training sequences once; `rows` is the number of item ids."""
    lengths, sizes = batch_sizes(layout, batch_positions)
    members, windows = np.zeros(len(lengths), np.int64), []
    for example in examples.as_numpy_iterator():
        items = example[ITEMS]
        members[np.searchsorted(lengths, len(items))] += 1
        tied = example[_DELTA] == 0 if _DELTA in example else np.zeros(len(items), bool)
        windows.append((items, example[TARGET_WEIGHT] > 0, tied))
    events = training_events.Events.of(windows)
    counts = np.bincount(events.items[events.targets], minlength=rows)
    return Summary(counts, int(np.sum(-(-members // np.array(sizes)))), events)


def read_catalogue(
    patterns: Sequence[str],
    spec: Spec,
    specs: Sequence[features.Feature],
    sizes: Mapping[str, int],
    ids: Sequence[bytes],
    counts: npt.NDArray[np.int64],
) -> item_tower.Catalogue:
    """The catalogue's features by item id.

    Padding and the unknown item have what Transform gives for a value that it does not know: of a
    category the last id, zeros (the mean) of numbers, and no values of a list.

    Args:
      patterns: of the files of the transformed catalogue.
      spec: of their features.
      specs: the item features that the model uses.
      sizes: for each categorical feature its number of ids, the unknown one included.
      ids: the vocabulary.
      counts: see `item_tower.Catalogue`.
    """
    item_id = features.transformed_name(features.ITEM_ID)
    wanted = [item_id, *(s.transformed for s in specs)]
    examples = list(read_examples(patterns, spec, wanted).as_numpy_iterator())
    rows = np.array([int(e[item_id][0]) for e in examples], np.int64)
    table = {}
    for feature in specs:
        values = [e[feature.transformed] for e in examples]
        if feature.kind == "multi_categorical":
            column = np.full([len(ids) + 2, max([1, *map(len, values)])], -1, np.int64)
            for row, value in zip(rows, values):
                column[row, : len(value)] = value
        else:
            stacked = np.stack(values) if feature.kind == "vector" else np.concatenate(values)
            unknown = sizes[feature.name] - 1 if feature.kind == "categorical" else 0
            column = np.full([len(ids) + 2, *stacked.shape[1:]], unknown, stacked.dtype)
            column[rows] = stacked
        table[feature.transformed] = column
    return item_tower.Catalogue(ids, table, counts)
