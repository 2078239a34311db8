"""Section: what some users did and what recall alone recommends them."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence

import pyarrow.dataset

from modules import config, features
from pipeline.report import blocks, raw_examples, sources, text

_HITS, _MISSES = 3, 3  # users shown
_LIST, _EVENTS = 10, 8  # recommendations and past events shown of each


@dataclasses.dataclass(frozen=True)
class Answer:
    """A test request, with the place of its held-out item; ids are texts.

    `rank` is the held-out item's 1-based place in the list, 0 if absent.
    """

    user_id: str
    timestamp: int
    target: str
    rank: int
    items: tuple[str, ...]


def body(source: sources.Source) -> Iterator[blocks.Block]:
    """Yields the recommendations of some users beside their histories."""
    chosen = read_answers(source)
    histories = raw_examples.histories(source, {_key(a) for a in chosen})
    shown = {i for a in chosen for i in (*a.items[:_LIST], a.target)}
    shown |= {i for h in histories.values() for i in past(h)}
    titles = raw_examples.titles(source, shown)
    yield blocks.Text(
        f"Drawn by a digest of the user's id: {_HITS} users whose held-out item is among the "
        f"first {_LIST} recommendations and {_MISSES} for whom it is not. The held-out item is "
        "what the user really chose next; it is marked where it was hit."
    )
    yield blocks.Grid(tuple(card(a, histories[_key(a)], titles, source.cfg.data) for a in chosen))


def choose(users: Sequence[str], ranks: Sequence[int]) -> list[int]:
    """Places of a few users with a hit and a few without; the same answers give the same ones.

    Args:
      users: whose request, by place.
      ranks: of the held-out item, by place.
    """
    ordered = by_digest(users)
    hits = [n for n in ordered if 0 < ranks[n] <= _LIST]
    misses = [n for n in ordered if not 0 < ranks[n] <= _LIST]
    return hits[:_HITS] + misses[:_MISSES]


def by_digest(users: Sequence[str]) -> list[int]:
    """Places of the users in an order that only depends on who they are."""
    return sorted(range(len(users)), key=lambda n: hashlib.sha256(users[n].encode()).digest())


def card(
    answer: Answer, example: raw_examples.RawExample, titles: Mapping[str, str], data: config.Data
) -> blocks.Card:
    """One user: profile, last events, recommendations."""
    rank = f"at place {answer.rank}" if answer.rank else "not in the list"
    return blocks.Card(
        f"User {answer.user_id}",
        profile(example, data),
        (
            events(example, titles, data),
            _recommendations(answer, titles, data),
            blocks.Text(f"Held out: {raw_examples.title(answer.target, titles)}, {rank}."),
        ),
    )


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
        hit = item == answer.target
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
    chosen = choose(*(narrow[name].to_pylist() for name in narrow.column_names))
    return [
        Answer(
            raw_examples.decoded(row["user_id"]),
            row["timestamp"],
            raw_examples.decoded(row["target"]),
            row["rank_recall"],
            tuple(raw_examples.decoded(i) for i in row["items"]),
        )
        for row in requests.take(chosen).to_pylist()
    ]


def past(example: raw_examples.RawExample) -> list[str]:
    """The items of the last events before the request."""
    return [raw_examples.decoded(i) for i in example[features.EVENT_ITEM_ID][:-1][-_EVENTS:]]


def _key(answer: Answer) -> raw_examples.Key:
    return answer.user_id, answer.timestamp, answer.target
