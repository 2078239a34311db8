"""Problems with rows as elements of a pipeline: a run refuses the first, a check collects several.

No transform raises on a bad row: it emits a `Problem` on the output tagged `TAG`. Line numbers are
counted only for the problems that are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import apache_beam as beam

from modules.beam import errors, files

TAG = "problems"
NAMESPACE = "recsys/example_gen"  # of the Beam counters

# The table, the place of the row (None: the whole table), the text, the place of the row that it
# repeats.
Problem = tuple[str, files.Place | None, str, files.Place | None]
CountedProblems = tuple[int, list[Problem]]  # of all problems, the first of them


def found(
    table: str, place: files.Place | None, text: str, repeats: files.Place | None = None
) -> beam.pvalue.TaggedOutput:
    """A problem on its output; `text` says rule, received value and remedy."""
    return beam.pvalue.TaggedOutput(TAG, (table, place, " ".join(text.split()), repeats))


def describe(problem: Problem, listings: Mapping[str, files.Listing]) -> str:
    """`FILE, line N: text` in one line; reads the file up to the row to count its lines."""
    table, place, text, repeats = problem
    if repeats is not None:
        text = f"{text} The first one is at {listings[table].describe(repeats)}."
    return text if place is None else f"{listings[table].describe(place)}: {text}"


@beam.typehints.with_input_types(Problem)
class Refuse(beam.DoFn):
    """Ends the pipeline with the first problem that arrives."""

    def __init__(self, listings: Mapping[str, files.Listing]) -> None:
        self._listings = dict(listings)

    def process(self, element: Problem) -> Iterator[None]:
        raise errors.DataError(describe(element, self._listings))


@beam.typehints.with_input_types(Problem)
@beam.typehints.with_output_types(CountedProblems)
class CountAndFirst(beam.CombineFn):
    """Counts problems and keeps the `limit` first ones in the order of table, file and line."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def create_accumulator(self) -> CountedProblems:
        return 0, []

    def add_input(self, accumulator: CountedProblems, element: Problem) -> CountedProblems:
        return self.merge_accumulators([accumulator, (1, [element])])

    def merge_accumulators(self, accumulators: Iterable[CountedProblems]) -> CountedProblems:
        count = 0
        kept: list[Problem] = []
        for number, items in accumulators:
            count, kept = count + number, kept + items
        return count, sorted(kept, key=_order)[: self._limit]

    def extract_output(self, accumulator: CountedProblems) -> CountedProblems:
        return accumulator


def _order(problem: Problem) -> tuple[bool, str, files.Place, str]:
    table, place, text, _ = problem
    return place is None, table, place or (0, 0, 0), text
