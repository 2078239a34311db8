"""Section: what the second stage does to recall's list, for some users."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow.dataset

from modules import config, features
from pipeline.report import blocks, raw_examples, samples, sources

_LIST = 10  # places shown of each list
_EACH = 2  # users shown of each kind
# What became of the held-out item: (among recall's first, among the first of two stages).
_KINDS = {
    (False, True): f"The second stage brought it into the first {_LIST}",
    (True, False): f"The second stage took it out of the first {_LIST}",
    (True, True): "In both",
    (False, False): "In neither",
}
_SHOWN = ((False, True), (True, False), (True, True))

Kind = tuple[bool, bool]


@dataclasses.dataclass(frozen=True)
class Answer:
    """A test request.

    Attributes:
      recall: the first items of recall's list.
      two_stage: the first items of the list after ranking.
      ranks: of the held-out items by recall and by two stages, 1-based, 0 if one is not among the
          candidates.
    """

    user_id: str
    timestamp: int
    targets: tuple[str, ...]
    recall: tuple[str, ...]
    two_stage: tuple[str, ...]
    ranks: tuple[tuple[float, ...], tuple[float, ...]]

    @property
    def key(self) -> raw_examples.Key:
        return self.user_id, self.timestamp, self.targets[0]


def body(source: sources.Source) -> Iterator[blocks.Block]:
    """Yields how the rank model reorders recall's lists, with examples."""
    path = source.file(
        sources.TWO_STAGE_EVALUATOR, "evaluation", f"two-stage-{features.SPLIT_TEST}.parquet"
    )
    requests = pyarrow.dataset.dataset(path, format="parquet")
    # without the lists
    narrow = requests.to_table(columns=["user_id", "recall_rank", "two_stage_rank"])
    users, recall, two_stage = (narrow[name].to_pylist() for name in narrow.column_names)
    kinds = [kind(*map(samples.as_tuple, ranks)) for ranks in zip(recall, two_stage)]
    yield counts(collections.Counter(kinds))
    answers = [_answer(row) for row in requests.take(choose(users, kinds)).to_pylist()]
    histories = raw_examples.histories(source, {a.key for a in answers})
    items = {
        i
        for a in answers
        for i in (*a.recall[:_LIST], *a.two_stage[:_LIST], *a.targets[: samples.TARGETS])
    }
    items |= {i for example in histories.values() for i in samples.past(example)}
    titles = raw_examples.titles(source, items)
    yield blocks.Text(
        f"Drawn by a digest of the user's id, {_EACH} of each of the first three kinds: recall's "
        f"first {_LIST} beside those of two stages. Small print says where an item stands in the "
        "other list; ✓ marks the held-out item, which is what the user really chose next."
    )
    yield blocks.Grid(
        tuple(card(a, histories[a.key], titles, source.cfg.data) for a in answers), least=30
    )


def kind(recall: Sequence[float], two_stage: Sequence[float]) -> Kind:
    """Whether a held-out item is among the first of recall, and of two stages.

    Ranks are as in `Answer`.
    """
    first, second = (any(0 < r <= _LIST for r in ranks) for ranks in (recall, two_stage))
    return first, second


def counts(found: Mapping[Kind, int]) -> blocks.Table:
    """What became of all held-out items."""
    total = sum(found.values()) or 1
    return blocks.Table(
        f"The held-out item and the first {_LIST} of both lists, all test requests",
        ("what became of it", "requests#"),
        tuple(
            (label, blocks.Cell(f"{found.get(name, 0):,}", share=found.get(name, 0) / total))
            for name, label in _KINDS.items()
        ),
    )


def choose(users: Sequence[str], kinds: Sequence[Kind]) -> list[int]:
    """Places of a few users of each kind, the same ones whenever the answers are the same."""
    ordered = samples.by_digest(users)
    return [n for wanted in _SHOWN for n in [n for n in ordered if kinds[n] == wanted][:_EACH]]


def card(
    answer: Answer, example: raw_examples.RawExample, titles: Mapping[str, str], data: config.Data
) -> blocks.Card:
    """One user: profile, both lists, and last events."""
    past = blocks.Folded("What the user did before", (samples.events(example, titles, data),))
    return blocks.Card(
        f"User {answer.user_id}", samples.profile(example, data), (compare(answer, titles), past)
    )


def compare(answer: Answer, titles: Mapping[str, str]) -> blocks.Table:
    """Both lists side by side."""
    rows = []
    for place, (before, after) in enumerate(
        zip(answer.recall[:_LIST], answer.two_stage[:_LIST]), start=1
    ):
        rows.append(
            (
                str(place),
                _cell(answer, before, titles, _now(answer.two_stage, before, place)),
                _cell(answer, after, titles, _moved(answer.recall, after, place)),
            )
        )
    recall, two_stages = (
        ", ".join(f"at place {r:g}" if r else "not found" for r in ranks[: samples.TARGETS])
        for ranks in answer.ranks
    )
    return blocks.Table(
        f"Held out: {samples.held_out(answer.targets, titles)}. In recall's order {recall}, in "
        f"that of two stages {two_stages}.",
        ("place#", "recall", "two stages"),
        tuple(rows),
    )


def _cell(answer: Answer, item: str, titles: Mapping[str, str], note: str) -> blocks.Cell:
    hit = item in answer.targets
    return blocks.Cell(
        raw_examples.title(item, titles), "good" if hit else "", note=f"✓ {note}" if hit else note
    )


def _now(two_stage: Sequence[str], item: str, place: int) -> str:
    """Where an item of recall's list went."""
    if item not in two_stage:
        return f"now beyond {len(two_stage)}"
    now = two_stage.index(item) + 1
    return "stays" if now == place else f"now {now}"


def _moved(recall: Sequence[str], item: str, place: int) -> str:
    """Where an item of two stages was before."""
    if item not in recall:
        return f"↑ from beyond {len(recall)}"
    before = recall.index(item) + 1
    return "stays" if before == place else f"{'↑' if before > place else '↓'} from {before}"


def _answer(row: Mapping[str, Any]) -> Answer:
    return Answer(
        row["user_id"],
        row["timestamp"],
        samples.targets_of(row),
        tuple(row["recall_items"]),
        tuple(row["two_stage_items"]),
        (samples.as_tuple(row["recall_rank"]), samples.as_tuple(row["two_stage_rank"])),
    )
