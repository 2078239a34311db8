"""Counts statistics on Beam: examples of windows and the catalogue -> folders of tables.

Workers count in the events of many users at once and emit cells of tables, keyed by the table and
the block of its rows; these are summed by key, of pairs of items the strongest are kept, and each
block is written by itself. Nothing gathers on one worker but EASE's matrix of a small catalogue.
`tabulate.read` makes one `statistics.Statistics` of a folder.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_transform as tft
from numpy import typing as npt
from scipy import sparse

from modules import config, features, ranking_config
from modules.beam import sparse_counts, stripes
from modules.evaluation import ease
from modules.ranking import (
    count_categories,
    count_returns,
    layout,
    shards,
    statistics,
    user_events,
)

_EVENTS = 131_072  # that a worker counts in before it emits anything
SPANS = "spans"

Block = tuple[shards.Key, sparse_counts.Cells]


class CountStatistics(beam.PTransform):
    """Serialized examples by split, the catalogue's among them -> folders; names of their files."""

    def __init__(
        self,
        data: config.Data,
        settings: ranking_config.Statistics,
        transform_folder: str,
        folders: Mapping[str, Sequence[str]],
    ) -> None:
        """Counts with the transform graph's numbers of items and categories.

        Args:
          data: the declared columns.
          settings: what is counted, and how many neighbours are kept.
          transform_folder: of the transform graph, whose vocabulary numbers the items.
          folders: to write to, by the split that is counted.
        """
        super().__init__()
        self._data, self._settings, self._folder = data, settings, transform_folder
        self._folders = {split: list(folders) for split, folders in folders.items()}
        items = rows_of(transform_folder) - 2
        self._has_similarity = items <= settings.similarity_items
        if not self._has_similarity:
            logging.getLogger(__name__).info(
                "EASE is left out: the catalogue has %d items, ranking.statistics.similarity_items "
                "allows %d. Its time grows with the third power of the items.",
                items,
                settings.similarity_items,
            )

    def expand(self, examples: Mapping[str, beam.PCollection]) -> beam.PCollection:
        counted = (
            [examples[s] | f"Split[{s}]" >> beam.Map(_with_split, s) for s in self._folders]
            | "Windows" >> beam.Flatten()
            | "BatchWindows" >> beam.BatchElements(min_batch_size=16, max_batch_size=256)
            | "Events" >> beam.ParDo(user_events.KeyEvents(self._data, self._folder))
            | "ByUser" >> beam.GroupByKey()
            | "InOrder" >> beam.MapTuple(user_events.in_order)
            | "Batch" >> beam.BatchElements(_EVENTS, _EVENTS, element_size_fn=user_events.size)
            | "Count"
            >> beam.ParDo(
                _Count(self._data, self._settings, self._folder, self._has_similarity)
            ).with_outputs(SPANS, main="cells")
        )
        seeds = [(split, layout.Span(0)) for split in self._folders]
        spans = (
            (counted[SPANS], examples[features.SPLIT_CATALOGUE].pipeline | beam.Create(seeds))
            | "AllSpans" >> beam.Flatten()
            | "AddSpans" >> beam.CombinePerKey(_add_spans)
        )
        summed = counted["cells"] | "Sum" >> beam.CombinePerKey(sparse_counts.Sum())
        strongest = summed | "Keep" >> beam.ParDo(
            _Keep(self._settings, self._folder), spans=beam.pvalue.AsDict(spans)
        )
        written = [
            strongest | "Write" >> beam.FlatMap(shards.write, self._folders),
            examples[features.SPLIT_CATALOGUE]
            | count_categories.WriteCategories(self._data, self._folder, self._folders),
        ]
        if self._has_similarity:
            written.append(
                summed
                | "Gram" >> beam.FlatMap(_gram_of)
                | "GatherGram" >> beam.GroupByKey()
                | "Similarity"
                >> beam.FlatMap(_write_similarity, self._settings, self._folder, self._folders)
            )
        files = written | "Files" >> beam.Flatten()
        return (
            {"spans": spans, "files": files}
            | "Describe" >> beam.CoGroupByKey()
            | "WriteManifest"
            >> beam.FlatMap(
                _write_manifest, self._data, self._settings, self._folder, self._folders
            )
        )


class _Count(beam.DoFn):
    """Users' events -> cells of all tables; on the output SPANS (split, span of them)."""

    def __init__(
        self,
        data: config.Data,
        settings: ranking_config.Statistics,
        transform_folder: str,
        has_similarity: bool,
    ) -> None:
        self._settings, self._folder = settings, transform_folder
        self._has_similarity, self._has_returns = has_similarity, data.allows_repeats

    def setup(self) -> None:
        self._width = rows_of(self._folder)

    def process(self, element: list[tuple[str, user_events.Events]]) -> Iterator[Any]:
        splits: dict[str, list[user_events.Events]] = {}
        for split, events in element:
            splits.setdefault(split, []).append(events)
        for split, histories in splits.items():
            lengths = [len(events) for events in histories]
            users = np.repeat(np.arange(len(lengths)), lengths)
            events = user_events.Events.joined(histories)
            known = events.rows != features.PADDING_ID
            yield beam.pvalue.TaggedOutput(
                SPANS, (split, layout.Span.of(len(histories), events.times[known]))
            )
            for table, found in self._tables(events, users, known):
                for block, part in sparse_counts.blocks(found, layout.width(table, self._width)):
                    yield (split, table, block), part

    def _tables(
        self, events: user_events.Events, users: npt.NDArray[np.int64], known: npt.NDArray[np.bool_]
    ) -> Iterator[tuple[str, sparse_counts.Cells]]:
        rows, times = events.rows[known], events.times[known]
        yield layout.POPULARITY, sparse_counts.Cells.counted(rows)
        yield layout.DAILY, sparse_counts.Cells.counted(layout.day_keys(rows, times))
        if (feedback := events.feedback[known]).size:
            squares = np.stack([feedback, feedback * feedback], axis=2)
            yield layout.FEEDBACK, sparse_counts.Cells.of(rows, squares.reshape(len(rows), -1))
        if self._has_returns:
            yield layout.RETURNS, count_returns.count_returns(users[known], rows, times)
        if self._has_similarity:
            yield from ((layout.GRAM, part) for part in _gram(users[known], rows, self._width))
        yield from self._pairs(events, users, known)

    def _pairs(
        self, events: user_events.Events, users: npt.NDArray[np.int64], known: npt.NDArray[np.bool_]
    ) -> Iterator[tuple[str, sparse_counts.Cells]]:
        """Items outside the catalogue keep their place in the history."""
        settings = self._settings
        histories = stripes.Histories(np.where(known, events.rows, -1), users)
        for start, stop in histories.parts():
            following = stripes.following(histories, settings.distance, start, stop)
            yield layout.FOLLOWING, following.summed(self._width)
            together = stripes.together(
                histories,
                events.times,
                settings.session_seconds,
                settings.session_events,
                start,
                stop,
            )
            yield layout.TOGETHER, together.summed(self._width)


def _gram(
    users: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], width: int, step: int = 512
) -> Iterator[sparse_counts.Cells]:
    """How many users have both of two items, of the upper triangle, `step` rows at once."""
    pairs = np.unique(users * width + rows)
    users, rows = np.divmod(pairs, width)
    ones = np.ones(len(rows), np.int32)
    matrix = sparse.csr_array((ones, (users, rows)), shape=(int(users.max(initial=0)) + 1, width))
    columns = matrix.tocsc()
    for first in range(0, width, step):
        part = sparse.coo_array(columns[:, first : first + step].T @ matrix)
        if part.nnz:
            one, other = part.row.astype(np.int64) + first, part.col.astype(np.int64)
            upper = one <= other
            values = part.data[upper].astype(np.int64)[:, np.newaxis]
            yield sparse_counts.Cells.of(one[upper] * width + other[upper], values)


def _gram_of(block: Block) -> Iterator[tuple[str, sparse_counts.Cells]]:
    (split, table, _), found = block
    if table == layout.GRAM:
        yield split, found


class _Keep(beam.DoFn):
    """Summed cells -> columns of what is written of them: the strongest neighbours, newest days."""

    def __init__(self, settings: ranking_config.Statistics, transform_folder: str) -> None:
        self._settings, self._folder = settings, transform_folder

    def setup(self) -> None:
        self._rows = rows_of(self._folder)

    def process(
        self, element: Block, spans: Mapping[str, layout.Span]
    ) -> Iterator[tuple[shards.Key, shards.Columns]]:
        (split, table, block), found = element
        width = layout.width(table, self._rows)
        if table == layout.GRAM:
            return
        if table == layout.DAILY:
            found = layout.newest_days(found, spans[split], self._settings.days)
        if table == layout.TOGETHER:
            totals, name = sparse_counts.totals(found, width), layout.TOGETHER_TOTALS
            yield (split, name, block), layout.columns(name, totals, self._rows)
        if table in (layout.FOLLOWING, layout.TOGETHER):
            found = sparse_counts.strongest(found, width, self._settings.neighbours)
        unit = stripes.unit(self._settings.distance) if table == layout.FOLLOWING else 1
        yield (split, table, block), layout.columns(table, found, self._rows, unit)


def _write_similarity(
    gram: tuple[str, Iterable[sparse_counts.Cells]],
    settings: ranking_config.Statistics,
    transform_folder: str,
    folders: Mapping[str, Sequence[str]],
) -> Iterator[tuple[str, str]]:
    """EASE's strongest weights."""
    split, parts = gram
    rows = rows_of(transform_folder)
    matrix = np.zeros((rows, rows), np.float32, order="F")
    for part in parts:
        one, other = np.divmod(part.keys, rows)
        matrix[one, other] = matrix[other, one] = part.values[:, 0]
    kept = statistics.Neighbours.of(ease.weights(matrix), settings.similarity_neighbours)
    yield from shards.write(
        ((split, layout.SIMILARITY, 0), layout.similarity_columns(kept)), folders
    )


def _write_manifest(
    found: tuple[str, Mapping[str, Any]],
    data: config.Data,
    settings: ranking_config.Statistics,
    transform_folder: str,
    folders: Mapping[str, Sequence[str]],
) -> Iterator[str]:
    split, given = found
    (span,) = given["spans"]
    transform = tft.TFTransformOutput(transform_folder)
    manifest = layout.manifest(
        span,
        rows_of(transform_folder),
        {
            f.name: transform.vocabulary_size_by_name(f.vocabulary) + 1
            for f in layout.categorical(data)
        },
        [f.name for f in layout.feedback(data)],
        settings.days,
        sorted(given["files"]),
    )
    for folder in folders[split]:
        shards.write_manifest(folder, manifest)
        yield folder


def _add_spans(spans: Iterable[layout.Span]) -> layout.Span:
    return functools.reduce(layout.Span.__add__, spans, layout.Span(0))


def _with_split(serialized: bytes, split: str) -> tuple[str, bytes]:
    return split, serialized


def rows_of(transform_folder: str) -> int:
    """N+2."""
    return (
        tft.TFTransformOutput(transform_folder).vocabulary_size_by_name(features.ITEM_VOCABULARY)
        + 2
    )
