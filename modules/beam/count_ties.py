"""Counts on Beam how users' events of one time stand: see modules/ties.py."""

from __future__ import annotations

from collections.abc import Iterator

import apache_beam as beam

from modules import ties

TAG = "ties"


@beam.typehints.with_input_types(ties.Pair)
@beam.typehints.with_output_types(dict[str, int])
class CountTies(beam.PTransform):
    """`ties.pairs` of all users -> one dict of counts, for `ties.told`."""

    def expand(self, found: beam.PCollection) -> beam.PCollection:
        return (
            found
            | "One" >> beam.MapTuple(lambda items, ascends: (items, (1, int(ascends))))
            | "ByPair" >> beam.CombinePerKey(beam.combiners.TupleCombineFn(sum, sum))
            | "Cases" >> beam.FlatMap(_cases)
            | "Add" >> beam.CombineGlobally(beam.combiners.TupleCombineFn(sum, sum, sum))
            | "Name" >> beam.MapTuple(_named)
        )


def _cases(
    element: tuple[tuple[str, str], tuple[int, int]],
) -> Iterator[tuple[int, int, float]]:
    _, (cases, ascend) = element
    if cases > 1:
        yield cases, max(ascend, cases - ascend), ties.by_lot(cases)


def _named(cases: int, same_way: int, lot: float) -> dict[str, int]:
    return {ties.CASES: cases, ties.SAME_WAY: same_way, ties.BY_LOT: round(lot)}
