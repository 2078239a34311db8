"""Answers one request from the pushed model and shows it with titles: `recsys recommend`."""

from __future__ import annotations

import dataclasses
import datetime
import json
import pathlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from modules import config
from modules import features
from modules import requests
from modules import saved_recall
from modules import strict
from pipeline import run_files
from pipeline import runs

RECENT = 10  # events shown
History = Sequence[tuple[str, int | None]]


class RecommendError(ValueError):
    """A request that cannot be answered. The message is for the person at the terminal."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """A request and what the model recommends.

    Attributes:
      model: folder of the SavedModel.
      request_timestamp: Unix seconds.
      history: (item id, Unix seconds), oldest first.
      items: (item id, score), best first.
      titles: of all known items in `history` and `items`; "" without a title column.
      notes: what the person should know, one sentence each.
    """

    model: pathlib.Path
    request_timestamp: int
    history: tuple[tuple[str, int], ...]
    items: tuple[tuple[str, float], ...]
    titles: Mapping[str, str]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        history = [{"item_id": i, "title": self.titles.get(i), "timestamp": t} for i, t in self.history]
        items = [{"rank": n, "item_id": i, "title": self.titles.get(i), "score": s}
                 for n, (i, s) in enumerate(self.items, start=1)]
        return {"model": str(self.model), "request_timestamp": self.request_timestamp,
                "notes": list(self.notes), "history": history, "recommendations": items}

    def to_text(self) -> str:
        """Recent history, then the recommendations, as two tables."""
        shown = self.history[::-1][:RECENT]
        lines = [f"History: {len(self.history)} events" + (", newest first:" if shown else ".")]
        lines += _table(("item", "title", "when"), [
            (i, self.titles.get(i, "?"), _moment(t)) for i, t in shown])
        if len(self.history) > len(shown):
            lines.append(f"  ... and {len(self.history) - len(shown)} before.")
        lines += ["", f"Recommended at {_moment(self.request_timestamp)}:"]
        lines += _table(("#", "item", "title", "score"), [
            (str(n), i, self.titles.get(i, "?"), f"{s:.4f}") for n, (i, s) in enumerate(self.items, start=1)])
        return "\n".join([*lines, "", *(f"Note: {note}" for note in self.notes), f"Model: {self.model}"])


def main(cfg: config.Config, root: str | pathlib.Path, *, user: str | None = None,
         history: History | None = None, profile: Mapping[str, str] | None = None, at: int | None = None,
         exclude: Iterable[str] = (), k: int = 10, as_json: bool = False) -> Answer:
    """Answers and prints; see `answer` for the arguments."""
    found = answer(cfg, runs.Run(root, cfg.name), user=user, history=history, profile=profile or {}, at=at,
                   exclude=tuple(exclude), k=k)
    print(json.dumps(found.to_json(), indent=2, ensure_ascii=False) if as_json else found.to_text())
    return found


def answer(cfg: config.Config, run: runs.Run, *, user: str | None, history: History | None,
           profile: Mapping[str, str], at: int | None, exclude: tuple[str, ...], k: int) -> Answer:
    """Asks the pushed model.

    Args:
      cfg: the configuration of the run.
      run: where the examples and the pushed model are.
      user: an id of the data set, whose whole history and profile are taken; or
      history: (item id, Unix seconds or None) of past events, oldest first.
      profile: columns of the users table with their values; they replace those of `user`.
      at: the request's time, Unix seconds; without it, the time of the last event, or now without one.
      exclude: ids that must not come back, besides the history's.
      k: number of items.

    Raises:
      RecommendError: an unknown user or column, or more items than the model gives.
      run_files.NoModel: nothing has been pushed.
    """
    path = run_files.pushed_model(run)
    example = _from_data(run, user) if user is not None else _made_up(cfg.data, history or (), at)
    example |= _profile(cfg.data, profile)
    times = example[features.EVENT_TIMESTAMP]
    when = at if at is not None else times[-1] if times else int(time.time())
    request = _with_request(example, cfg.data, when, exclude)
    batch = requests.from_examples([request], cfg.data, cfg.features.max_history)
    ids, scores = saved_recall.SavedRecall(str(path))(batch)
    if k > ids.shape[1]:
        raise RecommendError(f"--k: found {k}, the model gives at most {ids.shape[1]} items (index.k).")
    items = tuple((item.decode(), float(score)) for item, score in zip(ids[0][:k], scores[0][:k]) if item)
    past = tuple((item.decode(), t) for item, t in zip(example[features.EVENT_ITEM_ID], times))
    named = {item for item, _ in past} | set(exclude)
    titles = _titles(run, named | {item for item, _ in items})
    notes = (*_time_notes(times, when, at), *_item_notes(sorted(named - set(titles)), len(items), k))
    return Answer(path, when, past, items, titles, notes)


def _time_notes(times: Sequence[int], when: int, at: int | None) -> Iterator[str]:
    """Where the request's time comes from, if nobody gave it, or what is odd about it."""
    if at is None:
        source = "that of the last event" if times else "now"
        yield f"the request's time is {source}; change it with --at."
    elif times and when < times[-1]:
        yield (f"the request's time lies before the last event ({_moment(times[-1])}), whose item the model "
               "knows nevertheless.")


def _item_notes(unknown: Sequence[str], found: int, k: int) -> Iterator[str]:
    """Ids of no catalogue, and a list that is shorter than asked for."""
    if unknown:
        yield (f"ids that are not in the catalogue, taken as unknown items: {len(unknown)} "
               f"({', '.join(unknown[:5])}{', ...' if len(unknown) > 5 else ''}).")
    if found < k:
        yield f"only {found} items are left."


def _from_data(run: runs.Run, user: str) -> requests.RawExample:
    """The user's whole known history, with the held-out events, and what has been seen."""
    key = user.encode()
    for split in (features.SPLIT_TEST, features.SPLIT_VALID, features.SPLIT_TRAIN):
        own = [e for e in _parsed(run, split, holding=key) if e[features.USER_ID] == [key]]
        if own:  # the latest window; held-out ones lack their target among the seen items
            latest = max(own, key=lambda e: (e[features.EVENT_TIMESTAMP][-1], e[features.WINDOW_START][0]
                                             + len(e[features.EVENT_ITEM_ID])))
            seen = [*latest[features.SEEN_ITEM_ID], latest[features.EVENT_ITEM_ID][-1]]
            return {**latest, features.SEEN_ITEM_ID: list(dict.fromkeys(seen))}
    raise RecommendError(f"--user: there is no user {user!r} in the data of the newest run. For a user "
                         "without events, use --history '' and --profile.")


def _parsed(run: runs.Run, split: str, holding: bytes = b"") -> Iterator[requests.RawExample]:
    """Parsed examples of a split; only those whose bytes hold `holding`, which is fast to see."""
    return (requests.read_raw_example(s) for s in run_files.serialized_examples(run, split) if holding in s)


def _made_up(data: config.Data, history: History, at: int | None) -> requests.RawExample:
    """A user whose history the caller names; an event without a time gets the next one's or the request's."""
    times: list[int] = []
    later = at if at is not None else max((t for _, t in history if t is not None), default=int(time.time()))
    for _, when in reversed(history):
        later = when if when is not None else later
        times.append(later)
    items = [item.encode() for item, _ in history]
    known = (*features.event_features(data), *features.context_features(data))
    return {features.EVENT_ITEM_ID: items, features.EVENT_TIMESTAMP: times[::-1],
            features.SEEN_ITEM_ID: items, **{f.name: [_fill(f)] * len(items) for f in known}}


def _with_request(example: requests.RawExample, data: config.Data, at: int, exclude: tuple[str, ...]
                  ) -> requests.RawExample:
    """Appends the request as last event, as `requests.from_examples` takes it; its context is the default."""
    known = (*features.event_features(data), *features.context_features(data))
    return {**example,
            features.EVENT_ITEM_ID: [*example[features.EVENT_ITEM_ID], b""],
            features.EVENT_TIMESTAMP: [*example[features.EVENT_TIMESTAMP], at],
            features.SEEN_ITEM_ID: [*example[features.SEEN_ITEM_ID], *(item.encode() for item in exclude)],
            **{f.name: [*example[f.name], _fill(f)] for f in known}}


def _fill(feature: features.Feature) -> bytes | float:
    fill = feature.spec.fill
    return fill.encode() if isinstance(fill, str) else float(fill)


def _profile(data: config.Data, given: Mapping[str, str]) -> requests.RawExample:
    """Raw user features of columns and their values as text."""
    columns = {f.column: f for f in features.user_features(data)}
    found: requests.RawExample = {}
    for column, value in given.items():
        if column not in columns:
            raise RecommendError(f"--profile: unknown column {column!r}.{strict.nearest(column, columns)}")
        feature = columns[column]
        several = feature.kind in ("multi_categorical", "vector")
        parts = value.split(feature.spec.separator) if several else [value]
        if feature.kind == "vector" and len(parts) != feature.spec.dimension:
            raise RecommendError(f"--profile: {column} has {len(parts)} numbers, expected "
                                 f"{feature.spec.dimension}.")
        is_number = feature.kind in ("numeric", "vector")
        found[feature.name] = [_number(column, part) if is_number else part.encode() for part in parts]
    return found


def _number(column: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise RecommendError(f"--profile: found {column}={text}, expected a number.") from None


def _titles(run: runs.Run, wanted: set[str]) -> dict[str, str]:
    """Titles of the wanted items that are in the catalogue; "" where there are none."""
    found: dict[str, str] = {}
    for example in _parsed(run, features.SPLIT_CATALOGUE):
        item = example[features.ITEM_ID][0].decode()
        if item in wanted:
            found[item] = b"".join(example.get(features.ITEM_TITLE, [])).decode()
    return found


def _moment(seconds: int) -> str:
    return f"{datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc):%Y-%m-%d %H:%M} UTC"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """Left-aligned columns; nothing without rows."""
    if not rows:
        return []
    widths = [max(len(row[n]) for row in (head, *rows)) for n in range(len(head))]
    return ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
            for row in (head, *rows)]
