"""Problems with rows as elements of a pipeline: no transform raises on a bad row, it emits one.

`Group` gathers problems of one kind, with their number and the first places, so that what a check
or a run says of bad data is short however many rows are bad. See problem_groups.py for the words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam

from modules.beam import files

TAG = "problems"
FILE_NAME = "problems.json"
NAMESPACE = "recsys/example_gen"  # of the Beam counters

_FIRST = 3  # places that are kept of a group
_MOST = 200  # groups that are kept
# What differs between rows with the same problem: quoted texts and numbers.
_VARYING = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|(?<![\w.])-?\d[\w.,+-]*(?<![.,])")
_LISTED = re.compile(r"…(?:, …)+")
_REMEDY = re.compile(r"\. .*|\.$")


class Problem(NamedTuple):
    """Something wrong with a row, a file, or a table as a whole.

    Attributes:
      table: events, users or items.
      place: of the row; `files.WHOLE_FILE` in it: the file; None: the table.
      text: the rule, what was found and the remedy.
      column: of the cell, if it is one.
      repeats: place of the row that this one repeats.
      refuses_file: whether no row of the file can be read as meant.
      key: id in a refused row of users or items, where it can be read.
      spoils: the table to whose ids others then do not refer.
      needs: the table that has to be read as meant for this problem to be one of its own.
      number: 0 where the problem comes again from the join, with its consequences.
      events: number of events that refer to the refused row.
    """

    table: str
    place: files.Place | None
    text: str
    column: str | None = None
    repeats: files.Place | None = None
    refuses_file: bool = False
    key: str | None = None
    spoils: str | None = None
    needs: str | None = None
    number: int = 1
    events: int = 0


class RefusedCell(ValueError):
    """A row that cannot be used for one of its cells.

    Attributes:
      column: the cell's column.
      key: the row's id, where that can be read.
    """

    def __init__(self, text: str, column: str, key: str | None = None) -> None:
        super().__init__(text)
        self.column, self.key = column, key


def found(
    table: str, place: files.Place | None, what: ValueError | str, **more: Any
) -> beam.pvalue.TaggedOutput:
    """A problem on its output.

    Args:
      table: events, users or items.
      place: see `Problem`.
      what: rule, received value and remedy.
      more: further attributes of the `Problem`.
    """
    if isinstance(what, RefusedCell):
        more = {"column": what.column, "key": what.key, **more}
    if place is not None and place[1] == files.WHOLE_FILE:
        more["refuses_file"] = True
    text = " ".join(str(what).split())
    return beam.pvalue.TaggedOutput(TAG, Problem(table, place, text, **more))


def again(problem: Problem, events: int) -> beam.pvalue.TaggedOutput:
    """A refused row of users or items to which events refer, on its output."""
    return beam.pvalue.TaggedOutput(TAG, problem._replace(number=0, events=events))


@beam.typehints.with_input_types(Problem)
@beam.typehints.with_output_types(tuple[str, Problem])
class KeyRefused(beam.DoFn):
    """Refused rows of users or items by their id, where it could be read."""

    def __init__(self, clean: Callable[[str], str] | None) -> None:
        """`clean` makes of an id what it is in the join; None: the id itself."""
        self._clean = clean

    def process(self, element: Problem) -> Iterator[tuple[str, Problem]]:
        if element.key is not None:
            yield self._clean(element.key) if self._clean else element.key, element


Kind = tuple[str, str, bool, str]  # table, column, whether the file is refused, rule


class Group(NamedTuple):
    """Problems of one kind.

    Attributes:
      first: those that stand first, in the order of files and rows.
      number: how many there are.
      events: how many events refer to the refused rows.
      files: how many there are by the file's number.
    """

    first: tuple[Problem, ...]
    number: int
    events: int
    files: dict[int, int]


Groups = dict[Kind, Group]


def rule(problem: Problem) -> str:
    """The problem's first sentence, without what differs between rows."""
    text = problem.text
    if problem.column is not None:
        text = text.removeprefix(f"column '{problem.column}': ")
    return _REMEDY.sub("", _LISTED.sub("…", _VARYING.sub("…", text)))


@beam.typehints.with_input_types(Problem)
class GroupByKind(beam.CombineFn):
    """Groups problems by kind; gives the groups as JSON takes them, in the order of first places.

    Of more than 200 kinds, those that stand last are left out, but for their number.

    Returns:
      `{"groups": [[first, number, events, files], ...], "left_out": number of problems}`.
    """

    def create_accumulator(self) -> tuple[Groups, int]:
        return {}, 0

    def add_input(self, accumulator: tuple[Groups, int], element: Problem) -> tuple[Groups, int]:
        place = element.place
        in_file = {place[0]: element.number} if place is not None and element.number else {}
        group = Group((element,), element.number, element.events, in_file)
        kind = (element.table, element.column or "", element.refuses_file, rule(element))
        return self.merge_accumulators([accumulator, ({kind: group}, 0)])

    def merge_accumulators(self, accumulators: Iterable[tuple[Groups, int]]) -> tuple[Groups, int]:
        merged: Groups = {}
        left_out = 0
        for groups, others in accumulators:
            merged = groups if not merged else _merge(merged, groups)
            left_out += others
        if len(merged) > _MOST:
            kinds = sorted(merged, key=lambda kind: order(merged[kind].first[0]))
            left_out += sum(merged.pop(kind).number for kind in kinds[_MOST:])
        return merged, left_out

    def extract_output(self, accumulator: tuple[Groups, int]) -> dict[str, Any]:
        groups, left_out = accumulator
        kept = sorted(groups.values(), key=lambda group: order(group.first[0]))
        return {"groups": kept, "left_out": left_out}


def _merge(groups: Groups, others: Groups) -> Groups:
    for kind, other in others.items():
        group = groups.get(kind)
        if group is None:
            groups[kind] = other
        else:
            first = _first((*group.first, *other.first))
            in_files = dict(group.files)
            for file, in_file in other.files.items():
                in_files[file] = in_files.get(file, 0) + in_file
            groups[kind] = Group(
                first, group.number + other.number, group.events + other.events, in_files
            )
    return groups


def _first(found: Iterable[Problem]) -> tuple[Problem, ...]:
    """The first ones; one that came again from the join counts as none."""
    by_place = {(p.place, p.text): p for p in sorted(found, key=lambda p: p.number)}
    return tuple(sorted(by_place.values(), key=order)[:_FIRST])


def order(problem: Problem) -> tuple[bool, str, files.Place, str]:
    """The order in which problems are told."""
    return problem.place is None, problem.table, problem.place or (0, 0, 0), problem.text


def read_groups(found: dict[str, Any]) -> tuple[list[Group], int]:
    """Groups that went through JSON, and the number of problems in none of them."""
    return [
        Group(
            tuple(_read_problem(problem) for problem in first),
            number,
            events,
            {int(file): in_file for file, in_file in in_files.items()},
        )
        for first, number, events, in_files in found["groups"]
    ], found["left_out"]


def _read_problem(values: list[Any]) -> Problem:
    problem = Problem(*values)
    return problem._replace(place=_place(problem.place), repeats=_place(problem.repeats))


def _place(value: Any) -> files.Place | None:
    return None if value is None else (value[0], value[1], value[2])


class Gather(beam.PTransform):
    """Groups the problems of several steps, on their output `TAG`; see `GroupByKind`."""

    def expand(self, steps: Any) -> beam.PCollection:
        return (
            steps
            | "AllProblems" >> beam.Flatten().with_output_types(Problem)
            | "GroupByKind" >> beam.CombineGlobally(GroupByKind())
        )
