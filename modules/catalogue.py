"""What a release says of its items and of requests, for servers that have no TensorFlow.

Two files beside the recall model, in `assets.extra/`:

  serving.json    the sections of the configuration that a request depends on, and the values that
                  occur
  items.parquet   one row an item: item_id, title, popularity, and a column for each item feature
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pyarrow_hotfix  # noqa: F401 - else a file could run code (CVE-2023-47248)
from numpy import typing as npt

from modules import config, features, strict

FOLDER = "assets.extra"
ABOUT_FILE, ITEMS_FILE = "serving.json", "items.parquet"
POPULARITY = "popularity"
MAX_CHOICES = 200  # values named of a categorical column, the most frequent ones

_TYPES = {
    "categorical": pa.string(),
    "multi_categorical": pa.list_(pa.string()),
    "numeric": pa.float32(),
    "vector": pa.list_(pa.float32()),
}


class CatalogueError(ValueError):
    """Files that do not describe a release. The message says which and the remedy."""


@dataclasses.dataclass(frozen=True)
class About:
    """What a request depends on.

    Attributes:
      name: of the configuration.
      data: the declared columns; the tables' paths say nothing.
      max_history: events that the models see.
      timezone: of the time features.
      k: items that recall returns.
      max_exclusions: ids that a request may exclude.
      repeat_history: newest events in which repeats are looked for, where they are allowed.
      repeat_items: items of those before the models' that a request holds.
      choices: by name of a categorical feature, the most frequent values of training.
    """

    name: str
    data: config.Data
    max_history: int
    timezone: str
    k: int
    max_exclusions: int
    repeat_history: int
    repeat_items: int
    choices: dict[str, tuple[str, ...]]

    @property
    def history_events(self) -> int:
        """How many of a user's newest events are of use.

        They are what the models see and one more for its time delta, or what a request may
        exclude, or where repeats are allowed, in which they are looked for, whichever is more.
        """
        repeats = self.repeat_history if self.data.allows_repeats else 0
        return max(self.max_history + 1, self.max_exclusions, repeats)

    @classmethod
    def read(cls, recall_folder: pathlib.Path) -> About:
        """Reads it beside a recall model.

        Raises:
          CatalogueError: the file is missing or cannot be understood.
        """
        with _refusing(recall_folder):
            text = (recall_folder / FOLDER / ABOUT_FILE).read_text(encoding="utf-8")
            return strict.read(cls, json.loads(text))


@contextlib.contextmanager
def _refusing(recall_folder: pathlib.Path) -> Iterator[None]:
    """Makes what goes wrong while a file is read into a CatalogueError."""
    try:
        yield
    except FileNotFoundError as error:
        raise CatalogueError(
            f"{error.filename}: is missing. The release was made by an earlier version of "
            "this project, or was not copied whole; make a new one with `recsys run`, or "
            "copy it again."
        ) from None
    # ConfigError is a ValueError
    except (ValueError, KeyError, OSError, RuntimeError, pa.ArrowException) as error:
        raise CatalogueError(
            f"{recall_folder / FOLDER}: expected {ABOUT_FILE} and {ITEMS_FILE} of a "
            f"release, found files that cannot be read ({error}). Copy the release "
            "again."
        ) from None


@dataclasses.dataclass(frozen=True)
class Item:
    """A row of the catalogue; `features` by column: text(s), number(s), or None where missing."""

    item_id: str
    title: str  # "" where there is none
    popularity: int  # events in training
    features: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """The N items of a release by position, in the order of their ids.

    Attributes:
      about: what a request depends on.
      ids: of the items.
      titles: of the items.
      features: by column, the items' values, each as in `Item`.
      popularity: int64 [N], events in training.
      position: of an item id.
      popular: int64 [N], positions, the most popular first, those alike by id.
    """

    about: About
    ids: tuple[str, ...]
    titles: tuple[str, ...]
    features: dict[str, list[Any]]
    popularity: npt.NDArray[np.int64]
    position: dict[str, int]
    popular: npt.NDArray[np.int64]

    @classmethod
    def read(cls, recall_folder: pathlib.Path) -> Catalogue:
        """Reads both files beside a recall model.

        Raises:
          CatalogueError: a file is missing or cannot be understood.
        """
        about = About.read(recall_folder)
        with _refusing(recall_folder), (recall_folder / FOLDER / ITEMS_FILE).open("rb") as file:
            table = pa.parquet.read_table(file)
            ids = tuple(table[features.ITEM_ID].to_pylist())
            popularity = table[POPULARITY].to_numpy()
            return cls(
                about,
                ids,
                tuple(table[features.ITEM_TITLE].to_pylist()),
                {
                    f.column: table[_stored(f)].to_pylist()
                    for f in features.item_features(about.data)
                },
                popularity,
                {item_id: n for n, item_id in enumerate(ids)},
                np.argsort(-popularity, kind="stable"),
            )

    def item(self, position: int) -> Item:
        """A row."""
        return Item(
            self.ids[position],
            self.titles[position],
            int(self.popularity[position]),
            {column: values[position] for column, values in self.features.items()},
        )


def write(folder: pathlib.Path, about: About, items: Sequence[Item]) -> None:
    """Writes both files into `folder`, the items in the order of their ids."""
    folder.mkdir(parents=True, exist_ok=True)
    ordered = sorted(items, key=lambda item: item.item_id)
    columns: dict[str, pa.Array] = {
        features.ITEM_ID: pa.array([item.item_id for item in ordered], pa.string()),
        features.ITEM_TITLE: pa.array([item.title for item in ordered], pa.string()),
        POPULARITY: pa.array([item.popularity for item in ordered], pa.int64()),
    }
    for feature in features.item_features(about.data):
        values = [item.features[feature.column] for item in ordered]
        columns[_stored(feature)] = pa.array(values, _TYPES[feature.kind])
    pa.parquet.write_table(pa.table(columns), folder / ITEMS_FILE)
    text = json.dumps(strict.to_plain(about), indent=1, ensure_ascii=False)
    (folder / ABOUT_FILE).write_text(text, encoding="utf-8")


def item_of(example: Mapping[str, Sequence[Any]], popularity: int, data: config.Data) -> Item:
    """The row of a raw example of the catalogue (see features.py)."""
    return Item(
        item_id=example[features.ITEM_ID][0].decode(),
        title=b"".join(example.get(features.ITEM_TITLE, [])).decode(),
        popularity=popularity,
        features={
            f.column: _value(example.get(f.name, []), f) for f in features.item_features(data)
        },
    )


def _value(values: Sequence[Any], feature: features.Feature) -> Any:
    found = [v.decode() if isinstance(v, bytes) else v for v in values]
    if feature.kind in ("multi_categorical", "vector"):
        return found
    return found[0] if found and found[0] == found[0] else None  # NaN is missing, too


def _stored(feature: features.Feature) -> str:
    """The Parquet column; no declared column is called like one that every catalogue has."""
    return f"feature:{feature.column}"
