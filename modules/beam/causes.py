"""What is wrong with a data set, by cause: how it is told, to a person and as JSON.

A check and a run say the same. What follows from a cause is counted under it, not told as a problem
of its own: rows of a file that is broken, events of an item whose row was refused, splits without
an event where events were refused.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

from modules.beam import errors, files, problems

LIMIT = 10  # causes that are told to a person

_PLACE = re.compile(
    r"(?P<file>.*), (?P<unit>line|row) (?P<number>\d+)(?:, element (?P<element>\d+))?"
)
_CLAUSE = re.compile(r"[.;] ")


@dataclasses.dataclass
class Cause:
    """Problems of one kind that follow from no other.

    Attributes:
      first: the one that stands first.
      next: the two after it.
      number: how many there are.
      events: how many events refer to the refused rows.
      follows: what follows from it besides, a sentence each.
    """

    first: problems.Problem
    next: tuple[problems.Problem, ...]
    number: int
    events: int
    follows: list[str]


def find(found: Mapping[str, Any]) -> tuple[list[Cause], int]:
    """Tells causes from consequences.

    Args:
      found: output of `problems.GroupByKind`, also after a trip through JSON.

    Returns:
      The causes in the order of files and rows, and the number of problems that belong to no group.
    """
    groups, left_out = problems.read_groups(dict(found))
    causes = [_cause(group) for group in groups if group.first[0].refuses_file]
    broken = {
        (cause.first.table, number): cause
        for cause, group in zip(causes, (g for g in groups if g.first[0].refuses_file))
        for number in group.files
    }
    others = [_without(group, broken) for group in groups if not group.first[0].refuses_file]
    rows = [_cause(g) for g in others if g.number and g.first[0].needs is None]
    tables = {cause.first.table: cause for cause in reversed(rows + causes)}
    refused = {str(cause.first.spoils): cause for cause in reversed(rows)}
    refused |= {cause.first.table: cause for cause in reversed(causes)}
    causes += rows
    for group in others:
        needs = group.first[0].needs
        if needs is None or not group.number:
            continue
        is_whole = group.first[0].place is None  # a few refused rows may be all the table had
        reason = (tables if is_whole else refused).get(needs)
        if reason is None:
            causes.append(_cause(group))
        else:
            reason.follows.append(_consequence(group))
    return sorted(causes, key=lambda cause: problems.order(cause.first)), left_out


def _cause(group: problems.Group) -> Cause:
    return Cause(group.first[0], group.first[1:], group.number, group.events, [])


def _without(group: problems.Group, broken: Mapping[tuple[str, int], Cause]) -> problems.Group:
    """The group without the rows of broken files, which are counted under these."""
    table, number = group.first[0].table, group.number
    for file, in_file in group.files.items():
        cause = broken.get((table, file))
        if cause is not None:
            cause.follows.append(f"{_number(in_file, 'row')} of it cannot be used")
            number -= in_file
    first = [p for p in group.first if p.place is None or (table, p.place[0]) not in broken]
    return group._replace(first=tuple(first) or group.first, number=number)


def _consequence(group: problems.Group) -> str:
    said = _clause(group.first[0].text)
    return said if group.number == 1 else f"{group.number:,} times, first: {said}"


def _clause(text: str) -> str:
    """What is wrong, without the key that it is about, what was expected and the remedy."""
    return _CLAUSE.split(re.sub(r"^[a-z_.]+: ", "", text), maxsplit=1)[0].rstrip(".")


def refuse(found: Mapping[str, Any], listings: Mapping[str, files.Listing]) -> None:
    """Does nothing where there are no problems.

    Args:
      found: output of `problems.GroupByKind`.
      listings: the tables' files, to count lines in.

    Raises:
      errors.DataError: with the number of causes, and the first `LIMIT` of them with what follows.
    """
    causes, left_out = find(found)
    if causes:
        raise errors.DataError("\n".join(_lines(causes, left_out, listings)))


def _lines(
    causes: list[Cause], left_out: int, listings: Mapping[str, files.Listing]
) -> Iterator[str]:
    more = "" if not left_out else f" and {left_out:,} further ones"
    yield f"{_number(len(causes), 'problem')} in the data{more}:"
    for cause in causes[:LIMIT]:
        yield f"  {describe(cause.first, listings)}"
        yield from (f"    {line}" for line in _counted(cause, listings))
    if len(causes) > LIMIT:
        yield f"  and {len(causes) - LIMIT} more"


def _counted(cause: Cause, listings: Mapping[str, files.Listing]) -> Iterator[str]:
    """How often, where next, and what follows."""
    if cause.number > 1:
        others = cause.number - 1
        following = ", ".join(_next(cause, listings))
        yield f"{_number(others, 'more case')} like it" + (
            f", next {following}" if following else ""
        )
    if cause.events:
        verb = "refers" if cause.events == 1 else "refer"
        rows = "it" if cause.number == 1 else "these rows"
        yield f"it follows: {_number(cause.events, 'event')} {verb} to {rows}"
    yield from (f"it follows: {text}" for text in cause.follows)


def _next(cause: Cause, listings: Mapping[str, files.Listing]) -> Iterator[str]:
    """Where the next ones are, without the file's name where it is the same."""
    file = None if cause.first.place is None else cause.first.place[0]
    for problem in cause.next:
        if problem.place is not None:
            listing = listings[problem.table]
            at = listing.describe(problem.place)
            same = problem.place[0] == file
            yield at.removeprefix(f"{listing.paths[file]}, ") if same and file is not None else at


def describe(problem: problems.Problem, listings: Mapping[str, files.Listing]) -> str:
    """`FILE, line N: text` in one line; reads the file up to the row to count its lines."""
    text = problem.text
    if problem.repeats is not None:
        text = f"{text} The first one is at {listings[problem.table].describe(problem.repeats)}."
    if problem.place is None:
        return text
    return f"{listings[problem.table].describe(problem.place)}: {text}"


def to_json(
    found: Mapping[str, Any], listings: Mapping[str, files.Listing]
) -> list[dict[str, Any]]:
    """All causes as `dataset check --json` prints them."""
    causes, _ = find(found)
    return [
        {
            "table": cause.first.table,
            **place(cause.first.place, listings[cause.first.table]),
            "column": cause.first.column,
            "cause": problems.rule(cause.first),
            "text": cause.first.text,
            "count": cause.number,
            "next": [place(p.place, listings[p.table]) for p in cause.next],
            "events": cause.events,
            "follows": cause.follows,
        }
        for cause in causes
    ]


def place(at: files.Place | None, listing: files.Listing) -> dict[str, Any]:
    """`{"file": ..., "line": ...}`, with `row` and `element` instead for Parquet."""
    if at is None:
        return {"file": None, "line": None}
    match = _PLACE.fullmatch(listing.describe(at))
    if match is None:
        return {"file": listing.describe(at), "line": None}
    element = {"element": int(match["element"])} if match["element"] else {}
    return {"file": match["file"], match["unit"]: int(match["number"]), **element}


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
