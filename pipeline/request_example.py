"""The raw example of a request that `recsys recommend` answers.

It is that of a user of the data set, or made up.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from modules import config, earlier, features, request_arrays, requests, strict
from pipeline import run_files, runs

History = Sequence[tuple[str, int | None]]


class RequestError(ValueError):
    """A request that cannot be answered. The message is for the person at the terminal."""


class WrongArgument(strict.ConfigError):
    """An argument of the command that cannot be meant."""


def of_user(run: runs.Run, user: str, data: config.Data) -> requests.RawExample:
    """A user's profile, known events with the held-out ones, and what has been seen.

    Where repeats are allowed, it holds all events that the examples do, else those of the latest
    split at least: enough for the models.
    """
    key = user.encode()
    windows: list[requests.RawExample] = []
    for split in (features.SPLIT_TEST, features.SPLIT_VALID, features.SPLIT_TRAIN):
        windows += [e for e in parsed(run, split, holding=key) if e[features.USER_ID] == [key]]
        if windows and not data.allows_repeats:
            break
    if not windows:
        raise RequestError(
            f"--user: there is no user {user!r} in the data of the newest run. For a user "
            "without events, use --history '' and --profile."
        )
    latest = max(windows, key=_end)
    events = _events(windows, latest, data)
    seen = [*latest[features.SEEN_ITEM_ID], *_targets(latest)]  # which are not among the seen ones
    return {**latest, **events, features.SEEN_ITEM_ID: list(dict.fromkeys(seen))}


def made_up(data: config.Data, history: History, at: int | None) -> requests.RawExample:
    """A user with a given history; untimed events get the next one's or the request's time."""
    times: list[int] = []
    later = (
        at
        if at is not None
        else max((t for _, t in history if t is not None), default=int(time.time()))
    )
    for _, when in reversed(history):
        later = when if when is not None else later
        times.append(later)
    items = [item.encode() for item, _ in history]
    return {
        features.EVENT_ITEM_ID: items,
        features.EVENT_TIMESTAMP: times[::-1],
        features.SEEN_ITEM_ID: items,
        **{f.name: [request_arrays.missing(f)] * len(items) for f in _of_events(data)},
    }


def profile(data: config.Data, given: Mapping[str, str]) -> requests.RawExample:
    """Raw user features of columns and their values as text."""
    columns = {f.column: f for f in features.user_features(data)}
    found: requests.RawExample = {}
    for column, value in given.items():
        if column not in columns:
            raise WrongArgument(
                f"--profile: unknown column {column!r}.{strict.nearest(column, columns)}"
            )
        feature = columns[column]
        several = feature.kind in ("multi_categorical", "vector")
        parts = value.split(feature.spec.separator) if several else [value]
        if feature.kind == "vector" and len(parts) != feature.spec.dimension:
            raise WrongArgument(
                f"--profile: {column} has {len(parts)} numbers, expected {feature.spec.dimension}."
            )
        is_number = feature.kind in ("numeric", "vector")
        found[feature.name] = [
            _number(column, part) if is_number else part.encode() for part in parts
        ]
    return found


def request(
    history: requests.RawExample,
    data: config.Data,
    lengths: earlier.Lengths,
    at: int,
    exclude: Sequence[str],
    *,
    exclude_seen: bool,
) -> requests.RawExample:
    """Appends the request as last event, as request_arrays takes it; its context is not known.

    Args:
      history: as of `of_user` or `made_up`.
      data: the declared columns, with repeats resolved.
      lengths: of the history, that count.
      at: the request's time, Unix seconds.
      exclude: ids that must not come back.
      exclude_seen: whether those of the history must not, either.
    """
    items, times = history[features.EVENT_ITEM_ID], history[features.EVENT_TIMESTAMP]
    seen = history[features.SEEN_ITEM_ID] if exclude_seen else []
    made = {
        **history,
        features.EVENT_ITEM_ID: [*items, b""],
        features.EVENT_TIMESTAMP: [*times, at],
        request_arrays.EXCLUDE_ITEM_ID: [*seen, *(item.encode() for item in exclude)],
        **{f.name: [*history[f.name], request_arrays.missing(f)] for f in _of_events(data)},
    }
    if data.allows_repeats:
        made |= earlier.of_history(items, None if data.events.is_timeless else times, lengths)
    return made


def parsed(run: runs.Run, split: str, holding: bytes = b"") -> Iterator[requests.RawExample]:
    """Parsed examples of a split; only those whose bytes hold `holding`, which is fast to see."""
    return (
        requests.read_raw_example(s)
        for s in run_files.serialized_examples(run, split)
        if holding in s
    )


def _end(window: requests.RawExample) -> tuple[int, int]:
    """The time and the number of its last event."""
    last = window[features.WINDOW_START][0] + len(window[features.EVENT_ITEM_ID])
    return window[features.EVENT_TIMESTAMP][-1], last


def _targets(window: requests.RawExample) -> list[bytes]:
    """The items that are held out together, the last event's first."""
    return window.get(features.TARGET_ITEM_ID, window[features.EVENT_ITEM_ID][-1:])


def _events(
    windows: Sequence[requests.RawExample], latest: requests.RawExample, data: config.Data
) -> requests.RawExample:
    """The events of all windows by number; of a basket's other items, little more is known."""
    names = (
        features.EVENT_ITEM_ID,
        features.EVENT_TIMESTAMP,
        *(f.name for f in _of_events(data)),
    )
    events = {
        number: event
        for window in windows
        for number, event in enumerate(
            zip(*(window[name] for name in names)), start=window[features.WINDOW_START][0]
        )
    }
    rows = [events[number] for number in sorted(events)]
    when = latest[features.EVENT_TIMESTAMP][-1]
    unknown = [request_arrays.missing(f) for f in _of_events(data)]
    rows += [(item, when, *unknown) for item in _targets(latest)[1:]]
    return {name: list(values) for name, values in zip(names, zip(*rows))}


def _of_events(data: config.Data) -> tuple[features.Feature, ...]:
    return (*features.event_features(data), *features.context_features(data))


def _number(column: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise WrongArgument(f"--profile: found {column}={text}, expected a number.") from None
