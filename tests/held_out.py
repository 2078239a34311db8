"""Raw examples of whole histories, cut and held out as by ExampleGen, to test what follows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modules import features, ranking_config
from modules.beam import sequences
from tests import examples

START = 893_286_638  # Unix seconds of the first event
STEP = 3_600  # seconds between events


def splits(
    histories: Mapping[str, Sequence[str]],
    catalogue: Sequence[str],
    max_history: int,
    profiles: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """Rows of the four splits, leave one out.

    Args:
      histories: items of each user, in order; three or more.
      catalogue: all item ids.
      max_history: L.
      profiles: raw user features that replace those of `examples.sequence`, by user.
    """
    rows: dict[str, list[dict[str, Any]]] = {
        "train": [],
        "valid": [],
        "test": [],
        "catalogue": [examples.item(i) for i in catalogue],
    }
    for user, items in histories.items():
        profile = (profiles or {}).get(user, {})
        train = len(items) - 2
        windows = [
            ("train", *window, train) for window in sequences.train_windows(train, max_history)
        ]
        windows += [
            (split, *sequences.request_window(target, max_history), target)
            for split, target in (("valid", train), ("test", train + 1))
        ]
        asked = {"valid": [items[train]], "test": [items[train + 1]]}
        for split, start, stop, known in windows:
            times = [START + n * STEP for n in range(start, stop)]
            rows[split].append(
                examples.sequence(
                    items[start:stop],
                    times,
                    user_id=user,
                    window_start=start,
                    seen_item_id=sorted(set(items[:known])),
                    **({"target_item_id": asked[split]} if split in asked else {}),
                    **profile,
                )
            )
    return rows


def rank_splits(
    histories: Mapping[str, Sequence[str]], max_history: int, hold_out: ranking_config.HoldOut
) -> dict[str, list[dict[str, Any]]]:
    """Rows of the splits `rank_<n>`, of the training events under leave one out; see `splits`."""
    rows: dict[str, list[dict[str, Any]]] = {
        features.rank_split(part): [] for part in range(max(hold_out.parts, 1))
    }
    for user, items in histories.items():
        held = sequences.hold_out(user, range(len(items) - 2), hold_out)
        for (target,) in held.requests:
            start, stop = sequences.request_window(target, max_history)
            rows[features.rank_split(held.part)].append(
                examples.sequence(
                    items[start:stop],
                    [START + n * STEP for n in range(start, stop)],
                    user_id=user,
                    window_start=start,
                    seen_item_id=sorted(set(items[:target])),
                    target_item_id=[items[target]],
                )
            )
    return rows
