"""Which columns of a table of events are the user, the item, the time and the action.

Names decide; where they say nothing, what is in the columns, and then it is unsure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from modules.beam import errors
from pipeline.draft import facts, words

_FEW = 20  # distinct values of an action type, at most
_RATING = 10  # the greatest rating, where nothing but values tells one


@dataclasses.dataclass(frozen=True)
class Roles:
    """The names of the columns, None where there is none, and by role what is unsure."""

    user: str | None
    item: str | None
    time: str | None
    action: str | None
    unsure: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        found = (self.user, self.item, self.time, self.action)
        return [name for name in found if name is not None]


def of(columns: Mapping[str, facts.Facts]) -> Roles:
    """The roles that the columns have if they are events."""
    unsure: dict[str, str] = {}
    ids = [f for f in columns.values() if f.is_id_like]
    user = _best(ids, words.USER)
    item = _best([f for f in ids if f.name != user], words.ITEM)
    time = _time([f for f in columns.values() if f.name not in (user, item)])
    action = _action([f for f in columns.values() if f.name not in (user, item, time)])
    left = [f.name for f in ids if f.name not in (user, item, time, action) and _may_be_id(f)]
    for role, found in (("user", user), ("item", item)):
        if found is None and left:
            chosen = left.pop(0)
            unsure[role] = f"no name says which column is the {role}; taken by its place"
            user, item = (chosen, item) if role == "user" else (user, chosen)
    return Roles(user, item, time, action, unsure)


def _may_be_id(column: facts.Facts) -> bool:
    """Whether a column whose name says nothing may be the user or the item."""
    if column.distinct <= 2 or column.missing_share > 0.5:
        return False
    return not words.is_attribute(column.name) and not words.has(column.name, words.FOREIGN)


def require(
    roles: Roles, path: str, columns: Mapping[str, facts.Facts], doubt: str | None = None
) -> None:
    """Refuses events without a user or an item.

    Args:
      roles: that were found.
      path: of the file.
      columns: its columns.
      doubt: which columns or rows were left out, and why; None: none.

    Raises:
      errors.DataError: the message says what there is instead.
    """
    lacking = [name for name in ("user", "item") if getattr(roles, name) is None]
    if not lacking:
        return
    lists = [f for f in columns.values() if _is_list_of_ids(f)]
    typed = [f.name for f in columns.values() if any(isinstance(v, tuple) for v in f.values)]
    if typed and lacking == ["item"]:
        unnested = ", ".join(f"unnest({name}) AS {name}" for name in typed)
        raise errors.DataError(
            f"{path}: {', '.join(typed)} {'holds' if len(typed) == 1 else 'hold'} lists, such as "
            f"{columns[typed[0]].examples[0]}; expected one item a row. Make a row of each, for "
            f"instance with DuckDB, by SELECT * REPLACE ({unnested}) FROM '{path}'."
        )
    if lists and lacking == ["item"]:
        raise errors.DataError(
            f"{path}: {lists[-1].name} holds lists of items, such as {lists[-1].examples[0]}; "
            "expected one item a row. Make a row of each, for instance with DuckDB, by "
            f"unnest(string_split({lists[-1].name}, ' '))."
        )
    left_out = "" if doubt is None else f"{doubt}. "
    raise errors.DataError(
        f"{path}: no column looks like the id of the {' or of the '.join(lacking)}; found "
        f"{', '.join(columns)}. {left_out}Give the file with the events; among several, by "
        "--events FILE."
    )


def _is_list_of_ids(column: facts.Facts) -> bool:
    """Whether cells are words with digits, such as `N1-0 N2-1`."""
    parts = [part for text in column.texts[:200] for part in text.split()]
    several = len(parts) > 2 * len(column.texts[:200])
    return several and all(any(map(str.isdigit, part)) for part in parts)


def _best(columns: Sequence[facts.Facts], vocabulary: Sequence[str]) -> str | None:
    scores = {f.name: words.score(f.name, vocabulary) for f in columns}
    best = max(scores, key=lambda name: scores[name], default=None)
    return best if best is not None and scores[best] > 0 else None


def _time(columns: Sequence[facts.Facts]) -> str | None:
    """The column of times: with a name of one, surely read, with a time of day."""
    found = [f for f in columns if f.time is not None]
    return max(found, key=_time_rank).name if found else None


def _time_rank(column: facts.Facts) -> tuple[bool, bool, bool, bool, float]:
    time = column.time
    assert time is not None
    named = words.time_score(column.name)
    plain = time.column.format is None
    return named > 0, time.unsure is None, not time.is_days, plain, named


def _action(columns: Sequence[facts.Facts]) -> str | None:
    for column in columns:
        if not 2 <= column.distinct <= _FEW:
            continue
        texts = {text.lower() for text in column.texts}
        if len(texts & set(words.ACTIONS)) >= 2:
            return column.name
        is_code = column.number is not None
        named = [part for part in words.parts(column.name) if part in words.ACTION]
        if len(named) >= (2 if is_code else 1) and all(len(text) <= 30 for text in texts):
            return column.name
    return None


def invented(columns: Mapping[str, facts.Facts], roles: Roles) -> dict[str, str]:
    """Names for columns without any, by their role or what is in them."""
    named = zip(
        ("user_id", "item_id", "timestamp", "action"),
        (roles.user, roles.item, roles.time, roles.action),
    )
    names = {column: role for role, column in named if column is not None}
    others = [f for f in columns.values() if f.name not in names and f.distinct > 2]
    ratings = [f for f in others if f.number and 0 <= f.number.low <= f.number.high <= _RATING]
    if len(ratings) == 1 and ratings[0].distinct <= _FEW:
        names[ratings[0].name] = "rating"
    return names
