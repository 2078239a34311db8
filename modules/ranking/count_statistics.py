"""Counts statistics on Beam: parsed examples of windows and the catalogue -> one `Statistics`."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from numpy import typing as npt

from modules import config, features, ranking_config, requests
from modules.beam import counting, loaded, stripes
from modules.evaluation import ease
from modules.ranking import count_returns, statistics, tabulate

# row (PADDING_ID: of no catalogue), Unix seconds, feedback
Event = tuple[int, int, tuple[float, ...]]
History = tuple[bytes, list[Event]]


class CountStatistics(beam.PTransform):
    """Parsed examples of a split of training windows -> one `statistics.Statistics`."""

    def __init__(
        self,
        data: config.Data,
        settings: ranking_config.Statistics,
        transform_folder: str,
        categories: beam.pvalue.AsSingleton,
    ) -> None:
        """Counts with the transform graph's numbers of items and categories.

        Args:
          data: the declared columns.
          settings: what is counted, and how many neighbours are kept.
          transform_folder: of the transform graph, whose vocabulary numbers the items.
          categories: what `ReadCategories` gives.
        """
        super().__init__()
        self._data, self._settings, self._folder = data, settings, transform_folder
        self._categories = categories

    def expand(self, examples: beam.PCollection) -> beam.PCollection:
        histories = (
            examples
            | "BatchWindows" >> beam.BatchElements(min_batch_size=16, max_batch_size=256)
            | "Events" >> beam.ParDo(_KeyEvents(self._data, self._folder))
            | "Histories" >> counting.InOrder()
        )
        counts = (
            histories
            | "ByDay" >> beam.FlatMap(_by_day)
            | "SumDays" >> beam.CombinePerKey(counting.AddEach())
            | "CollectDays" >> beam.CombineGlobally(counting.Collect(tabulate.DayCounts.of))
        )
        batches = histories | "Batch" >> beam.BatchElements(min_batch_size=64, max_batch_size=1024)
        kept = self._settings.neighbours
        following = (
            batches
            | "Following" >> beam.FlatMap(_following, self._settings.distance)
            | "KeepFollowing" >> _Strongest(kept, stripes.unit(self._settings.distance))
        )
        together = (
            batches
            | "Together" >> beam.FlatMap(_together, self._settings)
            | "KeepTogether" >> _Strongest(kept)
        )
        similarity = (
            histories
            | "Items" >> beam.Map(_distinct_rows)
            | "CollectItems"
            >> beam.CombineGlobally(
                counting.Collect(functools.partial(_similarity, self._settings, self._folder))
            )
        )
        spans = (
            histories | "Span" >> beam.Map(_span) | "AddSpans" >> beam.CombineGlobally(_add_spans)
        )
        returns = {}
        if self._data.allows_repeats:
            found = histories | "Returns" >> count_returns.CountReturns()
            returns["returns"] = beam.pvalue.AsSingleton(found)
        return spans | "Tabulate" >> beam.ParDo(
            _Tabulate(self._data, self._folder),
            counts=beam.pvalue.AsSingleton(counts),
            following=beam.pvalue.AsSingleton(following),
            together=beam.pvalue.AsSingleton(together),
            similarity=beam.pvalue.AsSingleton(similarity),
            categories=self._categories,
            **returns,
        )


class ReadCategories(beam.PTransform):
    """Parsed catalogue examples -> one dict of `statistics.Categories`, their shares still zero."""

    def __init__(self, data: config.Data, transform_folder: str) -> None:
        super().__init__()
        self._data, self._folder = data, transform_folder

    def expand(self, catalogue: beam.PCollection) -> beam.PCollection:
        build = functools.partial(_categories, self._data, self._folder)
        return (
            catalogue
            | "Batch" >> beam.BatchElements(min_batch_size=64, max_batch_size=1024)
            | "Transform" >> beam.ParDo(_TransformItems(self._data, self._folder))
            | "Collect" >> beam.CombineGlobally(counting.Collect(build))
        )


@beam.typehints.with_output_types(tuple[bytes, list[tuple[int, Any]]])
class _KeyEvents(beam.DoFn):
    """(user, [(place in the history, event)]) of the targets of each of a batch of windows.

    Feedback is scaled by the transform graph, so that an absurd number does no harm here, either.
    """

    def __init__(self, data: config.Data, transform_folder: str) -> None:
        self._feedback = _feedback(data)
        self._folder = transform_folder

    def setup(self) -> None:
        self._rows = loaded.once(_Rows, self._folder).rows
        if self._feedback:
            self._layer = tft.TFTransformOutput(self._folder).transform_features_layer()

    def process(
        self, element: list[requests.RawExample]
    ) -> Iterator[tuple[bytes, list[tuple[int, Event]]]]:
        for example, feedback in zip(element, self._scaled(element)):
            start, times = example[features.WINDOW_START][0], example[features.EVENT_TIMESTAMP]
            rows = [
                self._rows.get(item, features.PADDING_ID)
                for item in example[features.EVENT_ITEM_ID]
            ]
            yield (
                example[features.USER_ID][0],
                [
                    (start + n, (rows[n], times[n], feedback[n]))
                    for n in counting.target_places(example)
                ],
            )

    def _scaled(self, examples: list[requests.RawExample]) -> list[list[tuple[float, ...]]]:
        """All feedback of each event of each example."""
        if not self._feedback:
            return [[()] * len(example[features.EVENT_ITEM_ID]) for example in examples]
        raw = {
            f.name: tf.ragged.constant(
                [example[f.name] for example in examples],
                tf.float32,
                ragged_rank=1,
                row_splits_dtype=tf.int64,
            )
            for f in self._feedback
        }
        found = self._layer(raw)
        columns = [found[f.transformed].to_list() for f in self._feedback]
        return [list(zip(*lists)) for lists in zip(*columns)]


class _Rows:
    """Rows by item id; an object, for `shared` holds no plain dict."""

    def __init__(self, transform_folder: str) -> None:
        ids = tft.TFTransformOutput(transform_folder).vocabulary_by_name(features.ITEM_VOCABULARY)
        self.rows = {item: row for row, item in enumerate(ids, start=1)}


def _by_day(history: History) -> Iterator[tuple[tuple[int, int], tuple[float, ...]]]:
    """((row, day), (1, each feedback, its square)) of the events with a row."""
    for row, time, feedback in history[1]:
        if row != features.PADDING_ID:
            squares = (number for value in feedback for number in (value, value * value))
            yield (row, time // statistics.SECONDS_A_DAY), (1.0, *squares)


class _Strongest(beam.PTransform):
    """Workers' (item, stripe) -> one list of `tabulate.Row`: each item's strongest neighbours."""

    def __init__(self, kept: int, unit: int = 1) -> None:
        """Keeps the strongest `kept` neighbours of each item.

        Args:
          kept: neighbours of an item.
          unit: of the stripes' weights, a whole number to the unit 1.
        """
        super().__init__()
        self._kept, self._unit = kept, unit

    def expand(self, found: beam.PCollection) -> beam.PCollection:
        return (
            found
            | "Sum" >> beam.CombinePerKey(stripes.Sum())
            | "Strongest" >> beam.Map(_strongest, self._kept, self._unit)
            | "Collect" >> beam.CombineGlobally(counting.Collect(list))
        )


def _following(histories: Iterable[History], distance: int) -> Iterator[tuple[int, stripes.Stripe]]:
    return stripes.rows(stripes.following(_histories(histories), distance))


def _together(
    histories: Sequence[History], settings: ranking_config.Statistics
) -> Iterator[tuple[int, stripes.Stripe]]:
    times = [time for _, events in histories for _, time, _ in events]
    return stripes.rows(
        stripes.together(
            _histories(histories),
            np.array(times, np.int64),
            settings.session_seconds,
            settings.session_events,
        )
    )


def _histories(histories: Iterable[History]) -> stripes.Histories:
    """The items with a row; the others keep their place in the history."""
    return stripes.Histories.of(
        [row if row != features.PADDING_ID else -1 for row, _, _ in events]
        for _, events in histories
    )


def _strongest(element: tuple[int, stripes.Stripe], kept: int, unit: int) -> tabulate.Row:
    """The neighbours that are kept; of equally strong ones those with the smaller rows."""
    row, (columns, weights) = element
    order = np.lexsort((columns, -weights))[:kept]
    return row, columns[order], weights[order] / unit


def _distinct_rows(history: History) -> npt.NDArray[np.int64]:
    return np.unique([row for row, _, _ in history[1] if row != features.PADDING_ID]).astype(
        np.int64
    )


def _similarity(
    settings: ranking_config.Statistics,
    transform_folder: str,
    users: Sequence[npt.NDArray[np.int64]],
) -> statistics.Neighbours | None:
    """EASE, if the catalogue is small enough for it."""
    rows = _rows(transform_folder)
    if rows - 2 > settings.similarity_items:
        return None
    return statistics.Neighbours.of(ease.fit(users, rows), settings.neighbours)


def _span(history: History) -> tabulate.Span:
    times = [time for row, time, _ in history[1] if row != features.PADDING_ID]
    return tabulate.Span(1, min(times, default=None), max(times, default=None))


def _add_spans(spans: Iterable[tabulate.Span]) -> tabulate.Span:
    return functools.reduce(operator.add, spans, tabulate.Span(0))


class _Tabulate(beam.DoFn):
    """Collected counts -> `statistics.Statistics`."""

    def __init__(self, data: config.Data, transform_folder: str) -> None:
        self._feedback, self._folder = [f.name for f in _feedback(data)], transform_folder

    def process(
        self,
        element: tabulate.Span,
        counts: tabulate.DayCounts,
        following: list[tabulate.Row],
        together: list[tabulate.Row],
        similarity: statistics.Neighbours | None,
        categories: dict[str, statistics.Categories],
        returns: list[tabulate.Returns] | None = None,
    ) -> Iterator[statistics.Statistics]:
        yield tabulate.tabulate(
            counts,
            element,
            following,
            categories,
            self._feedback,
            _rows(self._folder),
            together,
            similarity,
            returns,
        )


@beam.typehints.with_output_types(tuple[int, dict[str, list[int]]])
class _TransformItems(beam.DoFn):
    """Batch of parsed items -> (row, {feature: transformed ids}) each."""

    def __init__(self, data: config.Data, transform_folder: str) -> None:
        self._features, self._folder = _categorical(data), transform_folder

    def setup(self) -> None:
        self._layer = tft.TFTransformOutput(self._folder).transform_features_layer()

    def process(
        self, element: list[requests.RawExample]
    ) -> Iterator[tuple[int, dict[str, list[int]]]]:
        names = (features.ITEM_ID, *(f.name for f in self._features))
        raw = {
            name: tf.ragged.constant(
                [e.get(name, []) for e in element],
                tf.string,
                ragged_rank=1,
                row_splits_dtype=tf.int64,
            )
            for name in names
        }
        found = self._layer(raw)
        ids = {f.name: _lists(found[f.transformed]) for f in self._features}
        for n, (row,) in enumerate(_lists(found[features.transformed_name(features.ITEM_ID)])):
            yield row, {name: lists[n] for name, lists in ids.items()}


def _lists(values: tf.Tensor | tf.RaggedTensor) -> list[list[int]]:
    ids: list[list[int]] = (
        values.to_list() if isinstance(values, tf.RaggedTensor) else values.numpy().tolist()
    )
    return ids


def _categories(
    data: config.Data, transform_folder: str, items: Sequence[tuple[int, dict[str, list[int]]]]
) -> dict[str, statistics.Categories]:
    transform = tft.TFTransformOutput(transform_folder)
    return {
        f.name: statistics.Categories(
            tabulate.category_table(
                ((row, ids[f.name]) for row, ids in items), _rows(transform_folder)
            ),
            np.zeros(transform.vocabulary_size_by_name(f.vocabulary) + 1, np.float32),
        )
        for f in _categorical(data)
    }


def _rows(transform_folder: str) -> int:
    """N+2."""
    return (
        tft.TFTransformOutput(transform_folder).vocabulary_size_by_name(features.ITEM_VOCABULARY)
        + 2
    )


def _categorical(data: config.Data) -> list[features.Feature]:
    return [
        f for f in features.item_features(data) if f.kind in ("categorical", "multi_categorical")
    ]


def _feedback(data: config.Data) -> list[features.Feature]:
    return [f for f in features.event_features(data) if f.kind == "numeric"]
