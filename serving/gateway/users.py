"""Who asks: what a request says of the user, and what the store knows."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from modules import earlier
from serving import deadlines
from serving.gateway import columns, errors, wire
from serving.history import store

FUTURE_SECONDS = 86_400  # that an event's clock may be ahead of ours
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Checked:
    """What a request says, in order and of declared columns.

    Attributes:
      user_id: None for nobody known.
      profile: values by column.
      context: values by column.
      events: oldest first; None where the store's count.
    """

    user_id: str | None
    profile: Mapping[str, Any]
    context: Mapping[str, Any]
    events: Sequence[store.Event] | None


@dataclasses.dataclass(frozen=True)
class Person:
    """What is known of who asks; `known` says whether the store has the user."""

    known: bool
    profile: Mapping[str, Any]
    context: Mapping[str, Any]
    events: Sequence[store.Event]

    def asked(self, ask: wire.Recommend, declared: columns.Columns) -> columns.Asked:
        """What the models are told; what is excluded first counts least, if it is too much."""
        about = declared.about
        newest = self.events[-about.history_events :]
        excludes = not about.data.allows_repeats if ask.exclude_seen is None else ask.exclude_seen
        seen = [event.item_id for event in newest] if excludes else []
        when = int(time.time()) if ask.timestamp is None else ask.timestamp
        return columns.Asked(
            self.profile,
            newest,
            self.context,
            when,
            [*seen, *ask.exclude],
            {} if excludes else _own(newest[-about.repeat_history :]),
        )


class Users:
    """Asks the store."""

    def __init__(self, history: store.Store) -> None:
        """Looks users up in a store."""
        self._store = history

    def check(self, ask: wire.Recommend, declared: columns.Columns) -> Checked:
        """Checks what the request says.

        Raises:
          ApiError: a value that its column cannot have.
        """
        declared.check_time(ask.timestamp, "timestamp")
        events = None
        if ask.history is not None:
            events = columns.in_order(
                _past(past, n, declared) for n, past in enumerate(ask.history)
            )
        return Checked(
            ask.user_id,
            declared.check_profile(ask.profile or {}, "profile"),
            declared.check_context(ask.context or {}, "context"),
            events,
        )

    async def find(self, checked: Checked, trace: Any, share: float) -> Person:
        """What is known; without the store's part if not answered in `share` of the time left."""
        user = None
        if checked.user_id is not None:
            try:
                user = await deadlines.result(self._store.user(checked.user_id), share * trace.left)
            except (store.StoreError, TimeoutError) as error:
                reason = "deadline" if isinstance(error, TimeoutError) else "unavailable"
                _log.warning("the store gave no answer: %s", error or reason)
                trace.degrade("store", reason, "request_only")
        stored = user or store.User({}, ())
        events = stored.events if checked.events is None else checked.events
        return Person(
            user is not None, {**stored.profile, **checked.profile}, checked.context, events
        )


def _own(events: Sequence[store.Event]) -> dict[str, tuple[int, int]]:
    """See `columns.Asked.own`."""
    items, times = [event.item_id for event in events], [event.timestamp for event in events]
    return earlier.by_item(items, times)


def _past(given: wire.PastEvent, place: int, declared: columns.Columns) -> store.Event:
    """An event of a request's history; its place stands for the time where there are none."""
    path = f"history.{place}"
    declared.check_time(given.timestamp, f"{path}.timestamp", needed=True)
    when = place if given.timestamp is None else given.timestamp
    values = declared.check_event(given.__pydantic_extra__, path)
    return store.Event("", given.item_id, when, values)


def new_event(
    given: wire.NewEvent, declared: columns.Columns, path: str
) -> tuple[str, store.Event]:
    """(user, event) of what a client sent.

    Without an id, an event gets one made of its content, so that a client that sends it again after
    a lost answer does not add it twice. Without a time, now is when it comes in, which keeps the
    order where events have no times: those of training have their numbers, 0, 1, 2, ...

    Raises:
      ApiError: a value that its column cannot have, or a time that has not come.
    """
    now = int(time.time())
    field = f"{path}.timestamp" if path else "timestamp"
    declared.check_time(given.timestamp, field)
    when = now if given.timestamp is None else given.timestamp
    if when > now + FUTURE_SECONDS:
        raise errors.invalid(
            field,
            f"found {when}, which is more than a day ahead of this server's clock ({now}); "
            "expected Unix seconds of when it happened",
        )
    values = declared.check_event(given.__pydantic_extra__, path)
    content = orjson.dumps(
        [given.user_id, given.item_id, when, values], option=orjson.OPT_SORT_KEYS
    )
    event_id = given.event_id or hashlib.sha256(content).hexdigest()[:32]
    return given.user_id, store.Event(event_id, given.item_id, when, values)
