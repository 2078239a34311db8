"""A row per request, `requests-<split>.parquet`, for the report's samples and later analyses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apache_beam as beam
import pyarrow as pa

from modules.evaluation import ranking

FIRST = 50  # items kept of a list


def name(split: str) -> str:
    """File name of a split."""
    return f"requests-{split}.parquet"


class Write(beam.PTransform):
    """`Answer`s of one split -> one Parquet file."""

    def __init__(self, path: str, systems: Sequence[str], slices: Sequence[str]) -> None:
        """Writes one file, with a column for each system and each slice.

        Args:
          path: of the file.
          systems: whose ranks the answers hold.
          slices: names of the slice features.
        """
        super().__init__()
        self._path = path
        self._schema = schema(systems, slices)

    def expand(self, answers: beam.PCollection) -> beam.PCollection:
        return (
            answers
            | "Row" >> beam.Map(row)
            | "Parquet"
            >> beam.io.WriteToParquet(
                self._path, self._schema, codec="snappy", num_shards=1, shard_name_template=""
            )
        )


def schema(systems: Sequence[str], slices: Sequence[str]) -> pa.Schema:
    """Columns of the file; a timestamp is in Unix seconds, a rank of 0 means absent."""
    return pa.schema(
        [
            ("user_id", pa.string()),
            ("timestamp", pa.int64()),
            ("target", pa.string()),
            ("items", pa.list_(pa.string())),
            *((f"rank_{system}", pa.int32()) for system in systems),
            *((f"slice_{feature}", pa.string()) for feature in slices),
        ]
    )


def row(answer: ranking.Answer) -> dict[str, Any]:
    """A row of the file; several values of a slice are joined by `|`."""
    return {
        "user_id": answer.user_id.decode(),
        "timestamp": answer.timestamp,
        "target": answer.target.decode(),
        "items": [item.decode() for item in answer.items[:FIRST]],
        **{f"rank_{system}": rank for system, rank in answer.ranks.items()},
        **{f"slice_{feature}": "|".join(values) for feature, values in answer.slices.items()},
    }
