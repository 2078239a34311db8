"""Where a training begins that goes on from an earlier model, made of other data.

What training sets is taken over by the name of the layer. Vocabularies differ from day to day, in
their values and in their order, so tables with a row a value are taken over value by value. Values
that are new start where the earlier model put them: in its row for unknown ones. Tables of crosses
follow the values that they cross.

The vocabularies and weights of the earlier model are in its SavedModel; no other file is needed.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from numpy import typing as npt

from modules import config, features, item_tables
from modules.ranking.layers import hashed_cross

_WEIGHT = re.compile(r"_weights/(\d+)/")  # key of a variable among those of the module
_COUNTED = re.compile(r"^(dense)_\d+$")  # names that Keras numbers by the process
_COMBINATIONS = "combinations"
_MOST_COMBINATIONS = 2**24

Array = npt.NDArray[Any]
Rows = npt.NDArray[np.int64]  # of each row of a table, the one of the earlier table it starts from
Values = Callable[[str], Sequence[bytes]]  # of a vocabulary, in its order


class CannotStart(ValueError):
    """Another model than the earlier one. The message says what differs and the remedy."""


class Base:
    """The earlier model, a SavedModel of this project."""

    def __init__(self, folder: str) -> None:
        """Reads which weights there are."""
        self._folder = folder
        self._tables = item_tables.Tables(folder)
        self._keys: dict[str, list[str]] = {}
        for name, key in sorted(self._tables.variables(), key=lambda pair: _number(pair[1])):
            if _WEIGHT.search(key):
                self._keys.setdefault(_plain(name), []).append(key)

    def weights(self, name: str) -> list[Array]:
        """Of the variables of a plain name, in the model's order; empty for none."""
        return [self._tables.read(key) for key in self._keys.get(name, ())]

    def values(self, vocabulary: str) -> list[bytes]:
        """The values of a vocabulary, in its order; empty where there is none of the name."""
        path = os.path.join(self._folder, "assets", vocabulary)
        if not tf.io.gfile.exists(path):
            return []
        with tf.io.gfile.GFile(path, "rb") as file:
            content: bytes = file.read()
        return content.splitlines()

    def learnt_item_rows(self) -> Rows | None:
        """Of each row of the items, the row of ids that stands for it; None without ids."""
        if "id_row" not in self._tables.names(item_tables.FROM_TRAINING):
            return None
        return self._tables.get(item_tables.FROM_TRAINING, "id_row").astype(np.int64)

    def buckets(self, feature: str) -> int:
        """Of a number in a cross."""
        return len(self._tables.get(item_tables.BOUNDS, feature)) + 1


class Table(Protocol):
    """A table whose rows stand for something that may have another row in the earlier model."""

    def rows(self, base: Base) -> Rows:
        """The rows of the earlier table; -1 for what keeps its own values."""


@dataclasses.dataclass(frozen=True)
class Categories(Table):
    """A row a value of a vocabulary, in its order, and a last one for all others."""

    vocabulary: str
    values: Sequence[bytes]

    def rows(self, base: Base) -> Rows:
        return _matched(base.values(self.vocabulary), self.values)


@dataclasses.dataclass(frozen=True)
class Items(Table):
    """As `item_tables` says: padding, the items, and a last row for all others."""

    values: Sequence[bytes]

    def rows(self, base: Base) -> Rows:
        found = _matched(base.values(features.ITEM_VOCABULARY), self.values) + 1
        rows = np.concatenate([[0], found])
        learnt = base.learnt_item_rows()
        return rows if learnt is None else learnt[rows]


@dataclasses.dataclass(frozen=True)
class Combinations(Table):
    """A bucket for each combination of values, see `hashed_cross`."""

    crossed: Sequence[features.Feature]
    buckets: int
    sizes: Sequence[int]
    values: Values

    def rows(self, base: Base) -> Rows:
        count = int(np.prod(self.sizes))
        found = np.full(min(self.buckets, count), -1, np.int64)
        if count > _MOST_COMBINATIONS:
            return found
        earlier = [self._earlier(spec, n, base) for spec, n in zip(self.crossed, self.sizes)]
        sizes = [int(rows.max()) + 1 for rows in earlier]  # the unknown value's is the last
        ours = np.unravel_index(np.arange(count), self.sizes)
        theirs = np.ravel_multi_index(
            tuple(rows[places] for rows, places in zip(earlier, ours)), sizes
        )
        # of those that share a bucket, one whose values the earlier model knew
        known = sum(
            (rows[places] < size - 1).astype(np.int8)
            for rows, places, size in zip(earlier, ours, sizes)
        )
        order = np.argsort(known, kind="stable")
        new = hashed_cross.bucket(np.arange(count), self.buckets, count).numpy()
        old = hashed_cross.bucket(theirs, self.buckets, int(np.prod(sizes))).numpy()
        found[new[order]] = old[order]
        return found

    def _earlier(self, spec: features.Feature, size: int, base: Base) -> Rows:
        """The earlier ids of a feature's ids, of which the last is the greatest."""
        if spec.kind == "numeric":
            return np.linspace(0, base.buckets(spec.name) - 1, size).round().astype(np.int64)
        return _matched(base.values(spec.vocabulary), self.values(spec.vocabulary))


def tables(
    data: config.Data,
    crosses: Sequence[config.Cross],
    sizes: Mapping[str, int],
    values: Values,
) -> Callable[[str], Table | None]:
    """Says of a variable's plain name what table it is.

    Args:
      data: the declared columns.
      crosses: of features.
      sizes: for each crossed feature its number of ids.
      values: of the vocabularies of today.

    Returns:
      A function; it gives None for weights without such rows.
    """
    specs = {spec.name: spec for spec in features.all_features(data)}
    crossed = {"_x_".join(cross.features): cross for cross in crosses}

    def table(name: str) -> Table | None:
        *_, above, layer, kind = ("", "", *name.split("/"))
        if kind != "embeddings":
            return None
        if layer == features.ITEM_ID:
            return Items(values(features.ITEM_VOCABULARY))
        if layer == _COMBINATIONS and above in crossed:
            cross = crossed[above]
            return Combinations(
                [specs[n] for n in cross.features],
                cross.buckets,
                [sizes[n] for n in cross.features],
                values,
            )
        spec = specs.get(layer)
        return Categories(spec.vocabulary, values(spec.vocabulary)) if spec else None

    return table


def settings(training: Any) -> Any:
    """How a training that goes on is trained.

    Args:
      training: a `config.Training` or `ranking_config.RankTraining`.

    Returns:
      The same, with what its `warm_start` replaces.
    """
    return dataclasses.replace(
        training,
        **{
            f.name: getattr(training.warm_start, f.name)
            for f in dataclasses.fields(training.warm_start)
        },
    )


def start(
    variables: Sequence[tf.Variable], base: Base, table: Callable[[str], Table | None]
) -> None:
    """Gives a model that is built the earlier one's weights.

    Args:
      variables: what training sets.
      base: the earlier model.
      table: see `tables`.

    Raises:
      CannotStart: the earlier model has other layers, or layers of other sizes.
    """
    by_name: dict[str, list[tf.Variable]] = {}
    for variable in variables:
        by_name.setdefault(_plain(variable.name), []).append(variable)
    for name, ours in by_name.items():
        theirs = base.weights(name)
        if len(theirs) != len(ours):
            raise CannotStart(_differs(name, f"found {len(theirs)} such weights", str(len(ours))))
        of_rows = table(name)
        for variable, weights in zip(ours, theirs):
            value = weights if of_rows is None else _by_rows(variable, weights, of_rows.rows(base))
            if value.shape != tuple(variable.shape):
                found, expected = (
                    " x ".join(map(str, shape)) or "one number"
                    for shape in (weights.shape, tuple(variable.shape))
                )
                raise CannotStart(_differs(name, f"found {found}", expected))
            variable.assign(value)


def _by_rows(variable: tf.Variable, weights: Array, rows: Rows) -> Array:
    """The earlier rows, and its own where there is none."""
    if weights.shape[1:] != tuple(variable.shape[1:]) or len(rows) != variable.shape[0]:
        return weights  # which is refused
    own = variable.numpy()
    kept = rows[:, np.newaxis] < 0
    return np.where(kept, own, weights[np.maximum(rows, 0)])


def _matched(earlier: Sequence[bytes], values: Sequence[bytes]) -> Rows:
    """Of each value, and of the unknown one after them, the earlier row."""
    places = {value: n for n, value in enumerate(earlier)}
    return np.array([*(places.get(v, len(earlier)) for v in values), len(earlier)], np.int64)


def _plain(name: str) -> str:
    """Without the model's name, the variable's number and what Keras counts by the process."""
    first, *rest = name.removesuffix(":0").split("/")
    return "/".join(_COUNTED.sub(r"\1", step) for step in (rest or [first]))


def _number(key: str) -> int:
    found = _WEIGHT.search(key)
    return int(found[1]) if found else -1


def _differs(name: str, found: str, expected: str) -> str:
    return (
        f"the release in force has another model: {name}: {found}, expected {expected}. The "
        "columns, or keys below model, ranking.model or features, were changed since it was "
        "trained. Train without --warm-start once."
    )
