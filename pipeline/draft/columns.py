"""What each column of a table is for: its role or kind, with the reason and examples."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from modules import columns as declared
from pipeline.draft import facts, numbers, proposals, tables, times, words

_PROSE = 6  # words of a text, on average, from which it is prose
_MOSTLY_MISSING = 0.95
_ORDER = "row_order"  # key of a timestamp that no column has
_PLAIN_KEY = re.compile(r"\w+", re.ASCII)
_RECBOLE = {"token": "categorical", "token_seq": "multi_categorical", "float": "numeric"}
_NO_KIND = "a date or time, which no kind reads"


def of_events(
    candidate: tables.Candidate, elsewhere: Collection[str] = ()
) -> tuple[proposals.Line, ...]:
    """The columns of the events, but those that are read `elsewhere`."""
    found = candidate.roles
    columns = {name: f for name, f in candidate.columns.items() if name not in elsewhere}
    lines: list[proposals.Line] = []
    used: set[str] = set()
    for name, column in columns.items():
        if name == found.user:
            line = _id(column, "user_id", found.unsure.get("user"))
        elif name == found.item:
            line = _id(column, "item_id", found.unsure.get("item"))
        elif name == found.time:
            line = _time(column)
        elif name == found.action:
            line = proposals.Line(name, "action_type", f"what was done: {_examples(column)}")
        else:
            line = _feature(column, used, in_events=True)
        used.add(line.key)
        lines.append(line)
    if found.time is None:
        lines.append(_file_order(used, columns.values()))
    first = [line for line in lines if line.value != "ignore"]
    return (*first, *(line for line in lines if line.value == "ignore"))


def of_table(key: tables.Key, name: str) -> tuple[proposals.Line, ...]:
    """The columns of the users or items."""
    role = "user_id" if name == "users" else "item_id"
    columns = key.candidate.columns
    title = _title(columns, key.column) if name == "items" else None
    lines: list[proposals.Line] = []
    used: set[str] = set()
    for column in columns.values():
        if column.name == key.column:
            line = _id(column, role, None, key.reason)
        elif column.name == title:
            line = proposals.Line(title, "title", f"shown to people: {_examples(column)}")
        else:
            line = _feature(column, used, in_events=False)
        used.add(line.key)
        lines.append(line)
    first = [line for line in lines if line.value != "ignore"]
    return (*first, *(line for line in lines if line.value == "ignore"))


def _id(column: facts.Facts, role: str, unsure: str | None, reason: str = "") -> proposals.Line:
    reason = f"; {reason}" if reason else ""
    return proposals.Line(
        column.name, role, f"{column.distinct:,} distinct: {_examples(column)}{reason}", unsure
    )


def _time(column: facts.Facts) -> proposals.Line:
    time = column.time
    assert time is not None
    spec: dict[str, Any] = {"role": "timestamp"}
    if time.column.unit is not None:
        spec["unit"] = time.column.unit
    if time.column.format is not None:
        spec["format"] = time.column.format
    if time.column.number is not None:
        spec["number"] = number_spec(time.column.number)
    if time.column.missing:
        spec["missing"] = list(time.column.missing)
    unsure = time.unsure
    if time.first == time.last:
        reason = _examples(column)
        if unsure is None and column.present > 1:
            unsure = "all times are the same, so that they order nothing"
    else:
        reason = f"{times.day(time.first)} to {times.day(time.last)}: {_examples(column)}"
    if time.is_naive:
        reason += "; no zone, so UTC; else set timezone"
    return proposals.Line(column.name, "timestamp" if len(spec) == 1 else spec, reason, unsure)


def _file_order(used: set[str], found: Iterable[facts.Facts]) -> proposals.Line:
    key = _ORDER if _ORDER not in used else f"{_ORDER}_"
    called = next((f for f in found if f.present and words.is_plainly_time(f.name)), None)
    doubt = "no column of time was found"
    if called is not None:
        doubt = (
            f"{called.name} looks like a time by its name, but nothing that is tried reads its "
            f"values, such as {called.examples[0]}; see format in docs/own-data.md"
        )
    return proposals.Line(
        key,
        {"from": declared.FILE_ORDER},
        "the order of a user's rows stands for the time",
        f"{doubt}. If one is, give it the role timestamp and remove this line",
    )


def _feature(column: facts.Facts, used: set[str], *, in_events: bool) -> proposals.Line:
    """A column that is neither an id of the table nor a time."""
    spec, reason, unsure = kind(column, in_events=in_events)
    if spec == "ignore":
        return proposals.Line(column.name, spec, reason, unsure)
    key = column.name
    if not _PLAIN_KEY.fullmatch(key):
        key = re.sub(r"\W+", "_", key, flags=re.ASCII).strip("_") or "column"
        while key in used:
            key += "_"
        spec = {**_long(spec), "source": column.name}
    return proposals.Line(key, spec, reason, unsure)


def _long(spec: str | Mapping[str, Any]) -> Mapping[str, Any]:
    return {"kind": spec} if isinstance(spec, str) else spec


def kind(column: facts.Facts, *, in_events: bool) -> tuple[str | dict[str, Any], str, str | None]:
    """How a column is best read.

    Returns:
      The kind, or a mapping with more keys, or `ignore`; why, with examples; what is unsure.
    """
    doubt = _mixed_numbers(column)
    why = _why_ignored(column, in_events=in_events)
    if why is not None:
        return "ignore", why, doubt if column.distinct > 1 else None
    if column.declared in _RECBOLE:
        reason = f"{column.declared} in the header, {_counted(column)}"
        return _RECBOLE[column.declared], reason, None
    if column.list is not None and not in_events:
        return _list(column)
    number = column.number
    if number is not None and not is_code(column):
        spec: dict[str, Any] = {"kind": "numeric"}
        if number.number is not None:
            spec["number"] = number_spec(number.number)
        absent = [*number.missing, *_written_missing(column)]
        if absent:
            spec["missing"] = absent
        reason = f"{number.low:.6g} to {number.high:.6g}: {_examples(column)}"
        return ("numeric" if len(spec) == 1 else spec), reason, number.unsure
    absent = _written_missing(column)
    reason = _counted(column) + _context(column, in_events)
    return ({"kind": "categorical", "missing": absent} if absent else "categorical"), reason, doubt


def _mixed_numbers(column: facts.Facts) -> str | None:
    """What is unsure of numbers that no one form reads; None: nothing."""
    if column.number is not None or column.list is not None or column.time is not None:
        return None
    if not numbers.look_so(column.texts) or is_code(column):
        return None
    return (
        "most values look like numbers, but no one form reads them all. Write all alike and within "
        "float32 (3.4e38) to make it numeric, or leave this"
    )


def _written_missing(column: facts.Facts) -> list[str]:
    """Texts such as NULL, which a number's column has to declare."""
    return [text for text in column.missing if isinstance(text, str) and text != ""]


def _context(column: facts.Facts, in_events: bool) -> str:
    if in_events and words.has(column.name, words.CONTEXT):
        return "; if it is known before the event: {role: context, kind: categorical}"
    return ""


def _list(column: facts.Facts) -> tuple[str | dict[str, Any], str, None]:
    form = column.list
    assert form is not None
    spec: dict[str, Any] = {"kind": "multi_categorical"}
    if form.dimension is not None:
        spec = {"kind": "vector", "dimension": form.dimension}
    if form.separator is not None:
        spec["separator"] = form.separator
    short = spec["kind"] if len(spec) == 1 else spec
    return short, f"lists: {_examples(column)}", None


def _why_ignored(column: facts.Facts, *, in_events: bool) -> str | None:
    """Why a column is hardly worth to be read; None: it is."""
    if not column.present:
        return "always empty"
    if column.distinct == 1 and not column.missing and column.present > 1:
        return f"always {column.examples[0]}"
    if column.missing_share > _MOSTLY_MISSING:
        return f"{column.missing_share:.0%} is missing: {_examples(column)}"
    is_list = column.list is not None or column.declared.endswith("_seq")
    if in_events and is_list and column.number is None:
        return f"lists, which events have none of; move it to items: {_examples(column)}"
    if column.declared in _RECBOLE:
        return None
    if column.time is not None and (words.time_score(column.name) or column.number is None):
        return f"{_NO_KIND}: {_examples(column)}"
    if column.number is None and column.list is None and _is_prose(column):
        return f"prose, which no kind reads: {_examples(column)}"
    if (
        in_events
        and words.has(column.name, words.FOREIGN)
        and column.is_id_like
        and (column.distinct > 100)
    ):
        return f"an id of neither user nor item: {_examples(column)}"
    if column.number is None and column.list is None and column.is_unique and column.present > 20:
        return f"another in nearly each row: {_examples(column)}"
    return None


def _is_prose(column: facts.Facts) -> bool:
    seen = column.texts[:500]
    return sum(len(text.split()) for text in seen) > _PROSE * len(seen)


def is_code(column: facts.Facts) -> bool:
    """Whether numbers are names: by what the column is called, or by a zero before them."""
    if words.has(column.name, words.CODES):
        return True
    zeros = [text for text in column.texts if len(text) > 1 and text.startswith("0")]
    return any(text.isdecimal() for text in zeros)


def _title(columns: Mapping[str, facts.Facts], key: str) -> str | None:
    """The column that names an item to people: by its name, among texts."""
    texts = [f for f in columns.values() if f.name != key and f.number is None and f.present]
    named = [f for f in texts if words.has(f.name, words.TITLE) and f.list is None]
    ranked = sorted(named, key=lambda f: (words.title_rank(f.name), -f.distinct))
    ids = columns[key].distinct
    speaking = [f for f in texts if f.list is None and f.time is None and f.distinct > ids / 2]
    speaking = [f for f in speaking if not f.declared and " " in "".join(f.texts[:20])]
    return next((f.name for f in (*ranked, *speaking)), None)


def number_spec(number: declared.Number) -> dict[str, Any]:
    """The key `number` of a column."""
    spec: dict[str, Any] = {}
    if number.decimal != ".":
        spec["decimal"] = number.decimal
    if number.thousands:
        spec["thousands"] = number.thousands
    if number.symbols:
        spec["symbols"] = list(number.symbols)
    return spec


def _counted(column: facts.Facts) -> str:
    return f"{column.distinct:,} distinct: {_examples(column)}"


def _examples(column: facts.Facts) -> str:
    missing = f"; {column.missing_share:.0%} missing" if column.missing_share >= 0.005 else ""
    between = "; " if any("," in example for example in column.examples) else ", "
    return between.join(column.examples) + missing
