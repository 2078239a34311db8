"""The sections `data` and `split` of the configuration: tables, columns, how events are held out.

Names of features (features.py) follow from these alone; all others read them as part of `config`.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
import re
from collections.abc import Mapping
from typing import Literal

from modules import formats, strict
from modules.strict import ConfigError

Kind = Literal["categorical", "multi_categorical", "numeric", "vector"]
Role = Literal[
    "user_id", "item_id", "timestamp", "action_type", "title", "feature", "context", "ignore"
]
KINDS: tuple[str, ...] = ("categorical", "multi_categorical", "numeric", "vector")
ROLES: tuple[str, ...] = (
    "user_id",
    "item_id",
    "timestamp",
    "action_type",
    "title",
    "feature",
    "context",
    "ignore",
)


@dataclasses.dataclass(frozen=True)
class Column:
    """A table's column: `role` says what it is for, `kind` how it is read, `default` fills gaps.

    Attributes:
      role: what the column is for. Events have `user_id`, `item_id` and `timestamp` once, and
          `action_type` at most once; users have `user_id` once, items `item_id` once. A `feature`
          is what is known after the event, such as a rating; a `context` is what is known before
          it, such as the device.
      kind: how a feature or context is read; the other roles have none. Events have categorical and
          numeric columns only.
    """

    role: Role = "feature"
    kind: Kind | None = None
    default: float | str | None = None
    missing: tuple[str, ...] = ()  # texts that count as an empty cell, like NA
    separator: str = " "  # between the values of a multi_categorical, or the numbers of a vector
    dimension: int | None = None  # of a vector
    unit: Literal["s", "ms"] = "s"  # of a timestamp
    source: str | None = None  # the column's name in the file, where the key differs

    @classmethod
    def shorthand(cls, text: str, path: str) -> Mapping[str, str]:
        """Reads `age: numeric` and `id: user_id` as `{kind: numeric}` and `{role: user_id}`."""
        if text in KINDS:
            return {"kind": text}
        if text in ROLES:
            return {"role": text}
        raise ConfigError(
            f"{path}: found '{text}', expected a kind ({', '.join(KINDS)}) or a role "
            f"({', '.join(ROLES)}).{strict.nearest(text, KINDS + ROLES)}"
        )

    def __post_init__(self) -> None:
        if self.role in ("feature", "context") and self.kind is None:
            raise ConfigError(f"kind: missing; a {self.role} needs one of {', '.join(KINDS)}.")
        if self.role not in ("feature", "context") and self.kind is not None:
            raise ConfigError(f"kind: a column with role {self.role} has no kind; remove it.")
        if self.kind == "vector" and (self.dimension is None or self.dimension < 1):
            raise ConfigError("dimension: a vector needs its dimension, a whole number above 0.")
        if self.kind != "vector" and self.dimension is not None:
            raise ConfigError("dimension: only a vector has one; remove it or set kind: vector.")
        self._check_default()

    def _check_default(self) -> None:
        what = f"kind {self.kind}" if self.kind else f"role {self.role}"
        if self.kind in ("numeric", "vector"):
            number = _number(self.default)
            if number is None and self.default is not None:
                raise ConfigError(
                    f"default: found {self.default!r}, expected a finite number for {what}."
                )
            object.__setattr__(self, "default", number)
        elif isinstance(self.default, (int, float)):  # not its text: YAML has already made 7 of 007
            raise ConfigError(
                f"default: found the number {self.default:g}, expected a text for {what}. Put "
                "it in quotes."
            )

    @property
    def fill(self) -> float | str:
        """What stands in for a missing value: the declared default, else 0 or the empty text."""
        if self.default is not None:
            return self.default
        return 0.0 if self.kind in ("numeric", "vector") else ""

    @property
    def fill_texts(self) -> tuple[str, ...]:
        """`fill` of a multi_categorical: its values, as those of a cell."""
        return tuple(text for text in str(self.fill).split(self.separator) if text)


@dataclasses.dataclass(frozen=True)
class Table:
    """A file, folder or glob with rows.

    Attributes:
      path: where the file, folder or glob lies: relative to the YAML file, absolute, with `~` and
          `$VARIABLES`, `package:NAME/FILE`, or a URL.
      columns: the columns by their names in the file. One is written short as its role or its kind,
          as in `age: numeric`, or long as a mapping. The name of a feature or context is made of
          letters a-z or A-Z, digits and _, for it names an input of the model, like `user_age`;
          where the file calls it otherwise, `source` says how.
      format: what the files hold; without it, it follows from their ending.
      delimiter: what stands between the columns: a text of any length, or one of the words comma,
          tab, semicolon, pipe and space; without it, a tab for recbole and for files that end in
          .tsv or .tab, else a comma. Quotes are those of csv where it is one character; a longer
          one splits plainly.
      header: the names of all columns in the file's order, where no file has a line with them.
      encoding: of texts; any text encoding that Python knows.
      list_column: the column that holds the list of event structs, in Parquet with one row a user.
    """

    path: str
    columns: dict[str, Column]
    format: formats.Format | None = None
    delimiter: str | None = None
    header: tuple[str, ...] | None = None
    encoding: str = "utf-8"
    list_column: str | None = None

    def __post_init__(self) -> None:
        ending = formats.ending(self.path)
        kind = self.format or (ending.format if ending else None)
        if self.list_column and kind not in ("parquet", None):
            raise ConfigError(
                f"list_column: only Parquet holds lists of events, the format is {kind}."
            )
        if kind == "parquet":
            for key in ("delimiter", "header"):
                if getattr(self, key) is not None:
                    raise ConfigError(
                        f"{key}: only text has one, the format is parquet. Remove it, or correct "
                        "the format."
                    )
            if not formats.is_utf8(self.encoding):
                raise ConfigError(
                    f"encoding: found {self.encoding}; Parquet says itself how it holds texts. "
                    "Remove it, or correct the format."
                )
        try:
            formats.check_encoding(self.encoding)
        except ValueError as error:
            raise ConfigError(f"encoding: {error}") from None
        try:
            if self.delimiter is not None:
                object.__setattr__(self, "delimiter", formats.read_delimiter(self.delimiter))
        except ValueError as error:
            raise ConfigError(f"delimiter: {error}") from None
        self._check_header()

    def _check_header(self) -> None:
        """Refuses names that do not tell the columns of a file without header apart."""
        if self.header is None:
            return
        expected = "expected the names of all columns, in the file's order"
        if not self.header:
            raise ConfigError(f"header: found no names, {expected}.")
        for at, name in enumerate(self.header):
            if not name.strip():
                raise ConfigError(f"header[{at}]: found an empty name, {expected}.")
            if name in self.header[:at]:
                raise ConfigError(
                    f"header[{at}]: found '{name}' again, {expected}, each once. Rename one."
                )
        for key, column in self.columns.items():
            name = column.source or key
            if column.role != "ignore" and name not in self.header:
                raise ConfigError(
                    f"columns.{key}: no column '{name}' in header; found "
                    f"{', '.join(self.header)}.{strict.nearest(name, self.header)}"
                )

    def column_with(self, role: str) -> str | None:
        """The name of the column that has the role, or None."""
        return next((n for n, c in self.columns.items() if c.role == role), None)

    def features(self, role: str = "feature") -> dict[str, Column]:
        return {n: c for n, c in self.columns.items() if c.role == role}


@dataclasses.dataclass(frozen=True)
class Data:
    """The three tables and the policies for rows that do not fit together."""

    events: Table
    users: Table | None = None
    items: Table | None = None  # without it, the catalogue is the distinct items of the events
    unknown_item: Literal["refuse", "keep"] = "refuse"  # keep: as out-of-vocabulary, counted
    unknown_user: Literal["refuse", "keep"] = "refuse"  # keep: with the columns' defaults, counted
    duplicate_events: Literal["keep", "drop", "refuse"] = "keep"  # same user, item and timestamp
    duplicate_items: Literal["refuse", "first"] = "refuse"
    # folder of the curated one; default schema/<name>, else made from the columns
    schema: str | None = None

    def __post_init__(self) -> None:
        _roles(
            self.events,
            "events",
            once=("user_id", "item_id", "timestamp"),
            maybe=("action_type",),
            allowed=("feature", "context", "ignore"),
        )
        if self.users:
            _roles(self.users, "users", once=("user_id",), maybe=(), allowed=("feature", "ignore"))
        if self.items:
            _roles(
                self.items,
                "items",
                once=("item_id",),
                maybe=("title",),
                allowed=("feature", "ignore"),
            )
        for name, table in (("events", self.events), ("users", self.users), ("items", self.items)):
            if table:
                _keys(table, name)
        for name, column in self.events.columns.items():
            if column.kind in ("multi_categorical", "vector"):
                raise ConfigError(
                    f"events.columns.{name}.kind: found {column.kind}; a column of the events "
                    "is categorical or numeric. Move it to users or items."
                )


def _keys(table: Table, name: str) -> None:
    """Refuses keys that cannot name an input of a SavedModel's signature."""
    for key in (*table.features("feature"), *table.features("context")):
        if not re.fullmatch(r"\w+", key, re.ASCII):
            raise ConfigError(
                f"{name}.columns.{key}: found the key {key!r}, expected letters a-z or A-Z, "
                "digits and _, for it names an input of the model. Rename the key and keep the "
                f"name in the file as source: {table.columns[key].source or key!r}."
            )


def _roles(
    table: Table, name: str, once: tuple[str, ...], maybe: tuple[str, ...], allowed: tuple[str, ...]
) -> None:
    counts: dict[str, list[str]] = {}
    for column_name, column in table.columns.items():
        if column.role not in once + maybe + allowed:
            raise ConfigError(
                f"{name}.columns.{column_name}.role: found {column.role}, expected one of "
                f"{', '.join(once + maybe + allowed)} in {name}."
            )
        counts.setdefault(column.role, []).append(column_name)
    for role in once:
        if len(counts.get(role, [])) != 1:
            raise ConfigError(
                f"{name}.columns: expected one column with role {role}, found "
                f"{', '.join(counts.get(role, [])) or 'none'}."
            )
    for role in maybe:
        if len(counts.get(role, [])) > 1:
            raise ConfigError(
                f"{name}.columns: expected at most one column with role {role}, found "
                f"{', '.join(counts[role])}."
            )


@dataclasses.dataclass(frozen=True)
class Split:
    """How events are held out.

    With `leave_one_out`, each user's last event tests and the one before validates. With
    `temporal`, events from `valid_from` on validate and those from `test_from` on test; both
    are a date, a date-time or Unix seconds.
    """

    method: Literal["leave_one_out", "temporal"] = "leave_one_out"
    min_events: int = 3  # users with fewer events only train
    valid_from: float | str | None = None
    test_from: float | str | None = None

    def __post_init__(self) -> None:
        if self.min_events < 3:
            raise ConfigError(
                f"min_events: found {self.min_events}, expected at least 3 (train, valid and test)."
            )
        if self.method == "leave_one_out" and (self.valid_from or self.test_from):
            raise ConfigError(
                "valid_from: leave_one_out has no cut-off times; remove them or set method: "
                "temporal."
            )
        if self.method == "temporal" and not self.cutoffs[0] < self.cutoffs[1]:
            raise ConfigError(
                f"test_from: found {self.test_from}, expected a time after valid_from "
                f"({self.valid_from})."
            )

    @property
    def cutoffs(self) -> tuple[int, int]:
        """(valid_from, test_from) in Unix seconds."""
        return unix_seconds("valid_from", self.valid_from), unix_seconds(
            "test_from", self.test_from
        )


def unix_seconds(key: str, value: float | str | None) -> int:
    """Reads a date (UTC), a date-time or Unix seconds; `key` names the value in the error."""
    number = _number(value)
    if number is not None:
        return int(number)
    try:
        when = datetime.datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        raise ConfigError(
            f"{key}: found {value!r}, expected a date like 1998-03-01, a date-time or Unix seconds."
        ) from None
    return int((when if when.tzinfo else when.replace(tzinfo=datetime.timezone.utc)).timestamp())


def _number(value: float | str | None) -> float | None:
    """A finite number, also written as a text (YAML 1.1 reads 1e-3 as one); None for all else."""
    try:
        number = math.nan if value is None else float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
