"""What `recsys recommend` has to say, as JSON and as text."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from modules import release
from pipeline import text_table
from pipeline.report import text

RECENT = 10  # events shown
_REASONS = 3  # groups of features named for an item
_SMALLEST = 0.005  # effects below it would be shown as 0.00


@dataclasses.dataclass(frozen=True)
class Item:
    """One recommended item.

    Attributes:
      recall_rank: from 1, its place in recall's list.
      rank_score: of the rank model, by which two stages order; None where recall answered alone.
      times_before: events of the history with it, if its items may come back.
      effects: how far each group of the rank model's features moved the score, if asked for.
    """

    item_id: str
    recall_rank: int
    recall_score: float
    rank_score: float | None = None
    times_before: int = 0
    effects: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def reasons(self) -> str:
        """`statistics +0.41, item -0.20`: the groups that moved it most."""
        moved = sorted(self.effects.items(), key=lambda effect: -abs(effect[1]))[:_REASONS]
        return ", ".join(
            f"{group} {effect:+.2f}" for group, effect in moved if abs(effect) >= _SMALLEST
        )


@dataclasses.dataclass(frozen=True)
class Answer:
    """A request and what the release in force recommends.

    Attributes:
      found: the release.
      stage: `recall` or `two-stage`, whichever ordered the items.
      request_timestamp: Unix seconds; None where events have no times.
      history: (item id, Unix seconds or None), oldest first.
      items: best first.
      missing_inputs: values of the request that took a default; None where recall answered alone.
      titles: of all known items in `history` and `items`; "" without a title column.
      notes: what the person should know, one sentence each.
    """

    found: release.Release
    stage: str
    request_timestamp: int | None
    history: tuple[tuple[str, int | None], ...]
    items: tuple[Item, ...]
    missing_inputs: int | None
    titles: Mapping[str, str]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        history = [
            {"item_id": i, "title": self.titles.get(i), "timestamp": t} for i, t in self.history
        ]
        items = [
            {"rank": n, "title": self.titles.get(item.item_id), **dataclasses.asdict(item)}
            for n, item in enumerate(self.items, start=1)
        ]
        models = {
            "recall": str(self.found.recall),
            "rank": self.found.rank and str(self.found.rank),
        }
        return {
            "release": self.found.id,
            "models": models,
            "stage": self.stage,
            "request_timestamp": self.request_timestamp,
            "missing_inputs": self.missing_inputs,
            "notes": list(self.notes),
            "history": history,
            "recommendations": items,
        }

    def to_text(self) -> str:
        """Recent history, then the recommendations, as two tables."""
        shown = self.history[::-1][:RECENT]
        lines = [f"History: {len(self.history)} events" + (", newest first:" if shown else ".")]
        timed = self.request_timestamp is not None
        lines += text_table.lines(
            ("item", "title", *(["when"] if timed else [])),
            [
                (i, self.titles.get(i, "?"), *([] if t is None else [text.moment(t)]))
                for i, t in shown
            ],
        )
        if len(self.history) > len(shown):
            lines.append(f"  ... and {len(self.history) - len(shown)} before.")
        when = (
            "" if self.request_timestamp is None else f" at {text.moment(self.request_timestamp)}"
        )
        lines += ["", f"Recommended{when}:", *self._table(), ""]
        models = " and ".join(str(path) for path in (self.found.recall, self.found.rank) if path)
        return "\n".join(
            [
                *lines,
                *(f"Note: {note}" for note in self.notes),
                f"Release {self.found.id}, stage {self.stage}: {models}",
            ]
        )

    def _table(self) -> list[str]:
        head = ["#", "item", "title", "recall score"]
        if self.stage != release.RECALL:
            head = ["#", "item", "title", "rank score", "recall rank", "recall score"]
        explained = any(item.effects for item in self.items)
        repeats = any(item.times_before for item in self.items)
        rows = []
        for number, item in enumerate(self.items, start=1):
            row = [str(number), item.item_id, self.titles.get(item.item_id, "?")]
            if item.rank_score is not None:
                row += [f"{item.rank_score:.4f}", str(item.recall_rank)]
            row.append(f"{item.recall_score:.4f}")
            if repeats:
                row.append(f"again x{item.times_before:,}" if item.times_before else "")
            rows.append([*row, *([item.reasons()] if explained else [])])
        more = [*(["history"] if repeats else []), *(["moved most by"] if explained else [])]
        return text_table.lines([*head, *more], rows)
