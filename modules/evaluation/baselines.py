"""What a model must beat: popularity and a directed co-occurrence table, untrained, on Beam.

Both count the events that a model may have learned from and those that the request may know: the
train history for requests of `valid`, and the validation events too for requests of `test`.

 - popularity: an item's score is its number of events.
 - co-occurrence: C[i, j] grows by 1/distance when j follows i within 5 events of a user; an item's
   score is the sum of C[i, j] over the user's last 5 events i.

Ties go to the more popular item, then to the smaller digest of the id, so that no numbering of the
items leaks in.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from numpy import typing as npt

from modules import features, request_arrays, requests
from modules.beam import counting, stripes

DISTANCE = 5  # events

Event = tuple[int, int, bytes]  # place in the user's history, time in Unix seconds, item


@dataclasses.dataclass(frozen=True)
class Popularity:
    """The catalogue, most popular first.

    Attributes:
      items: ids, object [N].
      counts: events of each, int64 [N].
    """

    items: npt.NDArray[np.object_]
    counts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, counts: Iterable[tuple[bytes, int]]) -> Popularity:
        ordered = sorted(counts, key=lambda pair: (-pair[1], hashlib.md5(pair[0]).digest()))
        items = np.empty(len(ordered), object)
        items[:] = [item for item, _ in ordered]
        return cls(items, np.array([count for _, count in ordered], np.int64))

    @functools.cached_property
    def places(self) -> dict[bytes, int]:
        """0-based place of each item."""
        return {item: place for place, item in enumerate(self.items)}

    @functools.cached_property
    def share_before(self) -> npt.NDArray[np.float64]:
        """Share of all events that fall on more popular items, float64 [N]."""
        share: npt.NDArray[np.float64] = (np.cumsum(self.counts) - self.counts) / max(
            self.counts.sum(), 1
        )
        return share

    def places_of(self, items: Iterable[bytes]) -> npt.NDArray[np.int64]:
        """Places of the items that are in the catalogue, int64, each once."""
        return np.array(sorted({self.places[i] for i in items if i in self.places}), np.int64)


@dataclasses.dataclass(frozen=True)
class CoOccurrence:
    """The sparse table C.

    Attributes:
      rows: for item i, places in `Popularity.items`, int64 [m], and weights in sixtieths, int64
          [m].
    """

    rows: dict[bytes, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]

    def scores(
        self, last: Sequence[bytes]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Sums the last events' rows: places int64 [m], ascending, and scores [m] in sixtieths."""
        rows = [self.rows[item] for item in last[-DISTANCE:] if item in self.rows]
        if not rows:
            return np.zeros(0, np.int64), np.zeros(0)
        places, inverse = np.unique(np.concatenate([p for p, _ in rows]), return_inverse=True)
        sums = np.bincount(inverse, np.concatenate([w for _, w in rows]), minlength=len(places))
        return places, sums.astype(np.float64, copy=False)  # as they are, whatever their types say


def rank(
    target: int,
    seen: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
    scores: npt.NDArray[np.number[Any]],
) -> int:
    """Rank of an item among all unseen ones by (score, popularity), without a score for each item.

    Args:
      target: the item's place in `Popularity.items`.
      seen: places of seen items, distinct.
      places: places of the items with a score above 0, distinct; none for plain popularity.
      scores: their scores.

    Returns:
      The 1-based rank; 0 if the target is itself a seen item.
    """
    if target in seen:
        return 0
    unseen = ~np.isin(places, seen)
    places, scores = places[unseen], scores[unseen]
    own = scores[places == target]
    if own.size:
        return 1 + int(np.sum((scores > own[0]) | ((scores == own[0]) & (places < target))))
    left_out = np.sum(seen < target) + np.sum(places < target)
    return 1 + len(places) + target - int(left_out)


@beam.typehints.with_output_types(tuple[bytes, list[bytes]])
class Histories(beam.PTransform):
    """Puts the windows of raw examples together again: (user id, all items of the user in order).

    Windows of train overlap, and each event is a target of exactly one, so events are neither
    counted twice nor separated from what precedes them in the window before.
    """

    def expand(self, examples: beam.PCollection) -> beam.PCollection:
        return (
            examples
            | "Targets" >> beam.MapTuple(keyed_events)
            | "Items"
            >> beam.MapTuple(
                lambda user, events: (user, [(place, item) for place, _, item in events])
            )
            | counting.InOrder()
        )


def keyed_events(split: str, example: requests.RawExample) -> tuple[bytes, list[Event]]:
    """The user, and the events that a window of this split has as targets."""
    start, times = example[features.WINDOW_START][0], example[features.EVENT_TIMESTAMP]
    items = example[features.EVENT_ITEM_ID]
    user = example[features.USER_ID][0]
    if split == features.SPLIT_TRAIN:
        return user, [(start + n, times[n], items[n]) for n in counting.target_places(example)]
    targets = enumerate(request_arrays.targets(example), start=start + len(items) - 1)
    return user, [(place, times[-1], item) for place, item in targets]


def known_histories(parsed: Mapping[str, beam.PCollection], split: str) -> beam.PCollection:
    """`Histories` of the events that all requests of valid or test may know.

    Args:
      parsed: raw examples by split: of train, and for test of valid.
      split: whose requests.
    """
    known = features.SEQUENCE_SPLITS[: features.SEQUENCE_SPLITS.index(split)]
    keyed = [
        parsed[name] | f"Key[{name} for {split}]" >> beam.Map(lambda value, key: (key, value), name)
        for name in known
    ]
    return keyed | f"Events[{split}]" >> beam.Flatten() | f"Histories[{split}]" >> Histories()


def count(
    histories: beam.PCollection, catalogue: beam.PCollection, split: str
) -> tuple[beam.pvalue.AsSingleton, beam.pvalue.AsSingleton]:
    """`Popularity` and `CoOccurrence`, as side inputs for the requests of a split."""
    popularity = beam.pvalue.AsSingleton(
        histories | f"Popularity[{split}]" >> CountPopularity(catalogue)
    )
    table = beam.pvalue.AsSingleton(
        histories | f"CoOccurrence[{split}]" >> CountCoOccurrence(popularity)
    )
    return popularity, table


@beam.typehints.with_output_types(Popularity)
class CountPopularity(beam.PTransform):
    """Histories and the catalogue's ids -> one `Popularity`; items of no catalogue are left out."""

    def __init__(self, catalogue: beam.PCollection) -> None:
        """Counts over a catalogue.

        Args:
          catalogue: ids of all items, bytes.
        """
        super().__init__()
        self._catalogue = catalogue

    def expand(self, histories: beam.PCollection) -> beam.PCollection:
        counts = (
            histories
            | "Items" >> beam.FlatMap(lambda pair: collections.Counter(pair[1]).items())
            | "Count" >> beam.CombinePerKey(sum)
        )
        listed = self._catalogue | "Listed" >> beam.Map(lambda item: (item, None))
        return (
            {"count": counts, "listed": listed}
            | "Join" >> beam.CoGroupByKey()
            | "InCatalogue" >> beam.FlatMapTuple(_counted)
            | "Order" >> beam.CombineGlobally(counting.Collect(Popularity.of))
        )


def _counted(item: bytes, joined: dict[str, Iterable[Any]]) -> Iterator[tuple[bytes, int]]:
    if list(joined["listed"]):
        yield item, sum(joined["count"])


@beam.typehints.with_output_types(CoOccurrence)
class CountCoOccurrence(beam.PTransform):
    """Histories -> one `CoOccurrence`."""

    def __init__(self, popularity: beam.pvalue.AsSingleton) -> None:
        """Counts over the rows of a catalogue.

        Args:
          popularity: the catalogue whose rows the counts are for.
        """
        super().__init__()
        self._popularity = popularity

    def expand(self, histories: beam.PCollection) -> beam.PCollection:
        return (
            histories
            | "Batch" >> beam.BatchElements(min_batch_size=64, max_batch_size=1024)
            | "Stripes" >> beam.FlatMap(_stripes, popularity=self._popularity)
            | "SumStripes" >> beam.CombinePerKey(stripes.Sum())
            | "Table"
            >> beam.CombineGlobally(counting.Collect(lambda rows: CoOccurrence(dict(rows))))
        )


def _stripes(
    histories: Iterable[tuple[bytes, list[bytes]]], popularity: Popularity
) -> Iterator[tuple[bytes, stripes.Stripe]]:
    """Rows by item; those of no catalogue follow nothing, but may be followed."""
    listed, others = len(popularity.items), dict[bytes, int]()

    def number(item: bytes) -> int:
        place = popularity.places.get(item)
        return others.setdefault(item, listed + len(others)) if place is None else place

    numbers = stripes.Histories.of([number(item) for item in items] for _, items in histories)
    names = list(others)
    for start, stop in numbers.parts():
        pairs = stripes.following(numbers, DISTANCE, start, stop)
        for item, (places, weights) in stripes.rows(pairs):
            known = places < listed
            name = popularity.items[item] if item < listed else names[item - listed]
            yield name, (places[known], weights[known])
