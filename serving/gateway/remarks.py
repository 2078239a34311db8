"""What a request says that the release does not know, as notes for people.

Nothing of it is refused: catalogues change faster than clients, and the models have a place for
what they do not know. But a list that came out of it should not pass for more than it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from serving.gateway import columns, releases, wire

_NAMED = 5  # that a note names, at most
_SHOWN = 60  # characters of each


def of(
    ask: wire.Recommend, may_be_known: bool, asked: columns.Asked, loaded: releases.Loaded
) -> Iterator[str]:
    """The notes.

    Args:
      ask: the request.
      may_be_known: whether the store has its user, or did not answer.
      asked: what the models were told.
      loaded: the release that answered.
    """
    if ask.user_id is not None and not may_be_known:
        own = "the request's own" if asked.events else "an empty"
        yield f"the store has no user {_shown(ask.user_id)}; the list is for {own} history"
    about, position = loaded.catalogue.about, loaded.catalogue.position
    if about.data.allows_repeats and len(ask.history or ()) > about.repeat_history:
        yield (
            f"the history has {len(ask.history or ()):,} events; repeats are looked for in the "
            f"newest {about.repeat_history:,}"
        )
    events = {event.item_id: None for event in asked.events if event.item_id not in position}
    if events:
        yield (
            "ids of the history that are not in the catalogue, taken as unknown items: "
            f"{_few(list(map(_shown, events)))}"
        )
    excluded = {item: None for item in ask.exclude if item not in position}
    if excluded:
        yield f"ids of `exclude` that are not in the catalogue: {_few(list(map(_shown, excluded)))}"
    values = dict.fromkeys(_unknown_values(asked, loaded.columns))
    if values:
        yield f"values that training did not have, taken as unknown: {_few(list(values))}"


def _unknown_values(asked: columns.Asked, declared: columns.Columns) -> Iterator[str]:
    """`profile.gender 'X'` for each; of the events, those that the models see count."""
    seen = [event.values for event in asked.events[-declared.about.max_history :]]
    yield from _of([asked.profile], "profile", declared.user_values)
    yield from _of([asked.context], "context", declared.event_values)
    yield from _of(seen, "history", declared.event_values)


def _of(
    rows: Sequence[Mapping[str, Any]], where: str, known: Mapping[str, Collection[str]]
) -> Iterator[str]:
    for column, ours in known.items():
        for row in rows:
            value = row.get(column)
            for text in value if isinstance(value, list) else (value,):
                if isinstance(text, str) and text not in ours:
                    yield f"{where}.{column} {_shown(text)}"


def _few(found: Sequence[str]) -> str:
    """How many, and the first ones."""
    more = ", ..." if len(found) > _NAMED else ""
    return f"{len(found):,} ({', '.join(found[:_NAMED])}{more})"


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}...")
