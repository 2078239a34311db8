"""The lists of an answer: recall's in its final order, filtered, and what fills them up.

Where recall's items are too few, these are the user's own items, where they may come back, the most
frequent first; then popular ones.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy import typing as npt

from modules import earlier, signatures
from serving.gateway import columns, filters, releases, wire

RECALL, HISTORY, POPULARITY = "recall", "history", "popularity"  # sources of items
_NAMED = {HISTORY: "the user's own", POPULARITY: "popular"}


@dataclasses.dataclass(frozen=True)
class Ranked:
    """Recall's list in its final order, K items.

    Attributes:
      loaded: the release that answered; None if its catalogue is not known.
      version: of the models.
      ids: of the items.
      recall: float32 [K], recall's scores.
      recall_ranks: int [K], from 1.
      rank: the rank model's outputs [K]; None where recall decides.
      effects: float32 [K] by group; {} if they were not asked for.
    """

    loaded: releases.Loaded | None
    version: int
    ids: Sequence[str]
    recall: npt.NDArray[np.float32]
    recall_ranks: npt.NDArray[np.integer[Any]]
    rank: dict[str, npt.NDArray[Any]] | None
    missing_inputs: int | None
    effects: dict[str, npt.NDArray[np.float32]]


def unranked(
    found: releases.Loaded | None,
    version: int,
    ids: npt.NDArray[np.object_],
    scores: npt.NDArray[np.float32],
) -> Ranked:
    """Recall's list in its own order."""
    return Ranked(found, version, texts(ids), scores, np.arange(1, len(ids) + 1), None, None, {})


def texts(ids: npt.NDArray[np.object_]) -> list[str]:
    """Of bytes objects."""
    return [item.decode() for item in ids]


def of(
    ask: wire.Recommend,
    ranked: Ranked | None,
    loaded: releases.Loaded,
    asked: columns.Asked,
    wanted: filters.Filters,
) -> tuple[dict[str, Any], list[str]]:
    """Fields of wire.Recommendation that hold lists or what they are made of, and notes.

    Args:
      ask: the request.
      ranked: recall's list; None if it is down.
      loaded: the release that answered; without recall, the one that is served.
      asked: what the models were told.
      wanted: what the items have to be like.
    """
    excluded = set(asked.excluded)
    kept = [] if ranked is None else [n for n, i in enumerate(ranked.ids) if i not in excluded]
    items: list[dict[str, Any]] = []
    notes = []
    if ranked is not None:
        fitting = [n for n in kept if _fits(ranked.ids[n], loaded, wanted)]
        items += [_item(ranked, n, loaded, asked, explained=True) for n in fitting[: ask.k]]
    if len(items) < ask.k:
        known = excluded | {item["item_id"] for item in items}
        more = list(_more(loaded, asked, known, wanted, ask.k - len(items)))
        items += more
        if ranked is not None and more:
            kinds = dict.fromkeys(_NAMED[item["source"]] for item in more)
            notes.append(
                f"{len(fitting)} of recall's {len(kept)} items are left; {' and '.join(kinds)} "
                "ones fill the list up"
            )
    if len(items) < ask.k:
        notes.append(f"only {len(items)} of the {len(loaded.catalogue.ids):,} items are left")
    answer = {
        "release": None if ranked is None else ranked.version,
        "items": items,
        "missing_inputs": None if ranked is None else ranked.missing_inputs,
    }
    if ask.candidates:
        answer["candidates"] = [
            _item(ranked, n, loaded, asked, explained=False) for n in kept if ranked is not None
        ]
    return answer, notes


def _fits(item: str, loaded: releases.Loaded, wanted: filters.Filters) -> bool:
    if not wanted:
        return True
    position = loaded.catalogue.position.get(item)
    return position is not None and wanted.match(loaded.catalogue.features, position)


def _item(
    ranked: Ranked, place: int, loaded: releases.Loaded, asked: columns.Asked, *, explained: bool
) -> dict[str, Any]:
    """An item of recall's list, as wire.RecommendedItem says."""
    recall: dict[str, Any] = {
        "rank": int(ranked.recall_ranks[place]),
        "score": float(ranked.recall[place]),
    }
    rank: dict[str, Any] | None = None
    if ranked.rank is not None:
        outputs = {name: float(array[place]) for name, array in ranked.rank.items()}
        rank = {
            "rank": place + 1,
            "score": outputs.pop(signatures.SCORE),
            "probability": outputs.pop(signatures.PROBABILITY),
            "probabilities": {signatures.objective_of(name): p for name, p in outputs.items()},
        }
    score = (rank or recall)["score"]
    found = _described(ranked.ids[place], RECALL, score, loaded, asked, recall, rank)
    if explained and ranked.effects:
        found["effects"] = {group: float(moved[place]) for group, moved in ranked.effects.items()}
    return found


def _more(
    loaded: releases.Loaded,
    asked: columns.Asked,
    known: set[str],
    wanted: filters.Filters,
    number: int,
) -> Iterator[dict[str, Any]]:
    """The user's own and the most popular items that fit and are not known yet."""
    catalogue = loaded.catalogue
    found = map(catalogue.position.get, earlier.in_order(asked.own))
    own = {position: None for position in found if position is not None}
    others = (position for position in catalogue.popular if position not in own)
    fitting = (
        position
        for position in itertools.chain(own, others)
        if catalogue.ids[position] not in known and wanted.match(catalogue.features, position)
    )
    for position in itertools.islice(fitting, number):
        item = catalogue.ids[position]
        if position in own:
            yield _described(item, HISTORY, float(asked.own[item][0]), loaded, asked)
        else:
            score = float(catalogue.popularity[position])
            yield _described(item, POPULARITY, score, loaded, asked)


def _described(
    item: str,
    source: str,
    score: float,
    loaded: releases.Loaded,
    asked: columns.Asked,
    recall: dict[str, Any] | None = None,
    rank: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """As wire.RecommendedItem says."""
    position = loaded.catalogue.position.get(item)
    times, last = asked.own.get(item, (0, None))
    return {
        "item_id": item,
        "title": "" if position is None else loaded.catalogue.titles[position],
        "source": source,
        "score": score,
        "times_before": times,
        "last_before": last if loaded.columns.has_times else None,
        "recall": recall,
        "rank": rank,
    }
