"""Section: what some users did and what they are recommended."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import pyarrow.dataset

from modules import config
from modules import features
from pipeline.report import blocks
from pipeline.report import sources
from pipeline.report import text

_HITS, _MISSES = 3, 3  # users shown
_LIST, _EVENTS = 10, 8  # recommendations and past events shown of each

RawExample = Mapping[str, Sequence[Any]]
_Key = tuple[str, int, str]  # of a request: user, Unix seconds, held-out item


@dataclasses.dataclass(frozen=True)
class Answer:
    """A test request: `rank` is the held-out item's 1-based place in the list, 0 if absent; ids are texts."""

    user_id: str
    timestamp: int
    target: str
    rank: int
    items: tuple[str, ...]


def body(source: sources.Source) -> Iterator[blocks.Block]:
    chosen = read_answers(source)
    examples = source.artifact(sources.EXAMPLE_GEN, "examples").path
    histories = _histories(examples / f"Split-{features.SPLIT_TEST}", chosen)
    shown = {i for a in chosen for i in (*a.items[:_LIST], a.target)}
    shown |= {i for h in histories.values() for i in past(h)}
    titles = _titles(examples / f"Split-{features.SPLIT_CATALOGUE}", shown)
    yield blocks.Text(
        f"Drawn by a digest of the user's id: {_HITS} users whose held-out item is among the first {_LIST} "
        f"recommendations and {_MISSES} for whom it is not. The held-out item is what the user really chose "
        "next; it is marked where it was hit."
    )
    yield blocks.Grid(tuple(card(a, histories[_key(a)], titles, source.cfg.data) for a in chosen))


def choose(users: Sequence[str], ranks: Sequence[int]) -> list[int]:
    """Places of a few users with a hit and a few without, the same ones whenever the answers are the same.

    Args:
      users: whose request, by place.
      ranks: of the held-out item, by place.
    """
    ordered = sorted(range(len(users)), key=lambda n: hashlib.sha256(users[n].encode()).digest())
    hits = [n for n in ordered if 0 < ranks[n] <= _LIST]
    misses = [n for n in ordered if not 0 < ranks[n] <= _LIST]
    return hits[:_HITS] + misses[:_MISSES]


def card(answer: Answer, example: RawExample, titles: Mapping[str, str], data: config.Data) -> blocks.Card:
    """One user: profile, last events, recommendations."""
    profile = ", ".join(f"{f.column} {_value(example.get(f.name, []))}" for f in features.user_features(data))
    count = example[features.WINDOW_START][0] + len(example[features.EVENT_ITEM_ID]) - 1
    rank = f"at place {answer.rank}" if answer.rank else "not in the list"
    return blocks.Card(
        f"User {answer.user_id}",
        profile,
        (
            _events(example, titles, data, count),
            _recommendations(answer, titles),
            blocks.Text(f"Held out: {_title(answer.target, titles)}, {rank}."),
        ),
    )


def _events(example: RawExample, titles: Mapping[str, str], data: config.Data, count: int) -> blocks.Table:
    """The last events before the request, newest first."""
    known = [*features.event_features(data), *features.context_features(data)]
    rows = []
    for n in reversed(range(len(example[features.EVENT_ITEM_ID]) - 1)):
        more = ", ".join(f"{f.column} {_value([example[f.name][n]])}" for f in known if example.get(f.name))
        rows.append(
            (
                blocks.Cell(_title(_text(example[features.EVENT_ITEM_ID][n]), titles), note=more),
                text.moment(example[features.EVENT_TIMESTAMP][n]),
            )
        )
    return blocks.Table(
        f"Last {min(_EVENTS, len(rows))} of {count:,} events, newest first",
        ("item", "when"),
        tuple(rows[:_EVENTS]),
    )


def _recommendations(answer: Answer, titles: Mapping[str, str]) -> blocks.Table:
    rows = []
    for place, item in enumerate(answer.items[:_LIST], start=1):
        hit = item == answer.target
        rows.append(
            (
                str(place),
                blocks.Cell(
                    _title(item, titles), "good" if hit else "", note="✓ the held-out item" if hit else ""
                ),
            )
        )
    return blocks.Table(f"Recommended at {text.moment(answer.timestamp)}", ("place#", "item"), tuple(rows))


def read_answers(source: sources.Source) -> list[Answer]:
    """The chosen ones of the test requests that the Evaluator put to the model, with its lists."""
    path = source.file(sources.EVALUATOR, "evaluation", f"requests-{features.SPLIT_TEST}.parquet")
    requests = pyarrow.dataset.dataset(path, format="parquet")
    narrow = requests.to_table(columns=["user_id", "rank_recall"])  # all lists are not for memory
    chosen = choose(*(narrow[name].to_pylist() for name in narrow.column_names))
    return [
        Answer(
            _text(row["user_id"]),
            row["timestamp"],
            _text(row["target"]),
            row["rank_recall"],
            tuple(_text(i) for i in row["items"]),
        )
        for row in requests.take(chosen).to_pylist()
    ]


def past(example: RawExample) -> list[str]:
    """The items of the last events before the request."""
    return [_text(i) for i in example[features.EVENT_ITEM_ID][:-1][-_EVENTS:]]


def _histories(folder: pathlib.Path, answers: Sequence[Answer]) -> dict[_Key, RawExample]:
    """The raw examples of the answers' requests."""
    wanted = {_key(a) for a in answers}
    found: dict[_Key, RawExample] = {}
    for example in _examples(folder):
        user, target = example[features.USER_ID][0], example[features.EVENT_ITEM_ID][-1]
        key = _text(user), example[features.EVENT_TIMESTAMP][-1], _text(target)
        if key in wanted:
            found[key] = example
        if len(found) == len(wanted):
            break
    return found


def _titles(folder: pathlib.Path, items: Collection[str]) -> dict[str, str]:
    """Titles of the items, where the catalogue has titles."""
    found: dict[str, str] = {}
    for example in _examples(folder):
        item = _text(example[features.ITEM_ID][0])
        if item in items:
            found[item] = _value(example.get(features.ITEM_TITLE, []))
        if len(found) == len(items):
            break
    return found


def _examples(folder: pathlib.Path) -> Iterator[RawExample]:
    """The parsed examples of one split."""
    import tensorflow as tf  # takes seconds to import

    from modules import requests

    files = sorted(str(f) for f in folder.glob("*.gz"))
    for serialized in tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator():
        yield requests.read_raw_example(serialized)


def _key(answer: Answer) -> _Key:
    return answer.user_id, answer.timestamp, answer.target


def _title(item: str, titles: Mapping[str, str]) -> str:
    title = titles.get(item, "")
    return f"{title} ({item})" if title else f"item {item}"


def _value(values: Sequence[Any]) -> str:
    """A feature's values as a text: `34`, `Comedy Drama`; a hyphen for none."""
    shown = [_text(v) if isinstance(v, (bytes, str)) else text.compact(v) for v in values]
    return " ".join(v for v in shown if v) or "-"


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
