"""Carries per-request metrics through TensorFlow Model Analysis; its tools can then show slices.

TFMA has no ranking metric over a full catalogue, so each metric of a request is a column and TFMA
takes its mean, over all requests and per slice ("model-agnostic": TFMA calls no model).
`tfma.load_eval_result(folder)` reads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import apache_beam as beam
import pyarrow as pa
import tensorflow_model_analysis as tfma

from modules.evaluation import metrics, ranking

SPLIT = "split"
_UNUSED = "unused"  # TFMA asks for a label and a prediction; the metrics read neither


def eval_config(names: Sequence[str], slices: Sequence[str]) -> tfma.EvalConfig:
    """Means of the columns `names`, per split and per split and slice."""
    return tfma.EvalConfig(
        model_specs=[tfma.ModelSpec(prediction_key=_UNUSED, label_key=_UNUSED)],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[
                    tfma.MetricConfig(class_name="ExampleCount"),
                    *(
                        tfma.MetricConfig(
                            class_name="Mean",
                            config=json.dumps(
                                {"name": name, "feature_key_path": ["features", name]}
                            ),
                        )
                        for name in names
                    ),
                ]
            )
        ],
        slicing_specs=[
            tfma.SlicingSpec(feature_keys=[SPLIT]),
            *(tfma.SlicingSpec(feature_keys=[SPLIT, name]) for name in slices),
        ],
    )


class Write(beam.PTransform):
    """(split, `Answer`) of all splits -> TFMA's result files in a folder."""

    def __init__(
        self, folder: str, ks: Sequence[int], slices: Sequence[str], system: str = ranking.RECALL
    ) -> None:
        super().__init__()
        self._folder, self._ks, self._slices, self._system = (
            folder,
            tuple(ks),
            tuple(slices),
            system,
        )

    def expand(self, answers: beam.PCollection) -> dict[str, beam.PCollection]:
        config = eval_config(metrics.names(self._ks), self._slices)
        batches = (
            answers
            | "Batch" >> beam.BatchElements(min_batch_size=256, max_batch_size=1024)
            | "ToArrow"
            >> beam.Map(to_arrow, self._ks, self._slices, self._system).with_output_types(
                pa.RecordBatch
            )
        )
        written: dict[str, beam.PCollection] = (
            batches
            | "TFMA"
            >> tfma.ExtractEvaluateAndWriteResults(eval_config=config, output_path=self._folder)
        )
        return written


def to_arrow(
    answers: Iterable[tuple[str, ranking.Answer]],
    ks: Sequence[int],
    slices: Sequence[str],
    system: str,
) -> pa.RecordBatch:
    """One row a request, every column a list, as TFMA reads them."""
    rows = list(answers)
    # [rows, metrics]
    ranks, targets = metrics.padded([[answer.ranks[system]] for _, answer in rows])
    numbers = metrics.values(ranks[:, 0], ks, targets[:, 0])
    columns = {
        name: pa.array([[float(v)] for v in numbers[:, n]], pa.list_(pa.float32()))
        for n, name in enumerate(metrics.names(ks))
    }
    columns[_UNUSED] = pa.array([[0.0]] * len(rows), pa.list_(pa.float32()))
    columns[SPLIT] = pa.array([[split.encode()] for split, _ in rows], pa.list_(pa.binary()))
    for name in slices:
        columns[name] = pa.array(
            [[v.encode() for v in answer.slices[name]] for _, answer in rows], pa.list_(pa.binary())
        )
    return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))
