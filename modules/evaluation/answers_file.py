"""A row per request, `requests-<split>.parquet`, for the report's samples and later analyses.

Where a request has one target, the columns `target` and `rank_<system>` hold one value; where it
may have several, `targets` and `rank_<system>` hold lists of the same length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import apache_beam as beam
import pyarrow as pa

from modules.evaluation import ranking

FIRST = 50  # items kept of a list

Value = TypeVar("Value")


def name(split: str) -> str:
    """File name of a split."""
    return f"requests-{split}.parquet"


class Write(beam.PTransform):
    """`Answer`s of one split -> one Parquet file."""

    def __init__(
        self, path: str, systems: Sequence[str], slices: Sequence[str], *, several: bool
    ) -> None:
        """Writes one file, with a column for each system and each slice.

        Args:
          path: of the file.
          systems: whose ranks the answers hold.
          slices: names of the slice features.
          several: whether a request may have several targets.
        """
        super().__init__()
        self._path, self._several = path, several
        self._schema = schema(systems, slices, several=several)

    def expand(self, answers: beam.PCollection) -> beam.PCollection:
        return (
            answers
            | "Row" >> beam.Map(row, several=self._several)
            | "Parquet"
            >> beam.io.WriteToParquet(
                self._path, self._schema, codec="snappy", num_shards=1, shard_name_template=""
            )
        )


def schema(systems: Sequence[str], slices: Sequence[str], *, several: bool) -> pa.Schema:
    """Columns of the file; a timestamp is in Unix seconds, a rank of 0 means absent."""
    rank = pa.list_(pa.int32()) if several else pa.int32()
    return pa.schema(
        [
            ("user_id", pa.string()),
            ("timestamp", pa.int64()),
            ("targets", pa.list_(pa.string())) if several else ("target", pa.string()),
            ("items", pa.list_(pa.string())),
            *((f"rank_{system}", rank) for system in systems),
            *((f"slice_{feature}", pa.string()) for feature in slices),
        ]
    )


def row(answer: ranking.Answer, *, several: bool) -> dict[str, Any]:
    """A row of the file; several values of a slice are joined by `|`."""
    targets = [item.decode() for item in answer.targets]
    return {
        "user_id": answer.user_id.decode(),
        "timestamp": answer.timestamp,
        "targets" if several else "target": per_target(targets, several=several),
        "items": [item.decode() for item in answer.items[:FIRST]],
        **{
            f"rank_{system}": per_target(ranks, several=several)
            for system, ranks in answer.ranks.items()
        },
        **{f"slice_{feature}": "|".join(values) for feature, values in answer.slices.items()},
    }


def per_target(values: Sequence[Value], *, several: bool) -> Value | list[Value]:
    """Values of a request's targets as a cell: a list, or the one value."""
    return list(values) if several else values[0]
