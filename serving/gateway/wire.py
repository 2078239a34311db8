"""What clients send and get.

OpenAPI shows these; columns of the data set are checked in columns.py.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import pydantic
import pydantic_core

from modules import ids

MAX_TIMESTAMP = 4_102_444_800  # 2100-01-01, so that milliseconds are refused
MAX_K = 10_000
MAX_TIMEOUT_MS = 60_000


# Of a body's lists and mappings: they are counted before their entries are looked at, and looking
# ends at the first wrong entry of a list, so that a small body cannot take long.
HISTORY, EVENTS = "history", "events"  # names of limits that a validation's context may set
MOST = {HISTORY: 10_000, EVENTS: 1_000}
MOST_EXCLUDED = 10_000
MOST_COLUMNS = 1_000
MOST_VALUES = 10_000  # of a column
TOO_MANY = "too_many"  # type of pydantic's error


def counted(given: Any, most: int | str, info: pydantic.ValidationInfo) -> Any:
    """What was given, if it has at most so many entries."""
    number = most if isinstance(most, int) else {**MOST, **(info.context or {})}[most]
    if isinstance(given, (list, dict)) and len(given) > number:
        raise pydantic_core.PydanticCustomError(
            TOO_MANY,
            "found {found} entries, expected at most {most}",
            {"found": f"{len(given):,}", "most": f"{number:,}"},
        )
    return given


def _at_most(most: int | str) -> pydantic.BeforeValidator:
    """Refuses more entries; a text is the name of a limit."""
    return pydantic.BeforeValidator(lambda given, info: counted(given, most, info))


class _FailFast(pydantic.FailFast):
    """Pydantic's, as it may stand in a union."""

    def __hash__(self) -> int:
        return hash(self.fail_fast)


_FIRST = _FailFast()  # only the first wrong entry of a list is looked at
Id = Annotated[
    str,
    pydantic.Field(min_length=1, max_length=ids.MAX_BYTES),
    pydantic.AfterValidator(ids.check),
]
UserId = Annotated[Id, pydantic.Field(description="id of who did it, as in the data set")]
ItemId = Annotated[Id, pydantic.Field(description="id of the item, as in the data set")]
Timestamp = Annotated[int, pydantic.Field(ge=0, le=MAX_TIMESTAMP, description="Unix seconds")]
Scalar = str | float | bool | None
Values = Annotated[list[str | float], _FIRST, _at_most(MOST_VALUES)]
Value = str | float | bool | None | Values  # of a column; columns.py knows its kind

_COLUMNS = _at_most(MOST_COLUMNS)


class _Counted(pydantic.BaseModel):
    """A mapping whose keys are counted before they are looked at."""

    most_keys: ClassVar[int] = MOST_COLUMNS

    @pydantic.model_validator(mode="before")
    @classmethod
    def _count(cls, given: Any, info: pydantic.ValidationInfo) -> Any:
        return counted(given, cls.most_keys, info)


class _Strict(_Counted):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class PastEvent(_Counted):
    """An event of a history; further keys are declared columns of events."""

    model_config = pydantic.ConfigDict(extra="allow", strict=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, Scalar]
    item_id: ItemId
    timestamp: Timestamp | None = pydantic.Field(
        None, description="Unix seconds; needed, unless events of the data set have no times"
    )


History = Annotated[list[PastEvent], _FIRST, _at_most(HISTORY)]


class NewEvent(_Counted):
    """An event that has happened; further keys are declared columns of events."""

    model_config = pydantic.ConfigDict(
        extra="allow",
        strict=True,
        allow_inf_nan=False,
        json_schema_extra={
            "examples": [
                {"user_id": "42", "item_id": "50", "timestamp": 893286700, "rating": 5},
            ]
        },
    )
    __pydantic_extra__: dict[str, Scalar]
    user_id: UserId
    item_id: ItemId
    timestamp: Timestamp | None = pydantic.Field(
        None,
        description="Unix seconds; default: now; never where events of the data set have no times",
    )
    event_id: Id | None = pydantic.Field(
        None,
        description="an event with a known id is not added again; "
        "default: made of the event's content",
    )


class NewEvents(_Strict):
    """Several events, which are added together or not at all."""

    events: Annotated[list[NewEvent], _FIRST, _at_most(EVENTS)] = pydantic.Field(
        min_length=1, description="at most 1,000 unless the server is told otherwise"
    )


def _how_many(given: Any) -> str:
    return "several" if isinstance(given, dict) and "events" in given else "one"


Events = Annotated[
    Annotated[NewEvent, pydantic.Tag("one")] | Annotated[NewEvents, pydantic.Tag("several")],
    pydantic.Discriminator(_how_many),
]


class Range(_Strict):
    """Numbers from `min` to `max`, both included."""

    most_keys: ClassVar[int] = 10
    min: float | None = pydantic.Field(None, description="the lowest; null: no limit")
    max: float | None = pydantic.Field(None, description="the highest; null: no limit")


class Recommend(_Strict):
    """Whom to recommend to, when, and what."""

    model_config = pydantic.ConfigDict(
        json_schema_extra={"examples": [{"user_id": "42", "k": 5, "timestamp": 893286638}]}
    )
    user_id: Id | None = pydantic.Field(
        None, description="user whose history and profile the store has"
    )
    profile: Annotated[dict[str, Value], _COLUMNS] | None = pydantic.Field(
        None, description="columns of users, which replace those of the store"
    )
    history: History | None = pydantic.Field(
        None,
        description="past events, in the place of the store's: in any order; the oldest first "
        "where events of the data set have no times",
    )
    context: Annotated[dict[str, Scalar], _COLUMNS] | None = pydantic.Field(
        None, description="columns with the role context"
    )
    timestamp: Timestamp | None = pydantic.Field(
        None,
        description="time of the request, Unix seconds; default: now; never where events of the "
        "data set have no times",
    )
    k: int = pydantic.Field(
        10, ge=1, le=MAX_K, description="number of items, at most index.k of the release"
    )
    exclude: Annotated[list[Id], _FIRST, _at_most(MOST_EXCLUDED)] = pydantic.Field(
        default_factory=list, description="items that must not come back, at most 10,000"
    )
    exclude_seen: bool | None = pydantic.Field(
        None,
        description="whether items of the history are left out; null: where the release does not "
        "allow repeats",
    )
    filters: Annotated[dict[str, Range | Scalar | Values], _COLUMNS] = pydantic.Field(
        default_factory=dict, description="columns of items: a value, one of several, or a range"
    )
    explain: bool = pydantic.Field(False, description="say which features moved each item")
    candidates: bool = pydantic.Field(False, description="also answer recall's whole list, ranked")
    timeout_ms: int | None = pydantic.Field(
        None, ge=1, le=MAX_TIMEOUT_MS, description="time for the answer; default: the server's"
    )


class Profile(_Strict):
    """What is known of a user."""

    model_config = pydantic.ConfigDict(
        json_schema_extra={"examples": [{"profile": {"age": 24, "gender": "M"}}]}
    )
    profile: Annotated[dict[str, Value], _COLUMNS] = pydantic.Field(
        description="values by declared column of users; columns that are left out have no value"
    )


class RecallStage(pydantic.BaseModel):
    """What recall said of an item."""

    rank: int = pydantic.Field(description="place in recall's list, from 1")
    score: float = pydantic.Field(description="similarity of user and item, higher is better")


class RankStage(pydantic.BaseModel):
    """What the rank model said of an item."""

    rank: int = pydantic.Field(description="place in the rank model's order, from 1")
    score: float = pydantic.Field(description="number by which it is ordered, higher is better")
    probability: float = pydantic.Field(
        description="calibrated probability that the user's next event is with this item"
    )
    probabilities: dict[str, float] = pydantic.Field(
        description="probability that each declared objective is reached, by its name"
    )


class RecommendedItem(pydantic.BaseModel):
    """An item of the answer, with what each stage said of it."""

    item_id: str = pydantic.Field(description="id as in the data set")
    title: str = pydantic.Field(description="title in the catalogue; empty where it has none")
    source: str = pydantic.Field(
        description="recall, or where its items are too few: history (the user's own items, where "
        "they may come back) or popularity"
    )
    score: float = pydantic.Field(
        description="number by which items of one source are ordered; of history, the number of "
        "the user's events; of popularity, that of training events"
    )
    times_before: int = pydantic.Field(
        description="how many events of the history are with this item, among as many of the "
        "newest as `repeat_history` of the release says"
    )
    last_before: int | None = pydantic.Field(
        description="time of the last of them, Unix seconds; null without one, and where events "
        "have no times"
    )
    recall: RecallStage | None = pydantic.Field(
        description="recall's view; null for an item that fills the list up by its popularity"
    )
    rank: RankStage | None = pydantic.Field(
        description="the rank model's view; null where recall's order stands"
    )
    effects: dict[str, float] | None = pydantic.Field(
        None,
        description="how far each group of features moved the rank score, if `explain` asked",
    )


class Degraded(pydantic.BaseModel):
    """A part that was not available, and what took its place."""

    stage: str = pydantic.Field(description="store, recall, rank or explain")
    reason: str = pydantic.Field(description="a word for programs, such as unavailable or deadline")
    fallback: str = pydantic.Field(
        description="what took its place: request_only (without the store), popular_items "
        "or own_and_popular_items (without recall), recall_order (without rank) or without_effects"
    )


class Recommendation(pydantic.BaseModel):
    """The items, and how they came about."""

    request_id: str = pydantic.Field(
        description="id by which the server's log has the request, as in the header X-Request-ID"
    )
    release: int | None = pydantic.Field(
        description="release whose models answered; null if recall did not"
    )
    user_id: str | None = pydantic.Field(description="user who was asked for")
    known_user: bool = pydantic.Field(description="whether the store has the user")
    timestamp: int | None = pydantic.Field(
        description="time of the request, Unix seconds; null where events have no times"
    )
    items: list[RecommendedItem] = pydantic.Field(description="best first, at most `k`")
    candidates: list[RecommendedItem] | None = pydantic.Field(
        None, description="recall's whole list in its final order, if `candidates` asked for it"
    )
    degraded: list[Degraded] = pydantic.Field(
        description="parts that were not available; empty when all is well"
    )
    missing_inputs: int | None = pydantic.Field(
        description="values of profile and context that took their defaults; null without rank"
    )
    notes: list[str] = pydantic.Field(
        description="for people: what is odd about the answer or the request, such as a user whom "
        "the store does not have, items that the catalogue does not have, or values of columns "
        "that training did not have: how many, and the first ones"
    )
    timings_ms: dict[str, float] = pydantic.Field(description="milliseconds by stage, and in total")


class Added(pydantic.BaseModel):
    """What became of events."""

    accepted: int = pydantic.Field(description="events that were added")
    duplicates: int = pydantic.Field(description="events whose id the history knows")
    outdated: int = pydantic.Field(
        description="events that are older than all that a full history keeps, and were not added"
    )
    event_ids: list[str] = pydantic.Field(description="one for each event that was sent")


class Problem(pydantic.BaseModel):
    """What is wrong."""

    code: str = pydantic.Field(description="a word for programs, such as invalid_argument")
    message: str = pydantic.Field(description="for people: what was found, what is expected")
    field: str | None = pydantic.Field(
        description="path of the body's field that is wrong, such as history.3.item_id"
    )


class Failure(pydantic.BaseModel):
    """The answer to a request that failed."""

    error: Problem = pydantic.Field(description="what is wrong")
    request_id: str = pydantic.Field(description="id by which the server's log has the request")


class UserShown(pydantic.BaseModel):
    """What the store knows of a user."""

    user_id: str = pydantic.Field(description="id as in the data set")
    profile: dict[str, Any] = pydantic.Field(description="values by column of users")
    events: list[dict[str, Any]] = pydantic.Field(
        description="newest first: event_id, item_id, timestamp (null where events have no times), "
        "title, and `values` by column"
    )


class ItemShown(pydantic.BaseModel):
    """An item of the catalogue."""

    item_id: str = pydantic.Field(description="id as in the data set")
    title: str = pydantic.Field(description="empty where it has none")
    popularity: int = pydantic.Field(description="its number of training events")
    features: dict[str, Any] = pydantic.Field(description="values by column of items")


class ReleaseShown(pydantic.BaseModel):
    """The release that is served."""

    release: int = pydantic.Field(description="its id, which is the version of both models")
    canary: int | None = pydantic.Field(
        description="the release that answers a share of the users; null without one"
    )
    name: str = pydantic.Field(description="name of the configuration")
    created: str | None = pydantic.Field(description="when it was made, ISO 8601 in UTC")
    metrics: dict[str, Any] = pydantic.Field(
        description="by split, system and metric: its value and standard error"
    )
    items: int = pydantic.Field(description="number of items of the catalogue")
    k: int = pydantic.Field(description="candidates that recall returns, the most that are ranked")
    max_history: int = pydantic.Field(
        description="events of a history that the models see one by one"
    )
    allows_repeats: bool = pydantic.Field(
        description="whether items of a history come back, unless a request excludes them"
    )
    repeat_history: int = pydantic.Field(
        description="newest events of a history in which repeats are looked for"
    )
    timezone: str | None = pydantic.Field(
        description="timezone of hour and weekday; null where events have no times"
    )
    models: dict[str, dict[str, Any]] = pydantic.Field(
        description="by name: its version, and its state as the model server says it"
    )
    has_rank: bool = pydantic.Field(description="whether it has a rank model")
    columns: dict[str, dict[str, Any]] = pydantic.Field(
        description="by table (user, event, context, item) and column: kind, default, dimension "
        "and frequent values, which requests may have"
    )
