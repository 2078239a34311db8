"""What the gateway answers. Fields that a newer gateway adds are left out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

_Result = TypeVar("_Result")


@dataclasses.dataclass(frozen=True)
class RecallStage:
    """What recall said of an item; `rank` 1 is the best."""

    rank: int
    score: float


@dataclasses.dataclass(frozen=True)
class RankStage:
    """What the rank model said of an item.

    Attributes:
      rank: 1 is the best.
      score: by which it is ordered.
      probability: of the main objective.
      probabilities: by objective.
    """

    rank: int
    score: float
    probability: float
    probabilities: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Item:
    """A recommended item.

    Attributes:
      item_id: of the catalogue.
      title: of the catalogue.
      source: `recall`; `history` (the user's own) or `popularity` where recall's are too few.
      score: by which items of one source are ordered.
      times_before: events of the user's history with it.
      last_before: time of the last of them, Unix seconds; None without one, and where events have
          no times.
      recall: what recall said of it; None if recall did not find it.
      rank: what the rank model said of it; None without.
      effects: by group of features, how far it moved the rank score; None without `explain`.
    """

    item_id: str
    title: str
    source: str
    score: float
    times_before: int
    last_before: int | None
    recall: RecallStage | None
    rank: RankStage | None
    effects: dict[str, float] | None = None


@dataclasses.dataclass(frozen=True)
class Degraded:
    """A part that was not available, and what took its place."""

    stage: str
    reason: str
    fallback: str


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """The answer to a request.

    Attributes:
      request_id: by which the server's log has it.
      release: whose models answered; None if none did.
      user_id: who was asked for.
      known_user: whether the store has the user.
      timestamp: of the request, Unix seconds; None where events have no times.
      items: best first.
      candidates: recall's whole list in the final order; None unless asked for.
      degraded: parts that were not available; empty is best.
      missing_inputs: see the gateway's API.
      notes: for people.
      timings_ms: by stage.
    """

    request_id: str
    release: int | None
    user_id: str | None
    known_user: bool
    timestamp: int | None
    items: tuple[Item, ...]
    candidates: tuple[Item, ...] | None
    degraded: tuple[Degraded, ...]
    missing_inputs: int | None
    notes: tuple[str, ...]
    timings_ms: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Added:
    """What became of events.

    Attributes:
      accepted: events that were added.
      duplicates: events that the user's history has already.
      outdated: events that are older than all that a full history keeps, and so were not added.
      event_ids: one for each event that was sent.
    """

    accepted: int
    duplicates: int
    outdated: int
    event_ids: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class PastEvent:
    """An event of a user's history; `values` by column; no `timestamp` where events have none."""

    event_id: str
    item_id: str
    timestamp: int | None
    title: str
    values: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class User:
    """What the store knows of a user: the profile by column, and the events, newest first."""

    user_id: str
    profile: dict[str, Any]
    events: tuple[PastEvent, ...]


@dataclasses.dataclass(frozen=True)
class CatalogueItem:
    """A catalogue item; `popularity` is its number of training events, `features` are by column."""

    item_id: str
    title: str
    popularity: int
    features: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Release:
    """What is served.

    Attributes:
      release: its id.
      name: of the configuration.
      created: when it was made.
      metrics: what its evaluation measured, by name.
      items: of the catalogue.
      k: items that recall returns.
      max_history: events that the models see one by one.
      allows_repeats: whether items of a history come back, unless a request excludes them.
      repeat_history: newest events of a history in which repeats are looked for.
      timezone: of the time features; None where events have no times.
      columns: by table (user, event, context, item) and column: kind, default, frequent values.
      models: by name: version and state.
    """

    release: int
    name: str
    created: Any
    metrics: dict[str, Any]
    items: int
    k: int
    max_history: int
    allows_repeats: bool
    repeat_history: int
    timezone: str | None
    columns: dict[str, dict[str, Any]]
    models: dict[str, dict[str, Any]]


def recommendation(found: Mapping[str, Any]) -> Recommendation:
    """Reads the answer to /v1/recommend.

    All readers here raise KeyError or TypeError for another answer.
    """
    candidates = found.get("candidates")
    return _read(
        Recommendation,
        found,
        items=tuple(map(_item, found["items"])),
        candidates=None if candidates is None else tuple(map(_item, candidates)),
        degraded=tuple(_read(Degraded, part) for part in found["degraded"]),
        notes=tuple(found["notes"]),
    )


def added(found: Mapping[str, Any]) -> Added:
    """Reads the answer to POST /v1/events."""
    return _read(Added, found, event_ids=tuple(found["event_ids"]))


def user(found: Mapping[str, Any]) -> User:
    """Reads the answer to /v1/users/ID."""
    return _read(User, found, events=tuple(_read(PastEvent, event) for event in found["events"]))


def users(found: list[str]) -> tuple[str, ...]:
    """Reads the answer to /v1/users."""
    return tuple(found)


def catalogue_item(found: Mapping[str, Any]) -> CatalogueItem:
    """Reads the answer to /v1/items/ID."""
    return _read(CatalogueItem, found)


def catalogue_items(found: list[Mapping[str, Any]]) -> tuple[CatalogueItem, ...]:
    """Reads the answer to /v1/items."""
    return tuple(map(catalogue_item, found))


def release(found: Mapping[str, Any]) -> Release:
    """Reads the answer to /v1/release."""
    return _read(Release, found)


def _item(found: Mapping[str, Any]) -> Item:
    recall, rank = found["recall"], found["rank"]
    return _read(
        Item,
        found,
        recall=recall and _read(RecallStage, recall),
        rank=rank and _read(RankStage, rank),
        effects=found.get("effects"),
    )


def _read(kind: type[_Result], found: Mapping[str, Any], **made: Any) -> _Result:
    """A dataclass of the fields of `found`, those in `made` replaced."""
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: made[name] if name in made else found[name] for name in names})
