"""Section: what some users did and what recall alone recommends them."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow.dataset

from modules import config, features
from pipeline.report import blocks, raw_examples, sources, text

_HITS, _MISSES = 3, 3  # users shown
_LIST, _EVENTS = 10, 8  # recommendations and past events shown of each
TARGETS = 10  # held-out items named of a request


@dataclasses.dataclass(frozen=True)
class Answer:
    """A test request, with the places of its held-out items; ids are texts.

    `ranks` are the held-out items' 1-based places in the list, 0 if absent.
    """

    user_id: str
    timestamp: int
    targets: tuple[str, ...]
    ranks: tuple[int, ...]
    items: tuple[str, ...]


def body(source: sources.Source) -> Iterator[blocks.Block]:
    """Yields the recommendations of some users beside their histories."""
    chosen = read_answers(source)
    histories = raw_examples.histories(source, {_key(a) for a in chosen})
    shown = {i for a in chosen for i in (*a.items[:_LIST], *a.targets[:TARGETS])}
    shown |= {i for h in histories.values() for i in past(h)}
    titles = raw_examples.titles(source, shown)
    yield blocks.Text(
        f"Drawn by a digest of the user's id: {_HITS} users whose held-out item (or one of them) "
        f"is among the first {_LIST} recommendations and {_MISSES} for whom it is not. The "
        "held-out item is what the user really chose next; it is marked where it was hit."
    )
    yield blocks.Grid(tuple(card(a, histories[_key(a)], titles, source.cfg.data) for a in chosen))


def choose(users: Sequence[str], ranks: Sequence[Sequence[int]]) -> list[int]:
    """Places of a few users with a hit and a few without; the same answers give the same ones.

    Args:
      users: whose request, by place.
      ranks: of the held-out items, by place.
    """
    ordered = by_digest(users)
    is_hit = [any(0 < rank <= _LIST for rank in found) for found in ranks]
    hits = [n for n in ordered if is_hit[n]]
    misses = [n for n in ordered if not is_hit[n]]
    return hits[:_HITS] + misses[:_MISSES]


def by_digest(users: Sequence[str]) -> list[int]:
    """Places of the users in an order that only depends on who they are."""
    return sorted(range(len(users)), key=lambda n: hashlib.sha256(users[n].encode()).digest())


def card(
    answer: Answer, example: raw_examples.RawExample, titles: Mapping[str, str], data: config.Data
) -> blocks.Card:
    """One user: profile, last events, recommendations."""
    ranks = [f"at place {rank}" if rank else "not in the list" for rank in answer.ranks]
    return blocks.Card(
        f"User {answer.user_id}",
        profile(example, data),
        (
            events(example, titles, data),
            _recommendations(answer, titles, data),
            blocks.Text(f"Held out: {held_out(answer.targets, titles, ranks)}."),
        ),
    )


def held_out(targets: Sequence[str], titles: Mapping[str, str], places: Sequence[str] = ()) -> str:
    """The first held-out items by title, each with its place where it is said; how many more."""
    named = [raw_examples.title(target, titles) for target in targets[:TARGETS]]
    said = [f"{name}, {place}" for name, place in zip(named, places)] or named
    rest = len(targets) - len(named)
    return "; ".join([*said, *([f"and {rest:,} more"] if rest else [])])


def profile(example: raw_examples.RawExample, data: config.Data) -> str:
    """The user's profile, like `age 34, gender F`."""
    return ", ".join(
        f"{f.column} {raw_examples.shown(example.get(f.name, []))}"
        for f in features.user_features(data)
    )


def events(
    example: raw_examples.RawExample, titles: Mapping[str, str], data: config.Data
) -> blocks.Table:
    """The last events before the request, newest first."""
    count = example[features.WINDOW_START][0] + len(example[features.EVENT_ITEM_ID]) - 1
    known = [*features.event_features(data), *features.context_features(data)]
    timeless = data.events.is_timeless
    rows: list[tuple[blocks.Cell | str, ...]] = []
    for n in reversed(range(len(example[features.EVENT_ITEM_ID]) - 1)):
        more = ", ".join(
            f"{f.column} {raw_examples.shown([example[f.name][n]])}"
            for f in known
            if example.get(f.name)
        )
        rows.append(
            (
                blocks.Cell(
                    raw_examples.title(
                        raw_examples.decoded(example[features.EVENT_ITEM_ID][n]), titles
                    ),
                    note=more,
                ),
                *([] if timeless else [text.moment(example[features.EVENT_TIMESTAMP][n])]),
            )
        )
    return blocks.Table(
        f"Last {min(_EVENTS, len(rows))} of {count:,} events, newest first",
        ("item",) if timeless else ("item", "when"),
        tuple(rows[:_EVENTS]),
    )


def _recommendations(answer: Answer, titles: Mapping[str, str], data: config.Data) -> blocks.Table:
    rows = []
    for place, item in enumerate(answer.items[:_LIST], start=1):
        hit = item in answer.targets
        rows.append(
            (
                str(place),
                blocks.Cell(
                    raw_examples.title(item, titles),
                    "good" if hit else "",
                    note="✓ the held-out item" if hit else "",
                ),
            )
        )
    when = "" if data.events.is_timeless else f" at {text.moment(answer.timestamp)}"
    return blocks.Table(f"Recommended{when}", ("place#", "item"), tuple(rows))


def read_answers(source: sources.Source) -> list[Answer]:
    """The chosen ones of the test requests that the Evaluator put to the model, with its lists."""
    path = source.file(sources.EVALUATOR, "evaluation", f"requests-{features.SPLIT_TEST}.parquet")
    requests = pyarrow.dataset.dataset(path, format="parquet")
    narrow = requests.to_table(columns=["user_id", "rank_recall"])  # all lists are not for memory
    users, ranks = (narrow[name].to_pylist() for name in narrow.column_names)
    chosen = choose(users, [as_tuple(found) for found in ranks])
    return [
        Answer(
            raw_examples.decoded(row["user_id"]),
            row["timestamp"],
            targets_of(row),
            as_tuple(row["rank_recall"]),
            tuple(raw_examples.decoded(i) for i in row["items"]),
        )
        for row in requests.take(chosen).to_pylist()
    ]


def targets_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The held-out items of a row of `requests-*` or `two-stage-*.parquet`; see answers_file."""
    found = row["targets"] if "targets" in row else row["target"]
    return tuple(raw_examples.decoded(item) for item in as_tuple(found))


def as_tuple(cell: Any) -> tuple[Any, ...]:
    """A cell's values: several, or one."""
    return tuple(cell) if isinstance(cell, list) else (cell,)


def past(example: raw_examples.RawExample) -> list[str]:
    """The items of the last events before the request."""
    return [raw_examples.decoded(i) for i in example[features.EVENT_ITEM_ID][:-1][-_EVENTS:]]


def _key(answer: Answer) -> raw_examples.Key:
    return answer.user_id, answer.timestamp, answer.targets[0]
