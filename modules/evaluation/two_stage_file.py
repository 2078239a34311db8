"""A row per request, `two-stage-<split>.parquet`, for the report's samples and later analyses.

Of targets and their ranks, cells hold one value or lists, as in `answers_file`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
import pyarrow as pa

from modules.evaluation import answers_file, two_stage


def name(split: str) -> str:
    """File name of a split."""
    return f"two-stage-{split}.parquet"


class Write(beam.PTransform):
    """`Answer`s of one split -> one Parquet file."""

    def __init__(
        self,
        path: str,
        systems: Sequence[str],
        slices: Sequence[str],
        *,
        several: bool,
        repeats: bool = False,
    ) -> None:
        """Writes one file, with a column for each system and each slice.

        Args:
          path: of the file.
          systems: whose ranks the answers hold.
          slices: names of the slice features.
          several: whether a request may have several targets.
          repeats: whether items may repeat; adds whether the user had each target before, and how
              many items above it, in the list of two stages, the user had: its rank less these is
              its rank among new items.
        """
        super().__init__()
        self._path, self._several, self._repeats = path, several, repeats
        self._schema = schema(systems, slices, several=several, repeats=repeats)

    def expand(self, answers: beam.PCollection) -> beam.PCollection:
        return (
            answers
            | "Row" >> beam.Map(row, several=self._several, repeats=self._repeats)
            | "Parquet"
            >> beam.io.WriteToParquet(
                self._path, self._schema, codec="snappy", num_shards=1, shard_name_template=""
            )
        )


def schema(
    systems: Sequence[str], slices: Sequence[str], *, several: bool, repeats: bool = False
) -> pa.Schema:
    """Columns of the file; timestamps are Unix seconds, rank 0 means not among the candidates."""
    lists = pa.list_(pa.string())
    return pa.schema(
        [
            ("user_id", pa.string()),
            ("timestamp", pa.int64()),
            ("targets", lists) if several else ("target", pa.string()),
            *(_of_repeats(several=several) if repeats else ()),
            ("candidates", pa.int32()),
            ("recall_items", lists),
            ("two_stage_items", lists),
            *((f"{system}_rank", _rank_type(system, several=several)) for system in systems),
            *((f"slice_{feature}", pa.string()) for feature in slices),
        ]
    )


def row(answer: two_stage.Answer, *, several: bool, repeats: bool = False) -> dict[str, Any]:
    """A row of the file; several values of a slice are joined by `|`."""
    targets = [item.decode() for item in answer.targets]
    repeated: dict[str, Any] = {
        "repeated": answers_file.per_target(answer.repeated, several=several),
        "repeated_above": answers_file.per_target(_repeated_above(answer), several=several),
    }
    return {
        "user_id": answer.user_id.decode(),
        "timestamp": answer.timestamp,
        "targets" if several else "target": answers_file.per_target(targets, several=several),
        **(repeated if repeats else {}),
        "candidates": answer.candidates,
        "recall_items": [item.decode() for item in answer.recall_items],
        "two_stage_items": [item.decode() for item in answer.two_stage_items],
        **{
            f"{system}_rank": answers_file.per_target(ranks, several=several)
            for system, ranks in answer.ranks.items()
        },
        **{f"slice_{feature}": "|".join(values) for feature, values in answer.slices.items()},
    }


def _of_repeats(*, several: bool) -> tuple[tuple[str, pa.DataType], ...]:
    types = {"repeated": pa.bool_(), "repeated_above": pa.int32()}
    return tuple((name, pa.list_(one) if several else one) for name, one in types.items())


def _repeated_above(answer: two_stage.Answer) -> tuple[int, ...]:
    known = answer.repeated_items.get(two_stage.TWO_STAGE, ())
    ranks = answer.ranks[two_stage.TWO_STAGE]
    return tuple(int(sum(known[: max(0, math.ceil(rank) - 1)])) for rank in ranks)


def _rank_type(system: str, *, several: bool) -> pa.DataType:
    """Ranks by scores are not whole where candidates tie; recall's are places in its list."""
    one = pa.int32() if system == two_stage.RECALL else pa.float64()
    return pa.list_(one) if several else one
