"""What a model must beat where items repeat: a user's own items, by how often and how lately.

A basket is all events of one time; events without times are baskets of their own. Whole histories
count: nothing is cut as the requests to the models are.

 - personal frequency: the user's items by number of events, then the latest first (P-TopFreq: Li et
   al., A Next Basket Recommendation Reality Check, 2021; Hu et al., 2020, arXiv 2006.00556).
 - personal recency: by the share of the user's last r baskets that hold the item, then as personal
   frequency (UP of UP-CF: Faggioli et al., Recency Aware Collaborative Filtering for Next Basket
   Recommendation, 2020, eq. 1). Or by the share of all of them, where a basket weighs a part of the
   next one (the personal part of TIFU-KNN with one group: Hu et al., 2020, eq. 1).
 - GP-TopFreq: personal frequency, then all other items by popularity (Li et al., 2021).

The first two hold nothing after the user's items. Ties go to the more popular item, as in
baselines.py. personal_steps.py chooses r or the decay on the training events.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
from numpy import typing as npt

from modules.evaluation import baselines

FREQUENCY, RECENCY, FILLED_UP = "personal_frequency", "personal_recency", "gp_topfreq"
SYSTEMS = (FREQUENCY, RECENCY, FILLED_UP)


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a history is read.

    Attributes:
      baskets: the last r that personal recency looks at; None for all.
      decay: what a basket weighs of the next one's weight in personal recency.
      leaves_out_present: no list holds what the user has at the time of the request already, and
          recency counts the baskets before. Else that is the last basket.
    """

    baskets: int | None = None
    leaves_out_present: bool = False
    decay: float = 1.0


@dataclasses.dataclass(frozen=True)
class Own:
    """A user's items before a request, each once; m is their number.

    Attributes:
      items: bytes objects [m].
      events: of each, int64 [m].
      since: baskets since the last that holds it, int64 [m]: 1 for the last basket; 0 for what is
          present and left out.
      recent: share of the last r baskets, by their weights, that hold it, float64 [m].
      baskets: their number.
    """

    items: npt.NDArray[np.object_]
    events: npt.NDArray[np.int64]
    since: npt.NDArray[np.int64]
    recent: npt.NDArray[np.float64]
    baskets: int

    def present(self, catalogue: baselines.Popularity) -> npt.NDArray[np.int64]:
        """Places of the items that no list holds, int64."""
        return catalogue.places_of(self.items[self.since == 0])


class History:
    """One user's events; requests know those before them."""

    def __init__(self, events: Iterable[baselines.Event]) -> None:
        """Holds events in the order of their places, which is that of their times."""
        ordered = sorted(events)
        self.places = np.array([place for place, _, _ in ordered], np.int64)
        self._times = np.array([time for _, time, _ in ordered], np.int64)
        codes: dict[bytes, int] = {}
        self._codes = np.array(
            [codes.setdefault(item, len(codes)) for _, _, item in ordered], np.int64
        )
        self._items = np.empty(len(codes), object)
        self._items[:] = list(codes)
        self._baskets = np.cumsum(np.diff(self._times, prepend=self._times[:1]) != 0)
        self._first = np.zeros(len(ordered), bool)  # of its item in its basket
        pairs = self._baskets * len(codes) + self._codes
        self._first[np.unique(pairs, return_index=True)[1]] = True

    def before(self, place: int, time: int, settings: Settings) -> Own:
        """What the user had before a request.

        Args:
          place: of the request's first target in the history.
          time: of the request, in the unit of the events' times.
          settings: how many baskets are recent, and what becomes of those of the same time.
        """
        stop = int(np.searchsorted(self.places, place))
        past = stop  # events in baskets that count
        if settings.leaves_out_present:
            past = int(np.searchsorted(self._times[:stop], time))
        baskets = int(self._baskets[past - 1]) + 1 if past else 0
        length = min(settings.baskets or baskets, baskets)
        start = int(np.searchsorted(self._baskets[:past], baskets - length))
        once = start + np.flatnonzero(self._first[start:past])
        weights = settings.decay ** (baskets - 1.0 - self._baskets[once])
        recent = np.bincount(self._codes[once], weights, len(self._items))
        weight = float(np.sum(settings.decay ** np.arange(max(length, 1))))
        last = np.full(len(self._items), -1, np.int64)
        last[self._codes[:past]] = self._baskets[:past]  # the last of an item's stays
        since = baskets - last
        since[self._codes[past:stop]] = 0
        events = self._counts(self._codes[:stop])
        had = events > 0
        return Own(self._items[had], events[had], since[had], recent[had] / weight, baskets)

    def _counts(self, codes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return np.bincount(codes, minlength=len(self._items)).astype(np.int64)


@dataclasses.dataclass(frozen=True)
class Lists:
    """The user's items in the two orders: places in `Popularity.items`, int64, the best first."""

    frequency: npt.NDArray[np.int64]
    recency: npt.NDArray[np.int64]

    @classmethod
    def of(cls, own: Own, catalogue: baselines.Popularity) -> Lists:
        places = np.array([catalogue.places.get(item, -1) for item in own.items], np.int64)
        given = (places >= 0) & (own.since > 0)
        places, events, since = places[given], own.events[given], own.since[given]
        return cls(
            places[np.lexsort((places, since, -events))],
            places[np.lexsort((places, since, -events, -own.recent[given]))],
        )


def ranks(
    targets: Sequence[bytes], own: Own, catalogue: baselines.Popularity
) -> dict[str, tuple[int, ...]]:
    """1-based ranks of the targets by system, over the whole catalogue; 0 if not in the list."""
    lists, present = Lists.of(own, catalogue), own.present(catalogue)
    places = [catalogue.places.get(target, -1) for target in targets]
    filled_up = lists.frequency, np.arange(len(lists.frequency), 0, -1)
    return {
        FREQUENCY: tuple(_place_in(lists.frequency, place) for place in places),
        RECENCY: tuple(_place_in(lists.recency, place) for place in places),
        FILLED_UP: tuple(
            baselines.rank(place, present, *filled_up) if place >= 0 else 0 for place in places
        ),
    }


def _place_in(ordered: npt.NDArray[np.int64], place: int) -> int:
    found = np.flatnonzero(ordered == place)
    return int(found[0]) + 1 if found.size else 0
