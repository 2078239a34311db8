"""Ids that differ in spaces around them or in `.0` alone, as spreadsheets and floats leave them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

import apache_beam as beam

from modules import config
from modules.beam import files, problems

TAG = "ids"

Seen = tuple[str, str, files.Place]  # an id, the table and the place where it is
Key = tuple[str, str]  # user or item, the id without spaces and .0
Keyed = tuple[Key, Seen]

_WHOLE = re.compile(r"(-?\d+)\.0+")


def clean(text: str) -> str:
    """The id without spaces around it, and without `.0` behind a whole number."""
    text = text.strip()
    match = _WHOLE.fullmatch(text) if text[-1:] == "0" else None
    return match[1] if match else text


def of_join(data: config.Data) -> Callable[[str], str] | None:
    """What makes of an id what it is in joins; None: the id itself."""
    return clean if data.ids == "clean" else None


def seen(what: str, text: str, table: str, place: files.Place) -> beam.pvalue.TaggedOutput:
    """An id of a `user` or `item`, on its output."""
    return beam.pvalue.TaggedOutput(TAG, ((what, clean(text)), (text, table, place)))


@beam.typehints.with_input_types(Seen)
@beam.typehints.with_output_types(list[Seen])
class _Variants(beam.CombineFn):
    """The first two different ids, by their texts."""

    def create_accumulator(self) -> list[Seen]:
        return []

    def add_input(self, accumulator: list[Seen], element: Seen) -> list[Seen]:
        return self.merge_accumulators([accumulator, [element]])

    def merge_accumulators(self, accumulators: Iterable[list[Seen]]) -> list[Seen]:
        found: dict[str, Seen] = {}
        for variants in accumulators:
            for variant in variants:
                found[variant[0]] = min(variant, found.get(variant[0], variant))
        return sorted(found.values())[:2]

    def extract_output(self, accumulator: list[Seen]) -> list[Seen]:
        return accumulator


@beam.typehints.with_input_types(tuple[Key, list[Seen]])
class _Report(beam.DoFn):
    def process(self, element: tuple[Key, list[Seen]]) -> Iterator[beam.pvalue.TaggedOutput]:
        (what, _), variants = element
        if len(variants) < 2:
            return
        (one, _, _), (other, table, place) = variants
        differ = "spaces" if one.strip() == other.strip() else ".0"
        yield problems.found(
            table,
            place,
            f"the {what} ids {one!r} and {other!r} differ in {differ} alone and count as two. Set "
            "data.ids: clean to make them one in all tables, or data.ids: exact if they are two.",
            spoils=f"{what}s",
        )


class Check(beam.PTransform):
    """Finds ids that are hardly meant to be different, among all distinct ones (`Keyed`).

    Returns:
      The output `problems.TAG`.
    """

    def expand(self, found: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        return (
            found
            | "Variants" >> beam.CombinePerKey(_Variants())
            | "Report" >> beam.ParDo(_Report()).with_outputs(problems.TAG)
        )
