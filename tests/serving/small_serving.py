"""A serving folder with small models that load: what `recsys serve` and the gateway start from.

A shop of ten items m0 ... m9. Recall knows their circle: after item i come i+1, i+2, ..., and it
returns K of them. Rank adds an item's bonus to recall's score; its version decides the bonus of
item m5 (see `BONUS`).
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from modules import catalogue, config, lineage, release, repeats, strict
from pipeline import release_writer
from tests import fake_rank, fake_recall, small_release

NAME = "small-shop"
ITEMS = tuple(f"m{number}" for number in range(10))
K = 8  # items that recall returns
MAX_HISTORY = 5
MAX_EXCLUSIONS = 20
OBJECTIVE = "liked"
# of m5 in the first release; doubled in the second, and so on: its rank is always the first
BONUS = 100.0
DATA = strict.read(
    config.Data,
    {
        "events": {
            "path": "events",
            "columns": {
                "visitor": "user_id",
                "product": "item_id",
                "when": "timestamp",
                "rating": {"kind": "numeric", "default": 3},
                "device": {"role": "context", "kind": "categorical", "default": "web"},
            },
        },
        "users": {
            "path": "users",
            "columns": {
                "visitor": "user_id",
                "age": {"kind": "numeric", "default": 40},
                "gender": {"kind": "categorical", "default": "?"},
                "interests": "multi_categorical",
            },
        },
        "items": {
            "path": "items",
            "columns": {
                "product": "item_id",
                "name": "title",
                "price": {"kind": "numeric", "default": 2},
                "group": "categorical",
                "tags": "multi_categorical",
            },
        },
    },
)
ABOUT = catalogue.About(
    name=NAME,
    data=DATA,
    max_history=MAX_HISTORY,
    timezone="UTC",
    k=K,
    max_exclusions=MAX_EXCLUSIONS,
    repeat_history=1000,
    repeat_items=256,
    choices={
        "user_gender": ("F", "M"),
        "user_interests": ("books", "tea"),
        "context_device": ("web", "app"),
    },
)

# items of a history come back; repeats are looked for in its newest 12 events
REPEATING = dataclasses.replace(
    ABOUT, data=repeats.resolved(DATA, allow=True), repeat_history=12, repeat_items=4
)


def item(number: int) -> catalogue.Item:
    """`m3`: title "Item 3", popularity 7, price 3, group "odd"; the first are the most popular."""
    return catalogue.Item(
        f"m{number}",
        f"Item {number}",
        10 - number,
        {
            "price": float(number),
            "group": ("even", "odd")[number % 2],
            "tags": ["small"] if number < 5 else [],
        },
    )


def write(folder: pathlib.Path, **options: Any) -> pathlib.Path:
    """Makes `folder`/serving with one release; returns it. See `add_release` for the options."""
    serving = folder / "serving"
    add_release(serving, **options)
    return serving


def add_release(
    serving: pathlib.Path,
    *,
    rank: bool = True,
    items: tuple[catalogue.Item, ...] | None = None,
    afternoon: Mapping[str, float] | None = None,
    about: catalogue.About = ABOUT,
) -> int:
    """Pushes one more release, with the next bonus, and returns its id.

    Args:
      serving: the folder, made if need be.
      rank: whether it has a rank model.
      items: of its catalogue; by default `item` of each number.
      afternoon: bonuses that rank gives from noon to midnight, UTC, in the place of the usual ones.
      about: what it says of requests; `REPEATING` to allow repeats.
    """
    before = len(release.ids(serving))
    made = serving.parent / f"made-{before}"
    shown = items or tuple(map(item, range(len(ITEMS))))
    lineage_of = small_release.LINEAGE
    models = {
        release.RECALL: fake_recall.save(
            made / "recall",
            about.data,
            [i.item_id for i in shown],
            fake_recall.cycle(len(shown)),
            k=K,
            made_of=lineage_of,
        )
    }
    if rank:
        models[release.RANK] = fake_rank.save(
            made / "rank",
            about.data,
            {"m5": BONUS * (before + 1)},
            objectives=(OBJECTIVE,),
            afternoon=afternoon,
        )
        lineage.write(models[release.RANK], lineage_of)
    catalogue.write(made / "catalogue", about, shown)
    return release_writer.push(
        serving, models, small_release.facts(), catalogue=str(made / "catalogue")
    ).release
