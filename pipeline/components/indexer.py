"""Indexer: builds the catalogue's nearest-neighbour index and exports the servable recall model.

It takes the Trainer's SavedModel and gives one of the same layout, so the Pusher can push it. The
index is measured against exact search on real validation requests before anything is written, and
refused when it loses too much.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from absl import logging
from numpy import typing as npt
from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, channel, component_spec, standard_artifacts
from tfx.utils import path_utils

from modules import (
    config,
    features,
    lineage,
    repeats,
    request_arrays,
    requests,
    signatures,
    strict,
)
from modules.evaluation import held_out
from modules.index import (
    additional,
    bodies,
    body,
    export,
    gate,
    parameters,
    quality,
    recall_module,
)
from modules.ranking import tabulate
from pipeline.components import statistics as statistics_component

TRAINED_MODEL, EXAMPLES, TRANSFORM_GRAPH, STATISTICS = (
    "trained_model",
    "examples",
    "transform_graph",
    "statistics",
)
CONFIG, COUNTED, SOURCE_DIGEST = "config", "counted", "source_digest"
MODEL = "model"  # an output may not be called like an input
_QUERY_BATCH = 256


class Executor(base_executor.BaseExecutor):
    """Builds, measures, gates and writes the index."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the component.

        Args:
          input_dict: `trained_model`, of the Trainer; `examples`, raw, with the split `valid`; and
              for additional candidates `statistics` and the `transform_graph` that they were
              counted with.
          output_dict: `model`, the servable recall model.
          exec_properties: `config`, JSON of the sections data, split, features and index;
              `counted`, the folder of the statistics; `source_digest`.

        Raises:
          modules.index.gate.IndexGateError: the index must not be served.
        """
        sections = json.loads(exec_properties[CONFIG])
        source = artifact_utils.get_single_instance(input_dict[TRAINED_MODEL])
        target = artifact_utils.get_single_instance(output_dict[MODEL])
        examples = artifact_utils.get_single_instance(input_dict[EXAMPLES])
        valid = artifact_utils.get_split_uri([examples], features.SPLIT_VALID)
        index = strict.read(config.Index, sections["index"], "index")
        report = build(
            path_utils.serving_model_path(source.uri),
            path_utils.serving_model_dir(target.uri),
            read_examples(valid),
            data=repeats.resolve(strict.read(config.Data, sections["data"], "data"), f"{valid}/*"),
            max_history=strict.read(config.Features, sections["features"], "features").max_history,
            index=index,
            more=functools.partial(_tables, input_dict, exec_properties, index.additional),
        )
        target.set_string_custom_property(
            held_out.MODEL_PROPERTY,
            held_out.describe(strict.read(config.Split, sections["split"], "split")),
        )
        for name, value in properties(report).items():
            (
                target.set_string_custom_property
                if isinstance(value, str)
                else target.set_int_custom_property
                if isinstance(value, int)
                else target.set_float_custom_property
            )(name, value)


class IndexerSpec(component_spec.ComponentSpec):
    """What the Indexer takes and gives."""

    PARAMETERS: ClassVar = {
        CONFIG: component_spec.ExecutionParameter(type=str),
        COUNTED: component_spec.ExecutionParameter(type=str, optional=True),
        SOURCE_DIGEST: component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar = {
        TRAINED_MODEL: component_spec.ChannelParameter(type=standard_artifacts.Model),
        EXAMPLES: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        TRANSFORM_GRAPH: component_spec.ChannelParameter(
            type=standard_artifacts.TransformGraph, optional=True
        ),
        STATISTICS: component_spec.ChannelParameter(
            type=statistics_component.InteractionStatisticsArtifact, optional=True
        ),
    }
    OUTPUTS: ClassVar = {MODEL: component_spec.ChannelParameter(type=standard_artifacts.Model)}


class Indexer(base_component.BaseComponent):
    """The component; see the module."""

    SPEC_CLASS = IndexerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        model: channel.BaseChannel,
        examples: channel.BaseChannel,
        config: str,
        source_digest: str,
        transform_graph: channel.BaseChannel | None = None,
        statistics: channel.BaseChannel | None = None,
        counted: str | None = None,
    ) -> None:
        """Declares the inputs, parameters and output of the component.

        Args:
          model: the Trainer's SavedModel, with the signatures `query` and `candidates`.
          examples: raw examples with the split `valid`, whose requests measure the index.
          config: JSON of the sections data, split, features and index.
          transform_graph: its vocabulary numbers the items of the statistics.
          statistics: of what additional candidates are found by; without it there are none.
          counted: which of its folders: that of the events that the model was trained on.
          source_digest: of the code that runs here; a change of it runs the component again.
        """
        super().__init__(
            IndexerSpec(
                trained_model=model,
                examples=examples,
                transform_graph=transform_graph,
                statistics=statistics,
                config=config,
                counted=counted,
                source_digest=source_digest,
                model=channel.Channel(type=standard_artifacts.Model),
            )
        )


def build(
    trained_path: str,
    target_path: str,
    examples: Iterator[requests.RawExample],
    *,
    data: config.Data,
    max_history: int,
    index: config.Index,
    more: Callable[[Sequence[bytes]], Sequence[additional.Table]] | None = None,
) -> gate.Report:
    """Builds and measures a trained model's index; writes the servable model if it passes the gate.

    Args:
      trained_path: a SavedModel with the signatures `query` and `candidates`.
      target_path: the folder to write.
      examples: raw validation examples; the first `index.gate_queries` are used.
      data: the declared columns.
      max_history: events that the model sees.
      index: body, depth, k and gate.
      more: the tables of additional candidates, of the items' ids by position.
    """
    made_of = lineage.read(trained_path)
    trained = tf.saved_model.load(trained_path)
    item_ids, vectors = export.candidates(trained)
    asked = list(_batches(itertools.islice(examples, index.gate_queries), _QUERY_BATCH))
    batches = [request_arrays.from_examples(batch, data, max_history) for batch in asked]
    queries = _queries(trained, batches)
    # where repeats are allowed, too: a request may ask for it
    seen = [e.get(features.SEEN_ITEM_ID, []) for e in itertools.chain.from_iterable(asked)]
    excluded = _positions(seen, item_ids)
    found = bodies.build(vectors, parameters.derive(index, len(vectors)))
    logging.info("Indexed %d vectors of width %d: %s", *vectors.shape, found.settings)
    report = measure(found, vectors, queries, excluded, index)
    gate.check(report, index)
    export.save(
        trained,
        found,
        item_ids,
        target_path,
        k=index.k,
        max_exclusions=index.max_exclusions,
        own_items=index.most_own_items,
        more=more(item_ids) if more else (),
        sample=batches[0],
        description=dataclasses.asdict(report),
    )
    lineage.write(target_path, made_of)
    return report


def _tables(
    input_dict: Mapping[str, Sequence[types.Artifact]],
    exec_properties: Mapping[str, Any],
    settings: config.Additional,
    item_ids: Sequence[bytes],
) -> Sequence[additional.Table]:
    if settings == config.Additional() or not input_dict.get(STATISTICS):
        return ()
    transform = tft.TFTransformOutput(artifact_utils.get_single_uri(input_dict[TRANSFORM_GRAPH]))
    folder = artifact_utils.get_single_uri(input_dict[STATISTICS])
    found = tabulate.read(os.path.join(folder, exec_properties[COUNTED]))
    return additional.tables(
        found.co_occurrence,
        found.similarity,
        transform.vocabulary_by_name(features.ITEM_VOCABULARY),
        item_ids,
        settings,
    )


def measure(
    found: body.Body,
    vectors: npt.NDArray[np.float32],
    queries: npt.NDArray[np.float32],
    excluded: npt.NDArray[np.int32],
    index: config.Index,
) -> gate.Report:
    """Measures an index of float32 [N, D] by queries float32 [Q, D] and exclusions int32 [Q, any].

    Where the configuration leaves the depth of the search open, it is chosen here, and set in
    `found`.
    """
    truth = quality.Truth(vectors, queries, index.k)
    target = min(1.0, index.min_recall + quality.MARGIN)
    curve = quality.curve(found, queries, truth, index.k, target)
    if not parameters.is_fixed(index):
        found.settings = quality.tuned(found, curve, target)
    served = quality.served(
        recall_module.Retrieval(found, k=index.k, max_exclusions=index.max_exclusions)
    )
    return gate.Report(
        items=len(vectors),
        dimension=vectors.shape[1],
        k=index.k,
        queries=len(queries),
        settings=found.settings,
        search=truth.judge(*quality.found(quality.searcher(found, index.k), queries)),
        served=quality.Truth(vectors, queries, index.k, excluded).judge(
            *quality.found(served, queries, excluded)
        ),
        milliseconds=quality.latencies(found, vectors, queries, index.k),
        curve=tuple(curve),
    )


def read_examples(split_uri: str) -> Iterator[requests.RawExample]:
    """The raw examples of a split, file by file."""
    files = sorted(tf.io.gfile.glob(f"{split_uri}/*"))
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP"):
        yield requests.read_raw_example(record.numpy())


def properties(report: gate.Report) -> dict[str, str | int | float]:
    """The report as custom properties of the artifact, for lineage and for the HTML page."""
    result: dict[str, str | int | float] = {
        "index_body": report.settings.body,
        "index_settings": json.dumps(dataclasses.asdict(report.settings)),
        "index_items": report.items,
        "index_k": report.k,
        "index_recall": report.search.recall,
        "index_recall_with_exclusions": report.served.recall,
    }
    for name, by_batch in report.milliseconds.items():
        result.update(
            {f"{name}_milliseconds_batch_{batch}": value for batch, value in by_batch.items()}
        )
    return result


def _batches(
    examples: Iterator[requests.RawExample], size: int
) -> Iterator[list[requests.RawExample]]:
    while batch := list(itertools.islice(examples, size)):
        yield batch


def _queries(
    trained: Any, batches: Sequence[dict[str, npt.NDArray[Any]]]
) -> npt.NDArray[np.float32]:
    """The query vectors of all requests, float32 [Q, D]."""
    if not batches:
        raise gate.IndexGateError(
            f"The index is measured on validation requests, found none in the split "
            f"'{features.SPLIT_VALID}'. Check the split section of the configuration."
        )
    query = trained.signatures[signatures.QUERY]
    names = query.structured_input_signature[1]
    vectors: npt.NDArray[np.float32] = np.concatenate(
        [query(**{n: tf.constant(b[n]) for n in names})[signatures.QUERY].numpy() for b in batches]
    )
    if bad := int((~np.isfinite(vectors)).any(axis=1).sum()):
        raise gate.IndexGateError(
            f"Query vectors are finite, found NaN or infinity in {bad} of {len(vectors)}. "
            "Lower training.learning_rate."
        )
    return vectors


def _positions(
    excluded: Sequence[Sequence[bytes]], item_ids: Sequence[bytes]
) -> npt.NDArray[np.int32]:
    """Positions int32 [Q, widest] of each request's ids; NO_POSITION for unknown ones, padding."""
    places = {item_id: position for position, item_id in enumerate(item_ids)}
    result = np.full((len(excluded), max(map(len, excluded))), body.NO_POSITION, np.int32)
    for target, row in zip(result, excluded):
        target[: len(row)] = [places.get(item_id, body.NO_POSITION) for item_id in row]
    return result
