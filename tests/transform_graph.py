"""The real Transform graph of handmade raw examples, for tests of what reads its vocabularies."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable

import apache_beam as beam
import tensorflow_transform.beam as tft_beam
from tfx_bsl.public import tfxio

from modules import config, preprocessing, schemas, strict
from tests import examples


def write(folder: pathlib.Path, data: config.Data, rows: Iterable[examples.Row]) -> str:
    """Analyses rows of the splits train and catalogue; returns the folder of the graph."""
    custom = {
        "config": {"data": strict.to_plain(data), "features": strict.to_plain(config.Features())}
    }
    reader = tfxio.TFExampleBeamRecord(
        physical_format="inline", schema=schemas.from_config(data), telemetry_descriptors=["test"]
    )
    with (
        beam.Pipeline() as pipeline,
        tft_beam.Context(temp_dir=str(folder / "beam"), force_tf_compat_v1=False),
    ):
        raw = pipeline | beam.Create(list(map(examples.serialize, rows))) | reader.BeamSource()
        graph = (raw, reader.TensorAdapterConfig()) | tft_beam.AnalyzeDataset(
            lambda inputs: preprocessing.preprocessing_fn(inputs, custom)
        )
        _ = graph | tft_beam.WriteTransformFn(str(folder / "graph"))
    return str(folder / "graph")
