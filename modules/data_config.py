"""The sections `data` and `split` of the configuration: tables, columns, how events are held out.

Names of features (features.py) follow from these alone; all others read them as part of `config`.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from typing import Literal

from modules import formats, rules, strict
from modules.columns import FILE_ORDER, Column, Kind, finite
from modules.strict import ConfigError

__all__ = ["Column", "ConfigError", "Data", "Kind", "Split", "Table", "unix_seconds"]


@dataclasses.dataclass(frozen=True)
class Table:
    r"""A file, folder or glob with rows.

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
      quote: of csv, the character around fields that hold a delimiter, a line break or a quote; or
          `none` where quotes are letters.
      escape: of csv, the character before which a quote or delimiter is plain text, such as a
          backslash; without it, a quote inside quotes is written twice.
      list_column: the column that holds the list of event structs, in Parquet or JSON with one row
          a user, or a list in a text (see list_pattern).
      list_pattern: of text in columns, a regular expression of one element in list_column, with a
          named group for each column that elements have, as in `(?P<item>\w+)-(?P<click>[01])`.
      keep: rules on columns in the file, such as `rating >= 4`; only rows that fulfil all count.
          See modules/rules.py.
      drop: rules of the same form; rows that fulfil any do not count.
    """

    path: str
    columns: dict[str, Column]
    format: formats.Format | None = None
    delimiter: str | None = None
    header: tuple[str, ...] | None = None
    encoding: str = "utf-8"
    quote: str = '"'
    escape: str | None = None
    list_column: str | None = None
    list_pattern: str | None = None
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.path.strip():
            raise ConfigError(
                f"path: found {self.path!r}, expected a file, a folder or a glob. Give it, or take "
                "the table out."
            )
        ending = formats.ending(self.path)
        kind = self.format or (ending.format if ending else None)
        self._check_lists(kind)
        if kind is not None and kind not in formats.DELIMITED:
            for key in ("delimiter", "header"):
                if getattr(self, key) is not None:
                    raise ConfigError(
                        f"{key}: only text in columns has one, the format is {kind}. Remove it, or "
                        "correct the format."
                    )
        if kind == "parquet" and not formats.is_utf8(self.encoding):
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
        self._check_quotes(kind)
        for key in ("keep", "drop"):
            for at, text in enumerate(getattr(self, key)):
                try:
                    rules.read(text)
                except ConfigError as error:
                    raise ConfigError(f"{key}[{at}]: {error}") from None
        self._check_header()

    def _check_lists(self, kind: formats.Format | None) -> None:
        """Refuses lists of events that a table in this format cannot have."""
        if self.list_column and self.list_pattern is None and kind in formats.DELIMITED:
            raise ConfigError(
                f"list_column: in {kind} a list is a text; set list_pattern, the form of its "
                r"elements, such as '(?P<item>\w+)-(?P<click>[01])'."
            )
        if self.list_pattern is None:
            return
        if kind is not None and kind not in formats.DELIMITED:
            raise ConfigError(
                f"list_pattern: only text in columns has one, the format is {kind}. Remove it, or "
                "correct the format."
            )
        if not self.list_column:
            raise ConfigError(
                "list_pattern: goes with list_column, the column whose cells are lists; set it."
            )
        found = f"found {self.list_pattern!r}, expected a regular expression"
        try:
            pattern = re.compile(self.list_pattern)
        except re.error as error:
            raise ConfigError(f"list_pattern: {found} ({error}).") from None
        if not pattern.groupindex or pattern.fullmatch(""):
            raise ConfigError(
                f"list_pattern: {found} with a named group for each column of an element, such as "
                r"'(?P<item>\w+)', that matches no empty text."
            )

    @property
    def element_columns(self) -> tuple[str, ...]:
        """The columns that the elements of a list in a text have, in the order of the text."""
        return tuple(re.compile(self.list_pattern).groupindex) if self.list_pattern else ()

    def _check_quotes(self, kind: formats.Format | None) -> None:
        """Refuses quotes and escapes that a text in this format cannot have."""
        try:
            object.__setattr__(self, "quote", formats.read_quote(self.quote))
        except ValueError as error:
            raise ConfigError(f"quote: {error}") from None
        if self.escape is not None and (len(self.escape) != 1 or self.escape.isalnum()):
            raise ConfigError(f"escape: found {self.escape!r}, expected one character, such as \\.")
        for key, is_set in (("quote", self.quote not in ('"', "")), ("escape", bool(self.escape))):
            if is_set and kind not in ("csv", None):
                raise ConfigError(
                    f"{key}: only csv has one, the format is {kind}. Remove it, or correct the "
                    "format."
                )
            if is_set and self.delimiter is not None and len(self.delimiter) > 1:
                raise ConfigError(
                    f"{key}: goes with a delimiter of one character, found {self.delimiter!r}, "
                    "which splits plainly. Remove one of them."
                )
            if is_set and getattr(self, key) == self.delimiter:
                raise ConfigError(
                    f"{key}: found {self.delimiter!r}, which is the delimiter, too; expected "
                    "another character."
                )
        if self.escape is not None and self.escape == self.quote:
            raise ConfigError(
                f"escape: found {self.escape!r}, which is the quote, too. Remove it: a quote "
                "inside quotes is written twice without it."
            )

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
        if formats.ending(self.path) is None or any(c in self.path for c in "*?[="):
            return  # the names of folders, such as day=1, may hold columns as well
        for key, column in self.columns.items():
            name = column.source or key
            reads = column.role != "ignore" and column.from_ is None
            known = (*self.header, *self.element_columns)
            if reads and name not in known:
                raise ConfigError(
                    f"columns.{key}: no column '{name}' in header; found "
                    f"{', '.join(known)}.{strict.nearest(name, known)}"
                )

    @property
    def filters(self) -> tuple[tuple[rules.Rule, bool], ...]:
        """The rules with whether a row counts only where it fulfils them; `keep`, then `drop`."""
        return (
            *((rules.read(text), True) for text in self.keep),
            *((rules.read(text), False) for text in self.drop),
        )

    def column_with(self, role: str) -> str | None:
        """The name of the column that has the role, or None."""
        return next((n for n, c in self.columns.items() if c.role == role), None)

    @property
    def is_timeless(self) -> bool:
        """Whether the order of the rows stands for their time."""
        return any(column.from_ == FILE_ORDER for column in self.columns.values())

    def features(self, role: str = "feature") -> dict[str, Column]:
        return {n: c for n, c in self.columns.items() if c.role == role}


@dataclasses.dataclass(frozen=True)
class Data:
    """The three tables and the policies for rows that do not fit together."""

    events: Table
    users: Table | None = None
    items: Table | None = None  # without it, the catalogue is the distinct items of the events
    # of an event whose item has no row. add: to the catalogue, with the columns' defaults; keep: as
    # out-of-vocabulary, never recommended; counted
    unknown_item: Literal["add", "keep", "refuse"] = "add"
    unknown_user: Literal["keep", "refuse"] = "keep"  # keep: with the columns' defaults, counted
    unknown_share: float = 0.1  # of the events, at most, that add and keep accept
    duplicate_events: Literal["keep", "drop", "refuse"] = "keep"  # same user, item and timestamp
    # the order of a user's events of one time: that of the file, or by lot, the same in every run
    ties: Literal["file", "lot"] = "file"
    duplicate_items: Literal["refuse", "first"] = "refuse"
    duplicate_users: Literal["refuse", "first"] = "refuse"
    # check: refuse ids that differ in spaces around them or in .0 alone; clean: take both off;
    # exact: as they are
    ids: Literal["check", "clean", "exact"] = "check"
    # whether items of a user's history may be recommended again; auto: where the training events
    # repeat often enough (repeats.py)
    repeats: Literal["auto", "allow", "exclude"] = "auto"
    # whether models may learn from when a request is made; hidden: what they know ends with the
    # last event before it
    request_time: Literal["known", "hidden"] = "known"
    # folder of the curated one; default schema/<name>, else made from the columns
    schema: str | None = None

    @property
    def allows_repeats(self) -> bool:
        """Whether repeats are allowed; `auto` has to be resolved before (repeats.py)."""
        return self.repeats == "allow"

    @property
    def hides_request_time(self) -> bool:
        """Whether the time of a request counts as that of the last event before it."""
        return self.request_time == "hidden"

    def __post_init__(self) -> None:
        _roles(
            self.events,
            "events",
            once=("user_id", "item_id", "timestamp"),
            maybe=("action_type", "weight"),
            allowed=("feature", "context", "ignore"),
        )
        if not 0 <= self.unknown_share <= 1:
            raise ConfigError(f"unknown_share: found {self.unknown_share}, expected 0 to 1.")
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


_NO_TIME = (
    " If the events have none, their order can stand for it: add timestamp: {from: file_order}."
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
                + (_NO_TIME if role == "timestamp" and role not in counts else "")
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

    With `unit: basket`, what a user does at one time is one thing, a basket: it is held out whole,
    and one request asks for all its items.
    """

    method: Literal["leave_one_out", "temporal"] = "leave_one_out"
    unit: Literal["event", "basket"] = "event"
    min_events: int = 3  # users with fewer events (with unit: basket, baskets) only train
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
    number = finite(value)
    if number is not None:
        return int(number)
    try:
        when = datetime.datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        raise ConfigError(
            f"{key}: found {value!r}, expected a date like 1998-03-01, a date-time or Unix seconds."
        ) from None
    return int((when if when.tzinfo else when.replace(tzinfo=datetime.timezone.utc)).timestamp())
