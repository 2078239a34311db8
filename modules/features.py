"""The one place where features get their names, in raw examples, after Transform and in requests.

A raw example is a window of one user's events (splits train, valid, test) or one item (split
`catalogue`):

  user_id               bytes [1]
  user_<column>         the profile, by kind (see `Feature`)
  event_item_id         bytes [n], oldest first; the last is a target (or, when serving, the
                        request: "")
  event_timestamp       int64 [n], Unix seconds; where the events have no times, their numbers in
                        the user's history: 0, 1, 2, ...
  event_action_type     bytes [n], where a column has that role
  event_<column>        [n], categorical or numeric, what the user did (known only after the event)
  context_<column>      [n], categorical or numeric, known when the event's request was made
  event_weight          float [n], where a column has that role: how much the event counts as a
                        target; never an input of a model, for it is known only afterwards
  window_start          int64 [1], place of the first event in the user's history (0: the history
                        starts here)
  seen_item_id          bytes [m], all items of the user's history in this split (not only the
                        window's)
  repeats_allowed       int64 [1], 1 where these items may be recommended again (modules/repeats.py)
  target_item_id        bytes [t], of a request (splits valid, test, rank_<n>): all items that were
                        taken at its moment, each once; the last event's is the first
  earlier_item_id, earlier_count, earlier_first_timestamp, earlier_last_timestamp
                        bytes and int64 [e], of a request where repeats are allowed: what the user
                        did before the window (modules/earlier.py)
  item_id, item_title   bytes [1], of the catalogue
  item_<column>         the item's features, by kind
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from modules import data_config, strict

USER_ID = "user_id"
ITEM_ID = "item_id"
ITEM_TITLE = "item_title"
EVENT_ITEM_ID = "event_item_id"
EVENT_TIMESTAMP = "event_timestamp"
EVENT_ACTION_TYPE = "event_action_type"
EVENT_WEIGHT = "event_weight"
REQUEST_TIMESTAMP = "request_timestamp"
WINDOW_START = "window_start"
SEEN_ITEM_ID = "seen_item_id"
REPEATS_ALLOWED = "repeats_allowed"
TARGET_ITEM_ID = "target_item_id"
EARLIER_ITEM_ID = "earlier_item_id"
EARLIER_COUNT = "earlier_count"
EARLIER_FIRST = "earlier_first_timestamp"
EARLIER_LAST = "earlier_last_timestamp"
EARLIER_NUMBERS = (EARLIER_COUNT, EARLIER_FIRST, EARLIER_LAST)

# Derived in Transform from event_timestamp.
TIME_OF_DAY = "event_time_of_day"  # hour, 0 to 23, in the declared time zone
DAY_OF_WEEK = "event_day_of_week"  # 0 is Monday
TIME_DELTA = "event_time_delta"  # seconds since the user's previous event, 0 for the first
TIME_FEATURES = (TIME_OF_DAY, DAY_OF_WEEK, TIME_DELTA)

SPLIT_TRAIN = "train"
SPLIT_VALID = "valid"
SPLIT_TEST = "test"
SPLIT_CATALOGUE = "catalogue"
_RANK_SPLIT = "rank_"
SEQUENCE_SPLITS = (SPLIT_TRAIN, SPLIT_VALID, SPLIT_TEST)

# Examples of ranking: a request's raw features with what recall answered (see
# ranking/candidates.py).
CANDIDATE_ITEM_ID = "candidate_item_id"  # bytes [n], best first
RECALL_SCORE = "recall_score"  # float [n]
# int64 [t]: of each target among the candidates, a number of signatures.SOURCES; -1 if it is not
TARGET_SOURCE = "target_source"
# int64 [t]: 0-based, of each target among the candidates, -1 if it is not
TARGET_PLACE = "target_place"
POSITIVE_ADDED = "positive_added"  # int64 [t]: 1 if recall missed the target and it was put last
# int64 [1]: which hold-out recall model was asked, FINAL_PART for the one that is released
PART = "part"
FINAL_PART = -1

ITEM_VOCABULARY = "item_id"
# of transformed ids; items are 1..N in the vocabulary's order, N+1 is an unknown item
PADDING_ID = 0


def hold_out_split(part: int) -> str:
    """The split from whose windows hold-out recall model number `part` learns."""
    return f"recall_{part}"


def rank_split(part: int) -> str:
    """Split of the ranker's training requests that hold-out recall model `part` has not seen."""
    return f"{_RANK_SPLIT}{part}"


def is_rank_split(split: str) -> bool:
    """Whether a split holds training requests of the ranker."""
    return split.startswith(_RANK_SPLIT)


TableName = Literal["user", "item", "event", "context"]


@dataclasses.dataclass(frozen=True)
class Feature:
    """A feature as the models see it.

    Raw shapes of one example: categorical bytes [1]; multi_categorical bytes [any]; numeric float
    [1]; vector float [dimension]. Features of `event` and `context` have one value an event instead
    of one.

    `stays_unknown` is whether raw examples leave a missing value as it is, NaN or the empty text:
    feedback, an event's column with the role feature; all else is filled with the column's default.
    """

    name: str
    table: TableName
    column: str
    kind: data_config.Kind
    spec: data_config.Column
    stays_unknown: bool = False

    @property
    def transformed(self) -> str:
        return transformed_name(self.name)

    @property
    def vocabulary(self) -> str:
        """Name of its vocabulary in the transform graph (categorical kinds only)."""
        return self.name

    @property
    def is_sequence(self) -> bool:
        return self.table in ("event", "context")


def feature_name(table: TableName, column: str) -> str:
    """`user_age` for the column `age` or `Age` of users; one that starts so already keeps its name.

    Small letters, for TensorFlow makes them of the names of a signature's inputs.
    """
    name = column.lower()
    return name if name.startswith(f"{table}_") else f"{table}_{name}"


def transformed_name(name: str) -> str:
    """The name of a feature after Transform."""
    return f"{name}_xf"


def request_name(feature: Feature) -> str:
    """`request_device` for `context_device`: its value for the request, not a past event."""
    return f"request_{feature.name.removeprefix('context_')}"


def _of(
    table: TableName, source: data_config.Table | None, role: str = "feature"
) -> tuple[Feature, ...]:
    if source is None:
        return ()
    return tuple(
        Feature(
            name=feature_name(table, n),
            table=table,
            column=n,
            kind=c.kind or "categorical",
            spec=c,
            stays_unknown=table == "event",
        )
        for n, c in source.features(role).items()
    )


def user_features(data: data_config.Data) -> tuple[Feature, ...]:
    """What is known of a user: the profile."""
    return _of("user", data.users)


def item_features(data: data_config.Data) -> tuple[Feature, ...]:
    """What is known of an item."""
    return _of("item", data.items)


def event_features(data: data_config.Data) -> tuple[Feature, ...]:
    """What is known of an event once it has happened; the action type, if any, comes first."""
    found = _of("event", data.events)
    column = data.events.column_with("action_type")
    if column is None:
        return found
    spec = dataclasses.replace(data.events.columns[column], role="feature", kind="categorical")
    return (
        Feature(
            name=EVENT_ACTION_TYPE, table="event", column=column, kind="categorical", spec=spec
        ),
        *found,
    )


def time_features(data: data_config.Data) -> tuple[str, ...]:
    """What Transform derives from an event's time; nothing where the events have none."""
    return () if data.events.is_timeless else TIME_FEATURES


def context_features(data: data_config.Data) -> tuple[Feature, ...]:
    """What is known when the request is made, of the request and of each past event."""
    return _of("context", data.events, role="context")


def event_weight(data: data_config.Data) -> Feature | None:
    """How much an event counts as a target, where a column says so; no model sees it."""
    column = data.events.column_with("weight")
    if column is None:
        return None
    spec = data.events.columns[column]
    return Feature(name=EVENT_WEIGHT, table="event", column=column, kind="numeric", spec=spec)


def all_features(data: data_config.Data) -> tuple[Feature, ...]:
    """The features of users, items, events and contexts, in this order."""
    return (
        *user_features(data),
        *item_features(data),
        *event_features(data),
        *context_features(data),
    )


def check_names(data: data_config.Data) -> None:
    """Refuses columns that would share a name in the raw examples, after Transform or in requests.

    Raises:
      strict.ConfigError: names both columns.
    """
    owners = _names_of_roles(data)
    for feature in all_features(data):
        table = {"user": "users", "item": "items"}.get(feature.table, "events")
        path = f"data.{table}.columns.{feature.column}"
        names = [feature.name] + ([request_name(feature)] if feature.table == "context" else [])
        for name in names:
            owner = owners.setdefault(name, path)
            if owner != path:
                raise strict.ConfigError(
                    f"{path}: its name in the model would be '{name}', which is that of {owner}. "
                    "Rename the key and keep the name in the file as source: "
                    f"{feature.spec.source or feature.column}."
                )


def _names_of_roles(data: data_config.Data) -> dict[str, str]:
    """Names no feature may have, with whose they are; only those a table's prefix can lead to."""

    def path(table: str, source: data_config.Table, role: str) -> str:
        return f"data.{table}.columns.{source.column_with(role)}"

    owners = {
        name: path("events", data.events, role)
        for name, role in (
            (USER_ID, "user_id"),
            (ITEM_ID, "item_id"),
            (EVENT_ITEM_ID, "item_id"),
            (EVENT_TIMESTAMP, "timestamp"),
            (REQUEST_TIMESTAMP, "timestamp"),
        )
    }
    if data.items and data.items.column_with("title"):
        owners[ITEM_TITLE] = path("items", data.items, "title")
    if data.events.column_with("weight"):
        owners[EVENT_WEIGHT] = path("events", data.events, "weight")
    return owners | dict.fromkeys(TIME_FEATURES, "a feature derived from the timestamp")
