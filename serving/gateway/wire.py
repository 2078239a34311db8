"""What clients send and get.

OpenAPI shows these; columns of the data set are checked in columns.py.
"""

from __future__ import annotations

from typing import Annotated, Any

import pydantic

MAX_ID_BYTES = 512
MAX_TIMESTAMP = 4_102_444_800  # 2100-01-01, so that milliseconds are refused
MAX_K = 10_000
MAX_TIMEOUT_MS = 60_000


def _usable_id(value: str) -> str:
    if "\x00" in value:
        raise ValueError("an id holds no NUL character")
    if len(value.encode()) > MAX_ID_BYTES:
        raise ValueError(
            f"an id has at most {MAX_ID_BYTES} bytes of UTF-8, found {len(value.encode())}"
        )
    return value


Id = Annotated[
    str, pydantic.Field(min_length=1, max_length=MAX_ID_BYTES), pydantic.AfterValidator(_usable_id)
]
Timestamp = Annotated[int, pydantic.Field(ge=0, le=MAX_TIMESTAMP, description="Unix seconds")]
Scalar = str | float | bool | None
Value = str | float | bool | None | list[str | float]  # of a column; columns.py knows its kind


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class PastEvent(pydantic.BaseModel):
    """An event of a history; further keys are declared columns of events."""

    model_config = pydantic.ConfigDict(extra="allow", strict=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, Scalar]
    item_id: Id
    timestamp: Timestamp


class NewEvent(pydantic.BaseModel):
    """An event that has happened; further keys are declared columns of events."""

    model_config = pydantic.ConfigDict(extra="allow", strict=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, Scalar]
    user_id: Id
    item_id: Id
    timestamp: Timestamp | None = pydantic.Field(None, description="Unix seconds; default: now")
    event_id: Id | None = pydantic.Field(
        None,
        description="an event with a known id is not added again; "
        "default: made of the event's content",
    )


class NewEvents(_Strict):
    """Several events, which are added together or not at all."""

    events: list[NewEvent] = pydantic.Field(min_length=1)


def _how_many(given: Any) -> str:
    return "several" if isinstance(given, dict) and "events" in given else "one"


Events = Annotated[
    Annotated[NewEvent, pydantic.Tag("one")] | Annotated[NewEvents, pydantic.Tag("several")],
    pydantic.Discriminator(_how_many),
]


class Range(_Strict):
    """Numbers from `min` to `max`, both included."""

    min: float | None = None
    max: float | None = None


class Recommend(_Strict):
    """Whom to recommend to, when, and what."""

    user_id: Id | None = pydantic.Field(None, description="whose history and profile the store has")
    profile: dict[str, Value] | None = pydantic.Field(
        None, description="columns of users, which replace those of the store"
    )
    history: list[PastEvent] | None = pydantic.Field(
        None, description="past events, in any order, in the place of the store's"
    )
    context: dict[str, Scalar] | None = pydantic.Field(
        None, description="columns with the role context"
    )
    timestamp: Timestamp | None = pydantic.Field(None, description="of the request; default: now")
    k: int = pydantic.Field(
        10, ge=1, le=MAX_K, description="number of items, at most index.k of the release"
    )
    exclude: list[Id] = pydantic.Field(
        default_factory=list, max_length=10_000, description="items that must not come back"
    )
    include_seen: bool = pydantic.Field(
        False, description="whether items of the history may come back"
    )
    filters: dict[str, Range | Scalar | list[str | float]] = pydantic.Field(
        default_factory=dict, description="columns of items: a value, one of several, or a range"
    )
    explain: bool = pydantic.Field(False, description="say which features moved each item")
    candidates: bool = pydantic.Field(False, description="also answer recall's whole list, ranked")
    timeout_ms: int | None = pydantic.Field(None, ge=1, le=MAX_TIMEOUT_MS)


class Profile(_Strict):
    """What is known of a user."""

    profile: dict[str, Value]


class RecallStage(pydantic.BaseModel):
    rank: int
    score: float


class RankStage(pydantic.BaseModel):
    rank: int
    score: float
    probability: float
    probabilities: dict[str, float] = pydantic.Field(description="by declared objective")


class RecommendedItem(pydantic.BaseModel):
    item_id: str
    title: str
    source: str = pydantic.Field(description="recall or popularity")
    score: float = pydantic.Field(description="by which the list is ordered")
    recall: RecallStage | None
    rank: RankStage | None
    effects: dict[str, float] | None = pydantic.Field(
        None, description="by group of features: how far it moved the item's rank score"
    )


class Degraded(pydantic.BaseModel):
    stage: str = pydantic.Field(description="store, recall or rank")
    reason: str
    fallback: str


class Recommendation(pydantic.BaseModel):
    request_id: str
    release: int | None
    user_id: str | None
    known_user: bool
    timestamp: int
    items: list[RecommendedItem]
    candidates: list[RecommendedItem] | None = None
    degraded: list[Degraded]
    missing_inputs: int | None
    notes: list[str]
    timings_ms: dict[str, float]


class Added(pydantic.BaseModel):
    accepted: int
    duplicates: int = pydantic.Field(description="whose id the history knows")
    outdated: int = pydantic.Field(description="older than all that a full history keeps")
    event_ids: list[str]


class Problem(pydantic.BaseModel):
    code: str
    message: str
    field: str | None


class Failure(pydantic.BaseModel):
    error: Problem
    request_id: str


class UserShown(pydantic.BaseModel):
    user_id: str
    profile: dict[str, Any]
    events: list[dict[str, Any]]


class ItemShown(pydantic.BaseModel):
    item_id: str
    title: str
    popularity: int
    features: dict[str, Any]
