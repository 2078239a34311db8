"""Rules and policies that the sampled rows ask for, such as rows without an id."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator, Sequence

from modules import columns
from modules.beam import identity, values
from pipeline.draft import facts, proposals, tables, times, words

_ACCEPTED = 0.1  # share of events of unknown items or users that the default accepts
_MANY = 0.7  # distinct ids a row, below which a table hardly has a row each
_CANCELLED = re.compile(r"[Cc]\d+")
_ID = values.converter(columns.Column(role="item_id"))


def rules(candidate: tables.Candidate) -> Iterator[proposals.Line]:
    """`keep` and `drop` of the events: what has to be dropped, and suggestions."""
    roles = candidate.roles
    needed = list(without_id(candidate, list(filter(None, (roles.user, roles.item, roles.time)))))
    yield from needed
    suggested = list(_unwanted(candidate))
    if suggested:
        dropped = [text for line in needed for text in line.value]
        reason = f"if these are no events: {'; '.join(reason for _, reason in suggested)}"
        yield proposals.Line(
            "drop",
            [*dropped, *(text for text, _ in suggested)],
            f"instead, {reason}" if dropped else reason,
            is_suggestion=True,
        )
    kept = _wanted(candidate)
    if kept is not None:
        yield kept


def without_id(candidate: tables.Candidate, names: Sequence[str]) -> Iterator[proposals.Line]:
    """The rule that drops rows without an id or time, if there are such rows."""
    gone = {name: _gone(candidate, name) for name in names}
    found = {name: count for name, count in gone.items() if count}
    if found:
        of = candidate.sample.sampled
        why = [f"{count:,} of {of:,} rows have no {name}" for name, count in found.items()]
        yield proposals.Line("drop", [f"{quoted(n)} is missing" for n in found], "; ".join(why))


def _gone(candidate: tables.Candidate, name: str) -> int:
    """How many cells are missing, those that the draft says stand for no time among them."""
    column = candidate.columns[name]
    gone = sum(column.missing.values())
    if name != candidate.roles.time or column.time is None:
        return gone
    listed = column.time.column.missing
    return gone + sum(n for cell, n in column.counts.items() if times.written(cell) in listed)


def _unwanted(candidate: tables.Candidate) -> Iterator[tuple[str, str]]:
    """Rules by which rows are hardly events, with what they would drop."""
    for column in candidate.columns.values():
        if words.has(column.name, ["invoice", "order", "receipt", "transaction"]):
            cancelled = [text for text in column.texts if _CANCELLED.fullmatch(text)]
            others = len(column.texts) - len(cancelled)
            if cancelled and others > len(cancelled):
                count = sum(column.counts[text] for text in column.counts if text in set(cancelled))
                yield (
                    f"{quoted(column.name)} startswith {cancelled[0][0]}",
                    f"{count:,} rows such as {cancelled[0]} look cancelled",
                )
        number = column.number
        if number and words.has(column.name, ["quantity", "qty", "amount", "units"]):
            below = [value for value in column.counts if _value(value) <= 0]
            if below and number.high > 0:
                count = sum(column.counts[value] for value in below)
                yield (
                    f"{quoted(column.name)} <= 0",
                    f"{count:,} rows such as {below[0]}",
                )


def _wanted(candidate: tables.Candidate) -> proposals.Line | None:
    """A suggestion to count only what was liked or clicked."""
    for column in candidate.columns.values():
        number = column.number
        if number is None or column.name in candidate.roles.names:
            continue
        if words.has(column.name, words.RATING) and column.distinct > 2 and number.high > 1:
            least = math.ceil(number.high * 0.8)
            return proposals.Line(
                "keep",
                [f"{quoted(column.name)} >= {least}"],
                "to count only what was liked; now every rating is an event",
                is_suggestion=True,
            )
        is_flag = column.distinct == 2 and (number.low, number.high) == (0, 1)
        if is_flag and words.has(column.name, ["click", "clicked", "is_click", "purchase", "buy"]):
            return proposals.Line(
                "keep",
                [f"{quoted(column.name)} == 1"],
                f"to count only rows with {column.name}; now every row is an event",
                is_suggestion=True,
            )
    return None


def _value(cell: object) -> float:
    try:
        return float(str(cell))
    except ValueError:
        return math.inf


def quoted(name: str) -> str:
    """A column's name as a rule has it."""
    if re.fullmatch(r"[\w.-]+", name):
        return name
    return f'"{name}"' if "'" in name else f"'{name}'"


def policies(found: tables.Tables) -> Iterator[proposals.Line]:
    """Keys of `data` that differ from their defaults."""
    for name, key in (("items", found.items), ("users", found.users)):
        if key is None:
            continue
        yield from _unknown(name, key, found.events)
    for name, key in (("items", found.items), ("users", found.users)):
        column = None if key is None else key.candidate.columns[key.column]
        if column is not None and column.distinct < column.present:
            again = next(value for value, count in column.counts.items() if count > 1)
            count = column.present - column.distinct
            rows = "1 row has" if count == 1 else f"{count:,} rows have"
            reason = f"{rows} an id that was there before, such as {again}; the first one counts"
            unsure = None
            if key is not None and key.is_derived:
                reason = f"the first row of each {name[:-1]} counts"
            elif column.distinct < _MANY * column.present:
                unsure = f"{column.present:,} rows are of {column.distinct:,} {name}"
            yield proposals.Line(f"duplicate_{name}", "first", reason, unsure)
    variants = next(_variants(found), None)
    if variants is not None:
        yield proposals.Line(
            "ids", "clean", f"{variants[0]!r} and {variants[1]!r} are taken for one id"
        )


def _unknown(name: str, key: tables.Key, events: tables.Candidate) -> Iterator[proposals.Line]:
    """`unknown_share`, where more events than the default accepts are of ids without a row."""
    if not key.candidate.sample.is_whole:
        return
    column = events.columns[str(events.roles.user if name == "users" else events.roles.item)]
    known = {identity.clean(str(value)) for value in key.candidate.columns[key.column].counts}
    gone = sum(n for value, n in column.counts.items() if identity.clean(str(value)) not in known)
    share = gone / max(1, column.present)
    if share > _ACCEPTED:
        yield proposals.Line(
            "unknown_share",
            min(1.0, math.ceil(share * 10 + 0.5) / 10),
            "",
            f"{share:.0%} of the sampled events have a {column.name} without a row in {name}. They "
            "are kept and counted; lower this, or check that both files write the ids alike",
        )


def _variants(found: tables.Tables) -> Iterator[tuple[str, str]]:
    """Two ids that differ in spaces around them or in `.0` alone."""
    for name, key in (("user", found.users), ("item", found.items)):
        ids: list[facts.Facts] = []
        column = found.events.columns.get(str(getattr(found.events.roles, name)))
        ids += [column] if column is not None else []
        ids += [key.candidate.columns[key.column]] if key is not None else []
        seen: dict[str, str] = {}
        for text in (text for one in ids for text in _written(one)):
            first = seen.setdefault(identity.clean(text), text)
            if first != text:
                yield first, text


def _written(column: facts.Facts) -> list[str]:
    """Ids as the reader has them."""
    found = []
    for value in column.counts:
        with contextlib.suppress(ValueError):
            found.append(_ID(value))
    return found
