"""A tiny test data set with every kind of feature, transformed once by the real Transform graph."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
from typing import Any

import apache_beam as beam
import filelock
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tfx_bsl.coders import example_coder
from tfx_bsl.public import tfxio

from modules import config, features, preprocessing, schemas, strict
from modules.recall import input_data, item_tower, trainer
from modules.recall import model as model_lib
from tests import examples

ITEMS = [f"i{n}" for n in range(12)]
MAX_HISTORY = 4
WEIGHTS = [1.0, 0.5, 0.0, 3.0, 1.0, 2.0]  # of a window's events


_BATCHES: dict[tuple[str, ...], dict[str, tf.Tensor]] = {}


@dataclasses.dataclass(frozen=True)
class Transformed:
    """Transform's output, and what the trainer makes of it."""

    graph: str  # folder of the transform graph
    files: dict[str, str]  # pattern by split
    raw: dict[str, list[dict[str, Any]]]

    @property
    def output(self) -> tft.TFTransformOutput:
        return tft.TFTransformOutput(self.graph)

    def settings(
        self, model: dict[str, Any] | None = None, training: dict[str, Any] | None = None
    ) -> model_lib.Settings:
        """Small towers, two epochs; the arguments replace single values."""
        return strict.read(
            model_lib.Settings,
            {
                "data": strict.to_plain(examples.data()),
                "features": {"max_history": MAX_HISTORY},
                "model": {"dim": 8, "layers": 1, "heads": 2, **(model or {})},
                "training": {"epochs": 2, "batch_positions": 20, **(training or {})},
            },
        )

    def sequences(self, split: str, settings: model_lib.Settings, **kwargs: Any) -> tf.data.Dataset:
        spec = self.output.transformed_feature_spec()
        return input_data.sequences(
            [self.files[split]],
            spec,
            self.layout(settings),
            len(ITEMS) + 1,
            only_last=split != "train",
            **kwargs,
        )

    def layout(self, settings: model_lib.Settings) -> input_data.Layout:
        return input_data.Layout.of(settings.data, settings.features.max_history)

    def batch(self, settings: model_lib.Settings, split: str = "train") -> dict[str, tf.Tensor]:
        """All sequences of the split in one batch; read once for the same columns and features."""
        key = (self.graph, split, repr(settings.data), repr(settings.features))
        if key not in _BATCHES:
            (_BATCHES[key],) = input_data.batches(
                self.sequences(split, settings), self.layout(settings), 10_000
            )
        return dict(_BATCHES[key])

    def catalogue(
        self, settings: model_lib.Settings, counts: np.ndarray | None = None
    ) -> item_tower.Catalogue:
        return input_data.read_catalogue(
            [self.files["catalogue"]],
            self.output.transformed_feature_spec(),
            features.item_features(settings.data),
            trainer.vocabulary_sizes(settings.data, self.output),
            trainer.vocabulary(self.output, features.ITEM_VOCABULARY),
            np.ones(len(ITEMS) + 2, np.int64) if counts is None else counts,
        )

    def model(
        self, settings: model_lib.Settings, counts: np.ndarray | None = None
    ) -> model_lib.RecallModel:
        return model_lib.RecallModel(
            settings,
            self.catalogue(settings, counts),
            trainer.vocabulary_sizes(settings.data, self.output),
        )


def _rows() -> dict[str, list[dict[str, Any]]]:
    rng = np.random.default_rng(0)
    rows: dict[str, list[dict[str, Any]]] = {"train": [], "valid": []}
    for user in range(8):
        length = int(rng.integers(2, MAX_HISTORY + 2))
        # i10 and i11 are cold
        items = [ITEMS[n] for n in rng.choice(10, length + 1, replace=False)]
        times = np.cumsum(rng.integers(0, 3, length + 1) * 3600) + 10**9
        others = {
            "user_id": f"u{user}",
            "user_age": 20.0 + user,
            "user_gender": "FM"[user % 2],
            "user_hobbies": [["chess"], [], ["chess", "go"]][user % 3],
        }
        rating = [float(r) for r in rng.integers(1, 6, length + 1)]
        action = ["click", "buy"] * 3

        def window(
            n: int,
            items: list[str] = items,
            times: np.ndarray = times,
            rating: list[float] = rating,
            action: list[str] = action,
            others: dict[str, Any] = others,
        ) -> dict[str, Any]:
            return examples.sequence(
                items[:n],
                times[:n].tolist(),
                event_rating=rating[:n],
                event_action_type=action[:n],
                event_weight=WEIGHTS[:n],
                **others,
            )

        rows["train"].append(window(length))
        held_out = {
            "seen_item_id": sorted(set(items[:length])),
            "target_item_id": items[length:],
        }
        rows["valid"].append({**window(length + 1), **held_out})
    rows["train"].append(
        examples.sequence(
            ITEMS[:6],
            [10**9 + n for n in range(6)],
            window_start=3,
            event_weight=[9.0, 8.0, 2.0, 3.0, 0.5, 1.0],
        )
    )
    rows["catalogue"] = [
        examples.item(
            name, item_price=float(n), item_brand="ab"[n % 2], item_tags=["x", "y"][: n % 3]
        )
        for n, name in enumerate(ITEMS)
    ]
    return rows


@functools.cache
def made(base: pathlib.Path) -> Transformed:
    """The data set, transformed under the session's folder `base`; once for all its workers."""
    parent = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, rows = parent / "transformed", _rows()
    done = folder / "done"
    with filelock.FileLock(parent / "transformed.lock"):
        if not done.exists():
            _transform(rows, folder)
            done.touch()
    files = {split: str(folder / f"Split-{split}" / "*") for split in rows}
    return Transformed(str(folder / "graph"), files, rows)


def _transform(rows: dict[str, list[dict[str, Any]]], folder: pathlib.Path) -> None:
    """Writes the graph and what it makes of the rows of each split."""
    data = examples.data()
    custom = {
        "config": {"data": strict.to_plain(data), "features": strict.to_plain(config.Features())}
    }
    reader = tfxio.TFExampleBeamRecord(
        physical_format="inline", schema=schemas.from_config(data), telemetry_descriptors=["test"]
    )
    context = tft_beam.Context(temp_dir=str(folder / "beam"), force_tf_compat_v1=False)
    with beam.Pipeline() as pipeline, context:
        raw = {
            split: pipeline
            | f"Create[{split}]" >> beam.Create(list(map(examples.serialize, rows[split])))
            | f"Read[{split}]" >> reader.BeamSource()
            for split in rows
        }
        everything = (raw["train"], raw["catalogue"]) | beam.Flatten()
        adapter = reader.TensorAdapterConfig()
        graph = (everything, adapter) | tft_beam.AnalyzeDataset(
            lambda inputs: preprocessing.preprocessing_fn(inputs, custom)
        )
        _ = graph | tft_beam.WriteTransformFn(str(folder / "graph"))
        for split, batches in raw.items():
            transform = f"Transform[{split}]" >> tft_beam.TransformDataset(
                output_record_batches=True
            )
            found, metadata = ((batches, adapter), graph) | transform
            _ = (
                found
                | f"Encode[{split}]"
                >> beam.FlatMap(_encoded, beam.pvalue.AsSingleton(metadata.deferred_metadata))
                | f"Write[{split}]"
                >> beam.io.WriteToTFRecord(
                    str(folder / f"Split-{split}" / "examples"), file_name_suffix=".gz"
                )
            )


def _encoded(batch: tuple[Any, dict[str, Any]], metadata: Any) -> list[bytes]:
    return example_coder.RecordBatchToExamplesEncoder(metadata.schema).encode(batch[0])
