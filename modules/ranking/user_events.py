"""Events of users on Beam, as arrays: windows of examples -> whole histories."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from numpy import typing as npt

from modules import config, features, requests
from modules.beam import counting, loaded
from modules.ranking import layout


@dataclasses.dataclass(frozen=True)
class Events:
    """Events of one user, the oldest first.

    Attributes:
      rows: of the items, int64 [n]; PADDING_ID: of no catalogue.
      times: Unix seconds, int64 [n].
      feedback: float64 [n, F].
    """

    rows: npt.NDArray[np.int64]
    times: npt.NDArray[np.int64]
    feedback: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def joined(cls, parts: Sequence[Events]) -> Events:
        """One behind the other."""
        return cls(
            *(
                np.concatenate([getattr(part, field.name) for part in parts])
                for field in dataclasses.fields(cls)
            )
        )


@beam.typehints.with_output_types(tuple[tuple[str, bytes], tuple[int, Any]])
class KeyEvents(beam.DoFn):
    """((split, user), (start, events that are targets)) of each of a batch of windows.

    Feedback is scaled by the transform graph, so that an absurd number does no harm here, either.
    """

    def __init__(self, data: config.Data, transform_folder: str) -> None:
        self._feedback = layout.feedback(data)
        self._folder = transform_folder
        self._names = {
            features.USER_ID,
            features.WINDOW_START,
            features.EVENT_ITEM_ID,
            features.EVENT_TIMESTAMP,
            *(f.name for f in self._feedback),
        }

    def setup(self) -> None:
        self._rows = loaded.once(_Rows, self._folder).rows
        if self._feedback:
            self._layer = tft.TFTransformOutput(self._folder).transform_features_layer()

    def process(
        self, element: list[tuple[str, bytes]]
    ) -> Iterator[tuple[tuple[str, bytes], tuple[int, Events]]]:
        examples = [requests.read_raw_example(window, self._names) for _, window in element]
        for (split, _), example, feedback in zip(element, examples, self._scaled(examples)):
            places = counting.target_places(example)
            own = slice(places.start, places.stop)
            items = example[features.EVENT_ITEM_ID][own]
            rows = [self._rows.get(item, features.PADDING_ID) for item in items]
            events = Events(
                np.array(rows, np.int64),
                np.array(example[features.EVENT_TIMESTAMP][own], np.int64),
                feedback[own],
            )
            start = example[features.WINDOW_START][0] + places.start
            yield (split, example[features.USER_ID][0]), (start, events)

    def _scaled(self, examples: list[requests.RawExample]) -> list[npt.NDArray[np.float64]]:
        """All feedback of each event of each example, [n, F] each."""
        lengths = [len(example[features.EVENT_ITEM_ID]) for example in examples]
        if not self._feedback:
            return [np.zeros((length, 0)) for length in lengths]
        raw = {
            f.name: tf.RaggedTensor.from_row_lengths(
                np.concatenate([np.array(example[f.name], np.float32) for example in examples]),
                np.array(lengths, np.int64),
            )
            for f in self._feedback
        }
        found = self._layer(raw)
        values = [found[f.transformed].flat_values.numpy() for f in self._feedback]
        return np.split(np.stack(values, axis=1).astype(np.float64), np.cumsum(lengths)[:-1])


class _Rows:
    """Rows by item id; an object, for `shared` holds no plain dict."""

    def __init__(self, transform_folder: str) -> None:
        ids = tft.TFTransformOutput(transform_folder).vocabulary_by_name(features.ITEM_VOCABULARY)
        self.rows = {item: row for row, item in enumerate(ids, start=1)}


def in_order(key: tuple[str, bytes], windows: Iterable[tuple[int, Events]]) -> tuple[str, Events]:
    """The split, and all events of the user by their place."""
    ordered = sorted(windows, key=lambda window: window[0])
    return key[0], Events.joined([events for _, events in ordered])


def size(element: tuple[str, Events]) -> int:
    """Number of events, for `beam.BatchElements`."""
    return len(element[1])
