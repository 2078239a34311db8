"""What the pipeline's Transform makes of a request, and what the served model does, value by value.

The pipeline's side takes the way of training: tf.Examples, read by the schema, through Beam's
TransformDataset. The served side is the recall model's signature `features`, see
modules/recall/export.py.
"""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.runners.portability.fn_api_runner import fn_runner
from numpy import typing as npt
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders import example_coder
from tfx_bsl.public import tfxio

from modules import config, features
from modules.recall import input_data

TOLERANCE = 1e-5  # of a number that Transform scaled, where the two sides add in another order
_NUMBER = features.transformed_name(features.WINDOW_START)

Row = dict[str, npt.NDArray[Any]]  # a request's values by name of the transformed feature


@dataclasses.dataclass(frozen=True)
class Difference:
    """One transformed feature over all requests.

    Attributes:
      feature: its name.
      values: that were compared.
      unequal: how many differ: whole numbers at all, others by more than TOLERANCE.
      greatest: the greatest absolute difference.
      example: the first request that differs, in words; "" where none does.
    """

    feature: str
    values: int
    unequal: int
    greatest: float
    example: str


def by_pipeline(
    examples: Sequence[bytes], schema: schema_pb2.Schema, graph: str, layout: input_data.Layout
) -> list[Row]:
    """Transforms examples numbered by `window_start`, and cuts histories as the model does.

    Args:
      examples: of requests, see `raw_examples.serialize`.
      schema: of the raw examples.
      graph: folder of the transform graph.
      layout: what the model sees.
    """
    reader = tfxio.TFExampleBeamRecord(
        physical_format="inline", schema=schema, telemetry_descriptors=["recsys", "skew"]
    )
    with tempfile.TemporaryDirectory() as folder:
        with (
            beam.Pipeline(runner=fn_runner.FnApiRunner()) as pipeline,
            tft_beam.Context(temp_dir=folder, force_tf_compat_v1=False),
        ):
            raw = pipeline | "Create" >> beam.Create(list(examples)) | "Read" >> reader.BeamSource()
            transform = pipeline | "ReadTransformFn" >> tft_beam.ReadTransformFn(graph)  # type: ignore[no-untyped-call]
            made, metadata = (
                (raw, reader.TensorAdapterConfig()),
                transform,
            ) | "Transform" >> tft_beam.TransformDataset(  # type: ignore[no-untyped-call]
                output_record_batches=True
            )
            _ = (
                made
                | "Encode" >> beam.FlatMap(_encoded, metadata.schema)
                | "Write" >> beam.io.WriteToTFRecord(f"{folder}/rows", file_name_suffix=".gz")
            )
        names = [*layout.events, *layout.scalars, *layout.vectors, *layout.lists, _NUMBER]
        spec = tft.TFTransformOutput(graph).transformed_feature_spec()
        found = list(
            input_data.read_examples(
                [str(pathlib.Path(folder, "rows*"))], spec, names
            ).as_numpy_iterator()
        )
    rows = {int(row[_NUMBER][0]): _cut(row, layout) for row in found}
    return [rows[number] for number in sorted(rows)]


def of_served(
    outputs: Mapping[str, npt.NDArray[Any]], lengths: Sequence[int], layout: input_data.Layout
) -> list[Row]:
    """What the signature `features` gave for a batch, without its padding.

    Args:
      outputs: see `input_data.dense_request`.
      lengths: events of each request, itself included.
      layout: what the model sees.
    """
    most = layout.max_history + 1
    rows = []
    for number, length in enumerate(lengths):
        row = {name: outputs[name][number][: min(length, most)] for name in layout.events}
        row |= {
            name: outputs[name][number].reshape(-1) for name in (*layout.scalars, *layout.vectors)
        }
        row |= {name: outputs[name][number][outputs[name][number] >= 0] for name in layout.lists}
        rows.append(row)
    return rows


def differences(expected: Sequence[Row], found: Sequence[Row]) -> list[Difference]:
    """Compares the requests of two sides, in the same order, feature by feature."""
    return [
        _difference(name, [row[name] for row in expected], [row[name] for row in found])
        for name in (expected[0] if expected else ())
    ]


def unknown_signature(folder: pathlib.Path) -> str:
    """What to say of a model without the signature."""
    return (
        f"{folder}: has no signature 'features', it was made by an earlier version of this "
        "project. Its transformed features cannot be compared; make a new release with `recsys "
        "run`."
    )


def layout(data: config.Data, max_history: int) -> input_data.Layout:
    """What the recall model sees."""
    return input_data.Layout.of(data, max_history)


def _encoded(batch: tuple[Any, dict[str, Any]], schema: schema_pb2.Schema) -> list[bytes]:
    encoded: list[bytes] = example_coder.RecordBatchToExamplesEncoder(schema).encode(batch[0])
    return encoded


def _cut(row: Mapping[str, npt.NDArray[Any]], layout: input_data.Layout) -> Row:
    """The newest events that the model sees, and the request; the whole profile."""
    return {
        name: values[-(layout.max_history + 1) :] if name in layout.events else values.reshape(-1)
        for name, values in row.items()
        if name != _NUMBER
    }


def _difference(
    name: str, expected: Sequence[npt.NDArray[Any]], found: Sequence[npt.NDArray[Any]]
) -> Difference:
    values, unequal, greatest, example = 0, 0, 0.0, ""
    for number, (ours, theirs) in enumerate(zip(expected, found, strict=True)):
        values += len(ours)
        if ours.shape != theirs.shape:
            wrong, first = (
                max(len(ours), len(theirs)),
                f"{len(ours)} values there, {len(theirs)} here",
            )
        else:
            apart = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
            greatest = max(greatest, float(apart.max(initial=0.0)))
            places = np.flatnonzero(~(apart <= (0 if ours.dtype.kind == "i" else TOLERANCE)))
            wrong = len(places)
            first = f"{ours[places[0]]} there, {theirs[places[0]]} here" if wrong else ""
        unequal += wrong
        if wrong and not example:
            example = f"request {number}: {first}"
    return Difference(name, values, unequal, greatest, example)
